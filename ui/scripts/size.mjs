// The size gate: what each page loads, gzipped, against its budget. Run after the build.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const dist = new URL("../../web/dist", import.meta.url).pathname;
const kilo = 1000;

const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) =>
  statSync(join(dist, name)).isFile(),
);
const gzipped = (name) => gzipSync(readFileSync(join(dist, name)), { level: 9 }).length;
const sum = (pattern) =>
  files.filter((name) => pattern.test(name)).reduce((total, name) => total + gzipped(name), 0);
const whole = files
  .filter((name) => !/\.(gz|br)$/.test(name))
  .reduce((total, name) => total + statSync(join(dist, name)).size, 0);

/** Budgets in bytes; ui/DEPENDENCIES.md says what each dependency costs. */
const rows = [
  ["shell (index, vendor)", sum(/^assets\/index-.*\.js$/), 170 * kilo],
  ["explore", sum(/^assets\/explore-.*\.js$/), 45 * kilo],
  ["chart (of Explore, lazily)", sum(/^assets\/metrics-view-.*\.js$/), 30 * kilo],
  ["trace", sum(/^assets\/trace-.*\.js$/), 60 * kilo],
  ["welcome", sum(/^assets\/welcome-.*\.js$/), 20 * kilo],
  ["all scripts", sum(/\.js$/), 295 * kilo],
  ["all styles", sum(/\.css$/), 25 * kilo],
  ["dist, uncompressed", whole, 1200 * kilo],
];

let over = false;
for (const [what, size, budget] of rows) {
  const bad = size === 0 || size > budget;
  over ||= bad;
  console.log(
    `${what.padEnd(26)} ${(size / kilo).toFixed(1).padStart(8)} kB of ${(budget / kilo).toFixed(0).padStart(5)} kB${bad ? "  <- over budget, or missing" : ""}`,
  );
}
process.exit(over ? 1 : 0);
