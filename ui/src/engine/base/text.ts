// Text that strangers wrote, made safe to look at.

/**
 * visible replaces what would not show, or would change how its surroundings
 * show: control characters become \n, \t or ‹U+0000›, and so do
 * bidirectional overrides and isolates. Everything else stays.
 */
export function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (c) => {
    if (c === "\n") return "\\n";
    if (c === "\t") return "\\t";
    return `\u2039U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}\u203a`;
  });
}

/** visibleLines is visible for text whose line breaks and tabs are meant, as a stack trace's. */
export function visibleLines(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => line.split("\t").map(visible).join("\t"))
    .join("\n");
}

/** clip shortens text to at most max characters, the last of them an ellipsis. */
export function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}

/** utf16Offset converts an offset in a text's UTF-8 to an offset in the text. */
export function utf16Offset(text: string, utf8Offset: number): number {
  let bytes = 0;
  for (let i = 0; i < text.length; ) {
    if (bytes >= utf8Offset) return i;
    const code = text.codePointAt(i) as number;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    i += code < 0x10000 ? 1 : 2;
  }
  return text.length;
}
