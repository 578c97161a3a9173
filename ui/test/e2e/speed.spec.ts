import { expect, test } from "@playwright/test";
import {
  cpuOf,
  drawn,
  expectBarsBesideNames,
  expectFastOpen,
  expectSmoothScroll,
  openTrace,
  within,
} from "./speed";

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
    await drawn(page);
    await expectBarsBesideNames(page);
  }
  await page.mouse.move(900, 600);
  for (let i = 0; i < 30; i++) await page.mouse.wheel(0, -20_000);
  await drawn(page);
  await expectBarsBesideNames(page);
});

/** answerMillis bounds what the main thread spends on a key, up to the second frame after it. */
const answerMillis = 100;

test("fold, zoom and the next error in 100,000 spans answer at once, and so does find", async ({ page }) => {
  await openTrace(page, batch);
  for (const [name, key] of [
    ["open a level", "="],
    ["fold a level", "-"],
    ["zoom", "w"],
    ["next error", "e"],
    ["show all", "0"],
  ]) {
    await within(page, name, answerMillis, "cpu", () =>
      cpuOf(page, async () => {
        await page.keyboard.press(key);
        await drawn(page);
      }),
    );
  }
  await page.getByRole("textbox", { name: "Find in trace" }).fill("cart/3");
  await expect(page.getByText(/ rows$/).first()).toBeVisible();
});
