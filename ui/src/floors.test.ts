// The floors of the page: imports go only to lower floors, never sideways, never up.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

const source = dirname(new URL(import.meta.url).pathname);

/** A folder that is missing here fails, so the plan stays complete. */
const floors: Record<string, number> = {
  "engine/base": 0, // ids, times, colours, text: no shape of a trace
  "engine/model": 1, // the trace and what follows from it: pure functions on columns
  "engine/layout": 2, // where things are: pure functions to boxes
  "engine/draw": 3, // canvas; decides nothing
  api: 4, // the server, typed from its own contract
  state: 4, // what the page remembers: URL, theme, keys, zone
  parts: 5, // small components that more than one view shows
  "views/explore": 6,
  "views/trace": 6,
  "views/welcome": 6,
  app: 7, // shell and routes: knows every view
  ".": 8, // main
};

const engineMayUse = /^\.{1,2}\//; // the engine knows no package: no React, no router

function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesOf(path);
    return /\.tsx?$/.test(entry.name) && !/\.(test|d)\.ts$/.test(entry.name) ? [path] : [];
  });
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/(?:from|import|import\()\s*"([^"]+)"/g)].map((found) => found[1]);
}

test("imports go to lower floors only", () => {
  const wrong: string[] = [];
  for (const file of filesOf(source)) {
    const here = relative(source, dirname(file)) || ".";
    if (floors[here] === undefined) wrong.push(`${here} has no floor`);
    for (const target of importsOf(file)) {
      if (here.startsWith("engine/") && !engineMayUse.test(target))
        wrong.push(`${relative(source, file)} imports ${target}`);
      if (!target.startsWith(".")) continue;
      const there = relative(source, dirname(join(dirname(file), target))) || ".";
      if (there === here || there === "styles") continue;
      if (!(floors[there] < floors[here]))
        wrong.push(`${relative(source, file)} imports ${target}, which is not below it`);
    }
  }
  expect(wrong).toEqual([]);
});

test("files stay under 600 lines", () => {
  const long = filesOf(source).filter((file) => readFileSync(file, "utf8").split("\n").length > 600);
  expect(long).toEqual([]);
});
