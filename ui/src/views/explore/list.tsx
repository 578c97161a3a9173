import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useImperativeHandle, useLayoutEffect, useRef } from "react";
import type { TraceSummary } from "../../api/client";
import { homeSlot } from "../../engine/base/colour";
import { clip, visible } from "../../engine/base/text";
import { formatCount, formatDuration } from "../../engine/base/time";
import { Ago } from "../../parts/moment";
import { useNarrow } from "../../state/narrow";
import style from "./list.module.css";
import { toldLine } from "./told";

/** rowHeight, narrowRowHeight and what a line more adds are those of the style sheet. */
const rowHeight = 36;
const narrowRowHeight = 56;
const lineHeight = 20;

/** nameChars bounds what of a name is put into a row. */
const nameChars = 200;

/** ListHandle moves the focus through the list by key. */
export interface ListHandle {
  move(by: number): void;
  toTop(): void;
}

/** TraceList lists traces, one link each, in the order of the server. */
export function TraceList({
  traces,
  foot,
  handle,
}: {
  traces: TraceSummary[];
  foot: React.ReactNode;
  handle: RefObject<ListHandle | null>;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const height = useNarrow() ? narrowRowHeight : rowHeight;
  const rows = useVirtualizer({
    count: traces.length,
    getScrollElement: () => scroller.current,
    estimateSize: (i) => height + (toldLine(traces[i]) === "" ? 0 : lineHeight),
    overscan: 8,
  });
  useLayoutEffect(() => rows.measure(), [rows, height, traces]);
  const longest = Math.max(1, ...traces.map((t) => t.durationNanos));
  useImperativeHandle(handle, () => ({
    move(by) {
      const now = Number(
        (document.activeElement as HTMLElement | null)?.dataset.index ?? (by > 0 ? -1 : traces.length),
      );
      const next = Math.max(0, Math.min(traces.length - 1, now + by));
      rows.scrollToIndex(next);
      requestAnimationFrame(() =>
        scroller.current
          ?.querySelector<HTMLElement>(`[data-index="${next}"]`)
          ?.focus({ preventScroll: true }),
      );
    },
    toTop: () => rows.scrollToOffset(0),
  }));
  return (
    <>
      <Head />
      <div ref={scroller} className={style.scroller}>
        <ul className={style.list} style={{ height: rows.getTotalSize() }} aria-label="Traces">
          {rows.getVirtualItems().map((item) => (
            <li key={traces[item.index].traceId} aria-posinset={item.index + 1} aria-setsize={traces.length}>
              <Row trace={traces[item.index]} index={item.index} y={item.start} longest={longest} />
            </li>
          ))}
        </ul>
        <div className={style.foot}>{foot}</div>
      </div>
    </>
  );
}

function Head() {
  return (
    <div className={style.head} aria-hidden="true">
      <span>Start</span>
      <span>Root</span>
      <span>Matched spans</span>
      <span>Services</span>
      <span className={style.number}>Duration</span>
      <span />
    </div>
  );
}

function Row({
  trace,
  index,
  y,
  longest,
}: {
  trace: TraceSummary;
  index: number;
  y: number;
  longest: number;
}) {
  const rooted = trace.rootService !== "" || trace.rootName !== "";
  const told = toldLine(trace);
  const index0 = trace.services.find((s) => s.name === trace.rootService)?.index;
  return (
    <Link
      to="/trace/$traceId"
      params={{ traceId: trace.traceId }}
      search={{}}
      preload={false}
      className={told === "" ? style.row : `${style.row} ${style.tells}`}
      data-index={index}
      style={{ transform: `translateY(${y}px)` }}
    >
      <span className={style.when}>
        <Ago unixNanos={trace.start} />
      </span>
      <span className={style.root}>
        <span className={style.names} title={visible(clip(`${trace.rootService} · ${trace.rootName}`, 600))}>
          <i className="stripe" data-slot={rooted && index0 !== undefined ? homeSlot(index0) : -1} />
          <b className="isolate">
            {rooted
              ? visible(clip(trace.rootService, nameChars)) || "(no service name)"
              : "root not received"}
          </b>
          <span className="isolate">{visible(clip(trace.rootName, nameChars))}</span>
        </span>
        <span className={style.badges}>
          {trace.errorCount > 0 && (
            <span className="badge error">
              {formatCount(trace.errorCount)} {trace.errorCount === 1 ? "error" : "errors"}
            </span>
          )}
          {!trace.complete && <span className="badge warn">incomplete</span>}
        </span>
      </span>
      <span className={style.matched}>
        <b>{formatCount(trace.matchedSpans)}</b> of {formatCount(trace.spanCount)} spans
      </span>
      <ServiceBar services={trace.services} />
      <span className={style.duration}>{formatDuration(trace.durationNanos)}</span>
      <span className={style.share}>
        <div className={style.bar} style={{ width: `${(100 * trace.durationNanos) / longest}%` }} />
      </span>
      {told !== "" && (
        <span className={`${style.told} isolate`} title={told}>
          {told}
        </span>
      )}
    </Link>
  );
}

/** mostServices bounds the pieces of the bar: narrower ones cannot be told apart. */
const mostServices = 12;

function ServiceBar({ services }: { services: TraceSummary["services"] }) {
  const shown = services.slice(0, mostServices);
  const words = services.map((s) => `${visible(clip(s.name, 60))} ${formatCount(s.spans)}`).join(", ");
  return (
    <span
      className={style.services}
      title={clip(words, 600)}
      role="img"
      aria-label={`${services.length} services`}
    >
      {shown.map((s) => (
        <i key={s.name} className="stripe" data-slot={homeSlot(s.index ?? 0)} style={{ flex: s.spans }} />
      ))}
    </span>
  );
}

/** WaitingList keeps the place of the list while it is fetched. */
export function WaitingList() {
  return (
    <>
      <Head />
      <ul className={style.wait} role="status" aria-label="Searching">
        {Array.from({ length: 14 }, (_, i) => (
          <li key={i}>
            <i style={{ width: `${30 + ((i * 17) % 40)}%` }} />
          </li>
        ))}
      </ul>
    </>
  );
}
