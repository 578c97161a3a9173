// The URL is the state. Parameters are plain strings; unknown ones are kept, so that old and
// newer links survive a round trip.

import { clip, visible } from "../engine/base/text";

export type Search = Record<string, string | undefined>;

/** parseSearch reads "?a=b&c=d"; of a repeated parameter the last counts. */
export function parseSearch(text: string): Search {
  return Object.fromEntries(new URLSearchParams(text));
}

/** stringifySearch is the inverse. Empty parameters are left out; readable characters stay readable. */
export function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    if (value !== undefined && value !== null && value !== "") params.set(key, String(value));
  }
  const text = params
    .toString()
    .replace(/%(3A|7E|2C|2F|3D|7B|7D|22)/g, (c) => ({ "%22": "%22" })[c] ?? decodeURIComponent(c));
  return text === "" ? "" : `?${text}`;
}

/** keepSearch is the validation of every route: texts only, everything kept. */
export function keepSearch(raw: Record<string, unknown>): Search {
  const search: Search = {};
  for (const [key, value] of Object.entries(raw))
    if (value !== undefined && value !== null) search[key] = String(value);
  return search;
}

/** known are the parameters of all pages. */
const known = new Set(["q", "t", "live", "span", "z", "c", "find", "only", "clocks"]);

/** unknownOf says which parameters no page knows. They stay in the address: another version may know them. */
export function unknownOf(search: Search): string[] {
  const names = Object.keys(search).filter((key) => !known.has(key));
  if (names.length === 0) return [];
  const list = names.map((name) => `${visible(clip(name, 40))}=`).join(", ");
  return [
    `${list} in the address ${names.length === 1 ? "has" : "have"} no effect: this page does not know ${names.length === 1 ? "it" : "them"}.`,
  ];
}
