// One request: header, minimap, waterfall, details.

import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { getClocks, searchInTrace } from "../../api/client";
import { formatBytes } from "../../engine/base/bytes";
import { formatCount } from "../../engine/base/time";
import { Notice } from "../../parts/notice";
import { Remarks } from "../../parts/remarks";
import { copyText } from "../../parts/copy";
import { useKeys } from "../../state/keys";
import { type Search, unknownOf } from "../../state/search";
import { setting, useSetting, within } from "../../state/setting";
import { toast } from "../../state/toast";
import { placeOf, useAddress } from "./address";
import { ClockNotes, clocksOf } from "./clocks";
import { Doubts, Head, Verdict } from "./head";
import { type Loaded, useTrace } from "./loading";
import { MinimapStrip } from "./minimap";
import { Panel } from "./panel";
import { SpanCache } from "./spans";
import type { TraceStore } from "./store";
import { Toolbar } from "./toolbar";
import style from "./trace.module.css";
import { useStore } from "./use-store";
import { Sizer } from "./sizer";
import { Rows, type WaterfallHandle } from "./waterfall-rows";

const panelWidth = setting<number>("panelWidth", 380, within(280, 720));

/** findWaitMillis is how long typing must rest before the server is asked too. */
const findWaitMillis = 250;

export function TracePage() {
  const { traceId } = useParams({ from: "/trace/$traceId" });
  const search = useSearch({ strict: false }) as Search;
  const loaded = useTrace(traceId, placeOf(search));
  useAddress(loaded.store);
  if (!loaded.store) {
    return loaded.error ? (
      <Failed error={loaded.error} traceId={traceId} following={loaded.following} refresh={loaded.refresh} />
    ) : (
      <Loading coming={loaded.coming} />
    );
  }
  return (
    <Shown
      store={loaded.store}
      search={search}
      etag={loaded.etag}
      refresh={loaded.refresh}
      following={loaded.following}
      lost={loaded.error}
    />
  );
}

function Loading({ coming }: { coming: Loaded["coming"] }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 200);
    return () => clearTimeout(timer);
  }, []);
  // The places of the real things, so that nothing moves when they come.
  return (
    <div className={style.skeleton} role="status" aria-label="Loading the trace">
      {late && (
        <>
          <div className={style.head}>
            <i className={style.title} />
            <p className={style.meta}>
              {coming
                ? `${formatCount(coming.rows)} rows, ${formatBytes(coming.bytes)} so far`
                : "Waiting for the server"}
            </p>
          </div>
          <div className={style.verdict} />
          <div className={style.minimap} />
          <div className={style.toolbar} />
          {Array.from({ length: 18 }, (_, i) => (
            <i key={i} style={{ marginLeft: 16 + (i % 5) * 24, width: `${70 - ((i * 13) % 50)}%` }} />
          ))}
        </>
      )}
    </div>
  );
}

function Failed({
  error,
  traceId,
  following,
  refresh,
}: {
  error: Error;
  traceId: string;
  following: boolean;
  refresh: () => void;
}) {
  const missing = (error as { kind?: string }).kind === "notFound";
  return (
    <Notice
      alert
      title={missing ? "This trace is not here" : "The trace could not be shown"}
      actions={
        <>
          <button type="button" className="button" onClick={refresh}>
            Ask again
          </button>
          <Link to="/explore" className="button">
            Explore traces
          </Link>
        </>
      }
    >
      <p>{missing ? afterTitle(error.message) : error.message}</p>
      {missing && following && (
        <p>The page keeps asking: a trace that has just been sent shows up by itself.</p>
      )}
      <p className="mono">{traceId}</p>
    </Notice>
  );
}

/** afterTitle leaves out of "trace 1f is not here: why" what the title and the line with the id say. */
function afterTitle(message: string): string {
  const why = message.replace(/^trace \w+ is not here(: |$)/, "");
  return why === ""
    ? "It was never received, or it is older than what is kept."
    : `${why[0].toUpperCase()}${why.slice(1)}.`;
}

function Shown({
  store,
  search,
  etag,
  refresh,
  following,
  lost,
}: {
  store: TraceStore;
  search: Search;
  etag: string;
  refresh: () => void;
  following: boolean;
  lost: Error | null;
}) {
  const handle = useRef<WaterfallHandle>(null);
  const find = useRef<HTMLInputElement>(null);
  const [width, setWidth] = useSetting(panelWidth);
  const { trace } = useStore(store);
  const spans = useMemo(() => new SpanCache(trace, refresh), [trace, refresh]);
  useServerFind(store, etag, refresh);
  useClocks(store, etag);
  useTraceKeys(store, handle, find, spans);
  const open = store.detail && store.selected >= 0;
  useEffect(() => {
    // Details that close take the focus with them, if they have it: it goes back to the rows.
    const rows = handle.current;
    return () => {
      if (open) queueMicrotask(() => document.activeElement === document.body && rows?.focus());
    };
  }, [open]);
  return (
    <div className={style.page}>
      <Remarks texts={[...unknownOf(search), ...store.refused]} />
      <Head store={store} />
      <Verdict store={store} />
      <Doubts store={store} following={following} lost={lost} />
      <ClockNotes store={store} />
      <div className={style.body}>
        <div className={style.left}>
          <MinimapStrip store={store} />
          <Toolbar store={store} find={find} />
          <Rows store={store} handle={handle} />
        </div>
        {open && (
          <>
            <Sizer
              className={style.panelHandle}
              label="Width of the details"
              value={width}
              min={280}
              max={720}
              invert
              onChange={setWidth}
            />
            <Panel store={store} spans={spans} width={width} />
          </>
        )}
      </div>
    </div>
  );
}

/** useServerFind asks the server for rows whose attributes hold the text that is looked for. */
function useServerFind(store: TraceStore, etag: string, refresh: () => void): void {
  const { find } = store;
  const { traceId } = store.trace;
  useEffect(() => {
    if (find.length < 2) return;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      searchInTrace(traceId, find, stop.signal).then(
        (answer) => (sameState(answer.etag, etag) ? store.addServerRows(find, answer.rows) : refresh()),
        (error: Error) => {
          if (!stop.signal.aborted) toast({ text: `Attributes were not searched: ${error.message}` });
        },
      );
    }, findWaitMillis);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [store, find, traceId, etag, refresh]);
}

/** useClocks asks by how much the clocks of the trace's hosts differ. */
function useClocks(store: TraceStore, etag: string): void {
  const { traceId } = store.trace;
  useEffect(() => {
    const stop = new AbortController();
    getClocks(traceId, stop.signal).then(
      (answer) => {
        // An answer about a later state is asked for again when that is here.
        if (sameState(answer.etag, etag)) store.setClocks(clocksOf(answer));
      },
      (error: Error) => {
        if (!stop.signal.aborted) toast({ text: `Clocks were not compared: ${error.message}` });
      },
    );
    return () => stop.abort();
  }, [store, traceId, etag]);
}

/** sameState compares two ETags; proxies that compress make strong ones weak. */
function sameState(a: string, b: string): boolean {
  return a.replace(/^W\//, "") === b.replace(/^W\//, "");
}

function useTraceKeys(
  store: TraceStore,
  handle: React.RefObject<WaterfallHandle | null>,
  find: React.RefObject<HTMLInputElement | null>,
  spans: SpanCache,
): void {
  const navigate = useNavigate();
  const share = () => handle.current?.pointerShare() ?? 0.5;
  const lastFind = useRef(-Infinity);
  const focusFind = () => {
    const twice = performance.now() - lastFind.current < 1500 && document.activeElement === find.current;
    lastFind.current = performance.now();
    if (twice) return false; // the browser's own
    find.current?.focus();
    find.current?.select();
  };
  const copySpan = () => {
    const detail = spans.get(store.selected);
    if (detail) void copyText(JSON.stringify(detail, null, 2), "span as JSON");
    else toast({ text: "Select a span first" });
  };
  const leave = () => {
    if (document.activeElement === find.current) handle.current?.focus();
    else if (store.detail) store.openDetail(false);
    else void navigate({ to: "/explore" });
  };
  useKeys([
    ...rowKeys(store, handle),
    { keys: ["e"], label: "Next error", group: "Trace", run: () => store.stepError(1) },
    { keys: ["E"], label: "Previous error", group: "Trace", run: () => store.stepError(-1) },
    { keys: ["mod+f"], label: "Find in trace (twice: browser's find)", group: "Trace", run: focusFind },
    { keys: ["n"], label: "Next match", group: "Trace", run: () => store.stepMatch(1) },
    { keys: ["N"], label: "Previous match", group: "Trace", run: () => store.stepMatch(-1) },
    { keys: ["-"], label: "Fold one level more", group: "Trace", run: () => store.foldBy(-1) },
    { keys: ["="], label: "Open one level more", group: "Trace", run: () => store.foldBy(1) },
    { keys: ["Y"], label: "Copy span as JSON", group: "Trace", run: copySpan },
    { keys: ["Escape"], label: "One level out", group: "Trace", run: leave },
    { keys: ["w"], label: "Zoom in at pointer", group: "Time", run: () => store.zoom(0.6, share()) },
    { keys: ["s"], label: "Zoom out", group: "Time", run: () => store.zoom(1 / 0.6, share()) },
    { keys: ["a"], label: "Pan left", group: "Time", run: () => store.pan(-0.15) },
    { keys: ["d"], label: "Pan right", group: "Time", run: () => store.pan(0.15) },
    { keys: ["f"], label: "Fit the selected span", group: "Time", run: () => store.fit(store.selected) },
    { keys: ["0"], label: "Show all", group: "Time", run: () => store.showAll() },
  ]);
}

/** rowKeys are those of an ARIA treegrid. They work where the rows have the focus, or nothing has. */
function rowKeys(store: TraceStore, handle: React.RefObject<WaterfallHandle | null>) {
  const inRows = (run: () => void) => () => {
    if (!handle.current?.mayTakeKeys()) return false;
    handle.current.focus();
    run();
  };
  const page = () => handle.current?.pageRows() ?? 20;
  const out = () => {
    const row = store.selected;
    if (row < 0) return;
    if (store.trace.childCount[row] > 0 && !store.isFolded(row)) store.toggleFold(row);
    else if (store.trace.parent[row] >= 0) store.select(store.trace.parent[row], true);
  };
  const into = () => {
    const row = store.selected;
    if (row < 0 || store.trace.childCount[row] === 0) return;
    if (store.isFolded(row)) store.toggleFold(row);
    else store.move(1);
  };
  return [
    { keys: ["ArrowDown", "j"], label: "Next row", group: "Rows", run: inRows(() => store.move(1)) },
    { keys: ["ArrowUp", "k"], label: "Previous row", group: "Rows", run: inRows(() => store.move(-1)) },
    { keys: ["ArrowRight"], label: "Open, then first child", group: "Rows", run: inRows(into) },
    { keys: ["ArrowLeft"], label: "Fold, then parent", group: "Rows", run: inRows(out) },
    { keys: ["Enter"], label: "Details", group: "Rows", run: inRows(() => store.openDetail(true)) },
    { keys: ["PageDown"], label: "Page down", run: inRows(() => store.move(page())) },
    { keys: ["PageUp"], label: "Page up", run: inRows(() => store.move(-page())) },
    { keys: ["Home"], label: "First row", group: "Rows", run: inRows(() => store.move(-Infinity)) },
    { keys: ["End"], label: "Last row", group: "Rows", run: inRows(() => store.move(Infinity)) },
  ];
}
