import { useEffect, useRef, useState } from "react";
import { openTail } from "../../api/client";

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
  const [live, setLive] = useState<Live>({ fresh: 0, open: false });
  const seen = useRef(new Set<string>());
  useEffect(() => {
    seen.current = new Set();
    setLive((old) => ({ ...old, fresh: 0 }));
  }, [since]);
  useEffect(() => {
    if (!on) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const draw = () => {
      timer = undefined;
      setLive((old) => ({ ...old, fresh: seen.current.size }));
    };
    const tail = openTail(
      q,
      (event) => {
        for (const span of event.spans) if (seen.current.size < mostNew) seen.current.add(span.traceId);
        if (event.spans.length > 0) timer ??= setTimeout(draw, drawMillis);
      },
      (open) => setLive((old) => ({ ...old, open })),
    );
    return () => {
      clearTimeout(timer);
      tail.close();
      setLive({ fresh: 0, open: false });
    };
  }, [on, q]);
  return live;
}
