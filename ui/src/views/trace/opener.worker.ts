// The worker that opens large traces: it takes pieces of a body, once, and gives back what they say.

import { buffersOf, openBody } from "./opened";
import type { Answer } from "./opener";

addEventListener("message", (event: MessageEvent<Uint8Array[]>) => {
  try {
    const opened = openBody(event.data);
    postMessage({ opened } satisfies Answer, { transfer: buffersOf(opened) });
  } catch (error) {
    postMessage({ wrong: (error as Error).message } satisfies Answer);
  }
});

postMessage("ready");
