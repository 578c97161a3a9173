// One sentence's worth of facts about a trace, each by a plain rule.

import { flag } from "./skeleton";
import { errorsWithin, type Trace } from "./trace";

/** Verdict names rows; -1 where the rule finds none. */
export interface Verdict {
  /** The row with the longest self time. */
  slowest: number;
  slowestShare: number;
  /** The row where an error starts: it has one, no row below it has, and of those it starts first. */
  firstError: number;
  /** The first root, or the first row. */
  root: number;
}

/** judge finds the verdict in one pass. */
export function judge(t: Trace): Verdict {
  let slowest = -1;
  let firstError = -1;
  let root = -1;
  for (let i = 0; i < t.rowCount; i++) {
    if (t.flags[i] & flag.ghost) continue;
    if (slowest < 0 || t.self[i] > t.self[slowest]) slowest = i;
    if (root < 0 && t.flags[i] & flag.root) root = i;
    if (
      t.flags[i] & flag.error &&
      errorsWithin(t, i) === 0 &&
      (firstError < 0 || t.start[i] < t.start[firstError])
    ) {
      firstError = i;
    }
  }
  if (root < 0 && t.rowCount > 0) root = t.flags[0] & flag.ghost && t.rowCount > 1 ? 1 : 0;
  const whole = t.extent > 0 ? t.extent : 1;
  return { slowest, slowestShare: slowest < 0 ? 0 : t.self[slowest] / whole, firstError, root };
}
