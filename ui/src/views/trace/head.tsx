// What is said above the waterfall: which request, how it went, what to doubt.

import { getTrace, traceUrl } from "../../api/client";
import { hasToken } from "../../api/token";
import { toast } from "../../state/toast";
import { clip, visible } from "../../engine/base/text";
import { formatCount, formatDuration, formatShare } from "../../engine/base/time";
import { has, serviceName, spanName, type Trace } from "../../engine/model/trace";
import { flag } from "../../engine/model/skeleton";
import { copyText } from "../../parts/copy";
import { Icon } from "../../parts/icon";
import { Moment } from "../../parts/moment";
import type { TraceStore } from "./store";
import style from "./trace.module.css";

/** titleChars bounds what of a name is put into the title. */
const titleChars = 200;

/** saveTrace does what the link does, with the token that a link cannot show. */
async function saveTrace(id: string): Promise<void> {
  try {
    const url = URL.createObjectURL(await getTrace(id));
    const link = document.createElement("a");
    link.href = url;
    link.download = `${id}.json`;
    link.click();
    URL.revokeObjectURL(url);
  } catch (error) {
    toast({ text: `Not saved: ${(error as Error).message}` });
  }
}

export function Head({ store }: { store: TraceStore }) {
  const t = store.trace;
  const { root } = store.verdict;
  const ghost = root < 0 || has(t, root, flag.ghost);
  return (
    <div className={style.head}>
      <div className={style.titleLine}>
        <h1 className={style.title}>
          {!ghost && <i className="stripe" data-slot={t.services[t.service[root]].slot} />}
          <span className={`${style.service} isolate`}>
            {ghost ? "Empty trace" : visible(clip(serviceName(t, root), titleChars)) || "(no service name)"}
          </span>
          <span className={`${style.name} isolate`}>
            {ghost ? "" : visible(clip(spanName(t, root), titleChars))}
          </span>
        </h1>
        {t.errorCount > 0 && (
          <button
            type="button"
            className="badge error"
            style={{ border: 0 }}
            onClick={() => store.stepError(1)}
            title="Next error (e)"
          >
            {formatCount(t.errorCount)} {t.errorCount === 1 ? "error" : "errors"}
          </button>
        )}
        {store.correcting && (
          <span className="badge warn" title="Times are not as received: see the clocks below">
            corrected times
          </span>
        )}
        {t.complete ? (
          <span className="badge">complete</span>
        ) : (
          <span className="badge warn">incomplete</span>
        )}
        <div className={style.actions}>
          <a
            className="button"
            href={traceUrl(t.traceId)}
            download={`${t.traceId}.json`}
            onClick={(event) => {
              if (!hasToken()) return;
              event.preventDefault();
              void saveTrace(t.traceId);
            }}
          >
            <Icon name="download" size={14} /> OTLP JSON
          </a>
        </div>
      </div>
      <div className={style.meta}>
        <b>{formatDuration(t.extent)}</b>
        <span>{formatCount(t.spanCount)} spans</span>
        <span>
          {formatCount(t.services.length)} {t.services.length === 1 ? "service" : "services"}
        </span>
        <span>depth {t.maxDepth + 1}</span>
        <Moment unixNanos={t.base} />
        <button type="button" onClick={() => copyText(t.traceId, "trace id")} title="Copy trace id">
          {t.traceId}
        </button>
      </div>
    </div>
  );
}

/** Verdict says where the time and the first error are. Each part is one rule, told on hover. */
export function Verdict({ store }: { store: TraceStore }) {
  const t = store.trace;
  const { verdict } = store;
  if (verdict.slowest < 0) return null;
  const go = (row: number) => {
    store.select(row, true);
    store.openDetail(true);
  };
  return (
    <div className={style.verdict}>
      <span title="Rule: the span with the longest time not covered by its children">
        Longest own time:{" "}
        <button type="button" onClick={() => go(verdict.slowest)}>
          {words(t, verdict.slowest)}
        </button>{" "}
        {formatDuration(t.self[verdict.slowest])} ({formatShare(t.self[verdict.slowest], t.extent)})
      </span>
      {verdict.firstError >= 0 && (
        <span title="Rule: of the spans with an error and none below them, the one that starts first">
          First error:{" "}
          <button type="button" onClick={() => go(verdict.firstError)}>
            {words(t, verdict.firstError)}
          </button>{" "}
          at {formatDuration(t.start[verdict.firstError])}
        </span>
      )}
    </div>
  );
}

function words(t: Trace, row: number): string {
  return `${visible(clip(serviceName(t, row), 40)) || "(no service name)"} · ${visible(clip(spanName(t, row), 60))}`;
}

/** Doubts lists what is not as it should be in this trace. Nothing was moved or left out because of it. */
export function Doubts({
  store,
  following,
  lost,
}: {
  store: TraceStore;
  following: boolean;
  lost: Error | null;
}) {
  const t = store.trace;
  const doubts = doubtsOf(t, store.correcting);
  if (lost) doubts.unshift(`${lost.message} What is shown is as it was last received.`);
  if (doubts.length === 0) return null;
  return (
    <div className={style.doubts} role="status">
      <Icon name="warn" size={14} />
      <span>
        {doubts.join(" ")}
        {following && !lost && " The page keeps asking for more."}
      </span>
    </div>
  );
}

function doubtsOf(t: Trace, correcting: boolean): string[] {
  const times = correcting ? "corrected as far as that is certain" : "as received";
  const say = (n: number, one: string, many: string) =>
    n === 0 ? [] : [n === 1 ? one : `${formatCount(n)} ${many}`];
  const ghosts = t.rowCount - t.spanCount;
  return [
    ...say(
      t.orphanCount,
      "1 span names a parent that was not received.",
      `spans name ${ghosts === 1 ? "a parent that was" : `${formatCount(ghosts)} parents that were`} not received.`,
    ),
    ...say(t.unfinishedCount, "1 span has not ended.", "spans have not ended."),
    ...say(
      t.skewedCount,
      `1 span lies outside its parent's time, in another service: perhaps clock skew; times are ${times}.`,
      `spans lie outside their parents' time, in another service: perhaps clock skew; times are ${times}.`,
    ),
    ...say(t.endBeforeStartCount, "1 span ends before it starts.", "spans end before they start."),
    ...(t.conflicts ? ["Some spans were received twice with different content; the first is shown."] : []),
    ...(t.spanCount > 0 && !hasRoot(t) ? ["No root was received."] : []),
    ...(t.rootCount - ghosts > 1 ? [`${t.rootCount - ghosts} roots.`] : []),
  ];
}

function hasRoot(t: Trace): boolean {
  for (let i = 0; i < t.rowCount; i += t.size[i]) if (has(t, i, flag.root)) return true;
  return false;
}
