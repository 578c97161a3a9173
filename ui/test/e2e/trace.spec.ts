import { expect, type Page } from "@playwright/test";
import { expectAccessible, row, rowNames, selected, shop, test, troubled } from "./page";

test("rows say everything about a span, and the header adds up", async ({ page }) => {
  await page.goto(`/trace/${shop}`);
  await expect(row(page, "frontend, POST /cart/checkout, 1.28 s, starts at 0 ns, error")).toBeVisible();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(/frontend\s*POST \/cart\/checkout/);
  await expect(page.getByText("148 spans")).toBeVisible();
  await expect(page.getByText("9 services")).toBeVisible();
  const first = row(page, /POST \/cart\/checkout/);
  await expect(first).toHaveAttribute("aria-level", "1");
  await expect(first).toHaveAttribute("aria-expanded", "true");
  await expect(page.getByRole("treegrid")).toHaveAttribute("aria-rowcount", "148");
});

test("the whole journey by keyboard", async ({ page }) => {
  await page.goto(`/trace/${shop}`);
  await row(page, /checkout/).waitFor();
  await page.keyboard.press("ArrowDown");
  await expect(selected(page)).toHaveAttribute("aria-rowindex", "1");
  await page.keyboard.press("ArrowLeft"); // folds
  await expect(page.getByRole("treegrid")).toHaveAttribute("aria-rowcount", "1");
  await page.keyboard.press("ArrowRight"); // opens
  await page.keyboard.press("ArrowRight"); // first child
  await expect(selected(page)).toHaveAttribute("aria-label", /^cart, GET/);
  await page.keyboard.press("End");
  await expect(selected(page)).toHaveAttribute("aria-rowindex", "148");
  await expect(selected(page)).toBeInViewport();
  await page.keyboard.press("Home");
  await page.keyboard.press("e");
  await expect(selected(page)).toHaveAttribute("aria-label", /^payment, charge card/);
  await page.keyboard.press("e");
  await expect(selected(page)).toHaveAttribute("aria-label", /^payment, api.stripe.com POST, 146/);
  await page.keyboard.press("E");
  await expect(selected(page)).toHaveAttribute("aria-label", /^payment, charge card/);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("complementary", { name: "Details of the span" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("complementary", { name: "Details of the span" })).toBeHidden();
  await page.keyboard.press("f");
  await expect(page.getByRole("button", { name: "Whole time" })).toBeVisible();
  await page.keyboard.press("0");
  await expect(page.getByRole("button", { name: "Whole time" })).toBeHidden();
  await page.keyboard.press("-");
  await page.keyboard.press("-");
  await page.keyboard.press("-");
  await expect(page.getByText(/of 148 rows/)).toBeVisible();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toContainText("Next error");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(/\/explore/);
});

/**
 * picture is what is seen, without the last pixel of anti-aliasing: every pixel of the canvases, and the place and
 * look of every row. (Whole screenshots differ by one pixel of one triangle now and then.)
 */
function picture(page: Page) {
  return page.locator("main").evaluate((main) => ({
    canvases: [...main.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL()),
    rows: [...main.querySelectorAll<HTMLElement>("[role=row]:not([hidden])")].map((element) => [
      element.className,
      element.style.transform,
      element.getAttribute("aria-expanded"),
      element.textContent,
    ]),
    words: (main as HTMLElement).innerText,
  }));
}

test("the address holds the state: the same link shows the same picture", async ({ page, browser }) => {
  await page.goto(`/trace/${shop}`);
  await row(page, /POST \/cart\/checkout/).waitFor();
  await row(page, /ReserveStock/).click();
  await page.keyboard.press("ArrowLeft");
  await row(page, /PlaceOrder/).click();
  await page.keyboard.press("f");
  await page.getByRole("textbox", { name: "Find in trace" }).fill("card");
  await expect(page).toHaveURL(/find=card/);
  await expect(page).toHaveURL(/z=\d+-\d+/);
  await expect(page).toHaveURL(/c=\./);
  await expect(page).toHaveURL(/span=[0-9a-f]{16}/);
  await expect(page.getByRole("tab", { name: /Attributes/ })).toBeVisible();
  await expect(page.getByText("1 row", { exact: true })).toBeVisible();
  await page.getByRole("treegrid").focus();
  await page.mouse.move(5, 500);
  const before = await picture(page);
  const other = await (
    await browser.newContext({ viewport: { width: 1440, height: 900 }, timezoneId: "Europe/Berlin" })
  ).newPage();
  await other.goto(page.url());
  await expect(other.getByRole("tab", { name: /Attributes/ })).toBeVisible();
  await expect(other.getByText(/\d+ rows/).first()).toBeVisible();
  await other.getByRole("treegrid").focus();
  await other.mouse.move(5, 500);
  await expect.poll(() => picture(other), { timeout: 5000 }).toEqual(before);
  await other.context().close();
});

test("a link that cannot be followed in all says so, and the address keeps only what is shown", async ({
  page,
}) => {
  await page.goto(`/trace/${shop}?span=nonsense&z=5&only=all&c=?&find=card&other=1`);
  await row(page, /POST \/cart\/checkout/).waitFor();
  for (const words of [
    "span=nonsense was left out",
    "z=5 was left out",
    "only=all",
    "c=? was left out",
    "other= in",
  ])
    await expect(page.getByText(words)).toBeVisible();
  await expect(page).toHaveURL(new RegExp(`/trace/${shop}\\?find=card&other=1$`));
  await page.getByRole("button", { name: "Dismiss" }).click();
  await expect(page.getByText("was left out")).toBeHidden();
  await page.goto(`/trace/${shop}?span=ffffffffffffffff`);
  await expect(page.getByText("no span of this trace has this id")).toBeVisible();
  await expect(page).toHaveURL(new RegExp(`/trace/${shop}$`));
});

test("a link to a span that has not come yet selects it when it comes", async ({ page, request }) => {
  const traceId = "11ee0000000000000000000000000003";
  const base = String(BigInt(Date.now()) * 1_000_000n);
  const early = {
    id: "00000000000000b2",
    parent: "00000000000000a1",
    service: "api",
    name: "early",
    start: 2e6,
    duration: 5e6,
  };
  const root = { id: "00000000000000a1", service: "web", name: "root", start: 0, duration: 9e6 };
  const send = (spans: unknown[]) => request.post("/fixtures/keep", { data: { traceId, base, spans } });
  await send([early]);
  await page.goto(`/trace/${traceId}?span=${root.id}`);
  // The ghost that stands for the missing root has its id.
  await expect(selected(page)).toHaveAttribute("aria-label", /parent not received/);
  await page.goto(`/trace/${traceId}?span=00000000000000c3`);
  await row(page, /early/).waitFor();
  await expect(selected(page)).toHaveCount(0);
  await send([
    early,
    root,
    { id: "00000000000000c3", parent: root.id, service: "api", name: "late", start: 8e6, duration: 1e6 },
  ]);
  await expect(selected(page)).toHaveAttribute("aria-label", /api, late/, { timeout: 60_000 });
  await expect(page).toHaveURL(/span=00000000000000c3/);
});

test("back undoes the last selection", async ({ page }) => {
  await page.goto(`/trace/${shop}`);
  await row(page, /GET \/cart/).click();
  await expect(page).toHaveURL(/span=/);
  const first = page.url();
  await page.waitForTimeout(900); // longer than a burst
  await row(page, /ReserveStock/).click();
  await expect(page).not.toHaveURL(first);
  await page.goBack();
  await expect(page).toHaveURL(first);
  await expect(selected(page)).toHaveAttribute("aria-label", /GET \/cart/);
  await page.goBack();
  await expect(selected(page)).toHaveCount(0);
});

test("details: typed attributes, exception with stack, events, links, resource", async ({ page }) => {
  await page.goto(`/trace/${shop}`);
  await row(page, /POST \/cart\/checkout/).waitFor();
  await page.keyboard.press("Home");
  await page.keyboard.press("e");
  await page.keyboard.press("Enter");
  const panel = page.getByRole("complementary", { name: "Details of the span" });
  await expect(panel).toContainText("CardDeclinedError");
  await expect(panel.getByLabel("Stack trace", { exact: true })).toContainText(
    "/app/payment/stripe.js:114:11",
  );
  await expect(panel).toContainText("184.5");
  await panel.getByRole("tab", { name: /Events/ }).click();
  await expect(panel).toContainText("retry");
  await expect(panel).toContainText("at 905 ms");
  await panel.getByRole("tab", { name: /Links/ }).click();
  await expect(panel.getByRole("link", { name: /9ac1f2e3577b34da/ })).toHaveAttribute(
    "href",
    /span=00f067aa0ba902b7/,
  );
  await panel.getByRole("tab", { name: /Resource/ }).click();
  await expect(panel).toContainText("service.version");
  await panel.getByRole("tab", { name: /JSON/ }).click();
  await expect(panel).toContainText('"spanId"');
});

test("find looks into names at once and into attributes through the server", async ({ page }) => {
  await page.goto(`/trace/${shop}`);
  await row(page, /POST \/cart\/checkout/).waitFor();
  await page.keyboard.press("Control+f");
  await page.keyboard.type("insufficient funds"); // only in an event's attributes
  await expect(page.getByText("1 row", { exact: true })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(selected(page)).toHaveAttribute("aria-label", /charge card/);
  await page.getByRole("button", { name: "Matches only" }).click();
  await expect.poll(() => rowNames(page).then((names) => names.length)).toBe(3);
});

test("what is wrong with a trace is said, and nothing is moved", async ({ page }) => {
  await page.goto(`/trace/${troubled}`);
  await expect(row(page, "parent not received, 2 spans name it")).toBeVisible();
  await expect(row(page, /orphan two, 20 ms, .*error, parent not received/)).toBeVisible();
  await expect(row(page, /ends before it starts, −25 ms, .*, ends before it starts/)).toBeVisible();
  await expect(row(page, /reports, build, .*perhaps clock skew/)).toBeVisible();
  await expect(row(page, /still running, not ended/)).toBeVisible();
  await expect(row(page, /chicken, .*lead in a circle/)).toBeVisible();
  await expect(row(page, /second root/)).toHaveAttribute("aria-level", "1");
  await expect(page.getByText("incomplete")).toBeVisible();
  await expect(page.getByText(/2 spans name a parent that was not received/)).toBeVisible();
  await row(page, "parent not received, 2 spans name it").click();
  await expect(page.getByRole("complementary")).toContainText(
    "was not received: not sent, sampled away, refused",
  );
});

test("clocks that differ are told, and corrected only when asked", async ({ page, request }) => {
  const traceId = "c10cc10cc10cc10cc10cc10cc10cc101";
  const [web, call] = ["00000000000000a1", "00000000000000b1"];
  await request.post("/fixtures/keep", {
    data: {
      traceId,
      base: String(BigInt(Date.now()) * 1_000_000n),
      spans: [
        { id: web, service: "web", name: "root", kind: 2, start: 0, duration: 20e6 },
        { id: call, parent: web, service: "web", name: "call", kind: 3, start: 5e6, duration: 10e6 },
        {
          id: "00000000000000c1",
          parent: call,
          service: "payments",
          name: "pay",
          kind: 2,
          start: 128e6,
          duration: 4e6,
        },
      ],
      clocks: [
        { name: "web", correctionNanos: 0 },
        { name: "payments", note: "120ms ± 3ms ahead of web", correctionNanos: 120e6 },
      ],
    },
  });
  await page.goto(`/trace/${traceId}`);
  await expect(page.getByText("payments is 120ms ± 3ms ahead of web. Times are as received.")).toBeVisible();
  await expect(row(page, /payments, pay, 4\sms, starts at 128\sms, .*perhaps clock skew/)).toBeVisible();
  const correct = page.getByRole("button", { name: "Show corrected times" });
  await expect(correct).toHaveAttribute("aria-pressed", "false");
  await correct.click();
  await expect(correct).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByText("corrected times", { exact: true })).toBeVisible();
  await expect(row(page, /payments, pay, 4\sms, starts at 8\sms/)).toBeVisible();
  await expect(row(page, /perhaps clock skew/)).toHaveCount(0);
  await expect(page).toHaveURL(/clocks=corrected/);
  await row(page, /payments, pay/).click();
  const panel = page.getByRole("complementary");
  await expect(panel).toContainText("Its clock (payments) is 120ms ± 3ms ahead of web.");
  await expect(panel).toContainText(/shown 120\sms earlier than received/);
  await expectAccessible(page, "corrected times");
  await page.reload();
  await expect(row(page, /payments, pay, 4\sms, starts at 8\sms/)).toBeVisible();
  await correct.click();
  await expect(row(page, /payments, pay, 4\sms, starts at 128\sms/)).toBeVisible();
  await expect(panel).toContainText("Its times are as received.");
  await expect(page).not.toHaveURL(/clocks=/);
});

test("hostile names and values are text, whatever they say", async ({ page }) => {
  page.on("dialog", () => expect("a dialog").toBe("none"));
  await page.goto(`/trace/${troubled}`);
  await expect(row(page, /<img src=x onerror=alert\(1\)>/)).toBeVisible();
  await expect(row(page, /null ‹U\+0000› and ‹U\+202E›desrever/)).toBeVisible();
  await row(page, /<img/).click();
  const panel = page.getByRole("complementary");
  await expect(panel).toContainText("<b>bold</b>");
  await panel.getByRole("button", { name: /Load all 1.05.MB/ }).click();
  await expect(panel).toContainText("shown in part");
  expect(await page.locator("main img, main b b").count()).toBe(0);
  await row(page, /caf/).click();
  await expect(panel.getByRole("heading")).toHaveText("caf\\xe9");
});

test("a trace grows on the page without moving what is selected", async ({ page, request }) => {
  const traceId = "11ee0000000000000000000000000001";
  const base = String(BigInt(Date.now()) * 1_000_000n);
  const early = {
    id: "00000000000000b2",
    parent: "00000000000000a1",
    service: "api",
    name: "child",
    start: 2e6,
    duration: 5e6,
  };
  const send = (spans: unknown[]) => request.post("/fixtures/keep", { data: { traceId, base, spans } });
  await send([early]);
  await page.goto(`/trace/${traceId}`);
  await row(page, /child/).click();
  await expect(page.getByText("incomplete")).toBeVisible();
  await send([
    early,
    { id: "00000000000000a1", service: "web", name: "root", start: 0, duration: 9e6 },
    {
      id: "00000000000000b1",
      parent: "00000000000000a1",
      service: "api",
      name: "earlier sibling",
      start: 1e6,
      duration: 1e5,
    },
  ]);
  await expect(page.getByText("complete", { exact: true })).toBeVisible();
  await expect(row(page, /web, root/)).toBeVisible();
  await expect(selected(page)).toHaveAttribute("aria-label", /api, child/);
  await expect(page.getByRole("complementary").getByRole("heading")).toHaveText("child");
});

test("a trace that is not here says so, and shows up by itself", async ({ page, request }) => {
  const traceId = "11ee0000000000000000000000000002";
  await page.goto(`/trace/${traceId}`);
  const alert = page.getByRole("alert");
  await expect(alert).toContainText("This trace is not here");
  expect((await alert.innerText()).match(/not here/g)).toHaveLength(1);
  await expect(alert).toContainText("It was never received, or it is older than the retention of 7 days.");
  await request.post("/fixtures/keep", {
    data: {
      traceId,
      base: String(BigInt(Date.now()) * 1_000_000n),
      spans: [{ id: "00000000000000a1", service: "web", name: "late", start: 0, duration: 1e6 }],
    },
  });
  await expect(row(page, /web, late/)).toBeVisible({ timeout: 60_000 });
});

test("errors only, zoom by dragging the axis, and the minimap", async ({ page }) => {
  await page.goto(`/trace/${shop}`);
  await row(page, /POST \/cart\/checkout/).waitFor();
  await page.getByRole("button", { name: "Errors only" }).click();
  await expect(page.getByRole("treegrid")).toHaveAttribute("aria-rowcount", "4");
  const box = await page.locator("canvas").nth(1).boundingBox();
  if (!box) throw new Error("no axis");
  await page.mouse.move(box.x + box.width * 0.25, box.y + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 10, { steps: 4 });
  await page.mouse.up();
  await expect(page).toHaveURL(/z=3\d{8}-6\d{8}/);
  await page.mouse.dblclick(box.x + 100, box.y + 10);
  await expect(page).not.toHaveURL(/z=/);
});

const hundredThousand = "/trace/0000000000000000000000000010000a";

test("a large trace is opened beside the page, a small one in it", async ({ page }) => {
  await page.goto(`/trace/${shop}`);
  await page.getByRole("row").first().waitFor();
  let workers = 0;
  page.on("worker", () => workers++);
  await page.goto(`/trace/${troubled}`);
  await page.getByRole("row").first().waitFor();
  expect(workers).toBe(0);
  await page.goto(hundredThousand);
  await page.getByRole("row").first().waitFor();
  expect(workers).toBe(1);
  await expect.poll(() => page.workers().length).toBe(0);
});

test("without a worker a large trace is opened all the same", async ({ page }) => {
  await page.route("**/opener.worker*", (route) => route.abort());
  await page.goto(hundredThousand);
  await expect(page.getByText("100\u2009000 spans")).toBeVisible();
  await expect(page.getByRole("row").first()).toBeVisible();
});

test("an answer that breaks off is asked for again", async ({ page }) => {
  let asked = 0;
  await page.route("**/skeleton", async (route) => {
    asked++;
    const answer = await route.fetch();
    const body = await answer.body();
    if (asked > 1) return route.fulfill({ response: answer, body });
    return route.fulfill({
      status: 200,
      body: body.subarray(0, 1000),
      contentType: "application/octet-stream",
    });
  });
  await page.goto(hundredThousand);
  await expect(page.getByRole("alert")).toContainText("the skeleton ends at byte 1000");
  await page.getByRole("button", { name: "Ask again" }).click();
  await expect(page.getByRole("row").first()).toBeVisible();
});

test("the server goes away and comes back", async ({ page }) => {
  await page.route("**/skeleton", (route) => route.abort());
  await page.goto(`/trace/${shop}`);
  await expect(page.getByRole("alert")).toContainText("The server does not answer");
  await page.unroute("**/skeleton");
  await expect(row(page, /POST \/cart\/checkout/)).toBeVisible({ timeout: 60_000 });
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`accessible, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await page.goto(`/trace/${shop}?find=stripe`);
    await row(page, /POST \/cart\/checkout/).waitFor();
    await expectAccessible(page, "find");
    await page.goto(`/trace/${troubled}`);
    await row(page, /orphan two/).click();
    await page.getByRole("tab", { name: /Attributes/ }).waitFor();
    await expectAccessible(page, "troubled, with details");
    await page.goto(`/trace/${shop}`);
    await row(page, /PlaceOrder/).click();
    await page.getByText("order.id").waitFor();
    await expectAccessible(page, "attributes");
    await page.keyboard.press("?");
    await expectAccessible(page, "keys");
  });
}
