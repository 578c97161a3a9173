// Draws the boxes of the rows in sight. It decides nothing.

import { formatDuration } from "../base/time";
import type { Bar } from "../layout/bars";
import { labelPad, markRadius, placeLabel } from "../layout/labels";
import type { RowShape } from "../layout/rows";
import type { Palette } from "./palette";

/** drawGrid draws the lines of the axis: through everything, or where names stand above bars, only beside the bars. */
export function drawGrid(
  c: CanvasRenderingContext2D,
  xs: readonly number[],
  height: number,
  palette: Palette,
  bars: readonly Bar[],
  shape: RowShape,
): void {
  c.fillStyle = palette.line;
  for (const x of xs) {
    if (shape.namesHeight === 0) c.fillRect(Math.round(x), 0, 1, height);
    else
      for (const bar of bars)
        c.fillRect(Math.round(x), bar.y + shape.namesHeight, 1, shape.height - shape.namesHeight - 1);
  }
}

/** drawBars draws bars by colour, then outlines, marks and labels on top. dimmed rows stay faint. */
export function drawBars(
  c: CanvasRenderingContext2D,
  bars: readonly Bar[],
  width: number,
  palette: Palette,
  shape: RowShape,
  dimmed: (row: number) => boolean,
): void {
  for (let slot = 0; slot < palette.services.length; slot++) {
    c.fillStyle = palette.services[slot];
    for (const bar of bars) {
      if (bar.slot !== slot || bar.ghost || bar.outside !== 0) continue;
      c.globalAlpha = dimmed(bar.row) ? 0.25 : 1;
      fillBar(c, bar, shape);
    }
  }
  c.font = palette.font;
  c.textBaseline = "middle";
  for (const bar of bars) {
    c.globalAlpha = dimmed(bar.row) ? 0.4 : 1;
    drawMarks(c, bar, width, palette, shape);
    drawLabel(c, bar, width, palette, shape);
  }
  c.globalAlpha = 1;
}

function fillBar(c: CanvasRenderingContext2D, bar: Bar, shape: RowShape): void {
  const y = bar.y + shape.barTop;
  const w = bar.right - bar.left;
  c.beginPath();
  c.roundRect(bar.left, y, w, shape.barHeight, [
    bar.cutLeft ? 0 : Math.min(2, w / 2),
    bar.cutRight || bar.unfinished ? 0 : Math.min(2, w / 2),
    bar.cutRight || bar.unfinished ? 0 : Math.min(2, w / 2),
    bar.cutLeft ? 0 : Math.min(2, w / 2),
  ]);
  c.fill();
}

function drawMarks(
  c: CanvasRenderingContext2D,
  bar: Bar,
  width: number,
  palette: Palette,
  shape: RowShape,
): void {
  const { barTop, barHeight } = shape;
  const y = bar.y + barTop;
  if (bar.outside !== 0) {
    drawArrow(c, bar, width, palette, shape);
    return;
  }
  if (bar.ghost) drawGhost(c, bar, palette, shape);
  if (bar.striped) {
    c.fillStyle = palette.surface;
    c.fillRect(bar.left, y + barHeight / 2 - 1, bar.right - bar.left, 2);
  }
  if (bar.reversed) drawHatch(c, bar, palette, shape);
  if (bar.error) {
    c.strokeStyle = palette.error;
    c.lineWidth = 1.5;
    c.strokeRect(bar.left - 0.75, y - 0.75, bar.right - bar.left + 1.5, barHeight + 1.5);
  }
  if (bar.unfinished) drawOpenEnd(c, bar, palette, shape);
  for (let i = 0; i < bar.events.length; i++)
    drawDiamond(
      c,
      Math.max(markRadius, Math.min(bar.events[i], width - markRadius)),
      y + barHeight / 2,
      bar.exceptions[i],
      palette,
    );
}

function drawGhost(c: CanvasRenderingContext2D, bar: Bar, palette: Palette, shape: RowShape): void {
  const { barTop, barHeight } = shape;
  c.strokeStyle = palette.text3;
  c.lineWidth = 1;
  c.setLineDash([3, 3]);
  c.strokeRect(bar.left + 0.5, bar.y + barTop + 0.5, Math.max(1, bar.right - bar.left - 1), barHeight - 1);
  c.setLineDash([]);
}

/** drawHatch says that the span ends before it starts: what is drawn is the stretch between the two. */
function drawHatch(c: CanvasRenderingContext2D, bar: Bar, palette: Palette, shape: RowShape): void {
  const { barTop, barHeight } = shape;
  c.save();
  c.beginPath();
  c.rect(bar.left, bar.y + barTop, bar.right - bar.left, barHeight);
  c.clip();
  c.strokeStyle = palette.surface;
  c.lineWidth = 2;
  c.beginPath();
  for (let x = bar.left - barHeight; x < bar.right; x += 6) {
    c.moveTo(x, bar.y + barTop + barHeight);
    c.lineTo(x + barHeight, bar.y + barTop);
  }
  c.stroke();
  c.restore();
}

/** drawOpenEnd gives a bar without an end a ragged one. */
function drawOpenEnd(c: CanvasRenderingContext2D, bar: Bar, palette: Palette, shape: RowShape): void {
  const { barTop, barHeight } = shape;
  c.fillStyle = palette.surface;
  for (let i = 0; i < 3; i++) c.fillRect(bar.right - 3 - 5 * i, bar.y + barTop, 2, barHeight);
}

function drawDiamond(
  c: CanvasRenderingContext2D,
  x: number,
  y: number,
  exception: boolean,
  palette: Palette,
): void {
  const r = markRadius;
  c.beginPath();
  c.moveTo(x, y - r);
  c.lineTo(x + r, y);
  c.lineTo(x, y + r);
  c.lineTo(x - r, y);
  c.closePath();
  c.fillStyle = exception ? palette.error : palette.text;
  c.fill();
  c.strokeStyle = palette.surface;
  c.lineWidth = 1;
  c.stroke();
}

/** drawArrow points to a span that lies outside what is looked at. */
function drawArrow(
  c: CanvasRenderingContext2D,
  bar: Bar,
  width: number,
  palette: Palette,
  shape: RowShape,
): void {
  const y = bar.y + shape.barTop + shape.barHeight / 2;
  const [tip, foot] = bar.outside < 0 ? [4, 9] : [width - 4, width - 9];
  c.fillStyle = bar.error ? palette.error : palette.text3;
  c.beginPath();
  c.moveTo(tip, y);
  c.lineTo(foot, y - 4);
  c.lineTo(foot, y + 4);
  c.fill();
}

/** drawLabel writes the duration where placeLabel finds room. */
function drawLabel(
  c: CanvasRenderingContext2D,
  bar: Bar,
  width: number,
  palette: Palette,
  shape: RowShape,
): void {
  if (bar.outside !== 0 || bar.ghost) return;
  const text = bar.unfinished ? "not ended" : formatDuration(bar.durationNanos);
  const w = c.measureText(text).width;
  const y = bar.y + shape.barTop + shape.barHeight / 2 + 0.5;
  const { x, within } = placeLabel(bar, w, width);
  c.fillStyle = palette.text2;
  if (within) {
    // On a patch of the surface, because no one text colour reads on all twelve service colours.
    c.fillStyle = palette.surface;
    c.beginPath();
    c.roundRect(x - labelPad, bar.y + shape.barTop - 1, w + 2 * labelPad, shape.barHeight + 2, 2);
    c.fill();
    c.fillStyle = palette.text;
  }
  c.fillText(text, x, y);
}
