import { defineConfig } from "@playwright/test";

// Against the fixture server, or with CLEW_URL against a running clew (then only what any clew can show).
const real = process.env.CLEW_URL;
// FIXTURE_PORT and the two ports after it are the fixture servers': other ports let two runs go side by side.
const port = Number(process.env.FIXTURE_PORT ?? 4398);
const fixtures = `http://127.0.0.1:${port}`;
const emptyStore = `http://127.0.0.1:${port + 1}`;

export default defineConfig({
  testDir: "test/e2e",
  outputDir: "test-results",
  // Patience for machines that do much else meanwhile; what must be fast is measured against their slowness.
  timeout: 180_000,
  expect: { timeout: 20_000 },
  workers: 1, // the speed tests want the machine for themselves
  retries: 0,
  reporter: [["list"]],
  use: {
    baseURL: real ?? fixtures,
    viewport: { width: 1440, height: 900 },
    timezoneId: "Europe/Berlin",
    launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] },
  },
  projects: real
    ? [{ name: "server", testMatch: "server/*.spec.ts" }]
    : process.env.SHOTS
      ? [{ name: "shots", testMatch: "shots/*.ts" }]
      : [{ name: "page", testMatch: "*.spec.ts" }],
  webServer: real
    ? undefined
    : [
        {
          command: `node test/server.mjs ${port}`,
          url: `${fixtures}/api/v1/health`,
          reuseExistingServer: false,
          timeout: 180_000,
        },
        {
          command: `node test/server.mjs ${port + 1} empty`,
          url: `${emptyStore}/api/v1/health`,
          reuseExistingServer: false,
          timeout: 180_000,
        },
      ],
});
