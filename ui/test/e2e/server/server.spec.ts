// Page and server together: against a running clew (CLEW_URL), whose OTLP door for HTTP is OTLP_HTTP_URL.

import { expect } from "@playwright/test";
import { otlp } from "../../fixtures/details.mjs";
import { batch, shop, troubled } from "../../fixtures/traces.mjs";
import { expectAccessible, row, selected, test } from "../page";
import {
  drawn,
  expectBarsBesideNames,
  expectFastOpen,
  expectSmoothScroll,
  openTrace,
  within,
} from "../speed";

const door = process.env.OTLP_HTTP_URL ?? "http://127.0.0.1:4318";

type Fixture = ReturnType<typeof shop>;

/** Ids of this run, so that it can be repeated over the same store. */
const run = Date.now().toString(16).padStart(16, "0");
const traceId = (n: number) => run + n.toString(16).padStart(16, "0");
const now = () => BigInt(Date.now()) * 1_000_000n;

/** perRequest is how many spans go into one OTLP request: about 1 MB of JSON. */
const perRequest = 2500;

/** send takes a trace through the OTLP door, as an SDK would, and waits for each acknowledgement. */
async function send(fixture: Fixture): Promise<void> {
  for (let from = 0; from < fixture.spans.length; from += perRequest) {
    const response = await fetch(`${door}/v1/traces`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(otlp(fixture, fixture.spans.slice(from, from + perRequest))),
    });
    const answer = await response.text();
    expect(response.status, answer).toBe(200);
    expect(answer).not.toContain("rejectedSpans");
  }
}

test("an acknowledged trace is on the page within a second", async ({ page }) => {
  let next = 101;
  let first = page.locator("a");
  await within(page, "an acknowledged trace shown", 1000, "clock", async () => {
    const fixture = shop(now() - 2_000_000_000n, traceId(next++));
    await send(fixture);
    const before = Date.now();
    await page.goto("/explore?t=15m");
    first = page.locator(`a[href*="${fixture.traceId}"]`);
    await expect(first).toBeVisible();
    return Date.now() - before;
  });
  await expect(first).toContainText("148 of 148 spans");
  await expect(first).toContainText("3 errors");
});

test("clocks that differ are measured, and corrected when asked", async ({ page }) => {
  const ms = 1e6;
  const [web, call] = ["00000000000000a1", "00000000000000b1"];
  await send({
    traceId: traceId(11),
    base: now() - 2_000_000_000n,
    spans: [
      { id: web, service: "frontend", name: "root", kind: 2, start: 0, duration: 20 * ms + 1 },
      {
        id: call,
        parent: web,
        service: "frontend",
        name: "call",
        kind: 3,
        start: 5 * ms,
        duration: 10 * ms + 1,
      },
      {
        id: "00000000000000c1",
        parent: call,
        service: "payment",
        name: "pay",
        kind: 2,
        start: 128 * ms,
        duration: 4 * ms + 1,
      },
    ],
  });
  await page.goto(`/trace/${traceId(11)}`);
  await expect(
    page.getByText(/^Clocks: .* is 120ms ± 3ms ahead of .*Times are as received\.$/),
  ).toBeVisible();
  await expect(row(page, /payment, pay, 4\sms, starts at 128\sms/)).toBeVisible();
  await page.getByRole("button", { name: "Show corrected times" }).click();
  await expect(row(page, /payment, pay, 4\sms, starts at 8\sms/)).toBeVisible();
});

test("the trace is as it was sent: rows, details, exception, links", async ({ page }) => {
  const fixture = shop(now() - 2_000_000_000n, traceId(2));
  await send(fixture);
  await page.goto(`/trace/${fixture.traceId}`);
  await expect(row(page, "frontend, POST /cart/checkout, 1.28 s, starts at 0 ns, error")).toBeVisible();
  await expect(page.getByText("148 spans")).toBeVisible();
  await expect(page.getByText("9 services")).toBeVisible();
  await expect(page.getByText("complete", { exact: true })).toBeVisible();
  await page.keyboard.press("Home");
  await page.keyboard.press("e");
  await page.keyboard.press("Enter");
  await expect(selected(page)).toHaveAttribute(
    "aria-label",
    /^payment, charge card, 812.ms, starts at 361.ms, error/,
  );
  const panel = page.getByRole("complementary");
  await expect(panel.getByLabel("Stack trace", { exact: true })).toContainText(
    "/app/payment/stripe.js:114:11",
  );
  await expect(panel).toContainText("184.5");
  await panel.getByRole("tab", { name: /Events/ }).click();
  await expect(panel).toContainText("at 905 ms");
  await panel.getByRole("tab", { name: /Links/ }).click();
  await expect(panel.getByRole("link", { name: /9ac1f2e3577b34da/ })).toBeVisible();
  await panel.getByRole("tab", { name: /Resource/ }).click();
  await expect(panel).toContainText("@shop/payment");
  await page.keyboard.press("Control+f");
  await page.keyboard.type("insufficient funds");
  await expect(page.getByText("1 of 1", { exact: true })).toBeVisible(); // the selected row is the match
});

test("a troubled trace is shown with its doubts", async ({ page }) => {
  const fixture = troubled(now() - 1_000_000_000n, traceId(3));
  await send(fixture);
  await page.goto(`/trace/${fixture.traceId}`);
  await expect(row(page, "parent not received, 2 spans name it")).toBeVisible();
  await expect(row(page, /orphan two, 20 ms, .*error, parent not received/)).toBeVisible();
  await expect(row(page, /ends before it starts, −25 ms/)).toBeVisible();
  await expect(row(page, /still running, not ended/)).toBeVisible();
  await expect(row(page, /chicken, .*lead in a circle/)).toBeVisible();
  await expect(row(page, /backend, shared span/)).toHaveAttribute("aria-level", "3");
  await expect(row(page, /<img src=x onerror=alert\(1\)>/)).toBeVisible();
  await row(page, /<img/).click();
  await expect(page.getByRole("complementary")).toContainText("<b>bold</b>");
  await page.getByRole("button", { name: /Load all/ }).click();
  await expect(page.getByRole("complementary")).toContainText("shown in part");
});

test("a query finds, counts, suggests, and says what is wrong with it", async ({ page }) => {
  await page.goto("/explore?t=15m");
  const input = page.getByRole("combobox", { name: "Query in TraceQL" });
  await input.fill('{ name = "charge card" && status = error && duration > 800ms }');
  await page.keyboard.press("Enter");
  await expect(page.locator("main li a").first()).toContainText("1 of 148 spans");
  await expect(page.getByText(/spans? in .* traces? match, newest first/)).toBeVisible();
  await input.fill("");
  await input.pressSequentially("{ service.n");
  await expect(page.getByRole("option", { name: /resource.service.name/ })).toBeVisible();
  await input.fill("");
  await input.pressSequentially('{ resource.service.name = "pay');
  await expect(page.getByRole("option", { name: /"payment"/ })).toBeVisible();
  await input.fill("{ duration >> 5 }");
  await page.keyboard.press("Enter");
  const problem = page.getByRole("alert");
  await expect(problem.locator("pre")).toContainText("^");
});

test("Welcome sends a real trace and opens it; live counts new ones", async ({ page, request }) => {
  await page.goto("/welcome");
  await page.getByRole("button", { name: "Send a test trace" }).click();
  await expect(page).toHaveURL(/\/trace\/[0-9a-f]{32}/);
  await expect(page.getByRole("row").first()).toBeVisible();
  await page.goto("/explore?t=15m&live=1");
  await expect(page.getByRole("button", { name: "Live" })).toHaveAttribute("title", /Count new traces/);
  await request.post("/api/v1/test-span");
  await expect(page.getByRole("button", { name: "1 new" })).toBeVisible();
});

test("100,000 spans open in under 1.5 s and scroll without a blank row", async ({ page }) => {
  test.setTimeout(180_000);
  const fixture = batch(100_000, now() - 60_000_000_000n, traceId(4));
  await send(fixture);
  await expectFastOpen(page, `/trace/${fixture.traceId}`);
  await expect(page.getByText("100\u2009000 spans")).toBeVisible();
  await expectSmoothScroll(page);
  await drawn(page);
  await expectBarsBesideNames(page);
});

test("accessible, in both themes", async ({ page }) => {
  const fixture = shop(now() - 2_000_000_000n, traceId(5));
  await send(fixture);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const path of ["/welcome", "/explore?t=15m"]) {
      await page.goto(path);
      await page.getByRole("navigation").waitFor();
      await page.waitForLoadState("networkidle").catch(() => undefined);
      await expectAccessible(page, `${path} ${colorScheme}`);
    }
    await openTrace(page, `/trace/${fixture.traceId}`);
    await page.keyboard.press("e");
    await page.keyboard.press("Enter");
    await page.getByRole("tab", { name: /Attributes/ }).waitFor();
    await expectAccessible(page, `trace ${colorScheme}`);
  }
});
