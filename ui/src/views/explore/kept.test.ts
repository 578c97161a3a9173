import { expect, test } from "vitest";
import { keptText } from "./kept";

test("a count says how many spans there were, where samplers left some out", () => {
  expect(keptText({ spans: 3, traces: 2 })).toBeUndefined();
  expect(keptText({ spans: 3, traces: 2, unknownWeight: 1 })).toBeUndefined();
  expect(keptText({ spans: 3, traces: 2, estimatedSpans: 120, standardError: 11.4 })).toBe(
    "kept of about 120 ± 11 spans",
  );
});
