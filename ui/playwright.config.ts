import { defineConfig } from "@playwright/test";

// Against the fixture server, or with CLEW_URL against a running clew (then only what any clew can show).
const real = process.env.CLEW_URL;
const fixtures = "http://127.0.0.1:4399";
const emptyStore = "http://127.0.0.1:4398";

export default defineConfig({
  testDir: "test/e2e",
  outputDir: "test-results",
  timeout: 60_000,
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
    : [
        { name: "page", testMatch: "*.spec.ts" },
        { name: "shots", testMatch: "shots/*.ts" },
      ],
  webServer: real
    ? undefined
    : [
        { command: "node test/server.mjs 4399", url: `${fixtures}/api/v1/health`, reuseExistingServer: true },
        {
          command: "node test/server.mjs 4398 empty",
          url: `${emptyStore}/api/v1/health`,
          reuseExistingServer: true,
        },
      ],
});
