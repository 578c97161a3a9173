import { expect, test } from "@playwright/test";
import { expectBarsBesideNames, expectFastOpen, expectSmoothScroll, openTrace } from "./speed";

const batch = "/trace/0000000000000000000000000010000a";
const wide = "/trace/0000000000000000000000000010000b";
const deep = "/trace/0000000000000000000000000010000c";

for (const [name, path] of Object.entries({ batch, wide, deep })) {
  test(`100,000 spans open fast: ${name}`, async ({ page }) => {
    await expectFastOpen(page, path);
  });

  test(`100,000 spans scroll without a blank row: ${name}`, async ({ page }) => {
    await openTrace(page, path);
    await expectSmoothScroll(page);
  });
}

test("bars stand beside their names at the top, in the middle, at the end, and after a fast scroll", async ({
  page,
}) => {
  await openTrace(page, wide);
  const grid = page.getByRole("treegrid");
  for (const share of [0, 0.5, 1]) {
    await grid.evaluate((g, s) => {
      g.scrollTop = s * (g.scrollHeight - g.clientHeight);
    }, share);
    await page.waitForTimeout(100);
    await expectBarsBesideNames(page);
  }
  await page.mouse.move(900, 600);
  for (let i = 0; i < 30; i++) await page.mouse.wheel(0, -20_000);
  await page.waitForTimeout(100);
  await expectBarsBesideNames(page);
});

test("find, fold and zoom in 100,000 spans answer at once", async ({ page }) => {
  await openTrace(page, batch);
  const took = await page.getByRole("treegrid").evaluate(async () => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const press = (key: string) =>
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    const times: Record<string, number> = {};
    for (const [name, key] of [
      ["open a level", "="],
      ["fold a level", "-"],
      ["zoom", "w"],
      ["next error", "e"],
      ["show all", "0"],
    ]) {
      await frame();
      const before = performance.now();
      press(key);
      await frame();
      await frame();
      times[name] = performance.now() - before;
    }
    return times;
  });
  console.log(
    `      ${Object.entries(took)
      .map(([name, ms]) => `${name} ${ms.toFixed(0)} ms`)
      .join(", ")}`,
  );
  for (const [name, ms] of Object.entries(took)) expect(ms, name).toBeLessThan(150);
  await page.getByRole("textbox", { name: "Find in trace" }).fill("cart/3");
  await expect(page.getByText(/ rows$/).first()).toBeVisible();
});
