// What may be typed next in a query: names of attributes, and values after an operator.

/** Wanted is what stands at the caret. from and to are the text that a choice replaces. */
export type Wanted =
  | { kind: "name"; prefix: string; from: number; to: number }
  | { kind: "value"; name: string; prefix: string; from: number; to: number }
  | null;

const valueBefore = /([A-Za-z_.][\w.-]*|[\w.]*"[^"]*")\s*(=~|!~|!=|>=|<=|=|>|<)\s*("(?:[^"\\]|\\.)*|[\w.]*)$/;
const nameBefore = /(^|[{(&|\s!])([A-Za-z_.][\w.-]*)?$/;

/** wantedAt tells from the text before the caret whether a name or a value is being typed. */
export function wantedAt(text: string, caret: number): Wanted {
  const before = text.slice(0, caret);
  const inside = before.lastIndexOf("{") > before.lastIndexOf("}");
  if (!inside) return null;
  const value = valueBefore.exec(before);
  if (value) {
    const typed = value[3];
    const closing = typed.startsWith('"') && text[caret] === '"' ? 1 : 0;
    return {
      kind: "value",
      name: value[1],
      prefix: typed.replace(/^"/, ""),
      from: caret - typed.length,
      to: caret + closing,
    };
  }
  const name = nameBefore.exec(before);
  if (!name || /["]/.test(before.slice(before.lastIndexOf("{")).replace(/"(?:[^"\\]|\\.)*"/g, "")))
    return null;
  const prefix = name[2] ?? "";
  return { kind: "name", prefix, from: caret - prefix.length, to: caret };
}

/** rank keeps the names that contain the prefix; those that begin with it, or have it after a dot, come first. */
export function rank(names: readonly string[], prefix: string, most: number): string[] {
  const needle = prefix.toLowerCase();
  const score = (name: string) => {
    const low = name.toLowerCase();
    return low.startsWith(needle) ? 0 : low.includes(`.${needle}`) ? 1 : low.includes(needle) ? 2 : 3;
  };
  return names
    .map((name) => [score(name), name] as const)
    .filter(([s]) => s < 3)
    .toSorted(([a], [b]) => a - b)
    .slice(0, most)
    .map(([, name]) => name);
}
