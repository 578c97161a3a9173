// The answer to a query that ends in a metric, whatever has come of it.

import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { listServices, type MetricsAnswer } from "../../api/client";
import { formatBytes } from "../../engine/base/bytes";
import { formatCount, formatDuration, formatShare } from "../../engine/base/time";
import type { Search } from "../../state/search";
import { Failed } from "./failed";
import style from "./explore.module.css";
import { Late } from "./late";
import { mostLines } from "./metrics";
import { Doubts, Nothing } from "./nothing";
import { Partial, Unknown } from "./summary";
import type { useMetrics } from "./use-metrics";

/** The chart's library is loaded by who asks for numbers. */
const MetricsView = lazy(() => import("./metrics-view").then((m) => ({ default: m.MetricsView })));

export function Numbers({
  metrics,
  q,
  t,
  go,
}: {
  metrics: ReturnType<typeof useMetrics>;
  q: string;
  t: string;
  go: (s: Search) => void;
}) {
  // A service has its colour from the registry, here as everywhere.
  const services = useQuery({ queryKey: ["services"], queryFn: ({ signal }) => listServices(signal) });
  const registry = useMemo(
    () => new Map((services.data?.services ?? []).map((s) => [s.name, s.index])),
    [services.data],
  );
  const answer = metrics.data;
  if (metrics.isError) {
    const { error, refetch } = metrics;
    return <Failed title="The numbers could not be had" error={error} again={refetch} numbers go={go} />;
  }
  if (!answer || services.isPending) return <Late />;
  const empty = answer.series.every(({ points }) => points.every((p) => p === null));
  return (
    <>
      <About answer={answer} />
      {empty ? (
        <Nothing t={t} q={q} go={go} reasons={answer.suggestions} coverage={answer.coverage} />
      ) : (
        <>
          <Doubts doubts={answer.suggestions} q={q} go={go} />
          <Suspense fallback={<Late />}>
            <MetricsView answer={answer} q={q} registry={registry} go={go} />
          </Suspense>
        </>
      )}
    </>
  );
}

/** About says what the numbers are worth. */
function About({ answer }: { answer: MetricsAnswer }) {
  const { series, stepSeconds, quantileError, unknownWeight, scanned, tookMs } = answer;
  return (
    <>
      <div className={style.summary}>
        <span>
          <b>{formatCount(series.length)}</b> series, one number for every {formatDuration(stepSeconds * 1e9)}
          {series.length > mostLines &&
            `; drawn are the ${mostLines} greatest: "| topk(${mostLines})" asks for no more`}
        </span>
        {quantileError !== undefined && <span>quantiles may be off by {formatShare(quantileError, 1)}</span>}
        <Unknown spans={unknownWeight} />
        <span className={style.cost}>
          looked at {formatCount(scanned.rows)} rows, {formatBytes(scanned.bytes)}, in{" "}
          {Math.max(1, Math.round(tookMs))} ms
        </span>
      </div>
      <Partial coverage={answer.coverage} />
    </>
  );
}
