import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The server that `npm run dev` asks: a running clew, or the fixture server of test/.
const server = process.env.CLEW_URL ?? "http://127.0.0.1:4398";

export default defineConfig({
  base: "./", // everything is relative to <base href>, so that a proxy's prefix works
  plugins: [react()],
  build: {
    outDir: "../web/dist",
    emptyOutDir: true, // public/.keep brings the committed placeholder back
    assetsInlineLimit: 0, // no data: URLs, the policy is default-src 'self'
    modulePreload: { polyfill: false },
    target: "es2023",
    cssMinify: "lightningcss",
  },
  // test/e2e is Playwright's. The patience is for machines that run much else at the same time.
  test: { include: ["src/**/*.test.ts"], testTimeout: 60_000 },
  server: { proxy: { "/api": server } },
});
