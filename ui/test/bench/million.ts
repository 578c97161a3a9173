// What a trace of a million spans costs the page: until rows are drawn, in memory, in blocks of the main thread,
// and while scrolling. Times are by the clock and, because the machine may run other things too, in CPU time.

import { readFileSync } from "node:fs";
import { type Browser, expect, type Page, test } from "@playwright/test";
import { scrollThrough } from "../e2e/speed";

/** rounds is how often a trace is opened, each time in a fresh browser context. */
const rounds = Number(process.env.BENCH_ROUNDS ?? 3);

const traces: Record<string, string> = process.env.BENCH_TRACES
  ? Object.fromEntries(process.env.BENCH_TRACES.split(",").map((id) => [id.slice(0, 8), id]))
  : {
      batch: "000000000000000000000000000f000a",
      wide: "000000000000000000000000000f000b",
      deep: "000000000000000000000000000f000c",
    };

interface Task {
  clock: number;
  cpu: number;
}

/** mainThreadTasks runs what it is given and answers with the tasks of the page's main thread meanwhile, longest first. */
async function mainThreadTasks(browser: Browser, page: Page, run: () => Promise<unknown>): Promise<Task[]> {
  await browser.startTracing(page, { categories: ["toplevel", "__metadata"] });
  await run();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
    traceEvents: {
      name: string;
      pid: number;
      tid: number;
      dur?: number;
      tdur?: number;
      args: { name?: string };
    }[];
  };
  const mains = traceEvents.filter((e) => e.name === "thread_name" && e.args.name === "CrRendererMain");
  const used = (pid: number) => traceEvents.reduce((sum, e) => sum + (e.pid === pid ? (e.tdur ?? 0) : 0), 0);
  const main = mains.toSorted((a, b) => used(b.pid) - used(a.pid))[0];
  return traceEvents
    .filter((e) => e.pid === main.pid && e.tid === main.tid && e.name.endsWith("RunTask") && e.dur)
    .map((e) => ({ clock: (e.dur ?? 0) / 1000, cpu: (e.tdur ?? 0) / 1000 }))
    .toSorted((a, b) => b.cpu - a.cpu);
}

const tell = (tasks: Task[]) =>
  `longest task ${tasks[0].cpu.toFixed(0)} ms of CPU, ${Math.max(...tasks.map((t) => t.clock)).toFixed(0)} ms by the clock`;

/** memory of the page's process, MB: resident now and at most, and of it the heap that is alive. */
async function memory(browser: Browser, page: Page): Promise<string> {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize, backingStorageSize } = (await session.send("Runtime.getHeapUsage")) as {
    usedSize: number;
    backingStorageSize?: number;
  };
  const whole = await browser.newBrowserCDPSession();
  const { processInfo } = await whole.send("SystemInfo.getProcessInfo");
  const resident = processInfo
    .filter((p) => p.type === "renderer")
    .map((p) => readFileSync(`/proc/${p.id}/status`, "utf8"))
    .map((status) =>
      ["VmRSS", "VmHWM"].map((key) => Number(new RegExp(`${key}:\\s*(\\d+)`).exec(status)?.[1])),
    )
    .toSorted((a, b) => b[0] - a[0])[0];
  const mb = (bytes: number) => (bytes / 1e6).toFixed(0);
  return `resident ${mb(resident[0] * 1024)} MB, at most ${mb(resident[1] * 1024)} MB; heap ${mb(usedSize)} MB, buffers ${mb(backingStorageSize ?? 0)} MB`;
}

for (const [name, id] of Object.entries(traces)) {
  test(`a million spans: ${name}`, async ({ browser, request }) => {
    await request.get(`/api/v1/traces/${id}/skeleton`); // the fixture is made when it is first asked for
    for (let round = 0; round < rounds; round++) {
      const page = await (await browser.newContext()).newPage();
      const tasks = await mainThreadTasks(browser, page, async () => {
        await page.goto(`/trace/${id}`);
        await page.getByRole("row").first().waitFor({ timeout: 60_000 });
        await page.waitForTimeout(1000);
      });
      const [drawn, came] = await page.evaluate(() => [
        performance.getEntriesByName("clew:rows")[0].startTime,
        (performance.getEntriesByType("resource") as PerformanceResourceTiming[]).find((e) =>
          e.name.endsWith("/skeleton"),
        )?.responseEnd ?? Number.NaN,
      ]);
      console.log(
        `      open: rows drawn after ${drawn.toFixed(0)} ms, ${(drawn - came).toFixed(0)} ms after the last byte; ${tell(tasks)}; ${await memory(browser, page)}`,
      );
      await page.context().close();
    }
    const page = await (await browser.newContext()).newPage();
    await page.goto(`/trace/${id}`);
    await page.getByRole("row").first().waitFor({ timeout: 60_000 });
    const grid = page.getByRole("treegrid");
    const steps: Record<string, () => Promise<unknown>> = {
      "open all": async () => {
        await page.getByRole("button", { name: "Open all" }).click();
        await expect(grid).toHaveAttribute("aria-rowcount", /\d{6,}/, { timeout: 30_000 });
      },
      "next error": async () => {
        await page.keyboard.press("e");
        await page.getByRole("row", { selected: true }).waitFor();
      },
      find: async () => {
        await page.getByRole("textbox", { name: "Find in trace" }).fill("cart/3");
        await page
          .getByText(/ rows$/)
          .first()
          .waitFor();
      },
      "matches only": async () => {
        const before = await grid.getAttribute("aria-rowcount");
        await page.getByRole("button", { name: "Matches only" }).click();
        await expect(grid).not.toHaveAttribute("aria-rowcount", before ?? "");
      },
      zoom: async () => {
        await grid.focus();
        await page.keyboard.press("w");
        await page.getByRole("button", { name: "Whole time" }).waitFor();
      },
      "fold all": async () => {
        await page.getByRole("button", { name: "Fold all" }).click();
        await page.waitForTimeout(200);
      },
    };
    for (const [what, step] of Object.entries(steps)) {
      const tasks = await mainThreadTasks(browser, page, async () => {
        await step();
        await page.waitForTimeout(300);
      });
      console.log(`      ${what}: ${tell(tasks)}`);
    }
    await page.getByRole("button", { name: "Clear find" }).click();
    const scrolled = await scrollThrough(page, 900_000);
    console.log(
      `      scroll: p95 ${scrolled.p95.toFixed(1)} ms, worst ${scrolled.worst.toFixed(1)} ms, longest task ${scrolled.longest.toFixed(0)} ms; ${scrolled.seen} rows seen, ${scrolled.wrong.length} wrong ${scrolled.wrong.slice(0, 3).join("; ")}`,
    );
    await page.context().close();
  });
}
