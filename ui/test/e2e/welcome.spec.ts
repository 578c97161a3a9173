import { type ChildProcess, spawn } from "node:child_process";
import { expect } from "@playwright/test";
import { down, emptyStore, expectAccessible, mortalPort, test } from "./page";
import { slowness } from "./speed";

test.describe.configure({ mode: "serial" });

for (const colorScheme of ["light", "dark"] as const) {
  test(`accessible, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await page.goto(`${emptyStore}/welcome`);
    await expect(page.getByText("127.0.0.1:4317", { exact: true })).toBeVisible();
    await expectAccessible(page, "welcome");
  });
}

test("the snippets have the real address, in every language", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(`${emptyStore}/welcome`);
  await expect(page.getByText("127.0.0.1:4318", { exact: true })).toBeVisible();
  for (const name of ["Node", "Python", "Java", "Go", ".NET", "Rust", "Collector", "curl"]) {
    await page.getByRole("tab", { name, exact: true }).click();
    await expect(page.getByRole("tabpanel")).toContainText(/127\.0\.0\.1:431[78]/);
  }
  await page.getByRole("button", { name: "Copy code" }).first().click();
  await expect
    .poll(() => page.evaluate(() => navigator.clipboard.readText()))
    .toContain("curl http://127.0.0.1:4318/v1/traces");
});

test("why something was refused is said", async ({ page }) => {
  await page.goto(`${emptyStore}/welcome`);
  await expect(
    page.getByText(/Last refused .* at OTLP over HTTP from 127.0.0.1:51724: Content-Type text\/plain/),
  ).toBeVisible();
});

test("without a server the page says so, offers nothing that cannot work, and comes back by itself", async ({
  page,
}) => {
  const up = await down(page);
  await page.goto(`${emptyStore}/welcome`);
  await expect(page.getByRole("alert")).toContainText(`Nothing answers at ${new URL(emptyStore).host}`);
  await expect(page.getByRole("heading", { name: "Server not reached" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Send a test trace" })).toBeDisabled();
  await expect(page.getByText("Nothing was refused")).toBeHidden();
  await expect(page.getByText("The server cannot be reached: exporters keep their data")).toBeVisible();
  await expectAccessible(page, "not reached");
  await up();
  await expect(page.getByText("127.0.0.1:4317", { exact: true })).toBeVisible();
  await expect(page.getByRole("alert")).toBeHidden();
  await expect(page.getByRole("button", { name: "Send a test trace" })).toBeEnabled();
});

/** serve starts a server with an empty store and waits until it listens. */
async function serve(): Promise<ChildProcess> {
  const server = spawn(process.execPath, ["test/server.mjs", String(mortalPort), "empty"]);
  await new Promise((resolve) => server.stdout.once("data", resolve));
  return server;
}

async function end(server: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => server.once("exit", resolve));
  server.kill();
  await ended;
}

test("a server that dies and starts again: the page follows, and still opens the first trace", async ({
  page,
  request,
}) => {
  const address = `http://127.0.0.1:${mortalPort}`;
  let server = await serve();
  try {
    await page.goto(`${address}/welcome`);
    await expect(page.getByText("Waiting.")).toBeVisible();
    await end(server);
    await expect(page.getByRole("heading", { name: "Server not reached" })).toBeVisible();
    await expect(page.getByRole("button", { name: "Send a test trace" })).toBeDisabled();
    server = await serve();
    await expect(page.getByRole("heading", { name: /Server listening/ })).toBeVisible();
    const sent = await request.post(`${address}/api/v1/test-span`);
    await expect(page).toHaveURL(`${address}/trace/${(await sent.json()).traceId}`);
    await expect(page.getByRole("row").first()).toBeVisible();
  } finally {
    await end(server);
  }
});

test("the first page of an empty store is the checklist; the first trace opens by itself, and back leads back", async ({
  page,
  request,
}) => {
  await page.goto(emptyStore);
  await expect(page).toHaveURL(`${emptyStore}/welcome`);
  await expect(page.getByText("Waiting.")).toBeVisible();
  const slow = await slowness(page);
  const sent = await request.post(`${emptyStore}/api/v1/test-span`);
  const before = Date.now();
  await expect(page).toHaveURL(`${emptyStore}/trace/${(await sent.json()).traceId}`);
  const millis = Date.now() - before;
  // A second is the target. It is measured once, so there is as much again for a bad moment.
  expect(millis).toBeLessThan(2000 * Math.max(slow.clock, (await slowness(page)).clock));
  await expect(page.getByRole("row").first()).toBeVisible();
  await page.getByRole("button", { name: "Back to Welcome" }).click();
  await expect(page).toHaveURL(`${emptyStore}/welcome`);
  await expect(page.getByText(/\d+ spans kept/)).toBeVisible();
  await page.getByRole("button", { name: "Send a test trace" }).click();
  await expect(page).toHaveURL(/\/trace\//);
  await page.goto(emptyStore);
  await expect(page).toHaveURL(/\/explore/);
});
