import { expect, test } from "vitest";
import { bytesOfBase64, bytesOfHex, formatBytes, hex } from "./bytes";
import { assignSlots, slotCount } from "./colour";
import { utf16Offset, visible } from "./text";
import { formatAgo, formatCount, formatDuration, formatMoment, formatShare } from "./time";

const plain = (text: string) => text.replaceAll("\u2009", " ");

test("durations have at most three digits and a unit", () => {
  const f = (nanos: number, want: string) => expect(plain(formatDuration(nanos)), String(nanos)).toBe(want);
  f(0, "0 ns");
  f(1, "1 ns");
  f(999, "999 ns");
  f(999.6, "1 µs");
  f(1e3, "1 µs");
  f(1284, "1.28 µs");
  f(14_000, "14 µs");
  f(999_499, "999 µs");
  f(999_600, "1 ms");
  f(812_400_000, "812 ms");
  f(1_284_000_000, "1.28 s");
  f(59.94e9, "59.9 s");
  f(59.96e9, "1 min");
  f(125e9, "2 min 5 s");
  f(3599.9e9, "1 h");
  f(3 * 3600e9 + 720e9, "3 h 12 min");
  f(52 * 3600e9, "2 d 4 h");
  f(-25e6, "\u221225 ms");
});

test("shares, counts and sizes", () => {
  expect(plain(formatShare(63, 100))).toBe("63 %");
  expect(plain(formatShare(4, 1000))).toBe("0.4 %");
  expect(plain(formatShare(1, 1e6))).toBe("<0.1 %");
  expect(plain(formatShare(0, 10))).toBe("0 %");
  expect(plain(formatShare(1, 0))).toBe("0 %");
  expect(plain(formatCount(1234567))).toBe("1 234 567");
  expect(plain(formatCount(123))).toBe("123");
  expect(plain(formatBytes(999))).toBe("999 B");
  expect(plain(formatBytes(18_200_000_000))).toBe("18.2 GB");
});

test("moments", () => {
  expect(formatMoment(1_795_396_329_482_000_001n, "utc")).toBe("2026-11-23 01:12:09.482");
  expect(formatMoment(0n, "utc")).toBe("1970-01-01 00:00:00.000");
  expect(formatMoment(18446744073709551615n, "utc")).toBe("2554-07-21 23:34:33.709");
  expect(plain(formatAgo(1_000_000_000_000n, 1_180_000))).toBe("3 min ago");
  expect(plain(formatAgo(1_000_000_000_000n, 995_000))).toBe("in 5 s");
  expect(formatAgo(1_000_000_000_000n, 1_000_400)).toBe("just now");
});

test("hex and base64", () => {
  expect(hex(new Uint8Array([0, 10, 255]))).toBe("000aff");
  expect(bytesOfHex("000aFF")).toEqual(new Uint8Array([0, 10, 255]));
  expect(bytesOfHex("0")).toBeNull();
  expect(bytesOfHex("zz")).toBeNull();
  expect(bytesOfBase64("AAr/")).toEqual(new Uint8Array([0, 10, 255]));
  expect(bytesOfBase64("AAr_")).toEqual(new Uint8Array([0, 10, 255]));
  expect(bytesOfBase64("***")).toBeNull();
});

test("what would hide or disturb is made visible", () => {
  expect(visible("a\u0000b\nc\td")).toBe("a‹U+0000›b\\nc\\td");
  expect(visible("\u202edesrever\u202c")).toBe("‹U+202E›desrever‹U+202C›");
  expect(visible("עברית 🧵 <b>")).toBe("עברית 🧵 <b>");
});

test("an offset in UTF-8 becomes one in UTF-16", () => {
  const text = "aé€🧵z";
  expect([0, 1, 3, 6, 10, 11, 99].map((at) => utf16Offset(text, at))).toEqual([0, 1, 2, 3, 5, 6, 6]);
});

test("colours: home slot first, next free on collision, repeats are striped", () => {
  expect(assignSlots([3, 3, 15])).toEqual([
    { slot: 3, striped: false },
    { slot: 4, striped: false },
    { slot: 5, striped: false },
  ]);
  const many = assignSlots(Array.from({ length: 14 }, (_, i) => i));
  expect(new Set(many.slice(0, slotCount).map((s) => s.slot)).size).toBe(slotCount);
  expect(many.slice(slotCount)).toEqual([
    { slot: 0, striped: true },
    { slot: 1, striped: true },
  ]);
});
