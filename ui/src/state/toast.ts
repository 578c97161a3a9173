// One short message at the bottom of the page, with at most one thing to do about it.

export interface Toast {
  text: string;
  action?: { label: string; run(): void };
}

/** readMillis is how long a message stays; actMillis is enough to also reach its button, by key too. */
const readMillis = 6000;
const actMillis = 20_000;

let shown: Toast | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

function show(next: Toast | null): void {
  shown = next;
  for (const listener of listeners) listener();
}

/** toast shows a message in place of the one before. */
export function toast(next: Toast): void {
  clearTimeout(timer);
  show(next);
  timer = setTimeout(() => show(null), next.action ? actMillis : readMillis);
}

/** dismissToast takes the message away. */
export function dismissToast(): void {
  clearTimeout(timer);
  show(null);
}

export function subscribeToast(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const shownToast = (): Toast | null => shown;
