// What every test of the page wants to know: nothing was asked of strangers, nothing broke in silence.

import AxeBuilder from "@axe-core/playwright";
import { test as base, expect, type Page } from "@playwright/test";

export const shop = "4bf92f3577b34da6a3ce929d0e0e4736";
export const troubled = "badbadbadbadbadbadbadbadbadbad01";
const firstPort = Number(process.env.FIXTURE_PORT ?? 4398);
export const emptyStore = `http://127.0.0.1:${firstPort + 1}`;
/** mortalPort is free: a test starts a server of its own there, and ends it. */
export const mortalPort = firstPort + 2;

/** expectedNoise are messages about answers that a test itself spoils. */
const expectedNoise = /Failed to load resource|net::ERR_|Unable to preload CSS|dynamically imported module/;

/** test fails on any error in the console, uncaught fault, breach of the policy, or request to another host. */
export const test = base.extend<{ strict: undefined }>({
  strict: [
    async ({ page }, use) => {
      const wrong: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error" && !expectedNoise.test(message.text())) wrong.push(message.text());
      });
      page.on("pageerror", (error) => wrong.push(String(error)));
      page.on("request", (request) => {
        const { hostname, protocol } = new URL(request.url());
        if (hostname !== "127.0.0.1" && protocol !== "blob:") wrong.push(`asked ${request.url()}`);
      });
      await use(undefined);
      expect(wrong).toEqual([]);
    },
    { auto: true },
  ],
});

/** expectAccessible fails on every serious or critical finding of axe. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"])
    .analyze();
  const grave = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
  expect(
    grave.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).join("; ")}`),
    what,
  ).toEqual([]);
}

/** down makes every question to the server fail, as when it is not there; the returned function brings it back. */
export async function down(page: Page): Promise<() => Promise<void>> {
  await page.route("**/api/**", (route) => route.abort());
  return () => page.unroute("**/api/**");
}

/** rowNames are the names of the rows in sight, in order. */
export async function rowNames(page: Page): Promise<string[]> {
  return page
    .locator("[role=row]:not([hidden])")
    .evaluateAll((rows) => rows.map((row) => row.getAttribute("aria-label") ?? ""));
}

export const row = (page: Page, name: string | RegExp) => page.getByRole("row", { name }).first();

export const selected = (page: Page) => page.locator("[role=row][aria-selected=true]");
