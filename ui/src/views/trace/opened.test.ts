import { expect, test } from "vitest";
import { arrange, encodeSkeleton } from "../../../test/fixtures/skeleton.mjs";
import { batch, shop, troubled } from "../../../test/fixtures/traces.mjs";
import { decodeSkeleton } from "../../engine/model/skeleton";
import { buildTrace } from "../../engine/model/trace";
import { judge } from "../../engine/model/verdict";
import { buffersOf, openBody, rowsComing } from "./opened";

const base = 1_795_395_129_000_000_000n;

function bytesOf(fixture: ReturnType<typeof shop>, partRows?: number): Uint8Array {
  return new Uint8Array(encodeSkeleton(fixture, arrange(fixture.spans), new Map(), partRows));
}

/** cut gives bytes in pieces of a size, as a network does. */
function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size));
  return pieces;
}

test("a body opens the same in whatever pieces it comes", () => {
  const bytes = bytesOf(shop(base), 40);
  const trace = buildTrace(decodeSkeleton(bytes.slice().buffer));
  for (const size of [1, 7, 1000, bytes.length]) {
    const opened = openBody(cut(bytes, size));
    expect(opened.trace).toEqual(trace);
    expect(opened.verdict).toEqual(judge(trace));
  }
});

test("what changes threads arrives as it left, and every column leaves", () => {
  for (const fixture of [shop(base), troubled(base), batch(5000, base, "9".padStart(32, "0"))]) {
    const want = openBody([bytesOf(fixture)]);
    const opened = openBody([bytesOf(fixture)]);
    const { start, depth, names } = opened.trace;
    const moved = structuredClone(opened, { transfer: buffersOf(opened) });
    expect(moved).toEqual(want);
    expect([start.length, depth.length, names.ends.length, opened.map.cells.length]).toEqual([0, 0, 0, 0]);
  }
});

test("the first piece says how many rows will come", () => {
  const bytes = bytesOf(shop(base));
  expect(rowsComing(bytes)).toBe(148);
  expect(rowsComing(bytes.slice(0, 44))).toBe(148);
  expect(rowsComing(bytes.slice(0, 43))).toBe(0);
  expect(rowsComing(new Uint8Array(100).subarray(3, 60))).toBe(0);
});
