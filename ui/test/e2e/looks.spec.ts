// What a reviewer would look at on every page: the way through it by keys, wide and narrow windows, other eyes.

import { expect, type Page } from "@playwright/test";
import { emptyStore, expectRoomy, row, shop, test, troubled } from "./page";

const pages: Record<string, (page: Page) => Promise<unknown>> = {
  welcome: async (page) => {
    await page.goto(`${emptyStore}/welcome`);
    await page.getByText("127.0.0.1:4317", { exact: true }).waitFor();
  },
  explore: async (page) => {
    await page.goto("/explore?t=6h");
    await page.getByText(/match, newest first/).waitFor();
  },
  "query error": async (page) => {
    await page.goto("/explore?q={ duration >> 5 }");
    await page.getByRole("alert").waitFor();
  },
  trace: async (page) => {
    await page.goto(`/trace/${shop}?find=stripe`);
    await row(page, /POST .cart.checkout/).waitFor();
  },
  details: async (page) => {
    await page.goto(`/trace/${shop}`);
    await row(page, /POST .cart.checkout/).click();
    await page.getByText("url.path").waitFor();
  },
  troubled: async (page) => {
    await page.goto(`/trace/${troubled}`);
    await row(page, /GET .report/).waitFor();
  },
};

// 720 x 450 is a window of 1440 x 900 at 200 %.
for (const [width, height] of [
  [1440, 900],
  [1024, 768],
  [720, 450],
]) {
  test(`nothing is cut or covered at ${width} x ${height}`, async ({ page }) => {
    await page.setViewportSize({ width, height });
    for (const [what, show] of Object.entries(pages)) {
      await show(page);
      await expectRoomy(page, what);
    }
  });
}

/** ring tells what shows that an element has the focus; empty if nothing does. */
const ring = (page: Page) =>
  page.evaluate(() => {
    const e = document.activeElement as HTMLElement;
    if (e === document.body) return { name: "body", ring: "" };
    const style = getComputedStyle(e);
    const after = getComputedStyle(e, "::after");
    const name = `${e.tagName.toLowerCase()} ${e.getAttribute("aria-label") ?? e.textContent?.trim().slice(0, 30)}`;
    const active = document.getElementById(e.getAttribute("aria-activedescendant") ?? "");
    const outlined = [style, active && getComputedStyle(active)].some(
      (s) => s && s.outlineStyle !== "none" && Number.parseFloat(s.outlineWidth) >= 1,
    );
    // A divider shows its focus by its line.
    const line = e.matches("[role=separator]") && after.width === "2px";
    const box = e.getBoundingClientRect();
    const inside = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
    return { name, ring: (outlined || line) && inside ? "seen" : "" };
  });

for (const [what, show] of Object.entries(pages)) {
  test(`each stop of Tab can be seen, and Tab leads through all of it: ${what}`, async ({ page }) => {
    await show(page);
    await page.keyboard.press("Tab"); // after a click, only keys make the ring show
    await page.locator("a", { hasText: "Skip to content" }).focus();
    const stops: string[] = [];
    for (let i = 0; i < 80; i++) {
      if (i > 0) await page.keyboard.press("Tab");
      const stop = await ring(page);
      if (stop.name === "body" || (stops.length > 0 && stop.name === stops[0])) break;
      expect(stop.ring, `${stop.name}, after ${stops.join(", ")}`).toBe("seen");
      stops.push(stop.name);
    }
    expect(stops.length).toBeGreaterThan(8);
    expect(stops.at(-1)).not.toBe(stops.at(-2));
  });
}

test("Skip to content skips, and the keys of the page work after it", async ({ page }) => {
  await pages.trace(page);
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.locator("main")).toBeFocused();
  await page.keyboard.press("ArrowDown");
  await expect(page.locator("[role=row][aria-selected=true]")).toHaveAttribute("aria-rowindex", "1");
});

test("? lists on each page what works there", async ({ page }) => {
  for (const [what, words] of Object.entries({
    welcome: "Go to Explore",
    explore: "Next trace",
    trace: "Next error",
  })) {
    await pages[what](page);
    await page.keyboard.press("?");
    await expect(page.getByRole("dialog", { name: "Keys" })).toContainText(words);
    await expectRoomy(page, `keys of ${what}`);
    await page.keyboard.press("Escape");
    await expect(page.getByRole("dialog")).toBeHidden();
  }
});

test("the focus is never lost: what closes gives it back", async ({ page }) => {
  await pages.trace(page);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByRole("tab", { name: /Attributes/ }).focus();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("complementary")).toBeHidden();
  await expect(page.getByRole("treegrid")).toBeFocused();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Close details" }).press("Enter");
  await expect(page.getByRole("treegrid")).toBeFocused();
  await pages.explore(page);
  await page.keyboard.press("t");
  await expect(page.getByRole("button", { name: "Last 6 hours" }).nth(1)).toBeFocused();
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Last 24 hours" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(page.getByRole("button", { name: "Last 6 hours" })).toBeFocused();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Shift+Tab");
  await expect(page.getByRole("dialog")).toBeHidden();
});

/** tops are where the parts of a page begin. */
const tops = (page: Page, parts: string[]) =>
  Promise.all(
    parts.map(async (part) => Math.round((await page.locator(part).first().boundingBox())?.y ?? -1)),
  );

test("waiting keeps the places: nothing moves when a slow answer comes", async ({ page }) => {
  let answer = () => {};
  await page.route("**/api/v1/search", async (route) => {
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    await route.continue();
  });
  await page.goto("/explore?t=6h");
  await page.getByRole("status", { name: "Searching" }).waitFor();
  const waiting = await tops(page, ["main ul li"]);
  answer();
  await page.locator("main ul li a").first().waitFor();
  await page.unrouteAll({ behavior: "ignoreErrors" });
  expect(await tops(page, ["main ul"])).toEqual(waiting);

  await page.route("**/skeleton", async (route) => {
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    await route.continue();
  });
  await page.goto("/trace/0000000000000000000000000010000b"); // about which there is no doubt, in a line of its own
  const parts = ["[class*=minimap]", "[class*=toolbar]"];
  await page.getByText("Waiting for the server").waitFor();
  const before = await tops(page, parts);
  answer();
  await page.getByRole("row").first().waitFor();
  await page.unrouteAll({ behavior: "ignoreErrors" });
  expect(await tops(page, parts)).toEqual(before);
});

test("the names leave room for the bars when the page is narrow", async ({ page }) => {
  await page.setViewportSize({ width: 1024, height: 768 });
  await pages.details(page);
  const grid = await page.getByRole("treegrid").boundingBox();
  const bars = await page.locator("[role=treegrid] canvas").boundingBox();
  expect((bars?.width ?? 0) / (grid?.width ?? 1)).toBeGreaterThan(0.4);
});

test("in a low window the head scrolls away, and the selected row is always in sight", async ({ page }) => {
  await page.setViewportSize({ width: 720, height: 450 });
  await pages.troubled(page);
  const grid = page.getByRole("treegrid");
  expect((await grid.boundingBox())?.height).toBeGreaterThan(200);
  await page.keyboard.press("End");
  await expect(page.locator("[role=row][aria-selected=true]")).toBeInViewport({ ratio: 1 });
  await expect(page.locator("[role=row][aria-selected=true]")).toHaveAttribute("aria-rowindex", "17");
  await page.keyboard.press("Home");
  await expect(page.locator("[role=row][aria-selected=true]")).toBeInViewport({ ratio: 1 });
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`with forced colours rows, selection and bars can be told apart, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme, forcedColors: "active", reducedMotion: "reduce" });
    await pages.details(page);
    const looks = await page.getByRole("treegrid").evaluate((grid) => {
      const canvas = grid.querySelector("canvas") as HTMLCanvasElement;
      const context = canvas.getContext("2d") as CanvasRenderingContext2D;
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const colours = new Set<number>();
      for (let i = 0; i < data.length; i += 4)
        if (data[i + 3] === 255) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
      const selected = grid.querySelector("[aria-selected=true]") as Element;
      return { colours: colours.size, outline: getComputedStyle(selected).outlineStyle };
    });
    expect(looks.colours).toBeGreaterThan(6);
    expect(looks.outline).toBe("solid");
  });
}
