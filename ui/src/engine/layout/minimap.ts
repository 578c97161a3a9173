// The whole trace in a strip: one lane per depth, one cell per pixel column.

import { flag } from "../model/skeleton";
import type { Trace } from "../model/trace";

/** Run is a stretch of equal cells in a lane. */
export interface Run {
  lane: number;
  from: number;
  to: number;
  slot: number;
}

export interface Minimap {
  columns: number;
  lanes: number;
  runs: Run[];
  /** Columns in which a span with an error starts. */
  errors: number[];
}

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
  return { columns, lanes, runs: runsOf(cells, lanes, columns), errors: columnsOf(failed) };
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
