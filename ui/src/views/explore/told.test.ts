import { expect, test } from "vitest";
import type { TraceSummary } from "../../api/client";
import { toldLine } from "./told";

const told = (name: string, text: string) => ({
  name,
  text,
  value: { type: "string" as const, string: text },
});
const span = (...fields: ReturnType<typeof told>[]) => ({ spanId: "00f067aa0ba902b7", fields });
const of = (name: string) => ({ matchedSpans: 1, labels: [told("name", name)] });

test.each<[string, Pick<TraceSummary, "sets" | "moreSets">, string]>([
  ["nothing asked", {}, ""],
  ["nothing there", { sets: [{ matchedSpans: 2 }] }, ""],
  ["a number", { sets: [{ matchedSpans: 4, labels: [told("count()", "4")] }] }, "count() = 4"],
  [
    "fields of the newest span",
    {
      sets: [
        {
          matchedSpans: 2,
          spans: [span(told("span.a", "x\n"), told("span.b", "2ms")), span(told("span.a", "y"))],
        },
      ],
    },
    "span.a = x\\n, span.b = 2ms",
  ],
  [
    "sets",
    { sets: [of("a"), { ...of("b"), spans: [span(told("span.c", "d"))] }] },
    "name = a · name = b, span.c = d",
  ],
  [
    "many sets",
    { sets: [..."abcdef"].map(of), moreSets: 100 },
    "name = a · name = b · name = c · name = d · 102 more",
  ],
  ["long values", { sets: [of("x".repeat(500))] }, `name = ${"x".repeat(79)}…`],
])("%s", (_, trace, line) => {
  expect(toldLine(trace)).toBe(line);
});
