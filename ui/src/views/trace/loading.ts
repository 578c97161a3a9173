// Fetching a trace, and following it while spans still arrive.

import { useCallback, useEffect, useState } from "react";
import { ApiError, getSkeleton } from "../../api/client";
import { useLatest } from "../../state/latest";
import { rowsComing } from "./opened";
import { Opener } from "./opener";
import type { Place } from "./place";
import { TraceStore } from "./store";

/**
 * How often an unfinished trace, or one that is not here yet, is asked for again: at first every
 * pollMillis, slower by a half each time nothing came, and no more after giveUpMillis without news.
 */
const pollMillis = 1000;
const pollGrowth = 1.5;
const giveUpMillis = 5 * 60_000;

/** Loaded is the state of a trace page. */
export interface Loaded {
  store: TraceStore | null;
  etag: string;
  error: Error | null;
  /** The page still asks for more spans. */
  following: boolean;
  /** How much has come of a trace that is not shown yet. */
  coming: { rows: number; bytes: number } | null;
}

const nothing: Loaded = { store: null, etag: "", error: null, following: false, coming: null };

/** comingMillis is how often it is told how much has come. */
const comingMillis = 100;

/** useTrace loads a trace; place is where to look when it has come. refresh asks again and keeps what is shown. */
export function useTrace(traceId: string, place: Place): Loaded & { refresh(): void } {
  const [shown, setShown] = useState<{ traceId: string; loaded: Loaded }>({ traceId, loaded: nothing });
  const [attempt, setAttempt] = useState(0);
  const latest = useLatest({ place, shown });
  useEffect(() => {
    const stop = new AbortController();
    const before = latest.current.shown;
    const start = before.traceId === traceId && attempt > 0 ? before.loaded : nothing;
    const report = (loaded: Loaded) => setShown({ traceId, loaded });
    report(start);
    void follow(traceId, start, () => latest.current.place, stop.signal, report);
    return () => stop.abort();
  }, [traceId, attempt, latest]);
  const refresh = useCallback(() => setAttempt((n) => n + 1), []);
  return { ...(shown.traceId === traceId ? shown.loaded : nothing), refresh };
}

async function follow(
  traceId: string,
  start: Loaded,
  place: () => Place,
  signal: AbortSignal,
  report: (l: Loaded) => void,
): Promise<void> {
  let current = start;
  let wait = pollMillis;
  let lastNews = performance.now();
  while (!signal.aborted) {
    const next = await load(traceId, current, place, signal, report);
    if (signal.aborted) return;
    if (next.etag !== current.etag) {
      wait = pollMillis;
      lastNews = performance.now();
    }
    const settled = next.error ? !isWaiting(next.error) : (next.store?.trace.complete ?? false);
    const following = !settled && performance.now() - lastNews < giveUpMillis;
    current = { ...next, following };
    report(current);
    if (!following) return;
    await pause(wait, signal);
    wait *= pollGrowth;
  }
}

/** isWaiting tells the errors after which asking again makes sense: not here yet, too busy, not reachable. */
function isWaiting(error: Error): boolean {
  return error instanceof ApiError && ["notFound", "busy", "unreachable"].includes(error.kind);
}

async function load(
  traceId: string,
  current: Loaded,
  place: () => Place,
  signal: AbortSignal,
  report: (l: Loaded) => void,
): Promise<Loaded> {
  const opener = new Opener();
  signal.addEventListener("abort", () => opener.stop(), { once: true });
  try {
    const body = await getSkeleton(traceId, current.etag, signal, listener(opener, current, report));
    if (body === null) return { ...current, error: null };
    const opened = await opener.open(body.pieces);
    if (current.store) {
      current.store.replace(opened);
      return { ...current, etag: body.etag, error: null };
    }
    return { ...nothing, store: new TraceStore(opened, place()), etag: body.etag };
  } catch (error) {
    opener.stop();
    // A trace that is on the page stays there when the server goes away for a while.
    return { ...current, error: error as Error, coming: null };
  }
}

/** listener tells the opener of the first piece, and the page, now and then, how much has come. */
function listener(opener: Opener, current: Loaded, report: (l: Loaded) => void) {
  let rows = 0;
  let told = performance.now();
  return (piece: Uint8Array, bytes: number) => {
    if (bytes === piece.length) {
      rows = rowsComing(piece);
      opener.hear(piece);
    }
    if (current.store || performance.now() - told < comingMillis) return;
    told = performance.now();
    report({ ...current, coming: { rows, bytes } });
  };
}

/** pause waits, and while the page is hidden waits until it is looked at. */
function pause(millis: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      if (document.hidden && !signal.aborted) {
        document.addEventListener("visibilitychange", () => resolve(), { once: true, signal });
        return;
      }
      resolve();
    };
    const timer = setTimeout(done, millis);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
