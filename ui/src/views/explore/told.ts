// What a query asks to be told of a trace: by(…), numbers of sets and select(…).

import type { TraceSummary } from "../../api/client";
import { clip, visible } from "../../engine/base/text";
import { formatCount } from "../../engine/base/time";

/** mostSets and valueChars bound a line of a list; the trace has the rest. */
const mostSets = 4;
const valueChars = 80;

/** toldLine is a line for a trace, empty where there is nothing to tell: of each set its labels, then the fields of its newest span. */
export function toldLine({ sets = [], moreSets = 0 }: Pick<TraceSummary, "sets" | "moreSets">): string {
  const texts = sets.map(({ labels = [], spans = [] }) =>
    [...labels, ...(spans[0]?.fields ?? [])]
      .map(({ name, text }) => `${visible(clip(name, valueChars))} = ${visible(clip(text, valueChars))}`)
      .join(", "),
  );
  const some = texts.filter((text) => text !== "");
  const shown = some.slice(0, mostSets);
  const left = some.length - shown.length + moreSets;
  if (left > 0) shown.push(`${formatCount(left)} more`);
  return shown.join(" · ");
}
