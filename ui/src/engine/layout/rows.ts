// From the scroll position to rows and back.

/** RowShape says where in a row its bar is, in CSS pixels. */
export interface RowShape {
  height: number;
  /** How much of the top is the name's; 0 where it stands beside the bar. */
  namesHeight: number;
  barTop: number;
  barHeight: number;
}

/** besideRows have the name left of the bar, stackedRows above it, for a page that is too narrow for both. */
export const besideRows: RowShape = { height: 24, namesHeight: 0, barTop: 6, barHeight: 12 };
export const stackedRows: RowShape = { height: 44, namesHeight: 24, barTop: 27, barHeight: 10 };

/**
 * maxScrollHeight is the tallest element that is asked of a browser. Chromium stops at 33,554,428 px,
 * Firefox at about half of that. Above it (600,000 rows of 24 px) the scroll position is scaled.
 */
export const maxScrollHeight = 14_400_000;

/** Window is what of a list of rows shows: rows [first, first + count), the first at y ≤ 0. */
export interface RowWindow {
  first: number;
  count: number;
  /** y of the first row, in (−rowHeight, 0]. */
  y: number;
  rowHeight: number;
}

/** scrollHeight is the height of the scrolled element for a number of rows. */
export function scrollHeight(rows: number, rowHeight: number): number {
  return Math.min(rows * rowHeight, maxScrollHeight);
}

/** rowWindow maps a scroll position to the rows in a viewport. */
export function rowWindow(rows: number, scrollTop: number, height: number, rowHeight: number): RowWindow {
  const top = contentTop(rows, scrollTop, height, rowHeight);
  const first = Math.max(0, Math.min(rows, Math.floor(top / rowHeight)));
  const y = first * rowHeight - top;
  return { first, count: Math.min(rows - first, Math.ceil((height - y) / rowHeight)), y, rowHeight };
}

/** contentTop is the pixel of the unscaled content at the top of the viewport. */
export function contentTop(rows: number, scrollTop: number, height: number, rowHeight: number): number {
  const scale = scrollScale(rows, height, rowHeight);
  return Math.max(0, Math.min(scrollTop * scale, Math.max(0, rows * rowHeight - height)));
}

/** scrollTopOf is the inverse of contentTop. */
export function scrollTopOf(rows: number, top: number, height: number, rowHeight: number): number {
  return top / scrollScale(rows, height, rowHeight);
}

function scrollScale(rows: number, height: number, rowHeight: number): number {
  const real = rows * rowHeight;
  if (real <= maxScrollHeight) return 1;
  return (real - height) / (maxScrollHeight - height);
}

/** nearRows is how far outside the viewport a row still counts as next to it. */
const nearRows = 3;

/**
 * scrollToShow is the scroll position that brings a row into the viewport, or the present one if it is there. A
 * row just outside moves the list as little as can be, as stepping through it should; one farther off is put in
 * the middle, so that its surroundings show.
 */
export function scrollToShow(
  rows: number,
  row: number,
  scrollTop: number,
  height: number,
  rowHeight: number,
): number {
  const top = contentTop(rows, scrollTop, height, rowHeight);
  const y = row * rowHeight;
  if (y >= top && y + rowHeight <= top + height) return scrollTop;
  const above = top - y;
  const below = y + rowHeight - (top + height);
  const near = Math.max(above, below) <= nearRows * rowHeight;
  const want = !near ? y - height / 2 + rowHeight / 2 : above > 0 ? y : y + rowHeight - height;
  return scrollTopOf(rows, Math.max(0, want), height, rowHeight);
}
