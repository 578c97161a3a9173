// Server-sent events, read from a request that can show a token, as an EventSource cannot.

import { basePath } from "./base";
import { EventReader } from "./events";
import type { components } from "./schema";
import { isClew, probe } from "./reach";
import { send } from "./token";

export type TailEvent = components["schemas"]["TailEvent"];

/** againMillis is how long a stream that ended waits before it is opened again. */
const againMillis = 2000;

/** openTail follows spans as they arrive, reconnecting by itself. Close what it returns. */
export function openTail(
  q: string,
  onEvent: (event: TailEvent) => void,
  onState?: (open: boolean) => void,
): { close(): void } {
  const stop = new AbortController();
  void follow(q, onEvent, (open) => !stop.signal.aborted && onState?.(open), stop.signal);
  return { close: () => stop.abort() };
}

async function follow(
  q: string,
  onEvent: (event: TailEvent) => void,
  onState: (open: boolean) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const response = await send(`${basePath}/api/v1/tail?q=${encodeURIComponent(q)}`, {
        headers: { Accept: "text/event-stream" },
        cache: "no-store",
        signal,
      });
      const hopeless = response.status >= 400 && response.status < 500 && response.status !== 429;
      if (hopeless) return; // Another query, or another token, opens another stream.
      if (response.ok && response.body) {
        onState(true);
        await read(response.body, (name, data) => {
          if (name === "spans" && !signal.aborted) onEvent(JSON.parse(data) as TailEvent);
        });
      } else if (!isClew(response)) void probe();
    } catch {
      // Broken off: below.
    }
    if (signal.aborted) return;
    onState(false);
    void probe(); // a stream may end for other reasons than that nobody is there
    await new Promise((resolve) => setTimeout(resolve, againMillis));
  }
}

async function read(body: ReadableStream<Uint8Array>, onEvent: (name: string, data: string) => void) {
  const events = new EventReader(onEvent);
  const text = new TextDecoder();
  const reader = body.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read())
    events.take(text.decode(next.value, { stream: true }));
}
