// Pictures of every page and state for whoever reviews the looks: shots/{page}-{state}-{theme}-{width}.png.
//
//   npm run shots

import type { Page } from "@playwright/test";
import { down, emptyStore, row, shop, test, troubled } from "../page";

const widths = { 1440: 900, 1024: 768, 390: 844 } as const;

type Shown = (page: Page) => Promise<unknown>;

const shots: Record<string, Shown> = {
  "welcome-empty": async (page) => {
    await page.goto(`${emptyStore}/welcome`);
    await page.getByText("127.0.0.1:4317", { exact: true }).waitFor();
  },
  "welcome-data": async (page) => {
    await page.goto("/welcome");
    await page.getByRole("link", { name: "Open the newest trace" }).waitFor();
  },
  "welcome-error": async (page) => {
    await down(page);
    await page.goto("/welcome");
    await page.getByRole("alert").waitFor();
  },
  "explore-data": async (page) => {
    await page.goto("/explore?t=6h");
    await page.getByText(/match, newest first/).waitFor();
  },
  "explore-empty": async (page) => {
    await page.goto('/explore?t=15m&q={ name = "no such name" }');
    await page.getByText("No span matches").waitFor();
  },
  "explore-query": async (page) => {
    await page.goto("/explore?q={ duration >> 5 }");
    await page.getByRole("alert").waitFor();
  },
  "explore-reasons": async (page) => {
    await spoilSearch(page, (answer) => {
      answer.traces = [];
      answer.suggestions = [
        "span.http.rout does not occur; did you mean span.http.route or resource.http.route?",
        'name is never "chrage card" here; did you mean "charge card"?',
      ];
    });
    const q = '{ span.http.rout = "/cart/checkout" && name = "chrage card" }';
    await page.goto(`/explore?t=6h&q=${encodeURIComponent(q)}`);
    await page.getByText("did you mean").first().waitFor();
  },
  "explore-partial": async (page) => {
    await spoilSearch(page, (answer) => {
      answer.coverage = { complete: false, searched: 0.96, reason: "the budget of 2 s was used up" };
    });
    await page.goto("/explore?t=6h");
    await page.getByText(/at least/).waitFor();
  },
  "explore-numbers": async (page) => {
    await page.goto("/explore?t=6h&q={ } | rate() by (resource.service.name)");
    await page.getByRole("list", { name: "Series" }).waitFor();
    const chart = page.locator("figure");
    const box = await chart.boundingBox();
    if (box) await page.mouse.move(box.x + box.width * 0.6, box.y + 120);
  },
  "explore-quantiles": async (page) => {
    await page.route("**/api/v1/metrics?*", async (route) => {
      const response = await route.fetch();
      const answer = await response.json();
      answer.coverage = { complete: false, searched: 0.96, reason: "the budget of 2 s was used up" };
      await route.fulfill({ response, json: answer });
    });
    await page.goto("/explore?t=6h&q={ } | quantile_over_time(duration, .5, .99)");
    await page.getByRole("button", { name: "Show the numbers" }).click();
  },
  "explore-no-numbers": async (page) => {
    await page.goto('/explore?t=6h&q={ name = "no such" } | rate()');
    await page.getByText("did you mean").waitFor();
  },
  "explore-live": async (page) => {
    await page.goto("/explore?t=6h&live=1");
    await page.getByText(/match, newest first/).waitFor();
    await page.getByTitle("Count new traces as they arrive (l)").waitFor();
    for (let i = 0; i < 12; i++) await page.request.post("/api/v1/test-span");
    await page.getByRole("button", { name: "12 new" }).waitFor();
  },
  "explore-error": async (page) => {
    await down(page);
    await page.goto("/explore");
    await page.getByRole("alert").waitFor();
  },
  "explore-range": async (page) => {
    await page.goto("/explore?t=6h");
    await page.getByText(/match, newest first/).waitFor();
    await page.keyboard.press("t");
  },
  "explore-omnibox": async (page) => {
    await page.goto("/explore?t=6h");
    await page.getByText(/match, newest first/).waitFor();
    await page.keyboard.press("Control+k");
    await page.getByRole("option").first().waitFor();
  },
  "trace-data": async (page) => {
    await page.goto(`/trace/${shop}`);
    await row(page, /checkout/).waitFor();
  },
  "trace-span": async (page) => {
    await page.goto(`/trace/${shop}`);
    await row(page, /checkout/).waitFor();
    await page.keyboard.press("e");
    await page.keyboard.press("Enter");
    await page.getByRole("tab", { name: /Attributes/ }).waitFor();
  },
  "trace-find": async (page) => {
    await page.goto(`/trace/${shop}?find=stripe`);
    await row(page, /checkout/).waitFor();
  },
  "trace-troubled": async (page) => {
    await page.goto(`/trace/${troubled}`);
    await row(page, /GET .report/).waitFor();
  },
  "trace-huge": async (page) => {
    await page.goto("/trace/0000000000000000000000000010000a");
    await page.getByRole("row").first().waitFor();
  },
  "trace-error": async (page) => {
    await page.goto("/trace/11ee00000000000000000000000000ff");
    await page.getByRole("alert").waitFor();
  },
  "token-wrong": async (page) => {
    await page.route("**/api/**", (route) =>
      route.fulfill({
        status: 401,
        json: { error: { kind: "invalid", message: "this token is unknown here" } },
      }),
    );
    await page.goto("/explore");
    await page.getByLabel("Token", { exact: true }).fill("wrong-1");
    await page.keyboard.press("Enter");
    await page.getByText("Not accepted").waitFor();
  },
  "token-dialog": async (page) => {
    await page.addInitScript(() => sessionStorage.setItem("clew.token", "eye-7f3"));
    await page.goto("/explore?t=6h");
    await page.getByText(/match, newest first/).waitFor();
    await page.keyboard.press("Control+k");
    await page.keyboard.insertText("token");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Forget it" }).waitFor();
  },
  "lost-address": async (page) => {
    await page.goto("/no/such/page");
    await page.getByText("There is no such page").waitFor();
  },
  "trace-keys": async (page) => {
    await page.goto(`/trace/${shop}`);
    await row(page, /checkout/).waitFor();
    await page.keyboard.press("?");
  },
};

/** spoilSearch changes the answers to searches. */
async function spoilSearch(page: Page, spoil: (answer: Record<string, unknown>) => void): Promise<void> {
  await page.route("**/api/v1/search", async (route) => {
    const response = await route.fetch();
    const answer = await response.json();
    spoil(answer);
    await route.fulfill({ response, json: answer });
  });
}

for (const [name, show] of Object.entries(shots)) {
  for (const theme of ["light", "dark"] as const) {
    for (const [width, height] of Object.entries(widths)) {
      test(`${name}-${theme}-${width}`, async ({ page }) => {
        await page.setViewportSize({ width: Number(width), height });
        await page.emulateMedia({ colorScheme: theme });
        await show(page);
        await page.screenshot({ path: `shots/${name}-${theme}-${width}.png`, animations: "disabled" });
      });
    }
  }
}
