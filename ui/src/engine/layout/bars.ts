// The boxes of the rows in sight.

import { flag, none } from "../model/skeleton";
import type { Trace } from "../model/trace";
import type { RowWindow } from "./rows";
import { timeToX, type View } from "./view";

/** Bar is one row's box, in pixels. left and right are clipped to the width; cut says where. */
export interface Bar {
  row: number;
  y: number;
  left: number;
  right: number;
  /** The service's colour slot, -1 for a ghost. */
  slot: number;
  striped: boolean;
  error: boolean;
  ghost: boolean;
  unfinished: boolean;
  reversed: boolean;
  cutLeft: boolean;
  cutRight: boolean;
  /** Entirely before (-1) or after (1) what is looked at. */
  outside: -1 | 0 | 1;
  durationNanos: number;
  /** x of the events in sight; exceptions are those with exception true at the same place. */
  events: number[];
  exceptions: boolean[];
}

/** minBar is the least width of a bar: a span of no length is still there. */
export const minBar = 2;

/** maxMarks bounds the event marks of one row: more than one per two pixels cannot be told apart. */
const marksPerPixel = 0.5;

/** layoutBars places the rows in sight. shown lists the rows of the trace that are not folded away. */
export function layoutBars(
  t: Trace,
  shown: Uint32Array,
  window: RowWindow,
  view: View,
  width: number,
): Bar[] {
  const bars: Bar[] = [];
  for (let k = 0; k < window.count; k++) {
    bars.push(layoutBar(t, shown[window.first + k], window.y + k * window.rowHeight, view, width));
  }
  return bars;
}

function layoutBar(t: Trace, row: number, y: number, view: View, width: number): Bar {
  const f = t.flags[row];
  const start = t.start[row];
  const end = (f & flag.unfinished) !== 0 ? t.extent : start + t.duration[row];
  const x0 = timeToX(view, width, Math.min(start, end));
  const x1 = timeToX(view, width, Math.max(start, end));
  const left = Math.max(0, Math.min(x0, width - minBar));
  const service = t.service[row] === none ? null : t.services[t.service[row]];
  return {
    row,
    y,
    left,
    right: Math.max(left + minBar, Math.min(x1, width)),
    slot: service ? service.slot : -1,
    striped: service ? service.striped : false,
    error: (f & flag.error) !== 0,
    ghost: (f & flag.ghost) !== 0,
    unfinished: (f & flag.unfinished) !== 0,
    reversed: (f & flag.endBeforeStart) !== 0,
    cutLeft: x0 < 0,
    cutRight: x1 > width + 0.5,
    outside: x1 < 0 ? -1 : x0 > width ? 1 : 0,
    durationNanos: t.duration[row],
    ...layoutEvents(t, row, view, width),
  };
}

function layoutEvents(t: Trace, row: number, view: View, width: number) {
  const events: number[] = [];
  const exceptions: boolean[] = [];
  const most = width * marksPerPixel;
  let last = -Infinity;
  for (let e = t.eventFrom[row]; e < t.eventFrom[row + 1] && events.length < most; e++) {
    const x = timeToX(view, width, t.eventTime[e]);
    const exception = t.eventKind[e] === 1;
    if (x < 0 || x > width || (Math.abs(x - last) < 1 && !exception)) continue;
    events.push(x);
    exceptions.push(exception);
    last = x;
  }
  return { events, exceptions };
}
