import { useEffect, useRef, useState } from "react";
import { openTail } from "../../api/tail";
import { useLatest } from "../../state/latest";

/** mostNew bounds the traces remembered as new: beyond it the pill says "999+". */
export const mostNew = 1000;

/** drawMillis is how often the count on the pill may change. */
const drawMillis = 250;

/** Live is what the stream brought since the list was fetched. */
export interface Live {
  fresh: number;
  open: boolean;
}

/** useLive counts the traces that have matched since. It only counts: what is read is never moved. */
export function useLive(on: boolean, q: string, since: number): Live {
  const [live, setLive] = useState({ fresh: 0, open: false, since });
  const seen = useRef({ since, traces: new Set<string>() });
  const latestSince = useLatest(since);
  useEffect(() => {
    if (!on) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const draw = () => {
      timer = undefined;
      setLive({ fresh: seen.current.traces.size, open: true, since: seen.current.since });
    };
    const tail = openTail(
      q,
      (event) => {
        if (seen.current.since !== latestSince.current)
          seen.current = { since: latestSince.current, traces: new Set() };
        const { traces } = seen.current;
        for (const span of event.spans) if (traces.size < mostNew) traces.add(span.traceId);
        if (event.spans.length > 0) timer ??= setTimeout(draw, drawMillis);
      },
      (open) => setLive((old) => ({ ...old, open })),
    );
    return () => {
      clearTimeout(timer);
      tail.close();
      setLive((old) => ({ ...old, fresh: 0, open: false }));
    };
  }, [on, q, latestSince]);
  return { fresh: live.since === since ? live.fresh : 0, open: live.open };
}
