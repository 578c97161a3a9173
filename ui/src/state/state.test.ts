import { expect, test } from "vitest";
import { findTrace } from "./paste";
import { freeze, isRelative, parseRange, rangeText, wider } from "./range";
import { keepSearch, parseSearch, stringifySearch, unknownOf } from "./search";

test("a trace id is found in whatever is pasted", () => {
  const id = "4bf92f3577b34da6a3ce929d0e0e4736";
  const f = (text: string, traceId: string | null, spanId?: string) =>
    expect(findTrace(text), text).toEqual(
      traceId === null ? null : spanId ? { traceId, spanId } : { traceId },
    );
  f(id, id);
  f(` ${id.toUpperCase()}\n`, id);
  f("a3ce929d0e0e4736", "0000000000000000a3ce929d0e0e4736");
  f(`00-${id}-00f067aa0ba902b7-01`, id, "00f067aa0ba902b7");
  f(`traceparent: 00-${id}-00f067aa0ba902b7-01`, id, "00f067aa0ba902b7");
  f(`${id}-00f067aa0ba902b7-1`, id, "00f067aa0ba902b7");
  f("Root=1-58406520-a006649127e371903a2de979;Sampled=1", "58406520a006649127e371903a2de979");
  f("S/kvNXezTaajzpKdDg5HNg==", id);
  f("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", id);
  f(`2026-11-23T01:12:09Z ERROR card declined trace_id=${id} span_id=00f067aa0ba902b7`, id);
  f('{"level":"error","traceId":"a3ce929d0e0e4736"}', "0000000000000000a3ce929d0e0e4736");
  f("", null);
  f("checkout", null);
  f("00000000000000000000000000000000", null);
  f("deadbeef", null);
});

test("ranges", () => {
  const now = Date.parse("2026-11-23T02:00:00Z");
  expect(parseRange("1h", now)).toEqual({ start: now - 3_600_000 });
  expect(parseRange("all", now)).toEqual({});
  expect(parseRange("999999d", now)).toEqual({ start: 0 });
  expect(parseRange("2026-11-23T01:00Z~2026-11-23T02:00Z", now)).toEqual({
    start: now - 3_600_000,
    end: now,
  });
  for (const bad of ["", "x", "1y", "2026-11-23T02:00Z~2026-11-23T01:00Z", "~"])
    expect(parseRange(bad, now), bad).toBeNull();
  expect(isRelative("15m")).toBe(true);
  expect(isRelative("all")).toBe(false);
  expect(freeze("1h", now)).toBe("2026-11-23T01:00Z~2026-11-23T02:00Z");
  expect(freeze("all", now)).toBe("all");
  expect(rangeText(now, now + 1000)).toBe("2026-11-23T02:00Z~2026-11-23T02:00:01Z");
  expect(wider("1h")?.t).toBe("6h");
  expect(wider("all")).toBeNull();
});

test("search parameters keep what they do not know and come back as they were", () => {
  const search = {
    q: '{ name = "a&b" }',
    t: "2026-11-23T01:00Z~2026-11-23T02:00Z",
    z: "10-20",
    unknown: "1",
    empty: "",
  };
  const text = stringifySearch(search);
  expect(text).toContain("t=2026-11-23T01:00Z~2026-11-23T02:00Z");
  const { empty: _, ...kept } = search;
  expect(parseSearch(text)).toEqual(kept);
  expect(stringifySearch({})).toBe("");
  expect(keepSearch({ a: 1, b: undefined, c: "x" })).toEqual({ a: "1", c: "x" });
});

test("parameters that no page knows are named", () => {
  expect(unknownOf({ q: "{}", t: "1h", span: "x" })).toEqual([]);
  expect(unknownOf({ range: "1h" })).toEqual([
    "range= in the address has no effect: this page does not know it.",
  ]);
  expect(unknownOf({ range: "1h", q: "", to: "now" })[0]).toContain(
    "range=, to= in the address have no effect",
  );
});
