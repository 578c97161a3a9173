// A server with tokens: the page asks for one, keeps it where the reader wants, and shows it with every request.

import { expect, type Page } from "@playwright/test";
import { expectAccessible, expectRoomy, shop, test } from "./page";

const secret = "eye-7f3";

/** guarded refuses what has no token, as clew does, and notes the requests that passed. */
async function guarded(page: Page): Promise<{ passed: string[]; addresses: string[] }> {
  const seen = { passed: [] as string[], addresses: [] as string[] };
  page.on("request", (request) => seen.addresses.push(request.url()));
  await page.context().route("**/api/**", (route) => {
    const shown = route.request().headers().authorization;
    const path = new URL(route.request().url()).pathname;
    const refuse = (status: number, message: string) =>
      route.fulfill({ status, json: { error: { kind: "invalid", message } } });
    if (shown === `Bearer ${secret}`) {
      seen.passed.push(path);
      return route.continue();
    }
    if (shown === "Bearer pen-7f3") return refuse(403, "this token has no right to read");
    if (shown) return refuse(401, "this token is unknown here");
    return refuse(401, "this server asks for a token: send the header Authorization: Bearer TOKEN");
  });
  return seen;
}

const field = (page: Page) => page.getByLabel("Token", { exact: true });
const use = (page: Page) => page.getByRole("button", { name: "Use it" });
const rows = "main li a";

test("every page asks for a token, says that one is wrong, and goes on with the right one", async ({
  page,
}) => {
  const seen = await guarded(page);
  for (const path of ["/", "/explore?t=6h&live=1", "/welcome", `/trace/${shop}`]) {
    await page.goto(path);
    await expect(page.getByRole("heading", { name: "This server asks for a token" })).toBeVisible();
    await expect(field(page)).toBeFocused();
  }
  await field(page).fill("wrong-1");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert").filter({ visible: true })).toContainText("this token is unknown here");
  await field(page).fill("pen-7f3");
  await use(page).click();
  await expect(page.getByRole("alert").filter({ visible: true })).toContainText("no right to read");
  await field(page).fill("clé");
  await use(page).click();
  await expect(page.getByRole("alert").filter({ visible: true })).toContainText("ASCII");
  await field(page).fill(` ${secret} `);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("row").first()).toBeVisible();
  const saved = page.waitForEvent("download");
  await page.getByRole("link", { name: "OTLP JSON" }).click();
  expect((await saved).suggestedFilename()).toBe(`${shop}.json`);
  await page.goto("/explore?t=6h&live=1");
  await expect(page.locator(rows).first()).toBeVisible();
  await expect(page.getByRole("button", { name: "Live" })).toHaveAttribute("title", /Count new traces/);
  for (const path of [
    "/api/v1/search",
    "/api/v1/tail",
    `/api/v1/traces/${shop}/skeleton`,
    `/api/v1/traces/${shop}`,
  ])
    expect(seen.passed).toContain(path);
  expect(seen.addresses.filter((url) => url.includes(secret))).toEqual([]);
});

test("a token is kept for the tab, or remembered, or forgotten", async ({ page, context }) => {
  await guarded(page);
  await page.goto("/explore?t=6h");
  await field(page).fill(secret);
  await use(page).click();
  await expect(page.locator(rows).first()).toBeVisible();
  await page.reload();
  await expect(page.locator(rows).first()).toBeVisible();
  const other = await context.newPage();
  await other.goto("/explore?t=6h");
  await expect(field(other)).toBeVisible();
  await field(other).fill(secret);
  await other.getByLabel("Remember it in this browser").check();
  await use(other).click();
  await expect(other.locator(rows).first()).toBeVisible();
  await other.close();
  const third = await context.newPage();
  await third.goto("/explore?t=6h");
  await expect(third.locator(rows).first()).toBeVisible();
  await third.keyboard.press("Control+k");
  await third.keyboard.insertText("token");
  await third.keyboard.press("Enter");
  await expect(third.getByText("this browser remembers it")).toBeVisible();
  await third.getByRole("button", { name: "Forget it" }).click();
  await expect(third.getByRole("heading", { name: "This server asks for a token" })).toBeVisible();
  expect(
    await third.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }])),
  ).not.toContain(secret);
});

test("a token that is taken back is asked for again, over the page as it was", async ({ page, context }) => {
  await guarded(page);
  await page.goto("/explore?t=6h");
  await field(page).fill(secret);
  await use(page).click();
  await page.locator(rows).first().waitFor();
  await context.unroute("**/api/**");
  await context.route("**/api/**", (route) =>
    route.fulfill({
      status: 401,
      json: { error: { kind: "invalid", message: "this token is unknown here" } },
    }),
  );
  await page.getByRole("button", { name: "Search", exact: true }).click();
  await expect(page.getByRole("heading", { name: "The token is not accepted any more" })).toBeVisible();
  await expect(page.getByText("The server says: this token is unknown here.")).toBeVisible();
});

for (const [colorScheme, width] of [
  ["light", 1440],
  ["dark", 390],
] as const) {
  test(`the form is accessible and whole, ${colorScheme}, ${width} px`, async ({ page }) => {
    await page.setViewportSize({ width, height: 844 });
    await page.emulateMedia({ colorScheme });
    await guarded(page);
    await page.goto("/explore");
    await field(page).fill("wrong-1");
    await use(page).click();
    await page.getByText("Not accepted").waitFor();
    await expectAccessible(page, "form");
    await expectRoomy(page, "form");
    await field(page).fill(secret);
    await use(page).click();
    await page.keyboard.press("Control+k");
    await page.keyboard.insertText("token");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Forget it" }).waitFor();
    await expectAccessible(page, "dialog");
    await expectRoomy(page, "dialog");
  });
}
