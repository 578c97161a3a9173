// The whole trace in a strip: one lane per depth, one cell per pixel column.

import { flag } from "../model/skeleton";
import type { Trace } from "../model/trace";

/** Minimap is the whole trace painted into cells, lane by lane. */
export interface Minimap {
  columns: number;
  lanes: number;
  /** The colour slot of each cell; -1 where nothing is. */
  cells: Int8Array;
  /** 1: a span with an error starts in this column. */
  failed: Uint8Array;
}

/** Run is a stretch of equal cells in a lane. */
export interface Run {
  lane: number;
  from: number;
  to: number;
  slot: number;
}

/** Strip is a minimap as it is drawn, at a width in pixels. */
export interface Strip {
  columns: number;
  lanes: number;
  runs: Run[];
  errors: number[];
}

/**
 * mapColumns is the width at which a trace is painted once, wherever it is shown: finer than screens. Each width
 * it is drawn at is taken from that, so that making a panel wider costs no pass over the spans.
 */
export const mapColumns = 4096;

/** maxLanes bounds the lanes: deeper traces share them. */
export const maxLanes = 16;

/**
 * layoutMinimap paints each cell once, by the first span in row order that covers it. Per lane, next[c] leads
 * to the first unpainted column at or after c, with path halving; so all spans together take about as long as
 * there are spans and cells, however many columns each of them covers.
 */
export function layoutMinimap(t: Trace, columns: number): Minimap {
  const lanes = Math.min(maxLanes, t.maxDepth + 1);
  const deepest = Math.max(1, t.maxDepth + 1);
  const stride = columns + 1;
  const cells = new Int8Array(lanes * columns).fill(-1);
  const next = new Uint32Array(lanes * stride);
  for (let i = 0; i < next.length; i++) next[i] = i % stride;
  const failed = new Uint8Array(columns);
  const scale = columns / Math.max(1, t.extent);
  for (let i = 0; i < t.rowCount; i++) {
    const f = t.flags[i];
    if (f & flag.ghost) continue;
    const a = t.start[i] * scale;
    const b = (f & flag.unfinished ? t.extent : t.start[i] + t.duration[i]) * scale;
    const from = clampColumn(Math.floor(Math.min(a, b)), columns);
    const to = clampColumn(Math.ceil(Math.max(a, b)) - 1, columns);
    if (f & flag.error) failed[from] = 1;
    const lane = deepest <= maxLanes ? t.depth[i] : Math.floor((t.depth[i] * lanes) / deepest);
    const slot = t.services[t.service[i]].slot;
    const base = lane * stride;
    for (let c = find(next, base, from); c <= to; c = find(next, base, c)) {
      cells[lane * columns + c] = slot;
      next[base + c] = c + 1;
    }
  }
  return { columns, lanes, cells, failed };
}

/** fitMinimap shrinks or stretches a minimap: a column shows the first thing that is painted in its share of cells. */
export function fitMinimap(map: Minimap, columns: number): Strip {
  const cells = new Int8Array(map.lanes * columns).fill(-1);
  const failed = new Uint8Array(columns);
  for (let c = 0; c < columns; c++) {
    const from = Math.floor((c * map.columns) / columns);
    const to = Math.max(from + 1, Math.floor(((c + 1) * map.columns) / columns));
    for (let k = from; k < to; k++) if (map.failed[k]) failed[c] = 1;
    for (let lane = 0; lane < map.lanes; lane++) {
      let k = from;
      while (k < to && map.cells[lane * map.columns + k] < 0) k++;
      if (k < to) cells[lane * columns + c] = map.cells[lane * map.columns + k];
    }
  }
  return { columns, lanes: map.lanes, runs: runsOf(cells, map.lanes, columns), errors: columnsOf(failed) };
}

function clampColumn(column: number, columns: number): number {
  return Math.max(0, Math.min(columns - 1, column));
}

function find(next: Uint32Array, base: number, column: number): number {
  while (next[base + column] !== column) {
    next[base + column] = next[base + next[base + column]];
    column = next[base + column];
  }
  return column;
}

function runsOf(cells: Int8Array, lanes: number, columns: number): Run[] {
  const runs: Run[] = [];
  for (let lane = 0; lane < lanes; lane++) {
    for (let c = 0; c < columns; ) {
      const slot = cells[lane * columns + c];
      let end = c + 1;
      while (end < columns && cells[lane * columns + end] === slot) end++;
      if (slot >= 0) runs.push({ lane, from: c, to: end, slot });
      c = end;
    }
  }
  return runs;
}

function columnsOf(marks: Uint8Array): number[] {
  const list: number[] = [];
  for (let c = 0; c < marks.length; c++) if (marks[c]) list.push(c);
  return list;
}
