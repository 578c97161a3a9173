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
      // A spoilt answer may still be on its way when the test has seen enough; its end is nobody's failure.
      await page.unrouteAll({ behavior: "ignoreErrors" });
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

/**
 * expectRoomy fails where something is cut without a way to see all of it, where a control lies on text, or where
 * the page is wider than its window.
 */
export async function expectRoomy(page: Page, what: string): Promise<void> {
  const wrong = await page.evaluate(() => {
    const found: string[] = [];
    const name = (e: Element) =>
      `${e.tagName.toLowerCase()} "${(e.getAttribute("aria-label") ?? e.textContent ?? "").trim().slice(0, 40)}"`;
    const modal = document.querySelector("dialog[open], [role=dialog]");
    const shown = [...(modal ?? document.body).querySelectorAll<HTMLElement>("*")].filter(
      (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && e.clientWidth > 1,
    );
    /** The part of a box that its surroundings do not cut off. */
    const clipped = (box: DOMRect, inside: Element | null) => {
      let [left, top, right, bottom] = [box.left, box.top, box.right, box.bottom];
      for (let e = inside; e; e = e.parentElement) {
        if (getComputedStyle(e).overflow === "visible") continue;
        const edge = e.getBoundingClientRect();
        [left, top] = [Math.max(left, edge.left), Math.max(top, edge.top)];
        [right, bottom] = [Math.min(right, edge.right), Math.min(bottom, edge.bottom)];
      }
      return { left, top, right, bottom };
    };
    /** A sheet over the page covers it on purpose. */
    const sheetOf = (e: Element): Element | null => {
      for (let up: Element | null = e; up; up = up.parentElement)
        if (getComputedStyle(up).position === "fixed") return up;
      return null;
    };
    if (document.documentElement.scrollWidth > innerWidth) found.push("the page is wider than its window");
    for (const e of shown) {
      const style = getComputedStyle(e);
      if (style.overflowX === "hidden" && e.scrollWidth > e.clientWidth + 1 && e.children.length === 0)
        if (!e.closest("[title]")) found.push(`${name(e)} is cut, and has no title`);
      if (!e.matches("button, a.button, [role=separator]") || style.position === "fixed") continue;
      const box = clipped(e.getBoundingClientRect(), e.parentElement);
      if (box.right > innerWidth + 1) found.push(`${name(e)} is outside the window`);
    }
    const controls = shown.filter((e) => e.matches("button"));
    const walker = document.createTreeWalker(modal ?? document.body, NodeFilter.SHOW_TEXT);
    for (let text = walker.nextNode(); text; text = walker.nextNode()) {
      const parent = text.parentElement as HTMLElement;
      if ((text.textContent ?? "").trim() === "" || !shown.includes(parent)) continue;
      const range = document.createRange();
      range.selectNodeContents(text);
      for (const rect of range.getClientRects()) {
        const a = clipped(rect, parent);
        for (const control of controls) {
          if (control.contains(text)) continue;
          const b = clipped(control.getBoundingClientRect(), control.parentElement);
          const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
          const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
          if (wide <= 2 || high <= 2) continue;
          if (sheetOf(control) === sheetOf(parent))
            found.push(`${name(control)} lies on "${(text.textContent ?? "").trim().slice(0, 40)}"`);
        }
      }
    }
    return [...new Set(found)];
  });
  expect(wrong, what).toEqual([]);
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
