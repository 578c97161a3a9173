import { expect, test } from "vitest";
import type { Bar } from "./bars";
import { placeLabel } from "./labels";

test.each([
  ["right of the bar", { left: 0, right: 500, events: [] }, { x: 506, within: false }],
  ["right of the last mark", { left: 0, right: 500, events: [500] }, { x: 510, within: false }],
  ["left of the bar", { left: 300, right: 1000, events: [] }, { x: 254, within: false }],
  ["left of the first mark", { left: 300, right: 1000, events: [298] }, { x: 248, within: false }],
  ["within", { left: 0, right: 1000, events: [] }, { x: 952, within: true }],
  ["within, left of the mark at the end", { left: 0, right: 1000, events: [998] }, { x: 949, within: true }],
  ["between marks", { left: 0, right: 1000, events: [880, 990] }, { x: 941, within: true }],
  ["left of both marks", { left: 0, right: 1000, events: [940, 990] }, { x: 891, within: true }],
  ["a mark far left is no matter", { left: 0, right: 1000, events: [500] }, { x: 952, within: true }],
  [
    "on marks, where they are everywhere",
    { left: 0, right: 1000, events: Array.from({ length: 51 }, (_, i) => 20 * i) },
    { x: 952, within: true },
  ],
])("%s", (_what, bar, place) => {
  expect(placeLabel(bar as unknown as Bar, 40, 1000)).toEqual(place);
});
