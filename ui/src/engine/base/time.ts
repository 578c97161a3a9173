// Durations and moments as text. A duration is a number of nanoseconds; a moment
// is nanoseconds since 1970 as bigint, because a number cannot hold one exactly.

const thin = "\u2009";

const units: readonly [nanos: number, name: string][] = [
  [1, "ns"],
  [1e3, "µs"],
  [1e6, "ms"],
  [1e9, "s"],
];

/**
 * formatDuration writes a duration with at most three significant digits and a
 * unit: 812 ms, 1.28 s, 14 µs, 2 min 5 s, 3 h 12 min, 2 d 4 h. A negative one has a minus sign.
 */
export function formatDuration(nanos: number): string {
  if (nanos < 0) return `\u2212${formatDuration(-nanos)}`;
  if (!(nanos < 59.95e9)) return formatLong(nanos);
  let [unit, name] = units[0];
  for (const [u, n] of units) {
    // 999.6 µs would be written 1000 µs: it belongs to the next unit.
    if (nanos >= u * 0.9995) [unit, name] = [u, n];
  }
  return `${threeDigits(nanos / unit)}${thin}${name}`;
}

function threeDigits(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

function formatLong(nanos: number): string {
  const pairs: [number, string, number, string][] = [
    [86400e9, "d", 3600e9, "h"],
    [3600e9, "h", 60e9, "min"],
    [60e9, "min", 1e9, "s"],
  ];
  for (const [big, bigName, small, smallName] of pairs) {
    const smalls = Math.round(nanos / small);
    if (smalls * small < big) continue;
    const per = big / small;
    const rest = smalls % per;
    const text = `${Math.floor(smalls / per)}${thin}${bigName}`;
    return rest === 0 ? text : `${text} ${rest}${thin}${smallName}`;
  }
  return `${Math.round(nanos / 1e9)}${thin}s`;
}

/** formatShare writes part of whole in per cent, one decimal at most: 63 %, 0.4 %. */
export function formatShare(part: number, whole: number): string {
  if (!(whole > 0)) return `0${thin}%`;
  const percent = (100 * part) / whole;
  const text = percent >= 10 || percent === 0 ? Math.round(percent) : Number(percent.toFixed(1));
  return `${text === 0 && part > 0 ? "<0.1" : text}${thin}%`;
}

/** formatCount writes a count with thin spaces between groups of three digits. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, thin);
}

/** dateOf converts a moment to a Date, rounded down to the millisecond. */
export function dateOf(unixNanos: bigint): Date {
  return new Date(Number(unixNanos / 1_000_000n));
}

/** Zone is whose clock the page shows. */
export type Zone = "local" | "utc";

/** formatMoment writes date and time of day with milliseconds: 2026-11-23 01:12:09.482. */
export function formatMoment(unixNanos: bigint, zone: Zone): string {
  const date = dateOf(unixNanos);
  if (Number.isNaN(date.getTime())) return `${unixNanos} ns`;
  return `${formatDay(date, zone)} ${formatClock(date, zone)}.${pad(zone === "utc" ? date.getUTCMilliseconds() : date.getMilliseconds(), 3)}`;
}

/** formatDay writes a date as 2026-11-23. */
export function formatDay(date: Date, zone: Zone): string {
  return zone === "utc"
    ? `${pad(date.getUTCFullYear(), 4)}-${pad(date.getUTCMonth() + 1, 2)}-${pad(date.getUTCDate(), 2)}`
    : `${pad(date.getFullYear(), 4)}-${pad(date.getMonth() + 1, 2)}-${pad(date.getDate(), 2)}`;
}

/** formatClock writes a time of day as 01:12:09. */
export function formatClock(date: Date, zone: Zone): string {
  const [h, m, s] =
    zone === "utc"
      ? [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
      : [date.getHours(), date.getMinutes(), date.getSeconds()];
  return `${pad(h, 2)}:${pad(m, 2)}:${pad(s, 2)}`;
}

/** formatAgo writes how long before now a moment was: just now, 3 min ago, 2 d ago; or in 5 s. */
export function formatAgo(unixNanos: bigint, nowMs: number): string {
  const seconds = Math.round(nowMs / 1000 - Number(unixNanos / 1_000_000n) / 1000);
  const size = Math.abs(seconds);
  if (size < 2) return "just now";
  const text =
    size < 60
      ? `${size}${thin}s`
      : size < 3600
        ? `${Math.floor(size / 60)}${thin}min`
        : size < 86400
          ? `${Math.floor(size / 3600)}${thin}h`
          : `${Math.floor(size / 86400)}${thin}d`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, "0");
}
