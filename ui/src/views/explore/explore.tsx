// A question and the traces that answer it.

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { ApiError, search, type SearchAnswer, type SearchRequest } from "../../api/client";
import { formatCount } from "../../engine/base/time";
import { useKeys } from "../../state/keys";
import { Remarks } from "../../parts/remarks";
import { defaultRange, parseRange, type Range } from "../../state/range";
import { type Search, unknownOf } from "../../state/search";
import { usable } from "./usable";
import style from "./explore.module.css";
import { Failed } from "./failed";
import { Late } from "./late";
import { type ListHandle, TraceList } from "./list";
import { useLive } from "./live";
import { asksNumbers } from "./metrics";
import { Doubts, Nothing } from "./nothing";
import { Numbers } from "./numbers";
import { Problem, QueryBox } from "./query-box";
import { RangePicker } from "./range-picker";
import { leastOf, Summary } from "./summary";
import { useMetrics } from "./use-metrics";

/** pageSize is how many traces come at a time. */
const pageSize = 50;

export function Explore() {
  const { params, remarks, forget } = useParams();
  const navigate = useNavigate();
  const q = params.q ?? "";
  const t = params.t ?? defaultRange;
  const live = params.live === "1";
  const [run, setRun] = useState(() => ({ at: Date.now() }));
  const numbers = asksNumbers(q);
  const metrics = useMetrics(q, t, run.at, numbers);
  const results = useTraces(q, t, run.at, !numbers);
  const count = useCount(q, t, run.at, !numbers && results.isSuccess);
  const fresh = useLive(live && !numbers && results.isSuccess, q, run.at);
  const list = useRef<ListHandle>(null);
  const input = useRef<HTMLInputElement>(null);
  const go = (next: Search) => {
    forget();
    setRun({ at: Date.now() });
    void navigate({ to: ".", search: (old: Search) => ({ ...old, ...next }) });
  };
  const showFresh = () => {
    list.current?.toTop();
    setRun({ at: Date.now() });
  };
  useKeys([
    { keys: ["j", "ArrowDown"], label: "Next trace", group: "List", run: () => list.current?.move(1) },
    { keys: ["k", "ArrowUp"], label: "Previous trace", group: "List", run: () => list.current?.move(-1) },
    { keys: ["l"], label: "Live on or off", group: "Explore", run: () => go({ live: live ? "" : "1" }) },
    {
      keys: ["t"],
      label: "Time range",
      group: "Explore",
      run: () => document.querySelector<HTMLElement>("[data-range]")?.click(),
    },
    { keys: ["r"], label: "Search again", group: "Explore", run: () => setRun({ at: Date.now() }) },
    { keys: ["i"], label: "Edit the query", group: "Explore", run: () => input.current?.focus() },
    {
      keys: ["Escape"],
      label: "Leave the field",
      run: () => (document.activeElement as HTMLElement | null)?.blur(),
    },
  ]);
  const pages = results.data?.pages ?? [];
  return (
    <div className={style.page}>
      <Remarks texts={remarks} />
      <Ask
        q={q}
        t={t}
        live={live}
        liveOpen={fresh.open}
        input={input}
        error={numbers ? metrics.error : results.error}
        go={go}
      />
      {numbers ? (
        <Numbers metrics={metrics} q={q} t={t} go={go} />
      ) : (
        <>
          <Summary
            query={q}
            pages={pages}
            counted={count.data}
            countError={count.error}
            fresh={fresh.fresh}
            showFresh={showFresh}
          />
          <Results results={results} counted={count.data} list={list} t={t} q={q} go={go} />
        </>
      )}
    </div>
  );
}

/** useParams takes from the address what can be followed; the rest is said, and does not stay there. */
function useParams(): { params: Search; remarks: string[]; forget: () => void } {
  const asked = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const [refused, setRefused] = useState("");
  const { params, wrong } = usable(asked);
  const text = wrong.join(" ");
  if (text !== "" && text !== refused) setRefused(text);
  useEffect(() => {
    if (text !== "") void navigate({ to: ".", search: (old: Search) => usable(old).params, replace: true });
  }, [text, navigate]);
  const remarks = unknownOf(asked);
  if (refused !== "") remarks.push(refused);
  return { params, remarks, forget: () => setRefused("") };
}

function requestOf(q: string, t: string, at: number): SearchRequest {
  const range = parseRange(t, at) as Range; // usable has seen to it
  const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());
  return { q, start: iso(range.start), end: iso(range.end) };
}

function useTraces(q: string, t: string, at: number, on: boolean) {
  return useInfiniteQuery({
    enabled: on,
    queryKey: ["search", q, t, at],
    queryFn: async ({ pageParam, signal }) =>
      search({ ...requestOf(q, t, at), limit: pageSize, cursor: pageParam || undefined }, signal),
    initialPageParam: "",
    getNextPageParam: (last: SearchAnswer) => last.nextCursor,
    staleTime: Infinity,
    // Running the same question again keeps its old answer in sight until the new one is here.
    placeholderData: (old, query) => (query?.queryKey[1] === q && query?.queryKey[2] === t ? old : undefined),
  });
}

/** useCount asks for the totals, after the list: counting has to look at everything, where the budget allows it. */
function useCount(q: string, t: string, at: number, ready: boolean) {
  return useQuery({
    queryKey: ["count", q, t, at],
    queryFn: ({ signal }) => search({ ...requestOf(q, t, at), limit: 0, count: true }, signal),
    enabled: ready,
    staleTime: Infinity,
  });
}

function Ask(props: {
  q: string;
  t: string;
  live: boolean;
  liveOpen: boolean;
  input: React.RefObject<HTMLInputElement | null>;
  error: Error | null;
  go: (s: Search) => void;
}) {
  const { q, t, live, go } = props;
  const [text, setText] = useState(q);
  const [asked, setAsked] = useState(q);
  if (asked !== q) {
    // The question changed from outside the field: by a link, or by going back.
    setAsked(q);
    setText(q);
  }
  const invalid = props.error instanceof ApiError && props.error.kind === "invalid";
  return (
    <div className={style.ask} role="search">
      <div className={style.query}>
        <QueryBox value={text} input={props.input} onChange={setText} onRun={() => go({ q: text.trim() })} />
        {invalid && <Problem error={props.error as Error} query={q} ask={(meant) => go({ q: meant })} />}
      </div>
      <RangePicker t={t} onChange={(next) => go({ t: next })} />
      {!asksNumbers(q) && (
        <button
          type="button"
          className={`button ${style.live}`}
          aria-pressed={live}
          onClick={() => go({ live: live ? "" : "1" })}
          title={live && !props.liveOpen ? "Connecting" : "Count new traces as they arrive (l)"}
        >
          <i className={style.dot} /> Live
        </button>
      )}
      <button type="button" className="button primary" onClick={() => go({ q: text.trim() })}>
        Search
      </button>
    </div>
  );
}

type Results = ReturnType<typeof useTraces>;

function Results({
  results,
  counted,
  list,
  t,
  q,
  go,
}: {
  results: Results;
  counted?: SearchAnswer;
  list: React.RefObject<ListHandle | null>;
  t: string;
  q: string;
  go: (s: Search) => void;
}) {
  const traces = results.data?.pages.flatMap((page) => page.traces) ?? [];
  if (results.isPending) return <Late />;
  if (results.isError && traces.length === 0) {
    const { error, refetch } = results;
    return <Failed title="The search failed" error={error} again={refetch} numbers={false} go={go} />;
  }
  if (traces.length === 0) {
    const answers = [...(results.data?.pages ?? []), ...(counted ? [counted] : [])];
    return (
      <Nothing t={t} q={q} go={go} reasons={results.data?.pages[0].suggestions} coverage={leastOf(answers)} />
    );
  }
  return (
    <>
      <Doubts doubts={results.data?.pages[0].suggestions} q={q} go={go} />
      <TraceList traces={traces} handle={list} foot={<Foot results={results} shown={traces.length} />} />
    </>
  );
}

function Foot({ results, shown }: { results: Results; shown: number }) {
  if (results.isFetchNextPageError) {
    return (
      <>
        <span role="alert">{results.error?.message}</span>
        <button type="button" className="button" onClick={() => void results.fetchNextPage()}>
          Try again
        </button>
      </>
    );
  }
  if (!results.hasNextPage)
    return <span>{shown === 1 ? "That is the only trace." : `That is all ${formatCount(shown)}.`}</span>;
  return (
    <button
      type="button"
      className="button"
      disabled={results.isFetchingNextPage}
      onClick={() => void results.fetchNextPage()}
    >
      {results.isFetchingNextPage ? "Loading…" : `Load ${pageSize} more`}
    </button>
  );
}
