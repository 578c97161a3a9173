import { useSyncExternalStore } from "react";
import { formatAgo, formatMoment } from "../engine/base/time";
import { useSetting } from "../state/setting";
import { zone } from "../state/zone";

/** tickMillis is how often relative times are written anew. */
const tickMillis = 10_000;

let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const l of listeners) l();
  }, tickMillis);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** Ago shows how long ago a moment was, and when exactly on hover. */
export function Ago({ unixNanos }: { unixNanos: string }) {
  const [shownZone] = useSetting(zone);
  const at = useSyncExternalStore(subscribe, () => now);
  const moment = BigInt(unixNanos);
  return (
    <time dateTime={isoOf(moment)} title={formatMoment(moment, shownZone)}>
      {formatAgo(moment, Math.max(at, now))}
    </time>
  );
}

/** Moment shows a moment in the chosen zone. */
export function Moment({ unixNanos }: { unixNanos: bigint }) {
  const [shownZone] = useSetting(zone);
  return <time dateTime={isoOf(unixNanos)}>{formatMoment(unixNanos, shownZone)}</time>;
}

function isoOf(unixNanos: bigint): string | undefined {
  const date = new Date(Number(unixNanos / 1_000_000n));
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
