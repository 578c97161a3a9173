// The time range of a question: the parameter t of the URL.
//
//	1h                                          the last hour, from whenever it is asked
//	2026-11-23T01:00Z~2026-11-23T02:00Z         from, to; UTC
//	all                                         everything kept

/** presets are what the range menu offers. */
export const presets: readonly { t: string; label: string }[] = [
  { t: "15m", label: "Last 15 minutes" },
  { t: "1h", label: "Last hour" },
  { t: "6h", label: "Last 6 hours" },
  { t: "24h", label: "Last 24 hours" },
  { t: "7d", label: "Last 7 days" },
  { t: "all", label: "Everything kept" },
];

export const defaultRange = "1h";

const unitMillis: Record<string, number> = { s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 };

/** Range is a resolved range, unix ms; absent bounds are open. */
export interface Range {
  start?: number;
  end?: number;
}

/** parseRange resolves t at a moment; null if it is no range. */
export function parseRange(t: string, nowMs: number): Range | null {
  if (t === "all") return {};
  const relative = /^(\d{1,6})([smhd])$/.exec(t);
  // Before 1970 nothing was traced, and servers need not understand such dates.
  if (relative) return { start: Math.max(0, nowMs - Number(relative[1]) * unitMillis[relative[2]]) };
  const [from, to] = t.split("~");
  if (to === undefined) return null;
  const [start, end] = [Date.parse(from), Date.parse(to)];
  return start < end ? { start, end } : null;
}

/** isRelative tells whether t means something else a minute later. */
export function isRelative(t: string): boolean {
  return /^\d+[smhd]$/.test(t);
}

/** freeze writes t so that it means the same for ever: what a shared link needs. */
export function freeze(t: string, nowMs: number): string {
  if (!isRelative(t)) return t;
  const { start } = parseRange(t, nowMs) as Range;
  return rangeText(start as number, nowMs);
}

/** rangeText writes an absolute range, to the second. */
export function rangeText(startMs: number, endMs: number): string {
  const iso = (ms: number) => new Date(ms).toISOString().replace(/(:00)?\.\d{3}Z$/, "Z");
  return `${iso(startMs)}~${iso(endMs)}`;
}

/** wider is the next larger preset; null if there is none. */
export function wider(t: string): { t: string; label: string } | null {
  const at = presets.findIndex((p) => p.t === t);
  return at >= 0 && at < presets.length - 1 ? presets[at + 1] : at < 0 ? presets[presets.length - 1] : null;
}
