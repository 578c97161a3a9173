import { expect, test } from "vitest";
import { rank, wantedAt } from "./suggest";

/** The caret is where | stands. */
function at(text: string) {
  const caret = text.indexOf("|");
  return wantedAt(text.replace("|", ""), caret);
}

test("what is wanted at the caret", () => {
  expect(at("|")).toBeNull();
  expect(at("{ }|")).toBeNull();
  expect(at("{|")).toEqual({ kind: "name", prefix: "", from: 1, to: 1 });
  expect(at("{ dur|")).toEqual({ kind: "name", prefix: "dur", from: 2, to: 5 });
  expect(at("{ span.http.r| }")).toEqual({ kind: "name", prefix: "span.http.r", from: 2, to: 13 });
  expect(at('{ name = "a" && st|')).toEqual({ kind: "name", prefix: "st", from: 16, to: 18 });
  expect(at("{ status = |")).toEqual({ kind: "value", name: "status", prefix: "", from: 11, to: 11 });
  expect(at("{ status=er|")).toEqual({ kind: "value", name: "status", prefix: "er", from: 9, to: 11 });
  expect(at('{ span.a =~ "x y|" }')).toEqual({
    kind: "value",
    name: "span.a",
    prefix: "x y",
    from: 12,
    to: 17,
  });
});

test("names that begin with the prefix come first", () => {
  expect(rank(["span.url.path", "resource.host", "status", "span.status"], "st", 3)).toEqual([
    "status",
    "span.status",
    "resource.host",
  ]);
  expect(rank(["a", "b"], "", 1)).toEqual(["a"]);
});
