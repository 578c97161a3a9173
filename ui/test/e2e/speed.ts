// Opening and scrolling a trace of 100,000 spans, measured in the browser. Used against the fixtures and
// against a real server.

import { type CDPSession, expect, type Page } from "@playwright/test";

/** openMillis is the acceptance line on 2 cores without a GPU: from the start of the navigation to drawn rows. */
const openMillis = 1500;

/** attempts is how often a line may be missed: a machine that tests also does other things. */
const attempts = 3;

/**
 * frameMillis bounds what a frame of scrolling costs the main thread on average, in CPU time, the test's own look
 * at it included. What the clock says is printed.
 */
const frameMillis = 12;

/** gaugeUnits of work took gaugeMillis on the machine for which the lines were drawn, with nothing else to do. */
const gaugeUnits = 150;
const gaugeMillis = 210;

/** Slowness is by how much this machine, at this moment, is slower than that one: by the clock, and in CPU time. */
export interface Slowness {
  clock: number;
  cpu: number;
}

/**
 * slowness measures the machine by a piece of work that is always the same. Every line that tests draw is moved by
 * it: so they hold on a machine that is slower, or busy, and still catch what got slower in the page.
 */
export async function slowness(page: Page): Promise<Slowness> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const before = await mainThreadMillis(session);
  const clock = await page.evaluate((units) => {
    const began = performance.now();
    const a = new Float64Array(1 << 16);
    for (let n = 0; n < 20 * units; n++) for (let i = 0; i < a.length; i++) a[i] = a[i] * 0.999 + i;
    return performance.now() - began;
  }, gaugeUnits);
  const cpu = (await mainThreadMillis(session)) - before;
  await session.detach();
  return { clock: Math.max(1, clock / gaugeMillis), cpu: Math.max(1, cpu / gaugeMillis) };
}

/** within measures until a measurement is below its line, moved by the machine's slowness around it. */
export async function within(
  page: Page,
  what: string,
  line: number,
  by: keyof Slowness,
  measure: () => Promise<number>,
): Promise<void> {
  const told: string[] = [];
  let held = false;
  for (let attempt = 0; attempt < attempts && !held; attempt++) {
    const before = await slowness(page);
    const millis = await measure();
    const after = await slowness(page);
    const slow = (before[by] + after[by]) / 2;
    told.push(`${millis.toFixed(1)} ms of ${line} on a machine ${slow.toFixed(1)} times as slow`);
    held = millis < line * slow;
  }
  console.log(`      ${what}: ${told.join("; ")}`);
  expect(held, `${what}: ${told.join("; ")}`).toBe(true);
}

/** openTrace goes to a trace in a fresh page and answers after how many ms its rows were drawn. */
export async function openTrace(page: Page, path: string): Promise<number> {
  await page.goto(path);
  await page.locator("[role=row]").first().waitFor();
  return page.evaluate(() => performance.getEntriesByName("clew:rows")[0].startTime);
}

export async function expectFastOpen(page: Page, path: string): Promise<void> {
  await within(page, `rows of ${path} drawn`, openMillis, "clock", () => openTrace(page, path));
}

interface Scrolled {
  frames: number;
  /** Rows that were missing from the viewport, empty, or not where the scroll position says, after any frame. */
  wrong: string[];
  p95: number;
  worst: number;
  longest: number;
  seen: number;
}

/**
 * scrollThrough opens all rows, then scrolls through them in big steps, every frame another place, and looks
 * after each painted frame at what is in the viewport.
 */
export async function scrollThrough(page: Page, leastRows = 99_000): Promise<Scrolled> {
  await page.getByRole("button", { name: "Open all" }).click();
  const grid = page.getByRole("treegrid");
  await expect.poll(async () => Number(await grid.getAttribute("aria-rowcount"))).toBeGreaterThan(leastRows);
  return grid.evaluate(async (scroller) => {
    const rowHeight = 24;
    const steps = 240;
    const wrong: string[] = [];
    const intervals: number[] = [];
    const indexes = new Set<number>();
    let longest = 0;
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) longest = Math.max(longest, entry.duration);
    });
    observer.observe({ entryTypes: ["longtask"] });
    // After the frame is painted: a message that is posted in a frame is handled behind its paint.
    const painted = () =>
      new Promise<void>((resolve) => {
        requestAnimationFrame(() => {
          const channel = new MessageChannel();
          channel.port1.onmessage = () => resolve();
          channel.port2.postMessage(0);
        });
      });
    const look = () => {
      const box = scroller.getBoundingClientRect();
      const rows = [...scroller.querySelectorAll<HTMLElement>("[role=row]:not([hidden])")];
      const count = Number(scroller.getAttribute("aria-rowcount"));
      const [real, shown] = [count * rowHeight, scroller.scrollHeight];
      // More rows than a browser can make an element tall for: the scroll position is scaled.
      const scale = real > shown ? (real - scroller.clientHeight) / (shown - scroller.clientHeight) : 1;
      const top = scroller.scrollTop * scale;
      const expected = Math.floor(top / rowHeight) + 1;
      const first = Number(rows[0]?.getAttribute("aria-rowindex"));
      if (first !== expected) wrong.push(`at ${top}: first row ${first}, want ${expected}`);
      const bottom = rows[rows.length - 1]?.getBoundingClientRect().bottom ?? 0;
      const reach = Math.min(box.top + scroller.clientHeight, box.top + (count - expected + 1) * rowHeight);
      if (bottom < reach - 1) wrong.push(`at ${top}: rows end at ${bottom}, want ${reach}`);
      rows.forEach((row, k) => {
        const index = Number(row.getAttribute("aria-rowindex"));
        indexes.add(index);
        const y = row.getBoundingClientRect().top - box.top;
        if (index !== first + k || Math.abs(y - ((index - 1) * rowHeight - top)) > 1)
          wrong.push(`row ${index} is at ${y}, scrolled to ${top}`);
        if ((row.textContent ?? "").trim() === "") wrong.push(`row ${index} is empty`);
      });
    };
    const most = scroller.scrollHeight - scroller.clientHeight;
    let last = performance.now();
    for (let i = 0; i <= steps; i++) {
      // Down in big steps, and in between small ones, as a wheel makes them.
      scroller.scrollTop = i % 3 === 0 ? (most * i) / steps : scroller.scrollTop + 40;
      await painted();
      const now = performance.now();
      intervals.push(now - last);
      look();
      last = performance.now();
    }
    observer.disconnect();
    intervals.sort((a, b) => a - b);
    return {
      frames: intervals.length,
      wrong: wrong.slice(0, 10),
      p95: intervals[Math.floor(intervals.length * 0.95)],
      worst: intervals[intervals.length - 1],
      longest,
      seen: indexes.size,
    };
  });
}

/** mainThreadMillis is the CPU time that the page's main thread has used. */
async function mainThreadMillis(session: CDPSession): Promise<number> {
  const { metrics } = await session.send("Performance.getMetrics");
  return 1000 * (metrics.find((m) => m.name === "TaskDuration")?.value ?? Number.NaN);
}

/** cpuOf answers how much CPU time the page's main thread used for what it is given. */
export async function cpuOf(page: Page, run: () => Promise<unknown>): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const before = await mainThreadMillis(session);
  await run();
  const used = (await mainThreadMillis(session)) - before;
  await session.detach();
  return used;
}

export async function expectSmoothScroll(page: Page): Promise<void> {
  await within(page, "a frame of scrolling", frameMillis, "cpu", async () => {
    let scrolled: Scrolled | undefined;
    const used = await cpuOf(page, async () => {
      scrolled = await scrollThrough(page);
    });
    const { wrong, seen, frames, p95, worst, longest } = scrolled as Scrolled;
    console.log(
      `      scrolling: by the clock p95 ${p95.toFixed(1)} ms, worst ${worst.toFixed(1)} ms, longest task ${longest.toFixed(0)} ms; ${seen} rows seen`,
    );
    expect(wrong).toEqual([]);
    expect(seen).toBeGreaterThan(2000);
    return used / frames;
  });
}

/** drawn waits until what was asked for is on the screen. */
export async function drawn(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** expectBarsBesideNames looks at the pixels: every row in sight has something drawn at the height of its name. */
export async function expectBarsBesideNames(page: Page): Promise<void> {
  const bare = await page.getByRole("treegrid").evaluate((scroller) => {
    const canvas = scroller.querySelector("canvas") as HTMLCanvasElement;
    const context = canvas.getContext("2d") as CanvasRenderingContext2D;
    const ratio = canvas.width / canvas.clientWidth;
    const box = canvas.getBoundingClientRect();
    const inked = (y: number) => {
      if (y < 0 || y * ratio >= canvas.height) return -1;
      const line = context.getImageData(0, Math.floor(y * ratio), canvas.width, 1).data;
      let count = 0;
      for (let i = 3; i < line.length; i += 4) if (line[i] > 0) count++;
      return count;
    };
    return [...scroller.querySelectorAll<HTMLElement>("[role=row]:not([hidden])")].flatMap((row) => {
      const top = row.getBoundingClientRect().top - box.top;
      const [middle, edge] = [inked(top + 12), inked(top + 1)];
      // At the edge of a row only the lines of the axis are drawn.
      return middle >= 0 && edge >= 0 && middle <= edge ? [row.id] : [];
    });
  });
  expect(bare).toEqual([]);
}
