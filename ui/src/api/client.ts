// The server, typed from its own contract (api/v1/openapi.yaml, written into schema.d.ts by `npm run generate`).

import createClient from "openapi-fetch";
import { basePath } from "./base";
import { answerMillis, isClew, probe, sawAnswer, sawNothing } from "./reach";
import type { components, paths } from "./schema";
import { send } from "./token";

type Schemas = components["schemas"];
export type TraceSummary = Schemas["TraceSummary"];
export type SearchAnswer = Schemas["SearchAnswer"];
export type SearchRequest = Partial<Schemas["SearchRequest"]>;
export type MetricsAnswer = Schemas["MetricsAnswer"];
export type SpanDetail = Schemas["SpanDetail"];
export type Attribute = Schemas["Attribute"];
export type Value = Schemas["Value"];
export type ClocksAnswer = Schemas["ClocksAnswer"];
export type Health = Schemas["Health"];

const client = createClient<paths>({ baseUrl: basePath, fetch: send });

/** ApiError is what the server said went wrong; unreachable is that it said nothing, denied that it wants a (better) token. */
export class ApiError extends Error {
  constructor(
    readonly kind: Schemas["ErrorBody"]["error"]["kind"] | "unreachable" | "denied",
    message: string,
    /** Where in the query, a byte offset in its UTF-8. */
    readonly position?: number,
    /** The query that may have been meant. */
    readonly meant?: string,
  ) {
    super(message);
  }
}

interface Reply<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

async function answer<T>(reply: Promise<Reply<T>>): Promise<T> {
  const got = await heard(reply, (r) => r.response);
  if (got.data !== undefined && got.response.ok) return got.data;
  throw errorOf(got.error, got.response);
}

/** heard waits for an answer, whatever it says, and turns silence into an error. Giving up on purpose is no silence. */
async function heard<T>(reply: Promise<T>, responseOf: (got: T) => Response): Promise<T> {
  let got: T;
  try {
    got = await reply;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    sawNothing();
    throw new ApiError("unreachable", "The server does not answer. Is clew running?");
  }
  const response = responseOf(got);
  if (isClew(response)) {
    sawAnswer();
    return got;
  }
  sawNothing();
  throw new ApiError(
    "unreachable",
    `The proxy in front of clew answers ${response.status}: it does not reach it. Is clew running?`,
  );
}

function errorOf(body: unknown, response: Response): ApiError {
  const error = (body as Schemas["ErrorBody"] | undefined)?.error;
  if (response.status === 401 || response.status === 403)
    return new ApiError("denied", error?.message ?? "The server asks for a token.");
  if (error?.message) return new ApiError(error.kind, error.message, error.position, error.meant);
  return new ApiError(
    "internal",
    `The server answered ${response.status} ${response.statusText} without saying why.`,
  );
}

export function search(body: SearchRequest, signal?: AbortSignal): Promise<SearchAnswer> {
  return answer(client.POST("/api/v1/search", { body: body as Schemas["SearchRequest"], signal }));
}

export function getMetrics(
  query: { q: string; start: string; end?: string; exemplars: number },
  signal?: AbortSignal,
): Promise<MetricsAnswer> {
  return answer(client.GET("/api/v1/metrics", { params: { query }, signal }));
}

export function getSpans(id: string, rows: number[], maxValueBytes: number): Promise<Schemas["SpansAnswer"]> {
  return answer(
    client.POST("/api/v1/traces/{id}/spans", { params: { path: { id } }, body: { rows, maxValueBytes } }),
  );
}

export function searchInTrace(id: string, q: string, signal?: AbortSignal): Promise<Schemas["RowsAnswer"]> {
  return answer(client.GET("/api/v1/traces/{id}/search", { params: { path: { id }, query: { q } }, signal }));
}

/** getClocks tells by how much the clocks of a trace's hosts differ. */
export function getClocks(id: string, signal?: AbortSignal): Promise<Schemas["ClocksAnswer"]> {
  return answer(client.GET("/api/v1/traces/{id}/clocks", { params: { path: { id } }, signal }));
}

export function listServices(signal?: AbortSignal): Promise<Schemas["ServicesAnswer"]> {
  return answer(client.GET("/api/v1/services", { signal }));
}

export function listTags(signal?: AbortSignal): Promise<Schemas["TagsAnswer"]> {
  return answer(client.GET("/api/v1/tags", { signal }));
}

export function listTagValues(
  name: string,
  prefix: string,
  signal?: AbortSignal,
): Promise<Schemas["TagValuesAnswer"]> {
  return answer(
    client.GET("/api/v1/tags/{name}/values", {
      params: { path: { name }, query: { prefix, limit: 50 } },
      signal,
    }),
  );
}

/** getHealth waits only so long: it is what tells a server that hangs from one that is there. */
export function getHealth(signal?: AbortSignal): Promise<Health> {
  const patience = AbortSignal.timeout(answerMillis);
  return answer(
    client.GET("/api/v1/health", { signal: signal ? AbortSignal.any([signal, patience]) : patience }),
  );
}

export function sendTestSpan(): Promise<{ traceId: string; spans: number }> {
  return answer(client.POST("/api/v1/test-span", {}));
}

export function setDemo(action: "start" | "stop"): Promise<Schemas["Demo"]> {
  return answer(client.POST("/api/v1/demo", { body: { action } }));
}

/** Body is a skeleton's bytes, as they came, with the name of its state. */
export interface Body {
  pieces: Uint8Array[];
  etag: string;
}

/**
 * getSkeleton fetches a trace for drawing; null if it is still in the state of the given etag. onPiece hears of
 * each piece as it comes, with the number of bytes so far.
 */
export async function getSkeleton(
  id: string,
  etag: string,
  signal: AbortSignal,
  onPiece: (piece: Uint8Array, bytes: number) => void,
): Promise<Body | null> {
  const response = await heard(
    send(`${basePath}/api/v1/traces/${id}/skeleton`, {
      headers: etag === "" ? {} : { "If-None-Match": etag },
      cache: "no-store", // the page does its own comparing; the browser must not answer 200 for a 304
      signal,
    }),
    (r) => r,
  );
  if (response.status === 304) return null;
  if (!response.ok) throw errorOf(await response.json().catch(() => undefined), response);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  try {
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      pieces.push(next.value);
      bytes += next.value.length;
      onPiece(next.value, bytes);
    }
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    void probe();
    throw new ApiError("unreachable", "The answer broke off before its end.");
  }
  return { pieces, etag: response.headers.get("ETag") ?? "" };
}

/** traceUrl is where a trace is as OTLP JSON. */
export function traceUrl(id: string): string {
  return `${basePath}/api/v1/traces/${id}`;
}

/** getTrace fetches a trace as OTLP JSON: what a link does, where it may. */
export async function getTrace(id: string): Promise<Blob> {
  const response = await heard(send(traceUrl(id)), (r) => r);
  if (!response.ok) throw errorOf(await response.json().catch(() => undefined), response);
  return response.blob();
}
