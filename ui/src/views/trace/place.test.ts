import { expect, test } from "vitest";
import { arrange, encodeSkeleton } from "../../../test/fixtures/skeleton.mjs";
import { shop, troubled } from "../../../test/fixtures/traces.mjs";
import { decodeSkeleton } from "../../engine/model/skeleton";
import { buildTrace, spanIdAt, type Trace } from "../../engine/model/trace";
import { onlyOf, type Place, refusals } from "./place";

function traceOf(fixture: ReturnType<typeof shop>): Trace {
  const body = encodeSkeleton(fixture, arrange(fixture.spans), new Map());
  return buildTrace(decodeSkeleton(new Uint8Array(body).buffer));
}

const whole = traceOf(shop(1n));

test("what a link asks for and cannot be is named, with the reason", () => {
  const f = (place: Place, want: string) => expect(refusals(place, whole).join(" "), want).toContain(want);
  f({ span: "nonsense" }, "span=nonsense was left out: a span id has 16 hex digits");
  f({ span: "ffffffffffffffff" }, "span=ffffffffffffffff was left out: no span of this trace has this id");
  f({ z: "10" }, "z=10 was left out");
  f({ z: "20-10" }, "z=20-10 was left out");
  f({ c: "?" }, "c=? was left out");
  f({ c: ".zz" }, "a row it folds is not in this trace");
  f({ only: "all" }, "only=all was left out");
  f({ only: "matches" }, "only=matches was left out: there is nothing to find");
});

test("what can be followed is not refused", () => {
  const span = spanIdAt(whole, 3);
  expect(refusals({}, whole)).toEqual([]);
  expect(refusals({ span, z: "0-500", c: "l2", find: "x", only: "matches" }, whole)).toEqual([]);
  expect(refusals({ span: span.toUpperCase(), only: "errors" }, whole)).toEqual([]);
  expect(onlyOf({ only: "matches" })).toBe("");
  expect(onlyOf({ only: "matches", find: "x" })).toBe("matches");
});

test("a span or a folded row that is not here yet may still come", () => {
  const growing = traceOf(troubled(10n ** 18n));
  expect(refusals({ span: "ffffffffffffffff", c: ".zz" }, growing)).toEqual([]);
  expect(refusals({ span: "nonsense" }, growing).length).toBe(1);
});
