import type { Strip } from "../layout/minimap";
import { timeToX, type View } from "../layout/view";
import type { Palette } from "./palette";

/** errorHeight is the height of the strip of error ticks on top. */
export const errorHeight = 5;

/** drawMinimap draws the lanes, the error ticks and what of it is looked at. */
export function drawMinimap(
  c: CanvasRenderingContext2D,
  map: Strip,
  view: View,
  extent: number,
  width: number,
  height: number,
  palette: Palette,
): void {
  const top = errorHeight + 1;
  const lane = (height - top) / map.lanes;
  const thick = Math.max(1, Math.min(5, lane - (lane > 2 ? 1 : 0)));
  const scale = width / map.columns;
  for (const run of map.runs) {
    c.fillStyle = palette.services[run.slot];
    c.fillRect(run.from * scale, top + run.lane * lane, (run.to - run.from) * scale, thick);
  }
  c.fillStyle = palette.error;
  for (const column of map.errors) c.fillRect(column * scale - 0.5, 0, 2, errorHeight);
  drawWindow(c, view, extent, width, height, palette);
}

function drawWindow(
  c: CanvasRenderingContext2D,
  view: View,
  extent: number,
  width: number,
  height: number,
  palette: Palette,
): void {
  const whole = { v0: 0, v1: Math.max(1, extent) };
  const x0 = Math.max(0, timeToX(whole, width, view.v0));
  const x1 = Math.min(width, timeToX(whole, width, view.v1));
  if (x0 <= 0.5 && x1 >= width - 0.5) return;
  c.fillStyle = palette.surface;
  c.globalAlpha = 0.72;
  c.fillRect(0, 0, x0, height);
  c.fillRect(x1, 0, width - x1, height);
  c.globalAlpha = 1;
  c.fillStyle = palette.accent;
  c.fillRect(x0, 0, 2, height);
  c.fillRect(Math.max(x0 + 2, x1 - 2), 0, 2, height);
}
