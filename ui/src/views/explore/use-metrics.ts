import { useQuery } from "@tanstack/react-query";
import { getHealth, getMetrics, type MetricsAnswer } from "../../api/client";
import { parseRange, type Range } from "../../state/range";

/** mostExamples is about how many spans are marked in the chart. */
const mostExamples = 60;

/** useMetrics asks for numbers over time. at is when the question was put. */
export function useMetrics(q: string, t: string, at: number, on: boolean) {
  return useQuery({
    queryKey: ["metrics", q, t, at],
    queryFn: ({ signal }) => ask(q, parseRange(t, at) as Range, at, signal),
    enabled: on,
    staleTime: Infinity,
    placeholderData: (old, query) => (query?.queryKey[1] === q ? old : undefined),
  });
}

/**
 * ask begins an open range at the oldest span: the API would begin it an hour ago. An open end stays open, so that
 * the server leaves out the step that is not over yet, which would look like a drop.
 */
async function ask(q: string, range: Range, at: number, signal: AbortSignal): Promise<MetricsAnswer> {
  let { start } = range;
  if (start === undefined) {
    const { oldest } = (await getHealth(signal)).store;
    start = oldest === undefined ? at - 3_600_000 : Number(BigInt(oldest) / 1_000_000n);
  }
  return getMetrics(
    {
      q,
      start: new Date(start).toISOString(),
      end: range.end === undefined ? undefined : new Date(range.end).toISOString(),
      exemplars: mostExamples,
    },
    signal,
  );
}
