import { expect } from "@playwright/test";
import { down, expectAccessible, shop, test } from "./page";

const rows = "main li a";

test("traces, newest first, with matched and whole span counts, and exact totals", async ({ page }) => {
  await page.goto("/explore?t=6h&q={ status = error }");
  const first = page.locator(rows).first();
  await expect(first).toContainText("POST /cart/checkout");
  await expect(first).toContainText("3 of 148 spans");
  await expect(first).toContainText("3 errors");
  await expect(page.getByText(/spans in .* traces match, newest first/)).toBeVisible();
});

test("an order that is asked for is told as such", async ({ page }) => {
  await page.goto("/explore?t=6h&q={ status = error } | order by duration desc");
  await expect(page.getByText(/spans in .* traces match, in the order asked for/)).toBeVisible();
});

test("a service is whole beside a short name", async ({ page }) => {
  await page.route("**/api/v1/search", async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    for (const trace of body.traces) trace.rootName = "/";
    await route.fulfill({ response, json: body });
  });
  await page.goto("/explore?t=6h");
  await page.locator(rows, { hasText: "frontend" }).first().waitFor();
  const cut = await page
    .locator(`${rows} b.isolate`, { hasText: "frontend" })
    .evaluateAll((all) => all.filter((e) => e.scrollWidth > e.clientWidth).length);
  expect(cut).toBe(0);
});

test("an error in the query is shown at its place", async ({ page }) => {
  await page.goto("/explore");
  const input = page.getByRole("combobox", { name: "Query in TraceQL" });
  await input.fill('{ name = "é" && duration >> 5 }');
  await page.keyboard.press("Enter");
  const problem = page.getByRole("alert");
  await expect(problem).toContainText("expected a comparison");
  const lines = (await problem.locator("pre").innerText()).split("\n");
  expect(lines[1].indexOf("^")).toBe(lines[0].indexOf("duration"));
  await expect(input).toHaveValue('{ name = "é" && duration >> 5 }');
  await page.getByRole("button", { name: "{ status = error }", exact: true }).click();
  await expect(page.locator(rows).first()).toBeVisible();
});

test("names and values are offered while typing", async ({ page }) => {
  await page.goto("/explore");
  const input = page.getByRole("combobox", { name: "Query in TraceQL" });
  await input.click();
  await input.pressSequentially("{ service.n");
  await expect(page.getByRole("option", { name: /resource.service.name/ })).toBeVisible();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(input).toHaveValue("{ resource.service.name");
  await input.pressSequentially(' = "pay');
  await expect(page.getByRole("option", { name: /"payment"/ })).toBeVisible();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  await input.pressSequentially(" }");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/q=.*payment/);
  await expect(page.locator(rows).first()).toContainText("frontend");
});

test("more pages follow without repeating a trace", async ({ page }) => {
  await page.goto("/explore?t=24h");
  await page.locator(rows).first().waitFor();
  const scroller = page.locator("main ul").first().locator("..");
  const seen = new Map<string, string>(); // place in the list by address
  const end = page.getByText(/That is all 1\d\d\./);
  for (let top = 0; top < 30_000; top += 600) {
    await scroller.evaluate((s, t) => s.scrollTo(0, t), top);
    await page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
    );
    for (const [index, href] of await page
      .locator(rows)
      .evaluateAll((all) =>
        all.map((a) => [(a as HTMLElement).dataset.index ?? "", a.getAttribute("href") ?? ""]),
      )) {
      expect(seen.get(href) ?? index, href).toBe(index);
      seen.set(href, index);
    }
    const more = page.getByRole("button", { name: /Load 50 more/ });
    if (await more.isVisible()) {
      await more.click();
      await expect(page.getByText("Loading…")).toBeHidden();
    }
    if ((await end.isVisible()) && seen.size >= 127) break;
  }
  await expect(end).toBeVisible();
  expect(seen.size).toBeGreaterThanOrEqual(127);
});

test("by keyboard: next, open, and the way back", async ({ page }) => {
  await page.goto("/explore?t=6h");
  await page.locator(rows).first().waitFor();
  await page.keyboard.press("j");
  await expect(page.locator(rows).first()).toBeFocused();
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/trace\//);
  await page.goBack();
  await expect(page).toHaveURL(/\/explore\?t=6h/);
});

test("live: new traces are counted, and the list stays until asked", async ({ page, request }) => {
  await page.goto("/explore?t=6h&live=1");
  const first = page.locator(rows).first();
  const before = await first.getAttribute("href");
  await expect(page.getByRole("button", { name: "Live" })).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByRole("button", { name: "Live" })).toHaveAttribute("title", /Count new traces/);
  await request.post("/api/v1/test-span");
  await request.post("/api/v1/test-span");
  await expect(page.getByRole("button", { name: "2 new" })).toBeVisible();
  expect(await first.getAttribute("href")).toBe(before);
  const pill = await page.getByRole("button", { name: "2 new" }).boundingBox();
  const top = await first.boundingBox();
  expect((pill?.y ?? 0) + (pill?.height ?? 0)).toBeLessThanOrEqual(top?.y ?? 0); // no row is covered
  await page.getByRole("button", { name: "2 new" }).click();
  await expect(first).not.toHaveAttribute("href", before as string);
  await expect(page.getByRole("button", { name: /new$/ })).toBeHidden();
});

test("nothing found leads on", async ({ page }) => {
  await page.goto('/explore?t=15m&q={ name = "no such name" }');
  await expect(page.getByText("No span matches")).toBeVisible();
  await page.getByRole("button", { name: "Look at last hour" }).click();
  await expect(page).toHaveURL(/t=1h/);
  await page.getByRole("button", { name: "Drop the query" }).click();
  await expect(page.locator(rows).first()).toBeVisible();
});

test("time ranges: presets, written ones, and a shared link is frozen", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto("/explore");
  await page.locator(rows).first().waitFor();
  await page.keyboard.press("t");
  await page.getByRole("button", { name: "Last 6 hours" }).click();
  await expect(page).toHaveURL(/t=6h/);
  await page.keyboard.press("y");
  await expect(page.getByText("Copied link")).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(
    /t=\d{4}-\d\d-\d\dT[\d:]+Z~\d{4}-\d\d-\d\dT[\d:]+Z/,
  );
  await page.keyboard.press("t");
  await page.getByLabel(/^From/).fill("yesterday");
  await page.getByRole("button", { name: "Apply" }).click();
  await expect(page.getByRole("alert")).toContainText("Write times as");
  await page.getByLabel(/^From/).fill("2026-01-01 00:00:00");
  await page.getByLabel("To").fill("2026-01-01 01:00:00");
  await page.getByRole("button", { name: "Apply" }).click();
  await expect(page).toHaveURL(/t=2025-12-31T23:00Z~2026-01-01T00:00Z/); // Berlin's clock
});

test("parameters that cannot be followed are said and leave the address; unknown ones are said and stay", async ({
  page,
}) => {
  await page.goto("/explore?t=yesterday&live=yes&range=1h");
  await expect(page.locator(rows).first()).toBeVisible();
  await expect(page.getByText("t=yesterday was left out: a time range is 1h, all or FROM~TO")).toBeVisible();
  await expect(page.getByText("live=yes was left out")).toBeVisible();
  await expect(page.getByText("range= in the address has no effect")).toBeVisible();
  await expect(page).toHaveURL(/\/explore\?range=1h$/);
  await expect(page.getByRole("button", { name: "Last hour" })).toBeVisible();
  await expectAccessible(page, "remarks");
  await page.getByRole("button", { name: "Dismiss" }).click();
  await expect(page.getByText("was left out")).toBeHidden();
  await page.goBack(); // the wrong address is no step of its own
  await expect(page).toHaveURL("about:blank");
});

test("a failing and a partial search are said", async ({ page }) => {
  await page.route("**/api/v1/search", (route) =>
    route.fulfill({
      status: 429,
      json: { error: { kind: "busy", message: "too many searches at once: try again in 2 s" } },
    }),
  );
  await page.goto("/explore");
  await expect(page.getByRole("alert")).toContainText("too many searches at once");
  await page.unroute("**/api/v1/search");
  await page.route("**/api/v1/search", async (route) => {
    const answer = await (await route.fetch()).json();
    await route.fulfill({
      json: {
        ...answer,
        coverage: { complete: false, searched: 0.92, reason: "the budget of 2 s was used up" },
      },
    });
  });
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByText(/Searched 92.% of the rows: the budget of 2 s was used up/)).toBeVisible();
});

test("a count that did not come to its end is said to be one", async ({ page }) => {
  await page.route("**/api/v1/search", async (route) => {
    const response = await route.fetch();
    const answer = await response.json();
    if (route.request().postDataJSON().count)
      answer.coverage = { complete: false, searched: 0.96, reason: "the budget of 2 s was used up" };
    await route.fulfill({ response, json: answer });
  });
  await page.goto("/explore?t=6h");
  await expect(
    page.getByText(/^at least [\d\u2009]+ spans in \d+ traces match, newest first$/),
  ).toBeVisible();
  await expect(page.getByText(/Searched 96.% of the rows: the budget of 2 s was used up/)).toBeVisible();
});

test("nothing found in a part of the rows is not said of all of them", async ({ page }) => {
  await page.route("**/api/v1/search", async (route) => {
    const response = await route.fetch();
    const answer = await response.json();
    answer.coverage = { complete: false, searched: 0.999, reason: "a file is damaged" };
    await route.fulfill({ response, json: answer });
  });
  await page.goto('/explore?t=all&q={ name = "no such name" }');
  await expect(
    page.getByText("Nothing was found yet: less than all of the rows was searched."),
  ).toBeVisible();
});

test("why nothing was found is said, with the query as it may have been meant", async ({ page }) => {
  const spoilt = '{ span.http.rout = "/cart/checkout" }';
  await page.route("**/api/v1/search", async (route) => {
    const response = await route.fetch();
    const answer = await response.json();
    if (answer.traces.length === 0)
      answer.suggestions = ["span.http.rout does not occur; did you mean span.http.route?"];
    await route.fulfill({ response, json: answer });
  });
  await page.goto(`/explore?t=6h&q=${encodeURIComponent(spoilt)}`);
  await expect(page.getByText("span.http.rout does not occur; did you mean span.http.route?")).toBeVisible();
  await expectAccessible(page, "reasons");
  await page.getByRole("button", { name: "Use span.http.route" }).click();
  await expect(page.getByRole("combobox", { name: "Query in TraceQL" })).toHaveValue(
    '{ span.http.route = "/cart/checkout" }',
  );
  await expect(page.locator(rows).first()).toBeVisible();
});

test("what of a query is to be doubted is said beside what it found", async ({ page }) => {
  await page.route("**/api/v1/search", async (route) => {
    const response = await route.fetch();
    const answer = await response.json();
    answer.suggestions = ["duration is compared with a number without a unit, which is nanoseconds"];
    await route.fulfill({ response, json: answer });
  });
  await page.goto(`/explore?t=6h&q=${encodeURIComponent("{ duration > 500 }")}`);
  await expect(page.locator(rows).first()).toBeVisible();
  await expect(page.getByText("duration is compared with a number without a unit")).toBeVisible();
  await expectAccessible(page, "doubts beside results");
});

test("what a query tells of a trace is a line of its row", async ({ page }) => {
  await page.route("**/api/v1/search", async (route) => {
    const response = await route.fetch();
    const answer = await response.json();
    const told = { name: "span.http.route", text: "/cart", value: { type: "string", string: "/cart" } };
    if (answer.traces[1])
      answer.traces[1].sets = [
        { matchedSpans: 1, spans: [{ spanId: answer.traces[1].matchedSpanId, fields: [told] }] },
      ];
    await route.fulfill({ response, json: answer });
  });
  await page.goto("/explore?t=all");
  await expect(page.locator(rows).nth(1)).toContainText("span.http.route = /cart");
  const boxes = await page.locator(rows).evaluateAll((all) =>
    all.slice(0, 3).map((row) => {
      const { top, height } = row.getBoundingClientRect();
      return { top, height };
    }),
  );
  expect(boxes.map((b) => b.height)).toEqual([36, 56, 36]);
  expect(boxes[2].top - boxes[0].top).toBe(36 + 56);
  await expectAccessible(page, "told");
});

test("a query that could not be read is offered as it may have been meant", async ({ page }) => {
  await page.route("**/api/v1/search", async (route) => {
    if (route.request().postDataJSON().q !== "{ status == error }") return route.continue();
    const error = {
      kind: "invalid",
      message: "TraceQL has = for equality",
      position: 9,
      meant: "{ status = error }",
    };
    await route.fulfill({ status: 400, json: { error } });
  });
  await page.goto("/explore?t=6h&q={ status == error }");
  await page.getByRole("button", { name: "Use { status = error }" }).click();
  await expect(page.locator(rows).first()).toContainText("3 errors");
});

test("an address that leads nowhere has a title of its own", async ({ page }) => {
  await page.goto("/no/such/page");
  await expect(page).toHaveTitle("No such page · clew");
  await expect(page.getByText("There is no such page")).toBeVisible();
});

test("a server that is away is said above every page, and what failed is asked again when it is back", async ({
  page,
}) => {
  const up = await down(page);
  await page.goto("/explore?t=6h");
  await expect(page.getByText("cannot be reached: what you see may be old")).toBeVisible();
  await expect(page.getByRole("alert")).toContainText("The server does not answer");
  await up();
  await expect(page.locator(rows).first()).toBeVisible();
  await expect(page.getByText("cannot be reached")).toBeHidden();
});

test("a view that was never loaded before the server went away is loaded when it is back", async ({
  page,
}) => {
  await page.goto("/explore?t=6h");
  await page.locator(rows).first().waitFor();
  const up = await down(page);
  await page.route("**/assets/trace-*", (route) => route.abort());
  await page.locator(rows).first().click();
  await expect(page.getByRole("alert")).toContainText("This part of the page could not be loaded");
  await expect(page.getByRole("navigation", { name: "Pages" })).toBeVisible();
  await page.unroute("**/assets/trace-*");
  await up();
  await expect(page.getByRole("row").first()).toBeVisible();
});

test("the omnibox takes pasted ids, services and commands", async ({ page }) => {
  await page.goto("/explore");
  await page.locator(rows).first().waitFor();
  await page.keyboard.press("Control+k");
  await page.keyboard.insertText(`2026-11-23 ERROR traceparent=00-${shop}-00f067aa0ba902b7-01 card declined`);
  await expect(page.getByRole("option", { name: /Open trace at span/ })).toBeVisible();
  // The trace has no such span: the page takes it out of the address again as soon as it knows.
  const there = page.waitForURL(new RegExp(`/trace/${shop}\\?span=00f067aa0ba902b7`), {
    waitUntil: "commit",
  });
  await page.keyboard.press("Enter");
  await there;
  await page.keyboard.press("/");
  await page.keyboard.insertText("paym");
  await expect(page.getByRole("option", { name: /payment/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/explore\?q=.*payment/);
  await page.keyboard.press("Control+k");
  await page.keyboard.insertText("switch theme");
  await page.keyboard.press("Enter");
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
});

test("behind a proxy's prefix everything works", async ({ page }) => {
  await page.goto("/behind/a-proxy/explore?t=6h");
  await page.locator(rows).first().click();
  await expect(page).toHaveURL(/\/behind\/a-proxy\/trace\//);
  await expect(page.getByRole("row").first()).toBeVisible();
  await page.reload();
  await expect(page.getByRole("row").first()).toBeVisible();
  await page.goto("/behind/a-proxy/trace/0000000000000000000000000010000a"); // with a worker
  await expect(page.getByRole("row").first()).toBeVisible();
  await page.goto("/behind/a-proxy/");
  await expect(page).toHaveURL(/\/behind\/a-proxy\/explore/);
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`accessible, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await page.goto("/explore?t=6h");
    await page.locator(rows).first().waitFor();
    await expectAccessible(page, "list");
    await page.keyboard.press("t");
    await expectAccessible(page, "range");
    await page.goto("/explore?q={ duration >> 5 }");
    await page.getByRole("alert").waitFor();
    await expectAccessible(page, "query error");
    await page.keyboard.press("Control+k");
    await expectAccessible(page, "omnibox");
  });
}
