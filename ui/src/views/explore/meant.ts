// From a reason why nothing was found to the query as it may have been meant.

const unknown = /^(.+) does not occur; did you mean (.+)\?$/s;
const never = /^.+? is never (".*") here; did you mean (.+)\?$/s;

/** Mended is a name or value to take instead, and the query that has it. */
export interface Mended {
  name: string;
  query: string;
}

/**
 * mended reads a reason such as "span.htp.route does not occur; did you mean span.http.route?". It returns nothing
 * where the query does not have the wrong text as the reason writes it: then the reader mends it by hand.
 */
export function mended(q: string, reason: string): Mended[] {
  const [, wrong, right] = unknown.exec(reason) ?? never.exec(reason) ?? [];
  if (wrong === undefined) return [];
  return right.split(betweenNames).flatMap((name) => {
    const query = replaceWord(q, wrong, name);
    return query === q || name.includes("…") ? [] : [{ name, query }];
  });
}

/** betweenNames is an "or" with whole quoted texts after it: none that stands within one. */
const betweenNames = / or (?=(?:(?:[^"\\]|\\.)*"(?:[^"\\]|\\.)*")*(?:[^"\\]|\\.)*$)/s;

/** replaceWord replaces a whole word, which may be a quoted text, but nothing within another quoted text. */
function replaceWord(q: string, wrong: string, right: string): string {
  const literal = wrong.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const before = /^[\w.]/.test(wrong) ? "(?<![\\w.:-])" : "";
  const after = /[\w.]$/.test(wrong) ? "(?![\\w.:-])" : "";
  const word = new RegExp(`(${before}${literal}${after})|"(?:[^"\\\\]|\\\\.)*"`, "g");
  return q.replace(word, (whole, found) => (found === undefined ? whole : right));
}
