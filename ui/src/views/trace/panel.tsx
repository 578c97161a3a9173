// Everything about the selected span.

import { type ReactNode, useEffect, useReducer, useState } from "react";
import type { SpanDetail } from "../../api/client";
import { clip, visible } from "../../engine/base/text";
import { formatDuration, formatShare } from "../../engine/base/time";
import { clockOf } from "../../engine/model/clocks";
import { shownIndex } from "../../engine/model/fold";
import { flag } from "../../engine/model/skeleton";
import { has, kindName, serviceName, spanIdAt, spanName } from "../../engine/model/trace";
import { CopyButton } from "../../parts/copy";
import { Icon } from "../../parts/icon";
import { Attributes } from "./attributes";
import { SpanClock } from "./clocks";
import { Events, exceptionsOf, Links } from "./events";
import style from "./panel.module.css";
import { neighbours, type SpanCache } from "./spans";
import type { TraceStore } from "./store";

/** nameChars bounds what of a name is shown at the top; the JSON has it whole. */
const nameChars = 2000;

type Tab = "attributes" | "events" | "links" | "resource" | "json";

export function Panel({ store, spans, width }: { store: TraceStore; spans: SpanCache; width: number }) {
  const row = store.selected;
  const { detail, error, loadWhole } = useDetail(store, spans, row);
  const [tab, setTab] = useState<Tab>("attributes");
  return (
    <aside className={style.panel} style={{ width }} aria-label="Details of the span">
      <SpanHead store={store} row={row} detail={detail} />
      {has(store.trace, row, flag.ghost) ? (
        <p className={style.none}>
          {store.trace.childCount[row]} spans name this span as their parent, but it was not received: not
          sent, sampled away, refused, or still on its way.
        </p>
      ) : error ? (
        <p className={style.none} role="alert">
          {error.message}
        </p>
      ) : detail ? (
        <>
          <Tabs detail={detail} tab={tab} setTab={setTab} />
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by key */}
          <div
            className={style.content}
            role="tabpanel"
            id="span-tabpanel"
            aria-labelledby={`span-tab-${tab}`}
            tabIndex={0}
          >
            <TabContent detail={detail} tab={tab} base={baseOf(store, row)} loadWhole={loadWhole} />
          </div>
        </>
      ) : (
        <p className={style.none} role="status">
          Loading…
        </p>
      )}
    </aside>
  );
}

/** useDetail loads the selected row, then its neighbours. */
function useDetail(store: TraceStore, spans: SpanCache, row: number) {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const [failed, setFailed] = useState<{ row: number; error: Error } | null>(null);
  useEffect(() => {
    let gone = false;
    if (has(store.trace, row, flag.ghost)) return;
    const report = (error: Error) => {
      if (!gone) setFailed({ row, error });
    };
    const show = () => {
      if (!gone) redraw();
    };
    spans
      .load([row])
      .then(show)
      .then(() => (gone ? undefined : spans.load(around(store, row))))
      .catch(report);
    return () => {
      gone = true;
    };
  }, [store, spans, row]);
  const loadWhole = () => void spans.loadWhole(row).then(redraw, (error: Error) => setFailed({ row, error }));
  const detail = spans.get(row);
  return { detail, error: !detail && failed?.row === row ? failed.error : null, loadWhole };
}

function around(store: TraceStore, row: number): number[] {
  const at = shownIndex(store.trace, store.shown, row);
  const rows = store.shown.subarray(Math.max(0, at - neighbours), at + neighbours + 1);
  return [...rows].filter((r) => !has(store.trace, r, flag.ghost));
}

function SpanHead({ store, row, detail }: { store: TraceStore; row: number; detail?: SpanDetail }) {
  const t = store.trace;
  const ghost = has(t, row, flag.ghost);
  const id = spanIdAt(t, row);
  return (
    <div className={style.head}>
      <div className={style.top}>
        <h2 className="isolate">
          {ghost ? "Parent not received" : visible(clip(spanName(t, row), nameChars)) || "(no name)"}
        </h2>
        {has(t, row, flag.error) && <span className="badge error">Error</span>}
        <button
          type="button"
          className="button quiet icon"
          onClick={() => store.openDetail(false)}
          aria-label="Close details"
          title="Close (Esc)"
        >
          <Icon name="close" />
        </button>
      </div>
      <div className={style.sub}>
        {!ghost && (
          <span>
            <i className="stripe" data-slot={t.services[t.service[row]].slot} />{" "}
            <span className="isolate">{visible(clip(serviceName(t, row), 100)) || "(no service name)"}</span>{" "}
            · {kindName(t, row)}
          </span>
        )}
        {!ghost && (
          <span>
            <b>{has(t, row, flag.unfinished) ? "not ended" : formatDuration(t.duration[row])}</b> · own{" "}
            {formatDuration(t.self[row])} ({formatShare(t.self[row], t.extent)})
          </span>
        )}
        <span>starts at {formatDuration(t.start[row])}</span>
        <span className="mono">
          {id} <CopyButton text={id} what="span id" />
        </span>
      </div>
      {oddities(store, row).map((text) => (
        <div key={text} className={style.sub}>
          <span className="badge warn">{text}</span>
        </div>
      ))}
      <SpanClock store={store} row={row} />
      {detail?.statusMessage && (
        <div className={style.sub}>{visible(clip(detail.statusMessage, nameChars))}</div>
      )}
    </div>
  );
}

/** baseOf is the moment that a row's times count from, by the clock that it was timed by. */
function baseOf(store: TraceStore, row: number): bigint {
  const clock = store.correcting && store.clocks ? clockOf(store.clocks, row) : undefined;
  return store.trace.base + BigInt(clock?.correction ?? 0);
}

function oddities(store: TraceStore, row: number): string[] {
  const t = store.trace;
  const all: [number, string][] = [
    [flag.orphan, "its parent was not received"],
    [flag.endBeforeStart, "ends before it starts"],
    [flag.beforeParent, "outside its parent's time: perhaps clock skew"],
    [flag.conflict, "received twice with different content"],
    [flag.cycle, "its parents lead in a circle"],
  ];
  return all.filter(([bit]) => has(t, row, bit)).map(([, text]) => text);
}

function Tabs({ detail, tab, setTab }: { detail: SpanDetail; tab: Tab; setTab: (tab: Tab) => void }) {
  const tabs: [Tab, string, number | null][] = [
    ["attributes", "Attributes", detail.attributes.length],
    ["events", "Events", detail.events.length],
    ["links", "Links", detail.links.length],
    ["resource", "Resource", detail.resource.attributes.length],
    ["json", "JSON", null],
  ];
  const move = (by: number) => {
    const at = tabs.findIndex(([name]) => name === tab);
    const next = tabs[(at + by + tabs.length) % tabs.length][0];
    setTab(next);
    document.getElementById(`span-tab-${next}`)?.focus();
  };
  return (
    // oxlint-disable-next-line jsx-a11y/interactive-supports-focus -- its tabs have the focus
    <div
      className={style.tabs}
      role="tablist"
      aria-label="Parts of the span"
      onKeyDown={(event) => {
        if (event.key === "ArrowRight") move(1);
        if (event.key === "ArrowLeft") move(-1);
      }}
    >
      {tabs.map(([name, label, count]) => (
        <button
          key={name}
          id={`span-tab-${name}`}
          type="button"
          role="tab"
          aria-selected={tab === name}
          aria-controls="span-tabpanel"
          tabIndex={tab === name ? 0 : -1}
          onClick={() => setTab(name)}
        >
          {label} {count !== null && <span>{count}</span>}
        </button>
      ))}
    </div>
  );
}

function TabContent({
  detail,
  tab,
  base,
  loadWhole,
}: {
  detail: SpanDetail;
  tab: Tab;
  base: bigint;
  loadWhole: () => void;
}): ReactNode {
  switch (tab) {
    case "attributes":
      return (
        <>
          {exceptionsOf(detail)}
          <Attributes
            scope="span"
            attributes={detail.attributes}
            dropped={detail.droppedAttributes}
            loadWhole={loadWhole}
            filter
          />
        </>
      );
    case "events":
      return <Events detail={detail} base={base} loadWhole={loadWhole} />;
    case "links":
      return <Links detail={detail} loadWhole={loadWhole} />;
    case "resource":
      return (
        <>
          <Attributes
            scope="resource"
            attributes={detail.resource.attributes}
            dropped={detail.resource.droppedAttributes}
            loadWhole={loadWhole}
          />
          <div className={style.group}>Scope</div>
          <Attributes
            scope="instrumentation"
            attributes={scopeAttributes(detail)}
            dropped={detail.scope.droppedAttributes}
            loadWhole={loadWhole}
          />
        </>
      );
    case "json":
      return (
        <>
          <CopyButton text={JSON.stringify(detail, null, 2)} what="span as JSON" label="Copy" />
          <pre className={style.json}>{visibleJson(detail)}</pre>
        </>
      );
  }
}

/** jsonChars bounds the JSON shown at once; Copy has all of it. */
const jsonChars = 200_000;

function visibleJson(detail: SpanDetail): string {
  return clip(JSON.stringify(detail, null, 2), jsonChars);
}

function scopeAttributes(detail: SpanDetail): SpanDetail["attributes"] {
  const text = (key: string, value: string | undefined) =>
    value ? [{ key, value: { type: "string" as const, string: value } }] : [];
  return [
    ...text("scope.name", detail.scope.name),
    ...text("scope.version", detail.scope.version),
    ...detail.scope.attributes,
    ...text("schema.url", detail.resource.schemaUrl),
  ];
}
