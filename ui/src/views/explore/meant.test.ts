import { expect, test } from "vitest";
import { mended } from "./meant";

const ofRoute = "span.http.rout does not occur; did you mean span.http.route?";

test.each([
  ['{ span.http.rout = "/" }', ofRoute, ['{ span.http.route = "/" }']],
  [
    "{ span.http.route_x = 1 || span.http.rout = 2 }",
    ofRoute,
    ["{ span.http.route_x = 1 || span.http.route = 2 }"],
  ],
  [
    '{ name = "span.http.rout" && span.http.rout != nil }',
    ofRoute,
    ['{ name = "span.http.rout" && span.http.route != nil }'],
  ],
  ['{ name = "span.http.rout" }', ofRoute, []],
  [
    "{ event.host != nil }",
    "event.host does not occur; did you mean span.host or resource.host?",
    ["{ span.host != nil }", "{ resource.host != nil }"],
  ],
  ['{ name = "crat" }', 'name is never "crat" here; did you mean "cart"?', ['{ name = "cart" }']],
  [
    '{ name = "a" }',
    'name is never "a" here; did you mean "this or that" or "b"?',
    ['{ name = "this or that" }', '{ name = "b" }'],
  ],
  [
    '{ span."weird kay" = "x" }',
    'span."weird kay" does not occur; did you mean span."weird key"?',
    ['{ span."weird key" = "x" }'],
  ],
  ["{ duration > .5s }", ".5s does not occur; did you mean 500ms?", ["{ duration > 500ms }"]],
  ['{ name = "x" }', 'name is never "x" here; did you mean "a very long…"?', []],
  ['{ name = "x" }', 'name is never "x" here', []],
])("%s and %s", (q, reason, queries) => {
  expect(mended(q, reason).map((m) => m.query)).toEqual(queries);
});
