// Which rows are folded away. A fold is a rule plus the rows where the reader
// decided otherwise; so it stays short in the URL, however large the trace is.

import type { Trace } from "./trace";

/**
 * Fold says which rows hide their children.
 *
 * - auto: everything open, unless the trace is large; then open down to the depth that shows about autoRows rows
 * - open: nothing is folded
 * - level: rows of this depth and deeper are folded
 *
 * toggled are rows for which the opposite holds.
 */
export interface Fold {
  rule: "auto" | "open" | "level";
  level: number;
  toggled: ReadonlySet<number>;
}

export const autoFold: Fold = { rule: "auto", level: 0, toggled: new Set() };

/** autoSpans is the size from which a trace opens folded, autoRows how many rows it then shows about. */
export const autoSpans = 2000;
export const autoRows = 500;

/** foldLevel is the depth from which rows are folded under the fold's rule; Infinity where none is. */
export function foldLevel(t: Trace, fold: Fold): number {
  if (fold.rule === "level") return fold.level;
  if (fold.rule === "open" || t.spanCount <= autoSpans) return Infinity;
  let shown = 0;
  for (let depth = 0; depth <= t.maxDepth; depth++) {
    shown += t.rowsAtDepth[depth];
    // The children of the roots always show: a single row would say nothing.
    if (shown > autoRows && depth > 1) return depth - 1;
  }
  return t.maxDepth > 1 && shown > autoRows ? 1 : Infinity;
}

/** isFolded tells whether a row hides its children. */
export function isFolded(t: Trace, fold: Fold, level: number, row: number): boolean {
  return t.childCount[row] > 0 && t.depth[row] >= level !== fold.toggled.has(row);
}

/**
 * shownRows lists the rows that no folded row hides, in order. One pass. With a filter, only its rows and
 * their ancestors are listed.
 */
export function shownRows(t: Trace, fold: Fold, filter: Uint8Array | null): Uint32Array {
  const level = foldLevel(t, fold);
  const keep = filter && withAncestors(t, filter);
  const rows = new Uint32Array(t.rowCount);
  let count = 0;
  for (let i = 0; i < t.rowCount; ) {
    if (keep && !keep[i]) {
      i += t.size[i];
      continue;
    }
    rows[count++] = i;
    i += isFolded(t, fold, level, i) ? t.size[i] : 1;
  }
  return rows.subarray(0, count);
}

function withAncestors(t: Trace, rows: Uint8Array): Uint8Array {
  const keep = rows.slice();
  for (let i = t.rowCount - 1; i >= 0; i--) if (keep[i] && t.parent[i] >= 0) keep[t.parent[i]] = 1;
  return keep;
}

/** shownIndex is the place of a row among the shown ones, or of the row it is folded into; -1 if a filter hides it. */
export function shownIndex(t: Trace, shown: Uint32Array, row: number): number {
  let low = 0;
  let high = shown.length;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (shown[mid] <= row) low = mid + 1;
    else high = mid;
  }
  const at = low - 1;
  return at >= 0 && row < shown[at] + t.size[shown[at]] ? at : -1;
}

/** toggle opens or folds one row. */
export function toggle(fold: Fold, row: number): Fold {
  const toggled = new Set(fold.toggled);
  if (!toggled.delete(row)) toggled.add(row);
  return { ...fold, toggled };
}

/** mostRevealed bounds the rows that reveal opens one by one: each of them is a word in the address. */
const mostRevealed = 100;

/**
 * reveal opens all ancestors of a row; it returns the same fold if they are open. In a chain of very many it opens
 * everything above the row's depth instead.
 */
export function reveal(t: Trace, fold: Fold, row: number): Fold {
  const level = foldLevel(t, fold);
  const folded: number[] = [];
  for (let i = t.parent[row]; i >= 0; i = t.parent[i]) {
    if (!isFolded(t, fold, level, i)) continue;
    folded.push(i);
    if (folded.length > mostRevealed) return levelFold(t, t.depth[row]);
  }
  if (folded.length === 0) return fold;
  const toggled = new Set(fold.toggled);
  for (const i of folded) if (!toggled.delete(i)) toggled.add(i);
  return { ...fold, toggled };
}

/** levelFold folds all rows of a depth and deeper; past the deepest it opens everything. */
export function levelFold(t: Trace, level: number): Fold {
  if (level >= t.maxDepth) return { rule: "open", level: 0, toggled: new Set() };
  return { rule: "level", level: Math.max(0, level), toggled: new Set() };
}

/**
 * foldToText writes a fold for the URL: the rule (nothing, `open` or `l3`), then the toggled rows. A row
 * is named by the low 48 bits of its span id, base 36, so that a link holds while spans still arrive.
 */
export function foldToText(t: Trace, fold: Fold): string {
  const rule = fold.rule === "auto" ? "" : fold.rule === "open" ? "open" : `l${fold.level}`;
  const rows = [...fold.toggled].toSorted((a, b) => a - b).map((row) => rowKey(t, row).toString(36));
  return [rule, ...rows].join(".");
}

/** foldFromText is the inverse; what it does not understand it leaves out. */
export function foldFromText(t: Trace, text: string): Fold {
  return readFold(t, text).fold;
}

/** foldTextProblem says what foldFromText leaves out; "" if nothing. Rows of an incomplete trace may still come. */
export function foldTextProblem(t: Trace, text: string): string {
  const { ruleKnown, missing } = readFold(t, text);
  if (!ruleKnown) return "what is folded begins with nothing, open or l and a depth";
  if (missing > 0 && t.complete)
    return missing === 1 ? "a row it folds is not in this trace" : "rows it folds are not in this trace";
  return "";
}

function readFold(t: Trace, text: string): { fold: Fold; ruleKnown: boolean; missing: number } {
  const [rule, ...keys] = text.split(".");
  const level = /^l(\d{1,6})$/.exec(rule);
  const toggled = new Set<number>();
  const fold: Fold = level
    ? { rule: "level", level: Number(level[1]), toggled }
    : { rule: rule === "open" ? "open" : "auto", level: 0, toggled };
  const wanted = new Set(keys.map(keyOfText));
  let found = 0;
  for (let i = 0; i < t.rowCount && found < wanted.size; i++) {
    if (t.childCount[i] === 0 || !wanted.has(rowKey(t, i))) continue;
    toggled.add(i);
    found++;
  }
  return { fold, ruleKnown: rule === "" || rule === "open" || level !== null, missing: wanted.size - found };
}

/** rowKey is the low 48 bits of a row's span id. */
function rowKey(t: Trace, row: number): number {
  const at = 8 * row;
  let key = 0;
  for (let i = 2; i < 8; i++) key = key * 256 + t.spanId[at + i];
  return key;
}

/** keyOfText reads a key in base 36; NaN, which no row has, if it is none. */
function keyOfText(text: string): number {
  return /^[0-9a-z]{1,10}$/.test(text) ? Number.parseInt(text, 36) : Number.NaN;
}
