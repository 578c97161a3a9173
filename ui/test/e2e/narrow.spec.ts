// On a phone: everything can be read and reached.

import { expect } from "@playwright/test";
import { emptyStore, expectAccessible, expectRoomy, row, rowNames, shop, test, troubled } from "./page";

test.use({ viewport: { width: 390, height: 844 } });

for (const colorScheme of ["light", "dark"] as const) {
  test(`nothing is cut or covered at 390 px, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await page.goto(`${emptyStore}/welcome`);
    await expect(page.getByText("127.0.0.1:4317", { exact: true })).toBeVisible();
    for (const name of ["Node", "Java", "Go", "Collector", "curl"]) {
      await page.getByRole("tab", { name, exact: true }).click();
      await expectRoomy(page, `welcome, ${name}`);
    }
    await page.goto("/explore?t=6h");
    await page.getByText(/match, newest first/).waitFor();
    await expectRoomy(page, "explore");
    await page.getByRole("button", { name: /Last 6 hours/ }).click();
    await expectRoomy(page, "explore, range");
    await page.goto("/explore?q={ duration >> 5 }");
    await page.getByRole("alert").waitFor();
    await expectRoomy(page, "explore, query error");
    for (const [what, path] of Object.entries({
      trace: `/trace/${shop}`,
      find: `/trace/${shop}?find=stripe`,
      troubled: `/trace/${troubled}`,
      large: "/trace/0000000000000000000000000010000a?z=1000000-9000000000",
    })) {
      await page.goto(path);
      await page.getByRole("row").first().waitFor();
      await expectRoomy(page, what);
    }
    await page.goto(`/trace/${shop}`);
    await row(page, /checkout/).click();
    await page.getByText("http.route").waitFor();
    await expectRoomy(page, "details");
    await expectAccessible(page, "details");
  });
}

test("at 390 px names are whole: in the list, and above their bars in the waterfall", async ({ page }) => {
  await page.goto("/explore?t=6h");
  const first = page.locator("main li a", { hasText: "POST /cart/checkout" }).first(); // others add traces of now
  await first.waitFor();
  const whole = (text: string) =>
    first.getByText(text, { exact: true }).evaluate((e) => e.scrollWidth <= e.clientWidth);
  expect(await whole("frontend")).toBe(true);
  expect(await whole("POST /cart/checkout")).toBe(true);
  await first.click();
  await page.getByRole("row").first().waitFor();
  const cut = await page
    .locator("[role=row]:not([hidden]) .isolate")
    .evaluateAll((all) => all.filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.textContent));
  expect(cut).toEqual([]);
  expect((await rowNames(page)).length).toBeGreaterThan(8);
});

test("at 390 px the rows follow the scroll position, and a tap opens the details", async ({ page }) => {
  await page.goto(`/trace/${shop}`);
  const grid = page.getByRole("treegrid");
  await page.getByRole("row").first().waitFor();
  await grid.evaluate((g) => g.scrollTo(0, g.scrollHeight));
  await expect.poll(async () => (await rowNames(page)).at(-1)).toMatch(/render fragment/);
  await expect(page.locator('[role=row][aria-rowindex="148"]')).toBeInViewport();
  const box = await page.locator('[role=row][aria-rowindex="148"]').boundingBox();
  expect(box?.height).toBe(44);
  await page.locator('[role=row][aria-rowindex="148"]').click();
  await expect(page.getByRole("complementary", { name: "Details of the span" })).toBeVisible();
});

test("turning the phone divides the rows anew", async ({ page }) => {
  await page.goto(`/trace/${shop}`);
  await page.getByRole("row").first().waitFor();
  await page.setViewportSize({ width: 844, height: 390 });
  await expect(page.getByRole("separator", { name: "Width of the names" })).toBeVisible();
  await expect.poll(async () => (await page.getByRole("row").first().boundingBox())?.height).toBe(24);
});
