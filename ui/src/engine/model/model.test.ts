import { expect, test } from "vitest";
import { arrange, encodeSkeleton } from "../../../test/fixtures/skeleton.mjs";
import { batch, large, random, shop, tiny, troubled } from "../../../test/fixtures/traces.mjs";
import { errorRows, findRows, firstAfter, rowsOf, step } from "./find";
import {
  autoFold,
  autoRows,
  type Fold,
  foldFromText,
  foldLevel,
  foldTextProblem,
  foldToText,
  isFolded,
  levelFold,
  reveal,
  shownIndex,
  shownRows,
  toggle,
} from "./fold";
import { decodeSkeleton, flag, SkeletonError, stringAt } from "./skeleton";
import {
  buildTrace,
  errorsWithin,
  has,
  rowOfSpan,
  serviceName,
  spanIdAt,
  spanName,
  type Trace,
} from "./trace";
import { judge } from "./verdict";

type Fixture = ReturnType<typeof shop>;

function bytesOf(fixture: Fixture, partRows?: number): ArrayBuffer {
  const registry = new Map(fixture.spans.map((s) => s.service).map((name, i) => [name, i]));
  return new Uint8Array(encodeSkeleton(fixture, arrange(fixture.spans), registry, partRows)).buffer;
}

function traceOf(fixture: Fixture, partRows?: number): Trace {
  return buildTrace(decodeSkeleton(bytesOf(fixture, partRows)));
}

const base = 1_795_395_129_000_000_000n;

/** dump writes a trace as text: a line a row, with what the waterfall shows. */
function dump(t: Trace): string[] {
  return Array.from({ length: t.rowCount }, (_, row) => {
    const flags = Object.entries(flag).flatMap(([name, bit]) => (has(t, row, bit) ? [name] : []));
    const words = has(t, row, flag.ghost)
      ? "(ghost)"
      : `${serviceName(t, row)} ${spanName(t, row).slice(0, 24)}`;
    const times = `[${t.start[row] / 1e6}, ${t.duration[row] / 1e6}] self ${Math.round(t.self[row] / 1e6)}`;
    return `${"  ".repeat(t.depth[row])}${words} ${times} ${t.place[row]}/${t.size[row]}${flags.length > 0 ? ` ${flags.join(" ")}` : ""}`;
  });
}

test("a troubled trace keeps every time and says every doubt", () => {
  expect(dump(traceOf(troubled(base)))).toMatchSnapshot();
});

test("one part or many give the same trace", () => {
  const fixture = shop(base);
  expect(traceOf(fixture, 7)).toEqual(traceOf(fixture));
});

test("header and dictionary", () => {
  const t = traceOf(shop(base));
  expect([t.traceId, t.base, t.rowCount, t.spanCount, t.complete, t.extent]).toEqual([
    "4bf92f3577b34da6a3ce929d0e0e4736",
    base,
    148,
    148,
    true,
    1284e6,
  ]);
  expect(t.errorCount).toBe(3);
  expect(t.services.map((s) => s.text)).toContain("payment");
  expect(t.services.reduce((n, s) => n + s.spans, 0)).toBe(148);
  expect(t.names.escaped).not.toContain(1);
  const { names } = traceOf(troubled(base));
  expect(stringAt(names, names.escaped.indexOf(1))).toBe("caf\\xe9");
});

test("events belong to their rows", () => {
  const t = traceOf(shop(base), 50);
  const row = Array.from({ length: t.rowCount }, (_, i) => i).find(
    (i) => spanName(t, i) === "charge card",
  ) as number;
  expect(t.eventFrom[row + 1] - t.eventFrom[row]).toBe(2);
  expect(Array.from(t.eventKind.subarray(t.eventFrom[row], t.eventFrom[row + 1]))).toEqual([0, 1]);
});

test("a body that is cut anywhere is refused", () => {
  const whole = bytesOf(tiny(base), 5);
  expect(decodeSkeleton(whole).rowCount).toBe(12);
  for (let length = 0; length < whole.byteLength - 8; length++) {
    expect(() => decodeSkeleton(whole.slice(0, length)), `cut at ${length}`).toThrow(SkeletonError);
  }
});

test("another version and another file are refused by name", () => {
  const body = new Uint8Array(bytesOf(tiny(base)));
  body[4] = 9;
  expect(() => decodeSkeleton(body.buffer)).toThrow("skeleton version 9 is unknown");
  body[0] = 0;
  expect(() => decodeSkeleton(body.buffer)).toThrow("no trace skeleton");
});

test("damaged bytes give an error or a sound trace, never a crash", () => {
  const whole = new Uint8Array(bytesOf(troubled(base), 6));
  const rnd = random(7);
  for (let round = 0; round < 3000; round++) {
    const body = whole.slice();
    for (let k = 0; k < 3; k++) body[Math.floor(rnd() * 1600)] = Math.floor(rnd() * 256);
    try {
      const t = buildTrace(decodeSkeleton(body.buffer));
      for (let row = 0; row < t.rowCount; row++) expect(t.parent[row]).toBeLessThan(row);
      shownRows(t, autoFold, null);
    } catch (error) {
      if (!(error instanceof SkeletonError)) throw error;
    }
  }
});

test("own time is what children do not cover", () => {
  const fixture: Fixture = {
    traceId: "1".padStart(32, "0"),
    base,
    spans: [
      { id: "000000000000000a", service: "a", name: "root", start: 0, duration: 100 },
      {
        id: "000000000000000b",
        parent: "000000000000000a",
        service: "a",
        name: "one",
        start: 10,
        duration: 30,
      },
      {
        id: "000000000000000c",
        parent: "000000000000000a",
        service: "a",
        name: "overlaps one",
        start: 20,
        duration: 40,
      },
      {
        id: "000000000000000d",
        parent: "000000000000000a",
        service: "a",
        name: "within two",
        start: 25,
        duration: 5,
      },
      {
        id: "000000000000000e",
        parent: "000000000000000a",
        service: "a",
        name: "outlives root",
        start: 90,
        duration: 50,
      },
    ],
  };
  expect(Array.from(traceOf(fixture).self)).toEqual([40, 30, 40, 5, 50]);
});

test("find: names, services, whole span ids", () => {
  const t = traceOf(shop(base));
  expect(rowsOf(findRows(t, "STRIPE")).length).toBe(2);
  expect(rowsOf(findRows(t, "fraud")).length).toBe(9);
  expect(Array.from(rowsOf(findRows(t, spanIdAt(t, 17))))).toEqual([17]);
  expect(findRows(t, "").length).toBe(0);
  expect(rowsOf(findRows(traceOf(troubled(base)), "parent")).length).toBe(0);
});

/** named is a fixture of spans with these names. */
function named(...names: string[]): Fixture {
  const spans = names.map((name, i) => ({
    id: (i + 1).toString(16).padStart(16, "0"),
    service: "s",
    name,
    start: i,
    duration: 1,
  }));
  return { traceId: "1".padStart(32, "0"), base, spans };
}

test("find: no match goes from one name into the next, and letters of any length are found", () => {
  const f = (t: Trace, text: string, want: number[]) =>
    expect(Array.from(rowsOf(findRows(t, text))), text).toEqual(want);
  const t = traceOf(named("ab", "cab", "c", "", "abab", "ÄÖ", "🧵 x", "\ufeffbom"));
  f(t, "ab", [0, 1, 4]);
  f(t, "bc", []);
  f(t, "abc", []);
  f(t, "c", [1, 2]);
  f(t, "äö", [5]);
  f(t, "🧵", [6]);
  f(t, "\ufeff", [7]);
  // One capital letter that is two in lower case.
  const turkish = traceOf(named("x", "\u0130stanbul", "after"));
  f(turkish, "stanbul", [1]);
  f(turkish, "after", [2]);
});

test("names that are no UTF-8 take nothing from their neighbours", () => {
  const body = new Uint8Array(bytesOf(named("aXb", "cd")));
  const at = body.indexOf(88); // X
  body[at] = 0xf0;
  const t = buildTrace(decodeSkeleton(body.buffer));
  expect([spanName(t, 0), spanName(t, 1)]).toEqual(["a\ufffdb", "cd"]);
  body[at + 1] = 0xf0;
  const t2 = buildTrace(decodeSkeleton(body.buffer));
  expect([spanName(t2, 0), spanName(t2, 1)]).toEqual(["a\ufffd\ufffd", "cd"]);
});

test("stepping goes round", () => {
  const rows = new Uint32Array([3, 7, 9]);
  const f = (row: number, dir: 1 | -1, want: number) =>
    expect(step(rows, row, dir), `${row} ${dir}`).toBe(want);
  f(-1, 1, 3);
  f(3, 1, 7);
  f(5, 1, 7);
  f(9, 1, 3);
  f(3, -1, 9);
  f(8, -1, 7);
  f(9, -1, 7);
  f(-1, -1, 9);
  expect(step(new Uint32Array(0), 4, 1)).toBe(-1);
  expect(firstAfter(rows, 7)).toBe(2);
});

test("errors: rows, and those below a row", () => {
  const t = traceOf(shop(base));
  const rows = errorRows(t);
  expect(rows.length).toBe(3);
  expect(errorsWithin(t, 0)).toBe(2);
  expect(Array.from(rows).map((row) => spanName(t, row))).toEqual([
    "POST /cart/checkout",
    "charge card",
    "api.stripe.com POST",
  ]);
});

test("the verdict follows its rules", () => {
  const t = traceOf(shop(base));
  const v = judge(t);
  expect(spanName(t, v.root)).toBe("POST /cart/checkout");
  expect(spanName(t, v.slowest)).toBe("api.stripe.com POST");
  expect(t.start[v.firstError]).toBe(1020e6);
  expect(judge(traceOf(large(50, "deep", base, "2".padStart(32, "0")))).firstError).toBe(-1);
});

test("folding: shown rows, their index, revealing", () => {
  const t = traceOf(shop(base));
  expect(shownRows(t, autoFold, null).length).toBe(148);
  const all = shownRows(t, levelFold(t, 0), null);
  expect(Array.from(all)).toEqual([0]);
  expect(shownIndex(t, all, 90)).toBe(0);
  const first = levelFold(t, 1);
  expect(shownRows(t, first, null).length).toBe(1 + t.childCount[0]);
  const deep = Array.from({ length: t.rowCount }, (_, i) => i).find((i) => t.depth[i] === 4) as number;
  const opened = reveal(t, first, deep);
  const shown = shownRows(t, opened, null);
  expect(shown[shownIndex(t, shown, deep)]).toBe(deep);
  expect(reveal(t, opened, deep)).toBe(opened);
});

test("a filter keeps rows with their ancestors", () => {
  const t = traceOf(shop(base));
  const shown = shownRows(t, autoFold, findRows(t, "stripe"));
  expect(Array.from(shown).map((row) => spanName(t, row))).toEqual([
    "POST /cart/checkout",
    "PlaceOrder",
    "charge card",
    "api.stripe.com POST",
    "api.stripe.com POST",
  ]);
  expect(shownIndex(t, shown, 1)).toBe(0);
});

test("a large trace opens folded, and never to one row", () => {
  for (const fixture of [
    batch(10_000, base, "3".padStart(32, "0")),
    large(5000, "deep", base, "4".padStart(32, "0")),
  ]) {
    const t = traceOf(fixture);
    const shown = shownRows(t, autoFold, null).length;
    expect(shown).toBeGreaterThan(1);
    expect(shown).toBeLessThanOrEqual(autoRows + 1);
  }
  const wide = traceOf(large(5000, "wide", base, "5".padStart(32, "0")));
  expect(foldLevel(wide, autoFold)).toBe(Infinity);
  expect(shownRows(wide, autoFold, null).length).toBe(5000);
});

test("a row below a long chain is revealed in one step, and the address stays short", () => {
  const t = traceOf(large(50_000, "deep", base, "b".padStart(32, "0")));
  const deepest = t.rowCount - 1;
  const before = process.cpuUsage();
  const fold = reveal(t, autoFold, deepest);
  // A few ms of CPU; opening one ancestor after the other, each time with a new set, takes minutes.
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(1000);
  const shown = shownRows(t, fold, null);
  expect(shown[shownIndex(t, shown, deepest)]).toBe(deepest);
  expect(foldToText(t, fold).length).toBeLessThan(100);
});

test("a fold survives the address, also when rows have moved", () => {
  const t = traceOf(shop(base));
  let fold: Fold = levelFold(t, 2);
  const row = rowOfSpan(t, spanIdAt(t, 8));
  fold = toggle(fold, row);
  const text = foldToText(t, fold);
  expect(foldFromText(t, text)).toEqual(fold);
  const later = shop(base);
  later.spans.push({
    id: "00000000000000ff",
    parent: later.spans[0].id,
    service: "late",
    name: "came late",
    start: 1,
    duration: 5,
  });
  const t2 = traceOf(later);
  const moved = foldFromText(t2, text);
  expect([...moved.toggled].map((r) => spanIdAt(t2, r))).toEqual([spanIdAt(t, row)]);
  expect(foldToText(t, autoFold)).toBe("");
  expect(foldFromText(t, "nonsense.!!.zz")).toEqual(autoFold);
  expect(foldTextProblem(t, text)).toBe("");
  expect(foldTextProblem(t, "nonsense")).toContain("begins with nothing, open or l");
  expect(foldTextProblem(t, "l2.zz.!")).toBe("rows it folds are not in this trace");
  expect(isFolded(t, fold, 2, row)).toBe(false);
});

test("100,000 spans are read and laid out in linear time", () => {
  for (const shape of ["wide", "deep"] as const) {
    const body = bytesOf(large(100_000, shape, base, "6".padStart(32, "0")));
    const before = process.cpuUsage();
    const t = buildTrace(decodeSkeleton(body));
    shownRows(t, autoFold, null);
    // Some 20 ms of CPU; a quadratic pass would take minutes.
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(1000);
    expect(t.rowCount).toBe(100_000);
  }
});
