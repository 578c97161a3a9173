// The details of single spans, fetched when they are looked at.

import { getSpans, type SpanDetail } from "../../api/client";
import { spanIdAt, type Trace } from "../../engine/model/trace";

/** mostKept bounds the remembered spans; neighbours is how many shown rows on each side are fetched along. */
const mostKept = 5000;
export const neighbours = 25;

/** clipBytes is how much of a long value is fetched at first. */
const clipBytes = 4096;

/** SpanCache remembers details of one state of one trace; the oldest go first. */
export class SpanCache {
  private readonly kept = new Map<number, SpanDetail>();

  constructor(
    private readonly trace: Trace,
    private readonly onStale: () => void,
  ) {}

  /** get answers at once if it can. */
  get(row: number): SpanDetail | undefined {
    return this.kept.get(row);
  }

  /** load fetches the rows that are not here yet. If the server has counted them in another state of the trace, it keeps none. */
  async load(rows: number[]): Promise<void> {
    const missing = rows.filter((row) => !this.kept.has(row));
    if (missing.length === 0) return;
    const answer = await getSpans(this.trace.traceId, missing, clipBytes);
    if (answer.spans.some((span) => span.spanId !== spanIdAt(this.trace, span.row))) {
      this.onStale();
      return;
    }
    for (const span of answer.spans) this.kept.set(span.row, span);
    for (const row of this.kept.keys()) {
      if (this.kept.size <= mostKept) break;
      this.kept.delete(row);
    }
  }

  /** loadWhole fetches one span with values of any length. */
  async loadWhole(row: number): Promise<void> {
    const answer = await getSpans(this.trace.traceId, [row], 0);
    for (const span of answer.spans) this.kept.set(span.row, span);
  }
}
