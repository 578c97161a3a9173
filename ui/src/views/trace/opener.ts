import { type Opened, openBody, rowsComing } from "./opened";

/** workerRows is the size from which a trace is opened in a worker: below it takes less than a frame or two here. */
const workerRows = 30_000;

/** Answer is what the worker says in the end. */
export type Answer = { opened: Opened } | { wrong: string };

/**
 * Opener opens one body. It starts a worker when it hears that the body is large, while the rest of it still comes.
 * Where no worker can be had, the work is done in place.
 */
export class Opener {
  private worker: Promise<Worker | null> | null = null;
  private stopped = false;

  /** hear gets the first piece of the body. */
  hear(first: Uint8Array): void {
    if (rowsComing(first) >= workerRows) this.worker ??= startWorker();
  }

  async open(pieces: Uint8Array[]): Promise<Opened> {
    const worker = await this.worker;
    if (!worker) return openBody(pieces);
    if (this.stopped) worker.terminate();
    try {
      return await ask(worker, pieces);
    } finally {
      worker.terminate();
    }
  }

  /** stop ends the work, whose result nobody waits for. */
  stop(): void {
    this.stopped = true;
    void this.worker?.then((worker) => worker?.terminate());
  }
}

function startWorker(): Promise<Worker | null> {
  const worker = new Worker(new URL("./opener.worker.ts", import.meta.url), { type: "module" });
  return new Promise((resolve) => {
    worker.addEventListener("message", () => resolve(worker), { once: true });
    worker.addEventListener("error", () => resolve(null), { once: true });
  });
}

function ask(worker: Worker, pieces: Uint8Array[]): Promise<Opened> {
  return new Promise((resolve, reject) => {
    worker.addEventListener("message", ({ data }: MessageEvent<Answer>) =>
      "wrong" in data ? reject(new Error(data.wrong)) : resolve(data.opened),
    );
    worker.addEventListener("error", (event) =>
      reject(new Error(event.message || "the trace could not be read: perhaps there is too little memory")),
    );
    worker.postMessage(pieces, [...new Set(pieces.map((piece) => piece.buffer))]);
  });
}
