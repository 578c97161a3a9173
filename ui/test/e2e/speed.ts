// Opening and scrolling a trace of 100,000 spans, measured in the browser. Used against the fixtures and
// against a real server.

import { type CDPSession, expect, type Page } from "@playwright/test";

/** openMillis is the acceptance line on 2 cores without a GPU: from the start of the navigation to drawn rows. */
const openMillis = 1500;

/**
 * frameMillis bounds what a frame of scrolling costs the main thread on average, in CPU time, the test's own look
 * at it included. CPU time and not the clock, because the machine that runs tests also runs others; what the
 * clock says is printed.
 */
const frameMillis = 12;

/** openTrace goes to a trace in a fresh page and answers after how many ms its rows were drawn. */
export async function openTrace(page: Page, path: string): Promise<number> {
  await page.goto(path);
  await page.locator("[role=row]").first().waitFor();
  return page.evaluate(() => performance.getEntriesByName("clew:rows")[0].startTime);
}

export async function expectFastOpen(page: Page, path: string): Promise<void> {
  const millis = await openTrace(page, path);
  console.log(`      ${path}: rows drawn ${Math.round(millis)} ms after the navigation began`);
  expect(millis).toBeLessThan(openMillis);
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

export async function expectSmoothScroll(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const before = await mainThreadMillis(session);
  const scrolled = await scrollThrough(page);
  const perFrame = ((await mainThreadMillis(session)) - before) / scrolled.frames;
  console.log(
    `      scrolling: ${scrolled.frames} frames, ${perFrame.toFixed(1)} ms of main thread each; by the clock p95 ${scrolled.p95.toFixed(1)} ms, worst ${scrolled.worst.toFixed(1)} ms, longest task ${scrolled.longest.toFixed(0)} ms; ${scrolled.seen} rows seen`,
  );
  expect(scrolled.wrong).toEqual([]);
  expect(scrolled.seen).toBeGreaterThan(2000);
  expect(perFrame).toBeLessThan(frameMillis);
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
