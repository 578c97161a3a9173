import { expect, test } from "vitest";
import { isOrdered } from "./order";

test("an order is one that is asked for, outside of texts", () => {
  expect(isOrdered("{ status = error } | order by duration desc")).toBe(true);
  expect(isOrdered("{ } | by(name) |order  by name")).toBe(true);
  expect(isOrdered("{ status = error }")).toBe(false);
  expect(isOrdered('{ name = "a | order by b" }')).toBe(false);
  expect(isOrdered('{ name = "\\"" } | order by name | { name = "x" }')).toBe(true);
  expect(isOrdered("{ name = `| order by ` }")).toBe(false);
});
