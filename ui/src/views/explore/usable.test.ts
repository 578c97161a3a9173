import { expect, test } from "vitest";
import { usable } from "./usable";

test("parameters that cannot be followed are left out, with the reason", () => {
  const fine = { q: "{", t: "2026-11-23T01:00Z~2026-11-23T02:00Z", live: "1", other: "x" };
  expect(usable(fine)).toEqual({ params: fine, wrong: [] });
  expect(usable({ t: "" })).toEqual({ params: { t: "" }, wrong: [] });
  const { params, wrong } = usable({ q: "{}", t: "yesterday", live: "yes" });
  expect(params).toEqual({ q: "{}" });
  expect(wrong).toEqual([
    "t=yesterday was left out: a time range is 1h, all or FROM~TO. This is the last hour.",
    "live=yes was left out: it is 1, or absent.",
  ]);
  expect(usable({ t: "\u202ex".repeat(99) }).wrong[0]).toContain("t=\u2039U+202E\u203ax");
});
