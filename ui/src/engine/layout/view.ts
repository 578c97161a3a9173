// The stretch of time that is looked at: [v0, v1) in ns from the trace's start.
// Zoom and pan are one affine map from time to pixels.

export interface View {
  v0: number;
  v1: number;
}

/** minSpan is the smallest stretch that can be looked at: 10 ns. Finer than a clock makes no sense. */
export const minSpan = 10;

/** wholeView shows a trace from 0 to extent, with a little room on the right for labels. */
export function wholeView(extent: number): View {
  return { v0: 0, v1: Math.max(minSpan, extent) };
}

/** timeToX and xToTime map between ns and pixels of a width. */
export function timeToX(view: View, width: number, time: number): number {
  return ((time - view.v0) / (view.v1 - view.v0)) * width;
}

export function xToTime(view: View, width: number, x: number): number {
  return view.v0 + (x / width) * (view.v1 - view.v0);
}

/** clamped moves and shrinks a view into [0, extent], and stretches it to minSpan. */
export function clamped(view: View, extent: number): View {
  const whole = wholeView(extent);
  const span = Math.min(Math.max(view.v1 - view.v0, minSpan), whole.v1);
  const v0 = Math.min(Math.max(view.v0, 0), whole.v1 - span);
  return { v0, v1: v0 + span };
}

/** zoomed scales a view by a factor (below 1 is closer) and keeps the time at a share of its width in place. */
export function zoomed(view: View, extent: number, factor: number, share: number): View {
  const at = view.v0 + share * (view.v1 - view.v0);
  const span = Math.max(minSpan, (view.v1 - view.v0) * factor);
  return clamped({ v0: at - share * span, v1: at + (1 - share) * span }, extent);
}

/** panned moves a view by a share of its own width. */
export function panned(view: View, extent: number, share: number): View {
  const by = share * (view.v1 - view.v0);
  return clamped({ v0: view.v0 + by, v1: view.v1 + by }, extent);
}

/** around shows [from, to] with room on both sides. */
export function around(extent: number, from: number, to: number): View {
  const room = Math.max((to - from) * 0.1, minSpan);
  return clamped({ v0: from - room, v1: to + room }, extent);
}

/** isWhole tells whether a view shows everything. */
export function isWhole(view: View, extent: number): boolean {
  return view.v0 <= 0 && view.v1 >= wholeView(extent).v1;
}

/** viewToText and viewFromText are the URL's form: whole ns, start-end. */
export function viewToText(view: View): string {
  return `${Math.round(view.v0)}-${Math.round(view.v1)}`;
}

export function viewFromText(text: string, extent: number): View | null {
  const found = /^(\d{1,20})-(\d{1,20})$/.exec(text);
  if (!found || Number(found[2]) <= Number(found[1])) return null;
  return clamped({ v0: Number(found[1]), v1: Number(found[2]) }, extent);
}
