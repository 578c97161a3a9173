import { formatDuration } from "../base/time";
import { timeToX, type View } from "../layout/view";
import type { Palette } from "./palette";

/** drawAxis writes the ticks' times, each right of its line. */
export function drawAxis(
  c: CanvasRenderingContext2D,
  times: readonly number[],
  view: View,
  width: number,
  height: number,
  palette: Palette,
): void {
  c.font = palette.font;
  c.textBaseline = "middle";
  for (const time of times) {
    const x = Math.round(timeToX(view, width, time));
    c.fillStyle = palette.line;
    c.fillRect(x, 0, 1, height);
    const text = time === 0 ? "0" : formatTick(time, times);
    if (x + 4 + c.measureText(text).width > width) continue;
    c.fillStyle = palette.text3;
    c.fillText(text, x + 4, height / 2 + 0.5);
  }
}

/** formatTick keeps enough digits to tell neighbours apart when zoomed far in. */
function formatTick(time: number, times: readonly number[]): string {
  const step = times.length > 1 ? times[1] - times[0] : time;
  if (step / Math.max(time, 1) > 0.005) return formatDuration(time);
  const [unit, name] = time >= 1e9 ? [1e9, "s"] : time >= 1e6 ? [1e6, "ms"] : [1e3, "µs"];
  const digits = Math.max(0, Math.ceil(Math.log10(unit / step)));
  return `${(time / unit).toFixed(digits)}\u2009${name}`;
}
