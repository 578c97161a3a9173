import { expect, test } from "vitest";
import { arrange, encodeSkeleton } from "../../../test/fixtures/skeleton.mjs";
import { batch, large, random, shop, troubled } from "../../../test/fixtures/traces.mjs";
import { autoFold, shownRows } from "../model/fold";
import { decodeSkeleton, flag } from "../model/skeleton";
import { buildTrace, type Trace } from "../model/trace";
import { ticks } from "./axis";
import { layoutBars, minBar } from "./bars";
import { fitMinimap, layoutMinimap, mapColumns, maxLanes } from "./minimap";
import {
  besideRows,
  contentTop,
  maxScrollHeight,
  rowWindow,
  scrollHeight,
  scrollToShow,
  stackedRows,
} from "./rows";
import {
  around,
  clamped,
  isWhole,
  minSpan,
  panned,
  timeToX,
  viewFromText,
  viewToText,
  wholeView,
  xToTime,
  zoomed,
} from "./view";

const base = 1_795_395_129_000_000_000n;

function traceOf(fixture: ReturnType<typeof shop>): Trace {
  const registry = new Map(fixture.spans.map((s) => s.service).map((name, i) => [name, i]));
  return buildTrace(
    decodeSkeleton(new Uint8Array(encodeSkeleton(fixture, arrange(fixture.spans), registry)).buffer),
  );
}

test("time and pixels are inverse", () => {
  const view = { v0: 100, v1: 300 };
  expect(timeToX(view, 800, 150)).toBe(200);
  expect(xToTime(view, 800, 200)).toBe(150);
});

test("views stay within the trace and above the least span", () => {
  const f = (v0: number, v1: number, want: [number, number]) =>
    expect(clamped({ v0, v1 }, 1000)).toEqual({ v0: want[0], v1: want[1] });
  f(-50, 50, [0, 100]);
  f(950, 1050, [900, 1000]);
  f(-10, 2000, [0, 1000]);
  f(500, 501, [500, 510]);
  expect(wholeView(0)).toEqual({ v0: 0, v1: minSpan });
  expect(isWhole(wholeView(1000), 1000)).toBe(true);
  expect(zoomed({ v0: 0, v1: 1000 }, 1000, 0.5, 0.5)).toEqual({ v0: 250, v1: 750 });
  expect(zoomed({ v0: 0, v1: 1000 }, 1000, 4, 0.5)).toEqual({ v0: 0, v1: 1000 });
  expect(panned({ v0: 0, v1: 100 }, 1000, -1)).toEqual({ v0: 0, v1: 100 });
  expect(panned({ v0: 0, v1: 100 }, 1000, 0.5)).toEqual({ v0: 50, v1: 150 });
  expect(around(1000, 400, 600)).toEqual({ v0: 380, v1: 620 });
});

test("a view survives the address", () => {
  expect(viewToText({ v0: 10.4, v1: 99.6 })).toBe("10-100");
  expect(viewFromText("10-100", 1000)).toEqual({ v0: 10, v1: 100 });
  for (const bad of ["", "10", "100-10", "a-b", "-5-10", "10-10"])
    expect(viewFromText(bad, 1000), bad).toBeNull();
});

test("ticks are round and not too dense", () => {
  const f = (v0: number, v1: number, width: number, want: number[]) =>
    expect(ticks({ v0, v1 }, width, 100)).toEqual(want);
  f(0, 1000, 500, [0, 200, 400, 600, 800, 1000]);
  f(0, 1284e6, 700, [0, 200e6, 400e6, 600e6, 800e6, 1000e6, 1200e6]);
  f(0, 10, 100, [0, 10]);
  f(1001, 1011, 300, [1005, 1010]);
  for (let span = 10; span < 1e15; span *= 3.7) {
    const list = ticks({ v0: span / 7, v1: span + span / 7 }, 900, 96);
    expect(list.length, String(span)).toBeGreaterThan(0);
    expect(list.length, String(span)).toBeLessThanOrEqual(10);
  }
});

const rowHeight = besideRows.height;

test("rows from the scroll position", () => {
  const f = (rows: number, top: number, height: number, first: number, count: number, y: number) =>
    expect(rowWindow(rows, top, 240, height)).toEqual({ first, count, y, rowHeight: height });
  f(1000, 0, 24, 0, 10, 0);
  f(1000, 30, 24, 1, 11, -6);
  f(5, 0, 24, 0, 5, 0);
  f(5, 400, 24, 0, 5, 0);
  f(0, 0, 24, 0, 0, 0);
  f(1000, 0, 44, 0, 6, 0);
  f(1000, 50, 44, 1, 6, -6);
});

test("the last row can be reached at any number of rows, and no pixel is ever uncovered", () => {
  const height = 611;
  for (const shape of [besideRows, stackedRows]) {
    for (const rows of [1, 25, 26, 1000, 100_000, 600_000, 600_001, 1_000_000, 5_000_000]) {
      const most = Math.max(0, scrollHeight(rows, shape.height) - height);
      for (const share of [0, 0.1, 0.5, 0.9, 0.99999, 1]) {
        const { first, count, y } = rowWindow(rows, most * share, height, shape.height);
        expect(y).toBeLessThanOrEqual(0);
        expect(y).toBeGreaterThan(-shape.height);
        expect(first + count).toBeLessThanOrEqual(rows);
        const covered = y + count * shape.height;
        expect(covered, `${rows} rows at ${share}`).toBeGreaterThanOrEqual(
          Math.min(height, rows * shape.height) - 1e-6,
        );
      }
      const last = rowWindow(rows, most, height, shape.height);
      expect(last.first + last.count, `${rows} rows`).toBe(rows);
    }
  }
  expect(scrollHeight(10_000_000, rowHeight)).toBe(maxScrollHeight);
});

test("a row is brought into sight", () => {
  for (const rows of [100, 100_000, 3_000_000]) {
    for (const row of [0, 17, 26, Math.floor(rows / 2), rows - 1]) {
      const top = contentTop(rows, scrollToShow(rows, row, 0, 600, rowHeight), 600, rowHeight);
      expect(row * rowHeight, `row ${row} of ${rows}`).toBeGreaterThanOrEqual(top - 0.01);
      expect((row + 1) * rowHeight, `row ${row} of ${rows}`).toBeLessThanOrEqual(top + 600.01);
    }
  }
  expect(scrollToShow(100, 5, 100, 600, rowHeight), "in sight").toBe(100);
  expect(scrollToShow(100, 25, 0, 600, rowHeight), "the next row").toBe(24);
  expect(scrollToShow(100, 60, 0, 600, rowHeight), "far off: in the middle").toBe(60 * 24 - 288);
});

test("bars of a troubled trace", () => {
  const t = traceOf(troubled(base));
  const shown = shownRows(t, autoFold, null);
  const bars = layoutBars(
    t,
    shown,
    { first: 0, count: shown.length, y: 0, rowHeight },
    wholeView(t.extent),
    1000,
  );
  const lines = bars.map((b) => {
    const marks = [
      b.error && "error",
      b.ghost && "ghost",
      b.unfinished && "unfinished",
      b.reversed && "reversed",
      b.cutLeft && "cutLeft",
      b.cutRight && "cutRight",
    ].filter(Boolean);
    return `${b.y} ${b.left.toFixed(1)}–${b.right.toFixed(1)} slot ${b.slot} ${marks.join(" ")}`.trim();
  });
  expect(lines).toMatchSnapshot();
});

test("bars are never thinner than seen, nor outside the width", () => {
  const t = traceOf(batch(2000, base, "7".padStart(32, "0")));
  const shown = shownRows(t, autoFold, null);
  for (const view of [wholeView(t.extent), { v0: 10e9, v1: 11e9 }, { v0: 1, v1: 11 }]) {
    for (const bar of layoutBars(t, shown, { first: 0, count: shown.length, y: 0, rowHeight }, view, 700)) {
      expect(bar.left).toBeGreaterThanOrEqual(0);
      expect(bar.right).toBeLessThanOrEqual(700 + 1e-9);
      expect(bar.right - bar.left).toBeGreaterThanOrEqual(minBar - 1e-9);
    }
  }
});

/** naive paints cell by cell: too simple to be wrong. */
function naive(t: Trace, columns: number): string {
  const lanes = Math.min(maxLanes, t.maxDepth + 1);
  const cells = Array.from({ length: lanes }, () => new Array<number>(columns).fill(-1));
  const clamp = (c: number) => Math.max(0, Math.min(columns - 1, c));
  for (let i = 0; i < t.rowCount; i++) {
    if (t.flags[i] & flag.ghost) continue;
    const lane =
      t.maxDepth + 1 <= maxLanes ? t.depth[i] : Math.floor((t.depth[i] * lanes) / (t.maxDepth + 1));
    const scale = columns / Math.max(1, t.extent);
    const ends = [
      t.start[i] * scale,
      (t.flags[i] & flag.unfinished ? t.extent : t.start[i] + t.duration[i]) * scale,
    ];
    const [from, to] = [clamp(Math.floor(Math.min(...ends))), clamp(Math.ceil(Math.max(...ends)) - 1)];
    for (let c = from; c <= to; c++) if (cells[lane][c] < 0) cells[lane][c] = t.services[t.service[i]].slot;
  }
  return cells.map((lane) => lane.map((s) => (s < 0 ? "." : s.toString(36))).join("")).join("\n");
}

const cellText = (slot: number) => (slot < 0 ? "." : slot.toString(36));

function painted(t: Trace, columns: number): string {
  const map = layoutMinimap(t, columns);
  return Array.from({ length: map.lanes }, (_, lane) =>
    Array.from(map.cells.subarray(lane * columns, (lane + 1) * columns), cellText).join(""),
  ).join("\n");
}

test("a minimap at another width shows in each column the first that is painted there", () => {
  const map = layoutMinimap(traceOf(batch(3000, base, "9".padStart(32, "0"))), 1000);
  for (const columns of [1, 7, 333, 1000, 2500]) {
    const strip = fitMinimap(map, columns);
    const lanes = Array.from({ length: map.lanes }, () => new Array<string>(columns).fill("."));
    for (const run of strip.runs)
      for (let c = run.from; c < run.to; c++) lanes[run.lane][c] = cellText(run.slot);
    const want = Array.from({ length: map.lanes }, (_, lane) =>
      Array.from({ length: columns }, (_c, c) => {
        const from = Math.floor((c * 1000) / columns);
        const to = Math.max(from + 1, Math.floor(((c + 1) * 1000) / columns));
        const share = Array.from(map.cells.subarray(lane * 1000 + from, lane * 1000 + to));
        return cellText(share.find((slot) => slot >= 0) ?? -1);
      }).join(""),
    );
    expect(lanes.map((lane) => lane.join(""))).toEqual(want);
    const errors = Array.from(map.failed.keys()).filter((k) => map.failed[k]);
    const shown = (k: number) =>
      strip.errors.some((c) => k >= Math.floor((c * 1000) / columns) && (k * columns) / 1000 < c + 1);
    expect(errors.every(shown), `${columns} columns`).toBe(true);
  }
});

test("the minimap equals painting cell by cell", () => {
  const rnd = random(3);
  const fixtures = [
    shop(base),
    troubled(base),
    large(300, "deep", base, "8".padStart(32, "0")),
    batch(3000, base, "9".padStart(32, "0")),
  ];
  for (const fixture of fixtures) {
    const t = traceOf(fixture);
    for (const columns of [1, 7, 200, 20 + Math.floor(rnd() * 1000)])
      expect(painted(t, columns)).toBe(naive(t, columns));
  }
});

test("the minimap of 100,000 overlapping spans takes about as long as there are spans", () => {
  const t = traceOf(large(100_000, "deep", base, "a".padStart(32, "0")));
  const before = process.cpuUsage();
  layoutMinimap(t, mapColumns);
  // Some 15 ms of CPU; painting cell by cell would touch 100 million.
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(400);
});
