// Numbers over time: what a query asks for, in which unit, and how its series are named and told apart.

import type { MetricsAnswer } from "../../api/client";
import { homeSlot, slotCount } from "../../engine/base/colour";
import { clip, visible } from "../../engine/base/text";
import { formatCount, formatDuration } from "../../engine/base/time";

export type MetricSeries = MetricsAnswer["series"][number];

/** Unit is what the numbers are: spans per second, spans, seconds, or whatever an attribute holds. */
export type Unit = "perSecond" | "count" | "seconds" | "plain";

const measures = /^(?:parent\.)?(?:span:|trace:)?(?:duration|traceDuration)$|^event:timeSinceStart$/;
const metric = /\|\s*(rate|compare|[a-z]+_over_time)\s*\(\s*([^,()]*)/;

/** bare is a query without its quoted texts, in which anything may stand. */
const bare = (q: string) => q.replace(/"(?:[^"\\]|\\.)*"|`[^`]*`/g, '""');

/** asksNumbers tells a query that ends in a metric from one that asks for spans. */
export function asksNumbers(q: string): boolean {
  return metric.test(bare(q));
}

/** unitOf is the unit of a query's numbers; what is computed from several metrics has none. */
export function unitOf(q: string): Unit {
  const text = bare(q);
  const [, name, of] = metric.exec(text) ?? [];
  if (/\)\s*[-+*/^%]/.test(text)) return "plain";
  if (name === "rate") return "perSecond";
  if (name === "compare" || name === "count_over_time" || name === "histogram_over_time") return "count";
  return measures.test((of ?? "").trim()) ? "seconds" : "plain";
}

/** formatValue writes a number in its unit, with three significant digits. */
export function formatValue(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined) return "–";
  if (unit === "seconds") return formatDuration(value * 1e9);
  const size = Math.abs(value);
  const text =
    size >= 1000 && size < 1e15
      ? formatCount(Math.round(size))
      : size !== 0 && (size < 0.001 || size >= 1e15)
        ? size.toExponential(2)
        : String(Number(size.toPrecision(3)));
  return `${value < 0 ? "\u2212" : ""}${text}${unit === "perSecond" ? "/s" : ""}`;
}

/** Line is a series as it is drawn: its name, colour slot, and how often that colour was taken before it. */
export interface Line {
  series: MetricSeries;
  name: string;
  slot: number;
  dash: readonly number[];
  max: number | null;
  mean: number | null;
}

/** dashes tell series of one colour apart. */
const dashes: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [9, 3, 2, 3], [12, 4]];

/** mostLines bounds the series that are drawn: more cannot be told apart. */
export const mostLines = 40;

/** linesOf are the series to draw, those with the greatest numbers where there are too many, in the server's order. */
export function linesOf(all: readonly MetricSeries[], registry: ReadonlyMap<string, number>): Line[] {
  const kept = new Set(
    all.length <= mostLines ? all : all.toSorted((a, b) => top(b) - top(a)).slice(0, mostLines),
  );
  const taken = new Array<number>(slotCount).fill(0);
  return all
    .filter((series) => kept.has(series))
    .map((series, i) => {
      const service = series.labels.find(
        (l) => l.name.endsWith("service.name") || l.name === "rootServiceName",
      );
      const place = typeof service?.value === "string" ? registry.get(service.value) : undefined;
      const slot = homeSlot(place ?? i);
      const numbers = series.points.filter((p) => p !== null);
      return {
        series,
        name: nameOf(series),
        slot,
        dash: dashes[taken[slot]++ % dashes.length],
        max: numbers.length === 0 ? null : Math.max(...numbers),
        mean: numbers.length === 0 ? null : numbers.reduce((sum, p) => sum + p, 0) / numbers.length,
      };
    });
}

function top({ points }: MetricSeries): number {
  return points.reduce<number>((most, p) => (p !== null && p > most ? p : most), -Infinity);
}

/** nameChars bounds what of a label is shown. */
const nameChars = 80;

/** nameOf writes a series' labels: their values, which say enough as the query says what they are of. */
export function nameOf({ labels }: MetricSeries): string {
  if (labels.length === 0) return "all spans";
  const compared = labels.some((l) => l.name === "__meta_type"); // each series is of an attribute of its own
  return labels
    .map(({ name, value, text }) => {
      if (name === "p" && typeof value === "number") return `p${Number((value * 100).toPrecision(6))}`;
      if (name === "__bucket" && typeof value === "number") return `≤ ${formatDuration(value * 1e9)}`;
      const words = value === null ? "none" : typeof value === "string" ? value : text;
      const said = visible(clip(words, nameChars)) || '""';
      return compared && !name.startsWith("__") ? `${visible(clip(name, nameChars))} = ${said}` : said;
    })
    .join(" · ");
}

/** Example is a span that a number is made of, at its place in the chart. */
export interface Example {
  line: number;
  traceId: string;
  spanId: string;
  seconds: number;
  value: number;
}

/** examplesOf places the examples: one that has no number of its own lies on its line. */
export function examplesOf(answer: MetricsAnswer, lines: readonly Line[]): Example[] {
  const start = secondsOf(answer.start);
  return lines.flatMap(({ series }, line) =>
    (series.exemplars ?? []).flatMap(({ traceId, spanId, at, value }) => {
      const seconds = secondsOf(at);
      const step = Math.floor((seconds - start) / answer.stepSeconds);
      const height = value ?? series.points[step] ?? null;
      return height === null ? [] : [{ line, traceId, spanId, seconds, value: height }];
    }),
  );
}

/** secondsOf converts nanoseconds in decimal to seconds, exact to the microsecond. */
export function secondsOf(nanos: string): number {
  return Number(BigInt(nanos) / 1000n) / 1e6;
}

/** timesOf are the starts of the steps, in seconds. */
export function timesOf(answer: MetricsAnswer): number[] {
  const start = secondsOf(answer.start);
  return Array.from({ length: answer.steps }, (_, i) => start + i * answer.stepSeconds);
}
