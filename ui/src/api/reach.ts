// Whether the server can be reached, as far as the page has seen. Every request reports; after one that got no
// answer the server is asked for until it gives one.

import { useEffect, useSyncExternalStore } from "react";
import { basePath } from "./base";
import { send } from "./token";

/** againMillis is how often a lost server is asked for. answerMillis is how long it may take: more than a busy one does. */
const againMillis = 1000;
export const answerMillis = 10_000;

let lost = false;
const listeners = new Set<() => void>();

function change(now: boolean): void {
  if (lost === now) return;
  lost = now;
  for (const listener of listeners) listener();
}

/** sawAnswer and sawNothing tell what became of a request. */
export function sawAnswer(): void {
  change(false);
}

export function sawNothing(): void {
  if (lost) return;
  change(true);
  setTimeout(probe, againMillis);
}

/** isClew tells an answer of clew from that of a proxy which does not reach it: clew says in JSON what is wrong. */
export function isClew(response: Response): boolean {
  const gateway = response.status === 502 || response.status === 503 || response.status === 504;
  return !gateway || (response.headers.get("Content-Type") ?? "").startsWith("application/json");
}

/** probe asks whether the server is there. */
export async function probe(): Promise<void> {
  let found = false;
  try {
    const response = await send(`${basePath}/api/v1/health`, {
      cache: "no-store",
      signal: AbortSignal.timeout(answerMillis),
    });
    found = isClew(response);
  } catch {
    // Still nothing.
  }
  if (found) sawAnswer();
  else if (lost) setTimeout(probe, againMillis);
  else sawNothing();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** useLost tells whether the last request got no answer. */
export function useLost(): boolean {
  return useSyncExternalStore(subscribe, () => lost);
}

/** onFound calls a listener whenever a lost server is there again. */
export function onFound(listener: () => unknown): () => void {
  return subscribe(() => {
    if (!lost) listener();
  });
}

/** useOnFound is onFound for components. */
export function useOnFound(listener: () => unknown): void {
  useEffect(() => onFound(listener), [listener]);
}
