// Looking for text in a trace, and for the next row of some kind.

import { flag, none, type Strings, stringAt } from "./skeleton";
import { rowOfSpan, type Trace } from "./trace";

/**
 * findRows marks the rows whose service, name or span id contains a text, without regard to case. It
 * looks through the dictionaries, then takes one pass over the codes. A span id must be whole. Empty for an empty text.
 */
export function findRows(t: Trace, text: string): Uint8Array {
  const needle = text.toLowerCase();
  if (needle === "") return new Uint8Array(0);
  const hits = new Uint8Array(t.rowCount);
  const service = t.services.map((s) => s.text.toLowerCase().includes(needle));
  const name = findStrings(t.names, needle);
  for (let i = 0; i < t.rowCount; i++) {
    if (t.name[i] !== none && (name[t.name[i]] !== 0 || service[t.service[i]])) hits[i] = 1;
  }
  for (let i = rowOfSpan(t, needle); i >= 0; i = rowOfSpan(t, needle, i + 1)) hits[i] = 1;
  return hits;
}

/** lowered remembers dictionaries in lower case. */
const lowered = new WeakMap<Strings, string>();

/** findStrings marks the strings that contain a text in lower case. */
function findStrings(s: Strings, needle: string): Uint8Array {
  const { ends } = s;
  const hits = new Uint8Array(ends.length);
  const lower = lowered.get(s) ?? s.text.toLowerCase();
  lowered.set(s, lower);
  if (lower.length !== s.text.length) {
    // A few letters get longer in lower case, and then ends do not fit.
    for (let i = 0; i < ends.length; i++) if (stringAt(s, i).toLowerCase().includes(needle)) hits[i] = 1;
    return hits;
  }
  let i = 0;
  for (let at = lower.indexOf(needle); at >= 0; ) {
    while (ends[i] <= at) i++;
    const within = at + needle.length <= ends[i];
    if (within) hits[i] = 1;
    at = lower.indexOf(needle, within ? ends[i] : at + 1);
  }
  return hits;
}

/** rowsOf lists the marked rows, ascending. */
export function rowsOf(hits: Uint8Array): Uint32Array {
  let count = 0;
  for (let i = 0; i < hits.length; i++) count += hits[i];
  const rows = new Uint32Array(count);
  for (let i = 0, at = 0; i < hits.length; i++) if (hits[i]) rows[at++] = i;
  return rows;
}

/** step finds the row of an ascending list that comes after (dir 1) or before (dir -1) a row, round the end; -1 in an empty list. */
export function step(rows: Uint32Array, row: number, dir: 1 | -1): number {
  if (rows.length === 0) return -1;
  const next = firstAfter(rows, row);
  if (dir === 1) return rows[next === rows.length ? 0 : next];
  const at = next > 0 && rows[next - 1] === row ? next - 2 : next - 1;
  return rows[at < 0 ? rows.length - 1 : at];
}

/** firstAfter is the place of the first element greater than row. */
export function firstAfter(rows: Uint32Array, row: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (rows[mid] <= row) low = mid + 1;
    else high = mid;
  }
  return low;
}

/** errorRows lists the rows with an error. */
export function errorRows(t: Trace): Uint32Array {
  const rows = new Uint32Array(t.errorCount);
  for (let i = 0, at = 0; i < t.rowCount; i++) if (t.flags[i] & flag.error) rows[at++] = i;
  return rows;
}
