import { expect, test } from "vitest";
import { asksNumbers, formatValue, linesOf, type MetricSeries, mostLines, nameOf, unitOf } from "./metrics";

test.each([
  ["{ } | rate() by (resource.service.name)", true, "perSecond"],
  ["{ status = error }|count_over_time()", true, "count"],
  ["{ } | quantile_over_time(duration, .5, .99)", true, "seconds"],
  ["{ } | avg_over_time(trace:duration) by (name)", true, "seconds"],
  ["{ } | max_over_time(span.http.response.body.size)", true, "plain"],
  ["{ } | histogram_over_time(duration)", true, "count"],
  ["({ status = error } | rate()) / ({ } | rate())", true, "plain"],
  ["{ } | rate() by (name) > 0.5 | topk(3)", true, "perSecond"],
  ['{ name = "x | rate()" }', false, ""],
  ["{ } | select(name)", false, ""],
  ["{ } | avg(duration) > 1s", false, ""],
  ["", false, ""],
])("%s", (q, numbers, unit) => {
  expect(asksNumbers(q)).toBe(numbers);
  if (numbers) expect(unitOf(q)).toBe(unit);
});

test.each([
  [null, "count", "–"],
  [0, "perSecond", "0/s"],
  [0.01234, "perSecond", "0.0123/s"],
  [12.345, "count", "12.3"],
  [12345.6, "count", "12\u2009346"],
  [0.0123, "seconds", "12.3\u2009ms"],
  [-3, "plain", "\u22123"],
  [0.0000123, "plain", "1.23e-5"],
] as const)("%s in %s", (value, unit, text) => {
  expect(formatValue(value, unit)).toBe(text);
});

const series = (
  points: (number | null)[],
  ...labels: [name: string, value: unknown, text?: string][]
): MetricSeries =>
  ({
    points,
    labels: labels.map(([name, value, text]) => ({ name, value, text: text ?? `${value}` })),
  }) as MetricSeries;

test("names", () => {
  expect(nameOf(series([]))).toBe("all spans");
  expect(nameOf(series([], ["resource.service.name", "cart"], ["p", 0.99]))).toBe("cart · p99");
  expect(nameOf(series([], ["status", "error"], ["span.x", null, "nil"]))).toBe("error · none");
  const compared = series([], ["__meta_type", "baseline"], ["resource.cloud.region", "eu"]);
  expect(nameOf(compared)).toBe("baseline · resource.cloud.region = eu");
  expect(nameOf(series([], ["__bucket", 0.016]))).toBe("≤ 16\u2009ms");
});

test("a service has its colour; its other series are dashed", () => {
  const lines = linesOf(
    [
      series([1, null, 3], ["resource.service.name", "cart"], ["p", 0.5]),
      series([], ["resource.service.name", "cart"], ["p", 0.9]),
    ],
    new Map([["cart", 15]]),
  );
  expect(lines.map((l) => [l.slot, l.dash.length, l.max, l.mean])).toEqual([
    [3, 0, 3, 2],
    [3, 2, null, null],
  ]);
});

test("of too many series the greatest are drawn, in order", () => {
  const all = Array.from({ length: mostLines + 2 }, (_, i) => series([i], ["name", i]));
  const lines = linesOf(all, new Map());
  expect(lines.map((l) => l.max)).toEqual(Array.from({ length: mostLines }, (_, i) => i + 2));
});
