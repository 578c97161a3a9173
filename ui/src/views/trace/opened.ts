// From the bytes of a trace to all that its page needs at once. Runs in a worker for large traces.

import { layoutMinimap, mapColumns, type Minimap } from "../../engine/layout/minimap";
import { type Clocks, corrected } from "../../engine/model/clocks";
import { decodeSkeleton } from "../../engine/model/skeleton";
import { buildTrace, type Trace } from "../../engine/model/trace";
import { judge, type Verdict } from "../../engine/model/verdict";

/** Opened is a trace with what a pass over all its rows finds. It has plain data only, so it can change threads. */
export interface Opened {
  trace: Trace;
  verdict: Verdict;
  map: Minimap;
}

/** openCorrected is a trace with its clocks' corrections. */
export function openCorrected(opened: Opened, clocks: Clocks): Opened {
  const trace = corrected(opened.trace, clocks);
  return { trace, verdict: judge(trace), map: layoutMinimap(trace, mapColumns) };
}

/** openBody reads a body that came in pieces. */
export function openBody(pieces: readonly Uint8Array[]): Opened {
  const trace = buildTrace(decodeSkeleton(joined(pieces)));
  return { trace, verdict: judge(trace), map: layoutMinimap(trace, mapColumns) };
}

function joined(pieces: readonly Uint8Array[]): ArrayBuffer {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole.buffer;
}

/** buffersOf lists the memory that moves to another thread with a trace, each piece once. */
export function buffersOf({ trace, map }: Opened): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const value of [...Object.values(trace), ...Object.values(trace.names), ...Object.values(map)])
    if (ArrayBuffer.isView(value)) buffers.add(value.buffer as ArrayBuffer);
  return [...buffers];
}

/** headBytes is how much of a body rowsComing needs. */
const headBytes = 44;

/** rowsComing reads from the first piece of a body how many rows will come; 0 if it is too short to say. */
export function rowsComing(first: Uint8Array): number {
  return first.length < headBytes
    ? 0
    : new DataView(first.buffer, first.byteOffset, headBytes).getUint32(40, true);
}
