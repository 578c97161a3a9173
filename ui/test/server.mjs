// @ts-check
// A server of fixtures: the API of api/v1/openapi.yaml over traces that are always the same, and the built page.
// The page is developed and tested against it where no clew runs.
//
//   node test/server.mjs [port]       traces in store
//   node test/server.mjs [port] empty nothing in store, until a test span is sent
//   node test/server.mjs [port] huge  traces of a million spans, each made when it is first asked for

import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { detail, facts, matched, matches, otlp } from "./fixtures/details.mjs";
import { QueryError, parse } from "./fixtures/query.mjs";
import { metricOf, numbers } from "./fixtures/metrics.mjs";
import { arrange, encodeSkeleton } from "./fixtures/skeleton.mjs";
import { batch, large, shop, tiny, troubled } from "./fixtures/traces.mjs";

/** @typedef {import("node:http").IncomingMessage} Request */
/** @typedef {import("node:http").ServerResponse} Response */
/** @typedef {import("./fixtures/skeleton.mjs").TraceFixture} TraceFixture */
/** @typedef {{ trace: TraceFixture, rows: import("./fixtures/skeleton.mjs").Row[], skeleton: Buffer, facts: ReturnType<typeof facts> }} Kept */

const port = Number(process.argv[2] ?? 4398);
const empty = process.argv[3] === "empty" || process.argv[3] === "huge";
const dist = new URL("../../web/dist", import.meta.url).pathname;
const started = Date.now();
const hour = 3_600_000;
const nanos = (/** @type {number} */ millis) => BigInt(millis) * 1_000_000n;

/** @type {Map<string, Kept>} */
const kept = new Map();
/** @type {Map<string, number>} */
const registry = new Map();
/** @type {Set<Response>} */
const tails = new Set();

/** @param {TraceFixture} trace @param {number} [partRows] */
function keep(trace, partRows) {
  for (const s of trace.spans) if (!registry.has(s.service)) registry.set(s.service, registry.size);
  const rows = arrange(trace.spans);
  const body = encodeSkeleton(trace, rows, registry, partRows);
  kept.set(trace.traceId, { trace, rows, skeleton: body, facts: facts(trace, registry) });
  return { rows: rows.length };
}

/** A million spans take a gigabyte here: only the one that was asked for last is kept. */
const million = 1_000_000;
/** @type {Record<string, (id: string) => TraceFixture>} */
const huge =
  process.argv[3] === "huge"
    ? {
        "000000000000000000000000000f000a": (id) => batch(million, nanos(started - hour), id),
        "000000000000000000000000000f000b": (id) => large(million, "wide", nanos(started - hour), id),
        "000000000000000000000000000f000c": (id) => large(million, "deep", nanos(started - hour), id),
      }
    : {};

/** @param {string} id */
function makeHuge(id) {
  if (!huge[id] || kept.has(id)) return;
  for (const other of Object.keys(huge)) kept.delete(other);
  keep(huge[id](id));
}

/** proxied is the prefix under which everything is served a second time, as behind a proxy. */
const proxied = "/behind/a-proxy/";

if (!empty) {
  keep(shop(nanos(started - 180_000)));
  keep(tiny(nanos(started - 240_000)));
  keep(troubled(nanos(started - 300_000)));
  keep(batch(10_000, nanos(started - 0.4 * hour), "0000000000000000000000000001000a"), 2_000);
  keep(batch(100_000, nanos(started - 0.5 * hour), "0000000000000000000000000010000a"));
  keep(large(100_000, "wide", nanos(started - 0.6 * hour), "0000000000000000000000000010000b"));
  keep(large(100_000, "deep", nanos(started - 0.7 * hour), "0000000000000000000000000010000c"));
  for (let i = 0; i < 120; i++) {
    const id = (i + 1).toString(16).padStart(4, "0").repeat(8);
    const make = i % 3 === 0 ? shop : tiny;
    keep(make(nanos(started - 600_000 - i * 17_000), id));
  }
}

/** @type {[method: string, path: RegExp, handle: (q: Request, r: Response, m: RegExpExecArray, u: URL) => unknown][]} */
const routes = [
  ["POST", /^\/api\/v1\/search$/, search],
  [
    "GET",
    /^\/api\/v1\/traces\/([0-9a-f]+)$/,
    (_q, r, m) => withTrace(r, m[1], ({ trace }) => json(r, 200, otlp(trace))),
  ],
  ["GET", /^\/api\/v1\/traces\/([0-9a-f]+)\/skeleton$/, skeleton],
  ["POST", /^\/api\/v1\/traces\/([0-9a-f]+)\/spans$/, spans],
  ["GET", /^\/api\/v1\/traces\/([0-9a-f]+)\/search$/, inTrace],
  ["GET", /^\/api\/v1\/traces\/([0-9a-f]+)\/clocks$/, clocks],
  ["GET", /^\/api\/v1\/metrics$/, (_q, r, _m, url) => metrics(r, url.searchParams)],
  ["GET", /^\/api\/v1\/services$/, services],
  ["GET", /^\/api\/v1\/tags$/, tags],
  ["GET", /^\/api\/v1\/tags\/([^/]+)\/values$/, tagValues],
  ["GET", /^\/api\/v1\/tail$/, tail],
  ["GET", /^\/api\/v1\/health$/, (_q, r) => json(r, 200, health())],
  ["POST", /^\/api\/v1\/test-span$/, testSpan],
  // Not of the API: lets a test put a trace in place, or more spans into one.
  ["POST", /^\/fixtures\/keep$/, async (q, r) => json(r, 200, keep(revived(await bodyOf(q))))],
];

createServer(async (request, response) => {
  const asked = request.url ?? "/";
  const base = asked.startsWith(proxied) ? proxied : "/";
  const url = new URL(`/${asked.slice(base.length)}`, "http://localhost");
  for (const [method, path, handle] of routes) {
    const found = path.exec(url.pathname);
    if (!found || request.method !== method) continue;
    try {
      await handle(request, response, found, url);
    } catch (error) {
      fail(response, 500, "internal", String(error));
    }
    return;
  }
  if (url.pathname.startsWith("/api/")) fail(response, 404, "notFound", "no such path");
  else page(url, response, base);
}).listen(port, "127.0.0.1", () =>
  console.log(`fixtures at http://127.0.0.1:${port}${empty ? ", empty" : ""}`),
);

/** @param {{ traceId: string, base: string, spans: TraceFixture["spans"] }} sent @returns {TraceFixture} */
function revived(sent) {
  return { ...sent, base: BigInt(sent.base) };
}

/** @param {Response} r @param {number} status @param {unknown} body */
function json(r, status, body) {
  r.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

/** @param {Response} r @param {number} status @param {string} kind @param {string} message @param {number} [position] */
function fail(r, status, kind, message, position) {
  json(r, status, { error: { kind, message, position } });
}

/** @param {Request} request */
async function bodyOf(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

/** @param {Response} r @param {string} id @param {(k: Kept) => unknown} use */
function withTrace(r, id, use) {
  makeHuge(id);
  const found = kept.get(id.padStart(32, "0"));
  if (!found)
    return fail(
      r,
      404,
      "notFound",
      `trace ${id} is not here: it was never received, or it is older than the retention of 7 days`,
    );
  return use(found);
}

/** @param {string | undefined} t */
function timeOf(t) {
  if (!t) return null;
  return /^\d+$/.test(t) ? BigInt(t) : nanos(Date.parse(t));
}

/** @param {Request} request @param {Response} response */
async function search(request, response) {
  const body = await bodyOf(request);
  const before = performance.now();
  if (metricOf(body.q ?? ""))
    return fail(response, 400, "invalid", "the query makes numbers over time, and here spans are asked for");
  let match;
  try {
    match = parse(body.q ?? "");
  } catch (error) {
    if (error instanceof QueryError) return fail(response, 400, "invalid", error.message, error.position);
    throw error;
  }
  const [start, end] = [timeOf(body.start), timeOf(body.end)];
  const within = (/** @type {TraceFixture} */ t) =>
    (start === null || t.base >= start) && (end === null || t.base < end);
  const found = [...kept.values()]
    .filter((k) => within(k.trace))
    .toSorted((x, y) => (x.trace.base < y.trace.base ? 1 : -1))
    .map((k) => ({ ...k.facts, ...matched(k.trace, match) }))
    .filter((summary) => summary.matchedSpans > 0);
  const from = Number(body.cursor ?? 0);
  const limit = body.limit ?? 20;
  const rows = [...kept.values()].reduce((n, k) => n + k.rows.length, 0);
  const count = body.count
    ? { spans: found.reduce((n, s) => n + s.matchedSpans, 0), traces: found.length }
    : undefined;
  return json(response, 200, {
    traces: found.slice(from, from + limit),
    nextCursor: from + limit < found.length && limit > 0 ? String(from + limit) : undefined,
    count,
    coverage: { complete: true, searched: 1 },
    watermark: String(nanos(Date.now())),
    tookMs: performance.now() - before,
    scanned: { rows, bytes: rows * 38 },
  });
}

/** @param {Response} response @param {URLSearchParams} asked */
function metrics(response, asked) {
  const end = timeOf(asked.get("end") ?? "") ?? nanos(Date.now());
  const start = timeOf(asked.get("start") ?? "") ?? end - nanos(hour);
  const q = asked.get("q") ?? "";
  if (!metricOf(q)) return fail(response, 400, "invalid", "expected a metric after |", Buffer.byteLength(q));
  const rows = [...kept.values()].reduce((n, k) => n + k.rows.length, 0);
  const roots = [...kept.values()].map(({ trace }) => ({
    traceId: trace.traceId,
    spanId: trace.spans[0].id,
  }));
  return json(response, 200, {
    ...numbers(q, start, end, roots),
    coverage: { complete: true, searched: 1 },
    watermark: String(nanos(Date.now())),
    tookMs: 12,
    scanned: { rows, bytes: rows * 38 },
  });
}

/** @param {Request} request @param {Response} response @param {RegExpExecArray} m */
function skeleton(request, response, m) {
  withTrace(response, m[1], (k) => {
    const etag = `"${k.rows.length}"`;
    if (request.headers["if-none-match"] === etag) return response.writeHead(304, { ETag: etag }).end();
    return response
      .writeHead(200, {
        "Content-Type": "application/octet-stream",
        ETag: etag,
        "Content-Length": k.skeleton.length,
      })
      .end(k.skeleton);
  });
}

/** @param {Request} request @param {Response} response @param {RegExpExecArray} m */
async function spans(request, response, m) {
  const body = await bodyOf(request);
  withTrace(response, m[1], (k) => {
    const rows = body.rows.filter((/** @type {number} */ row) => k.rows[row]?.span);
    json(response, 200, {
      etag: `"${k.rows.length}"`,
      spans: rows.map((/** @type {number} */ row) =>
        detail(k.trace, k.rows, row, body.maxValueBytes ?? 4096),
      ),
    });
  });
}

/** @param {Request} _q @param {Response} response @param {RegExpExecArray} m @param {URL} url */
function inTrace(_q, response, m, url) {
  const text = url.searchParams.get("q") ?? "";
  withTrace(response, m[1], (k) =>
    json(response, 200, {
      etag: `"${k.rows.length}"`,
      rows: k.rows.flatMap((row, i) => (matches(row, text) ? [i] : [])),
    }),
  );
}

/** @param {Request} _q @param {Response} response @param {RegExpExecArray} m */
function clocks(_q, response, m) {
  withTrace(response, m[1], (k) => {
    const told = k.trace.clocks ?? [];
    const place = (/** @type {string} */ service) => told.findIndex((c) => c.name === service);
    const rows = k.rows.map(({ span }) => (span && place(span.service) >= 0 ? place(span.service) : 255));
    const spansOf = (/** @type {string} */ service) =>
      k.trace.spans.filter((s) => s.service === service).length;
    json(response, 200, {
      etag: `"${k.rows.length}"`,
      clocks: told.map((c) => ({ ...c, services: [c.name], spans: spansOf(c.name), skewed: !!c.note })),
      calls: told.length,
      outlived: 0,
      contradictions: [],
      notes: told.flatMap((c) => (c.note ? [`${c.name} is ${c.note}`] : [])),
      ...(told.length > 0 && { rows: Buffer.from(rows).toString("base64") }),
    });
  });
}

/** @param {Request} _q @param {Response} response */
function services(_q, response) {
  /** @type {Map<string, Map<string, { name: string, kind: string, spans: number }>>} */
  const operations = new Map([...registry.keys()].map((name) => [name, new Map()]));
  for (const { trace } of kept.values()) {
    for (const s of trace.spans) {
      const key = `${s.name} ${s.kind}`;
      const operation = operations.get(s.service)?.get(key) ?? { name: s.name, kind: "server", spans: 0 };
      operation.spans++;
      operations.get(s.service)?.set(key, operation);
    }
  }
  json(response, 200, {
    services: [...operations].map(([name, list]) => ({
      name,
      index: registry.get(name),
      slot: (registry.get(name) ?? 0) % 12,
      spans: [...list.values()].reduce((n, o) => n + o.spans, 0),
      operations: [...list.values()].toSorted((a, b) => b.spans - a.spans).slice(0, 1000),
    })),
  });
}

/** @returns {Map<string, Map<string, number>>} values with counts by query name */
function vocabulary() {
  /** @type {Map<string, Map<string, number>>} */
  const all = new Map();
  const add = (/** @type {string} */ key, /** @type {unknown} */ v) => {
    const values = all.get(key) ?? new Map();
    values.set(String(v), (values.get(String(v)) ?? 0) + 1);
    all.set(key, values);
  };
  for (const { trace } of [...kept.values()].slice(0, 3)) {
    for (const s of trace.spans) {
      add("resource.service.name", s.service);
      add("name", s.name);
      for (const [key, v] of Object.entries(s.attributes ?? {}))
        if (typeof v !== "object" && String(v).length < 200) add(`span.${key}`, v);
    }
  }
  return all;
}

/** @param {Request} _q @param {Response} response */
function tags(_q, response) {
  const own = [...vocabulary().keys()].filter((k) => k.includes("."));
  json(response, 200, {
    tags: [
      ...["name", "duration", "status", "kind"].map((name) => ({
        scope: "intrinsic",
        name,
        query: name,
        types: [name === "name" ? "string" : name],
      })),
      ...own.toSorted().map((query) => ({
        scope: query.split(".")[0],
        name: query.slice(query.indexOf(".") + 1),
        query,
        types: ["string"],
      })),
    ],
  });
}

/** @param {Request} _q @param {Response} response @param {RegExpExecArray} m @param {URL} url */
function tagValues(_q, response, m, url) {
  const name = decodeURIComponent(m[1]);
  const fixed = {
    status: ["error", "ok", "unset"],
    kind: ["server", "client", "internal", "producer", "consumer"],
  }[name];
  const prefix = url.searchParams.get("prefix") ?? "";
  const values = fixed
    ? fixed.map((value) => ({ type: name, value, query: value }))
    : [...(vocabulary().get(name) ?? [])].map(([value, n]) => ({
        type: "string",
        value,
        query: JSON.stringify(value),
        spans: n,
      }));
  json(response, 200, {
    values: values.filter((v) => v.value.startsWith(prefix)).slice(0, 100),
    complete: true,
  });
}

/** @param {Request} request @param {Response} response */
function tail(request, response) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.write(`event: spans\ndata: ${JSON.stringify({ spans: [], dropped: 0 })}\n\n`);
  tails.add(response);
  request.on("close", () => tails.delete(response));
}

function health() {
  const total = [...kept.values()].reduce((n, k) => n + k.trace.spans.length, 0);
  const refused = {
    time: String(nanos(Date.now() - 42_000)),
    door: "otlp-http",
    reason: "Content-Type text/plain: want application/x-protobuf or application/json",
    peer: "127.0.0.1:51724",
  };
  return {
    version: "0.0.0-fixture",
    startedAt: String(nanos(started)),
    uptimeSeconds: (Date.now() - started) / 1000,
    now: String(nanos(Date.now())),
    ready: true,
    doors: [
      {
        name: "otlp-grpc",
        protocol: "grpc",
        address: "127.0.0.1:4317",
        state: "open",
        setting: "--otlp-grpc",
      },
      {
        name: "otlp-http",
        protocol: "http",
        address: "127.0.0.1:4318",
        state: "open",
        setting: "--otlp-http",
      },
      { name: "page", protocol: "http", address: `127.0.0.1:${port}`, state: "open", setting: "--listen" },
    ],
    store: {
      kind: "embedded",
      path: "./data",
      bytes: total * 38,
      segments: 4,
      headRows: 812,
      walBytes: 120_000,
      spans: total,
      services: registry.size,
      oldest: String(nanos(started - hour)),
      retentionSeconds: 7 * 86_400,
      maxDiskBytes: 50e9,
    },
    ingest: {
      received: total,
      accepted: total,
      bytes: total * 120,
      refused: [{ reason: refused.reason, spans: 0, requests: 3 }],
      lastRefused: refused,
    },
  };
}

/** @param {Request} _q @param {Response} response */
function testSpan(_q, response) {
  const id = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");
  const trace = tiny(nanos(Date.now()), id);
  keep(trace);
  const event = {
    spans: trace.spans.map((s) => ({
      traceId: id,
      spanId: s.id,
      service: s.service,
      name: s.name,
      kind: "server",
      status: "unset",
      start: String(trace.base),
      durationNanos: s.duration,
      root: !s.parent,
    })),
    dropped: 0,
  };
  for (const t of tails) t.write(`event: spans\ndata: ${JSON.stringify(event)}\n\n`);
  json(response, 200, { traceId: id, spans: trace.spans.length });
}

/** page serves web/dist with the policy of package web. @param {URL} url @param {Response} response @param {string} base */
function page(url, response, base) {
  /** @type {Record<string, string>} */
  const types = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".html": "text/html",
  };
  const headers = {
    "Content-Security-Policy":
      "default-src 'self'; base-uri 'self'; object-src 'none'; form-action 'self'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
  };
  const file = join(dist, normalize(url.pathname));
  if (url.pathname !== "/" && existsSync(file) && statSync(file).isFile()) {
    response.writeHead(200, {
      ...headers,
      "Content-Type": types[extname(file)] ?? "application/octet-stream",
    });
    createReadStream(file).pipe(response);
    return;
  }
  if (!existsSync(join(dist, "index.html")))
    return void response.writeHead(200).end("not built: npm run build\n");
  response
    .writeHead(200, { ...headers, "Content-Type": "text/html" })
    .end(
      readFileSync(join(dist, "index.html"), "utf8").replace('<base href="/" />', `<base href="${base}" />`),
    );
}
