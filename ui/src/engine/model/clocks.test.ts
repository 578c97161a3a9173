import { expect, test } from "vitest";
import { arrange, encodeSkeleton } from "../../../test/fixtures/skeleton.mjs";
import { type Clocks, corrected, noClock } from "./clocks";
import { decodeSkeleton, flag } from "./skeleton";
import { buildTrace, has, serviceName, type Trace } from "./trace";

const base = 1_795_395_129_000_000_000n;

function traceOf(spans: Parameters<typeof arrange>[0]): Trace {
  const registry = new Map(spans.map((s, i) => [s.service, i]));
  const fixture = { traceId: "1".padStart(32, "0"), base, spans };
  return buildTrace(decodeSkeleton(new Uint8Array(encodeSkeleton(fixture, arrange(spans), registry)).buffer));
}

/** by tells the clock of each service. */
function by(t: Trace, corrections: Record<string, number>): Clocks {
  const clocks = Object.entries(corrections).map(([name, correction]) => ({ name, note: "", correction }));
  const rows = Uint8Array.from({ length: t.rowCount }, (_, row) => {
    const place = clocks.findIndex((c) => c.name === serviceName(t, row));
    return place < 0 ? noClock : place;
  });
  return { clocks, notes: [], rows };
}

const web = { id: "000000000000000a", service: "web", name: "GET /", kind: 2, start: 0, duration: 100 };
const call = {
  id: "000000000000000b",
  parent: web.id,
  service: "web",
  name: "GET",
  kind: 3,
  start: 10,
  duration: 80,
};

test("corrected times fit, and all that follows from them is made anew", () => {
  const t = traceOf([
    web,
    call,
    {
      id: "000000000000000c",
      parent: call.id,
      service: "pay",
      name: "pay",
      kind: 2,
      start: 1020,
      duration: 60,
      events: [{ time: 1030, name: "paid" }],
    },
    {
      id: "000000000000000d",
      parent: web.id,
      service: "web",
      name: "after",
      kind: 1,
      start: 92,
      duration: 6,
    },
  ]);
  expect(t.skewedCount).toBe(1);
  const c = corrected(t, by(t, { web: 0, pay: 1000 }));
  const at = (name: string) =>
    [...Array(t.rowCount).keys()].find((row) => serviceName(t, row) === name) ?? -1;
  const pay = at("pay");
  expect(c.start[pay]).toBe(20);
  expect(c.eventTime[0]).toBe(30);
  expect(c.extent).toBe(100);
  expect(c.base).toBe(base);
  expect(c.skewedCount).toBe(0);
  expect(has(c, pay, flag.beforeParent)).toBe(false);
  expect(c.self[pay - 1]).toBe(20); // the call, without what pay took of it
  // What was received is as it was.
  expect(t.start[pay]).toBe(1020);
  expect(t.self[pay - 1]).toBe(80);
});

test("a trace that begins earlier when corrected has another base", () => {
  const t = traceOf([
    { ...web, start: 500 },
    { ...call, start: 510 },
    { id: "000000000000000c", parent: call.id, service: "pay", name: "pay", kind: 2, start: 0, duration: 60 },
  ]);
  const c = corrected(t, by(t, { web: 0, pay: -520 }));
  expect(c.base - t.base).toBe(500n);
  expect([...c.start]).toEqual([0, 10, 20]);
});

test("a ghost encloses its children where they are", () => {
  const t = traceOf([
    web,
    {
      id: "000000000000000c",
      parent: "00000000000000ff",
      service: "pay",
      name: "a",
      start: 1020,
      duration: 10,
    },
    {
      id: "000000000000000d",
      parent: "00000000000000ff",
      service: "pay",
      name: "b",
      start: 1050,
      duration: 20,
    },
  ]);
  const c = corrected(t, by(t, { web: 0, pay: 1000 }));
  const ghost = [...Array(t.rowCount).keys()].find((row) => has(t, row, flag.ghost)) ?? -1;
  expect([c.start[ghost], c.duration[ghost], c.extent]).toEqual([20, 50, 100]);
});

test("siblings out of order cover their parent all the same", () => {
  const t = traceOf([
    web,
    { id: "000000000000000c", parent: web.id, service: "web", name: "first", start: 10, duration: 30 },
    { id: "000000000000000d", parent: web.id, service: "pay", name: "late", start: 1005, duration: 20 },
  ]);
  const c = corrected(t, by(t, { web: 0, pay: 1000 }));
  expect(c.self[0]).toBe(100 - 35); // 5 to 40
});
