// The part of the trace page's state that is in the address, and what of it cannot be followed.

import { clip, visible } from "../../engine/base/text";
import { viewFromText } from "../../engine/layout/view";
import { foldTextProblem } from "../../engine/model/fold";
import { rowOfSpan, type Trace } from "../../engine/model/trace";

export interface Place {
  span?: string;
  z?: string;
  c?: string;
  find?: string;
  only?: string;
  clocks?: string;
}

/** Only is the filter of rows. */
export type Only = "" | "errors" | "matches";

/** correctedClocks is what the address says of times that are corrected. */
export const correctedClocks = "corrected";

/** quotedChars bounds what is repeated of a wrong parameter. */
const quotedChars = 40;

/**
 * refusals says which parameters are left out, one sentence each. A span that is not in a trace which still grows
 * is no mistake: it may come.
 */
export function refusals(place: Place, t: Trace): string[] {
  const { span, z, c, find, only, clocks } = place;
  const list: string[] = [];
  const refuse = (key: keyof Place, why: string) =>
    list.push(`${key}=${visible(clip(place[key] ?? "", quotedChars))} was left out: ${why}.`);
  if (span && !isSpanId(span)) refuse("span", "a span id has 16 hex digits");
  else if (span && t.complete && rowOfSpan(t, span) < 0) refuse("span", "no span of this trace has this id");
  if (z && !viewFromText(z, t.extent))
    refuse("z", "a stretch of time is START-END, in nanoseconds from the start of the trace");
  const problem = c ? foldTextProblem(t, c) : "";
  if (problem !== "") refuse("c", problem);
  if (only && only !== "errors" && only !== "matches") refuse("only", "it is errors or matches");
  if (only === "matches" && !find) refuse("only", "there is nothing to find");
  if (clocks && clocks !== correctedClocks) refuse("clocks", "it is corrected");
  return list;
}

export function isSpanId(text: string): boolean {
  return /^[0-9a-f]{16}$/i.test(text);
}

/** onlyOf reads the filter. */
export function onlyOf(place: Place): Only {
  if (place.only === "matches") return place.find ? "matches" : "";
  return place.only === "errors" ? "errors" : "";
}
