// Clocks that differ, and the trace as it would be if they did not. The server measures; nothing here is applied
// unless the reader asks for it.

import { flag } from "./skeleton";
import { selfTimes, type Trace } from "./trace";

/** Clock is one by which spans were timed. */
export interface Clock {
  name: string;
  /** How far it is off, in words: "120ms ± 3ms ahead of web"; "" if that is not certain. */
  note: string;
  /** What is to be taken from its times so that calls fit, ns. */
  correction: number;
}

/** Clocks is what the server tells of a trace's clocks. */
export interface Clocks {
  clocks: Clock[];
  /** Sentences for the reader; none if nothing is certain. */
  notes: string[];
  /** The clock of each row; noClock if it is not told. Empty if there is nothing to correct. */
  rows: Uint8Array;
}

/** noClock stands for a clock that is not told. */
export const noClock = 255;

/** clockOf is a row's clock. */
export function clockOf(c: Clocks, row: number): Clock | undefined {
  return c.rows.length === 0 ? undefined : c.clocks[c.rows[row]];
}

/**
 * corrected returns the trace with the clocks' corrections taken from all times. The order of the rows stays, though
 * siblings may not be in the order of their starts any more. Everything else that follows from times is made anew.
 */
export function corrected(t: Trace, c: Clocks): Trace {
  const by = new Float64Array(noClock + 1);
  c.clocks.forEach((clock, i) => {
    by[i] = clock.correction;
  });
  const start = t.start.slice();
  for (let i = 0; i < t.rowCount; i++) start[i] -= by[c.rows[i]];
  const duration = t.duration.slice();
  encloseGhosts(t, start, duration);
  let first = Infinity;
  for (let i = 0; i < t.rowCount; i++) first = Math.min(first, start[i]);
  if (first === Infinity) first = 0;
  let extent = 0;
  for (let i = 0; i < t.rowCount; i++) {
    start[i] -= first;
    const open = (t.flags[i] & flag.unfinished) !== 0;
    extent = Math.max(extent, start[i], open ? 0 : start[i] + duration[i]);
  }
  const eventTime = t.eventTime.slice();
  for (let e = 0; e < eventTime.length; e++) eventTime[e] -= first + by[c.rows[t.eventRow[e]]];
  const { flags, skewedCount } = outside(t, start, duration);
  const moved = {
    ...t,
    start,
    duration,
    eventTime,
    flags,
    skewedCount,
    extent,
    base: t.base + BigInt(first),
  };
  return { ...moved, self: selfTimes(moved, siblingsByStart(t, start)) };
}

/** encloseGhosts gives each ghost the time of its children. */
function encloseGhosts(t: Trace, start: Float64Array, duration: Float64Array): void {
  for (let i = 0; i < t.rowCount; i++) if (t.flags[i] & flag.ghost) start[i] = Infinity;
  for (let i = t.rowCount - 1; i >= 0; i--) {
    const ghost = t.parent[i];
    if (ghost < 0 || (t.flags[ghost] & flag.ghost) === 0) continue;
    const end = start[i] + Math.max(0, duration[i]);
    const last = start[ghost] === Infinity ? end : Math.max(start[ghost] + duration[ghost], end);
    start[ghost] = Math.min(start[ghost], start[i]);
    duration[ghost] = last - start[ghost];
  }
}

/** outside marks the rows that lie outside their parent's time, in another service. */
function outside(t: Trace, start: Float64Array, duration: Float64Array) {
  const flags = t.flags.slice();
  let skewedCount = 0;
  for (let i = 0; i < t.rowCount; i++) {
    flags[i] &= ~flag.beforeParent;
    const parent = t.parent[i];
    if (parent < 0 || t.flags[parent] & flag.ghost || t.service[parent] === t.service[i]) continue;
    const ended = ((t.flags[i] | t.flags[parent]) & flag.unfinished) === 0;
    if (start[i] < start[parent] || (ended && start[i] + duration[i] > start[parent] + duration[parent])) {
      flags[i] |= flag.beforeParent;
      skewedCount++;
    }
  }
  return { flags, skewedCount };
}

/** siblingsByStart lists the rows so that siblings come by start. Only those that do not already are sorted. */
function siblingsByStart(t: Trace, start: Float64Array): Uint32Array {
  const order = new Uint32Array(t.rowCount);
  const last = new Float64Array(t.rowCount).fill(-Infinity);
  const mixed = new Uint8Array(t.rowCount);
  for (let i = 0; i < t.rowCount; i++) {
    order[i] = i;
    const parent = t.parent[i];
    if (parent < 0) continue;
    if (start[i] < last[parent]) mixed[parent] = 1;
    last[parent] = start[i];
  }
  const byStart = (a: number, b: number) => start[a] - start[b] || a - b;
  for (let i = mixed.indexOf(1); i >= 0; i = mixed.indexOf(1, i + 1)) {
    const rows: number[] = [];
    for (let row = i + 1; row < i + t.size[i]; row += t.size[row]) rows.push(row);
    const sorted = rows.toSorted(byStart);
    for (let k = 0; k < rows.length; k++) order[rows[k]] = sorted[k];
  }
  return order;
}
