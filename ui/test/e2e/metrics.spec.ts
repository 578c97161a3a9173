// Queries that end in a metric: a chart, and the same numbers as a table.

import { expect, type Page } from "@playwright/test";
import { expectAccessible, expectRoomy, test } from "./page";

const rates = "/explore?t=6h&q={ } | rate() by (resource.service.name)";
const legend = (page: Page) => page.getByRole("list", { name: "Series" });
const plot = (page: Page) => page.locator("figure .u-over");

/** pointAt holds the pointer over a part of the chart until the tooltip is there: a chart that has just come may be drawn anew. */
async function pointAt(page: Page, share: number): Promise<void> {
  await expect(async () => {
    const box = await plot(page).boundingBox();
    if (!box) throw new Error("no plot");
    await page.mouse.move(box.x + box.width * share, box.y + 70);
    await page.mouse.move(box.x + box.width * share, box.y + 60);
    await expect(page.getByRole("presentation")).toBeVisible({ timeout: 500 });
  }).toPass();
}

test("a rate by service is drawn, with a legend, a tooltip and a table", async ({ page }) => {
  await page.goto(rates);
  await expect(legend(page).getByRole("button")).toHaveCount(5);
  await expect(
    legend(page).getByRole("button", { name: /^payment mean 2\d.*\/s, max 2\d.*\/s/ }),
  ).toBeVisible();
  await expect(page.getByText("5 series, one number for every 6 min")).toBeVisible();
  await expect(page.getByRole("button", { name: "Live" })).toBeHidden();
  await pointAt(page, 0.65);
  await expect(page.getByRole("presentation")).toContainText(/payment\d\d.*\/s ± \d.*\/s/);
  await pointAt(page, 24.2 / 60);
  await expect(page.getByRole("presentation")).not.toContainText("frontend"); // nothing is known of it there
  await page.getByRole("button", { name: "Show the numbers" }).click();
  const table = page.getByRole("region", { name: "Numbers" });
  await expect(table.getByRole("row")).toHaveCount(61);
  await expect(table.getByRole("row").nth(25).getByRole("cell").first()).toHaveText("–");
  await expect(table.getByRole("columnheader")).toHaveText([
    "From",
    "frontend",
    "payment",
    "cart",
    "web",
    "gateway",
  ]);
});

test("a line can be taken out and comes back, by key", async ({ page }) => {
  await page.goto(rates);
  const cart = legend(page).getByRole("button", { name: /cart/ });
  await cart.focus();
  await page.keyboard.press("Enter");
  await expect(cart).toHaveAttribute("aria-pressed", "false");
  await pointAt(page, 0.5);
  await expect(page.getByRole("presentation")).toContainText("payment");
  await expect(page.getByRole("presentation")).not.toContainText("cart");
  await cart.press("Enter");
  await expect(cart).toHaveAttribute("aria-pressed", "true");
});

test("dragging narrows the time; back widens it again", async ({ page }) => {
  await page.goto("/explore?t=2026-11-01T00:00Z~2026-11-01T06:00Z&q={ } | rate()");
  await legend(page).waitFor();
  const box = await plot(page).boundingBox();
  if (!box) throw new Error("no plot");
  await page.mouse.move(box.x + box.width * 0.25, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 80, { steps: 4 });
  await page.mouse.up();
  await expect(page).toHaveURL(/t=2026-11-01T01:[23]\d(:\d\d)?Z~2026-11-01T0[23]:\d\d(:\d\d)?Z/);
  await legend(page).waitFor();
  await page.goBack();
  await expect(page).toHaveURL(/T00:00Z~2026-11-01T06:00Z/);
});

test("an example leads to its trace, in the chart and from the table", async ({ page }) => {
  await page.goto(rates);
  await legend(page).waitFor();
  const mark = page.locator("figure a").first();
  await expect(mark).toHaveAttribute("title", /A span of frontend, .*\/s: open its trace/);
  await mark.click();
  await expect(page).toHaveURL(/\/trace\/[0-9a-f]{32}\?span=/);
  await page.goBack();
  await page.getByRole("button", { name: "Show the numbers" }).click();
  await page.getByRole("region", { name: "Examples" }).getByRole("link").first().press("Enter");
  await expect(page).toHaveURL(/\/trace\/[0-9a-f]{32}\?span=/);
});

test("durations have units, quantiles their error, and a partial answer its stripe", async ({ page }) => {
  await page.route("**/api/v1/metrics?*", async (route) => {
    const response = await route.fetch();
    const answer = await response.json();
    answer.coverage = { complete: false, searched: 0.96, reason: "the budget of 2 s was used up" };
    await route.fulfill({ response, json: answer });
  });
  await page.goto("/explore?t=all&q={ } | quantile_over_time(duration, .5, .99)");
  await expect(legend(page).getByRole("button", { name: /^p99 mean 1\d\d.ms, max 2\d\d.ms/ })).toBeVisible();
  await expect(page.getByText(/quantiles may be off by 1.1.%/)).toBeVisible();
  await expect(page.getByText(/Searched 96.% of the rows: the budget of 2 s was used up/)).toBeVisible();
});

test("no numbers: why, and the query as it may have been meant; an error at its place", async ({ page }) => {
  await page.goto('/explore?t=6h&q={ name = "no such" } | rate()');
  await page.getByRole("button", { name: 'Use "charge card"' }).click();
  await expect(legend(page).getByRole("button", { name: /all spans/ })).toBeVisible();
  await page.goto("/explore?t=6h&q={ } | max_over_time() by (");
  await expect(page.getByRole("alert")).toContainText("expected a metric");
  await page.getByRole("button", { name: "{ } | rate() by (resource.service.name)", exact: true }).click();
  await expect(legend(page).getByRole("button")).toHaveCount(5);
  await page.getByRole("combobox", { name: "Query in TraceQL" }).fill("{ status = error }");
  await page.keyboard.press("Enter");
  await expect(page.locator("main li a").first()).toContainText("3 errors");
});

for (const [colorScheme, width] of [
  ["light", 1440],
  ["dark", 1440],
  ["light", 390],
] as const) {
  test(`accessible and whole, ${colorScheme}, ${width} px`, async ({ page }) => {
    await page.setViewportSize({ width, height: 844 });
    await page.emulateMedia({ colorScheme });
    await page.goto(rates);
    await legend(page).waitFor();
    await page.getByRole("button", { name: "Show the numbers" }).click();
    await expectAccessible(page, "numbers");
    await expectRoomy(page, "numbers");
  });
}
