// Where the duration of a bar is written.

import type { Bar } from "./bars";

/** markRadius is that of the mark of an event; labelPad is the margin of a label's patch. */
export const markRadius = 4;
export const labelPad = 4;

const labelGap = 6;

/**
 * placeLabel finds room for a label of width w: right of the bar, or left of it, or within it, as far right as no
 * event is covered. Where events are too dense for that, it is at the right end.
 */
export function placeLabel(bar: Bar, w: number, width: number): { x: number; within: boolean } {
  const { events } = bar;
  const marksEnd = Math.max(bar.right, (events.at(-1) ?? 0) + markRadius);
  const marksStart = Math.min(bar.left, (events[0] ?? Infinity) - markRadius);
  if (marksEnd + labelGap + w <= width) return { x: marksEnd + labelGap, within: false };
  if (marksStart - labelGap - w >= 0) return { x: marksStart - labelGap - w, within: false };
  const last = Math.min(bar.right, width) - w - 2 * labelPad;
  let x = last;
  for (let i = events.length - 1; i >= 0 && events[i] + markRadius > x - labelPad; i--)
    if (events[i] - markRadius < x + w + labelPad) x = events[i] - markRadius - 1 - labelPad - w;
  return { x: x - labelPad >= bar.left ? x : last, within: true };
}
