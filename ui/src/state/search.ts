// The URL is the state. Parameters are plain strings; unknown ones are kept, so that old and
// newer links survive a round trip.

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
