// How much was found, and how much of the store was looked at for it.

import type { SearchAnswer } from "../../api/client";
import { formatBytes } from "../../engine/base/bytes";
import { formatCount, formatShare } from "../../engine/base/time";
import style from "./explore.module.css";
import { keptText } from "./kept";
import { mostNew } from "./live";
import { isOrdered } from "./order";

export type Coverage = SearchAnswer["coverage"];

/** leastOf is the coverage of the answer that saw least, of all that make up the page. */
export function leastOf(answers: readonly { coverage: Coverage }[]): Coverage | undefined {
  const partial = answers.map((a) => a.coverage).filter((c) => !c.complete);
  return partial.toSorted((a, b) => a.searched - b.searched)[0] ?? answers[0]?.coverage;
}

/** Summary counts what matches. The list and the count are two answers, and either may have seen a part only. */
export function Summary({
  query,
  pages,
  counted,
  countError,
  fresh,
  showFresh,
}: {
  query: string;
  pages: readonly SearchAnswer[];
  counted?: SearchAnswer;
  countError: Error | null;
  fresh: number;
  showFresh: () => void;
}) {
  const answer = pages[0];
  const least = leastOf([...pages, ...(counted ? [counted] : [])]);
  return (
    <>
      <div className={style.summary}>
        {answer && <Count query={query} counted={counted} error={countError} />}
        <span role="status">
          {fresh > 0 && (
            <button type="button" className={style.pill} onClick={showFresh}>
              {fresh >= mostNew ? `${mostNew - 1}+` : fresh} new
            </button>
          )}
        </span>
        {answer && (
          <span className={style.cost}>
            looked at {formatCount(answer.scanned.rows)} rows, {formatBytes(answer.scanned.bytes)}, in{" "}
            {Math.max(1, Math.round(answer.tookMs))} ms
          </span>
        )}
      </div>
      {least && <Partial coverage={least} />}
    </>
  );
}

function Count({ query, counted, error }: { query: string; counted?: SearchAnswer; error: Error | null }) {
  if (!counted?.count) return <span>{error ? `Not counted: ${error.message}` : "Counting…"}</span>;
  const { spans, traces, unknownWeight } = counted.count;
  const kept = keptText(counted.count);
  return (
    <>
      <span>
        {!counted.coverage.complete && "at least "}
        <b>{formatCount(spans)}</b> {spans === 1 ? "span" : "spans"} in <b>{formatCount(traces)}</b>{" "}
        {traces === 1 ? "trace" : "traces"} match,{" "}
        {isOrdered(query) ? "in the order asked for" : "newest first"}
      </span>
      {kept && <span>{kept}</span>}
      <Unknown spans={unknownWeight} />
    </>
  );
}

/** Unknown says of spans that nobody knows what they stand for. */
export function Unknown({ spans }: { spans?: number }) {
  if (!spans) return null;
  return (
    <span>
      {formatCount(spans)} {spans === 1 ? "span was" : "spans were"} sampled, nobody says how:{" "}
      {spans === 1 ? "it counts" : "they count"} as one
    </span>
  );
}

/** Partial is the stripe over an answer that is not about everything. */
export function Partial({ coverage }: { coverage: Coverage }) {
  if (coverage.complete) return null;
  return (
    <div className={style.partial} role="status">
      Searched {shareText(coverage)} of the rows
      {coverage.reason ? `: ${coverage.reason}` : ""}. There may be more.
    </div>
  );
}

/** shareText never rounds a part up to the whole. */
export function shareText({ searched }: Coverage): string {
  return searched >= 0.995 ? "less than all" : formatShare(searched, 1);
}
