import { defineConfig } from "@playwright/test";

// Measurements that take minutes: `npm run bench`. Against fixtures of a million spans, or with CLEW_URL and
// BENCH_TRACES (ids of traces in its store, separated by commas) against a running clew.
const real = process.env.CLEW_URL;
const port = Number(process.env.FIXTURE_PORT ?? 4396);
const fixtures = `http://127.0.0.1:${port}`;

export default defineConfig({
  testDir: "test/bench",
  testMatch: "*.ts",
  outputDir: "test-results",
  timeout: 600_000,
  workers: 1,
  retries: 0,
  reporter: [["list"]],
  use: {
    baseURL: real ?? fixtures,
    viewport: { width: 1440, height: 900 },
    launchOptions: { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] },
  },
  webServer: real
    ? undefined
    : {
        command: `node --max-old-space-size=6000 test/server.mjs ${port} huge`,
        url: `${fixtures}/api/v1/health`,
        reuseExistingServer: false,
      },
});
