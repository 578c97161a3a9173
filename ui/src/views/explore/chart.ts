// The line chart: uPlot, with the page's colours, clock and units. It is loaded when numbers are first asked for.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { formatClock, formatDay, type Zone } from "../../engine/base/time";
import type { Palette } from "../../engine/draw/palette";
import { formatValue, type Line, type Unit } from "./metrics";

/** Look is what a chart is drawn with; another one makes another chart. */
export interface Look {
  times: number[];
  lines: readonly Line[];
  unit: Unit;
  stepSeconds: number;
  zone: Zone;
  palette: Palette;
  width: number;
  height: number;
}

/** Heard is what a chart tells. */
export interface Heard {
  /** The step under the pointer, and how far right that is; null if the pointer is elsewhere. */
  onPoint(at: { step: number; left: number } | null): void;
  /** Seconds since 1970. */
  onRange(from: number, to: number): void;
  onDrawn(chart: uPlot): void;
}

/** makeChart draws into an element. */
export function makeChart(look: Look, heard: Heard, element: HTMLElement): uPlot {
  const { times, lines } = look;
  return new uPlot(optionsOf(look, heard), [times, ...lines.map((l) => l.series.points)], element);
}

function optionsOf(look: Look, heard: Heard): uPlot.Options {
  const { lines, palette, width, height } = look;
  return {
    width,
    height,
    legend: { show: false },
    padding: [8, 12, 0, 0],
    scales: {
      x: { time: true, range: (_u, min, max) => [min, max + look.stepSeconds] },
      y: { range: (u) => rangeOf(u, look) },
    },
    axes: [timeAxis(look), valueAxis(look)],
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: { size: 7 },
    },
    series: [
      {},
      ...lines.map((line) => ({
        stroke: palette.services[line.slot],
        width: 1.5,
        dash: [...line.dash],
        spanGaps: false,
        points: { show: true, size: 4, fill: palette.services[line.slot], filter: alone },
      })),
    ],
    hooks: {
      drawAxes: [(u) => drawErrors(u, look)],
      draw: [heard.onDrawn],
      setCursor: [
        (u) =>
          heard.onPoint(
            u.cursor.idx === null || u.cursor.idx === undefined || (u.cursor.left ?? -1) < 0
              ? null
              : { step: u.cursor.idx, left: u.cursor.left as number },
          ),
      ],
      setSelect: [
        (u) => {
          if (u.select.width < 4) return;
          const [from, to] = [
            u.posToVal(u.select.left, "x"),
            u.posToVal(u.select.left + u.select.width, "x"),
          ];
          u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          heard.onRange(from, to);
        },
      ],
    },
  };
}

/** alone picks the points without a neighbour: no line shows them. */
function alone(u: uPlot, series: number): number[] {
  const points = u.data[series];
  const shown: number[] = [];
  for (let i = 0; i < points.length; i++)
    if (points[i] != null && points[i - 1] == null && points[i + 1] == null) shown.push(i);
  return shown;
}

/** rangeOf begins at zero and has room for the standard errors of the lines in sight. */
function rangeOf(u: uPlot, { lines }: Look): [number, number] {
  let [low, high] = [0, 0];
  lines.forEach(({ series }, i) => {
    if (u.series[i + 1]?.show === false) return;
    series.points.forEach((p, k) => {
      if (p === null) return;
      const error = series.standardErrors?.[k] ?? 0;
      low = Math.min(low, p);
      high = Math.max(high, p + error);
    });
  });
  return [low < 0 ? low * 1.08 : 0, high > 0 ? high * 1.08 : low < 0 ? 0 : 1];
}

function timeAxis({ palette, zone }: Look): uPlot.Axis {
  return {
    stroke: palette.text3,
    font: palette.font,
    size: 28,
    space: 80,
    grid: { stroke: palette.line, width: 1 },
    ticks: { show: false },
    values: (_u, splits, _axis, _space, step) => splits.map((s) => tickText(s, step, zone)),
  };
}

/** tickText writes as much of a moment as its neighbours differ in; midnight is a day. */
function tickText(seconds: number, step: number, zone: Zone): string {
  const date = new Date(seconds * 1000);
  const clock = formatClock(date, zone);
  if (step >= 86_400 || clock === "00:00:00") return formatDay(date, zone).slice(5);
  return step < 60 ? clock : clock.slice(0, 5);
}

function valueAxis({ palette, unit }: Look): uPlot.Axis {
  return {
    stroke: palette.text3,
    font: palette.font,
    space: 48,
    gap: 6,
    size: (u, values) => {
      u.ctx.font = palette.font;
      const widest = Math.max(0, ...(values ?? []).map((v) => u.ctx.measureText(v).width));
      return Math.ceil(widest + 14);
    },
    grid: { stroke: palette.line, width: 1 },
    ticks: { show: false },
    values: (_u, splits) => splits.map((s) => (s === 0 ? "0" : formatValue(s, unit))),
  };
}

/** drawErrors shades one standard error above and below the lines that are estimates. */
function drawErrors(u: uPlot, { times, lines, palette }: Look): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.globalAlpha = 0.18;
  lines.forEach(({ series, slot }, i) => {
    const { points, standardErrors } = series;
    if (!standardErrors || u.series[i + 1]?.show === false) return;
    ctx.fillStyle = palette.services[slot];
    const known = (k: number) => points[k] != null && standardErrors[k] != null;
    for (let from = 0; from < points.length; from++) {
      if (!known(from)) continue;
      let to = from;
      while (to + 1 < points.length && known(to + 1)) to++;
      const at = (k: number, sign: number) => {
        const y = (points[k] as number) + sign * (standardErrors[k] as number);
        ctx.lineTo(u.valToPos(times[k], "x", true), u.valToPos(y, "y", true));
      };
      ctx.beginPath();
      for (let k = from; k <= to; k++) at(k, 1);
      for (let k = to; k >= from; k--) at(k, -1);
      ctx.fill();
      from = to;
    }
  });
  ctx.restore();
}
