// What is said of clocks that differ, and the switch that corrects times.

import type { ClocksAnswer } from "../../api/client";
import { visible } from "../../engine/base/text";
import { formatCount, formatDuration } from "../../engine/base/time";
import { clockOf, type Clocks } from "../../engine/model/clocks";
import { Icon } from "../../parts/icon";
import panel from "./panel.module.css";
import type { TraceStore } from "./store";
import style from "./trace.module.css";

/** mostNotes is how many sentences stand in the header; the others are counted. */
const mostNotes = 3;

/** clocksOf reads the server's answer. */
export function clocksOf(answer: ClocksAnswer): Clocks {
  return {
    clocks: answer.clocks.map((c) => ({
      name: c.name,
      note: c.note ?? "",
      correction: c.correctionNanos,
    })),
    notes: answer.notes,
    rows: Uint8Array.from(atob(answer.rows ?? ""), (c) => c.charCodeAt(0)),
  };
}

/** ClockNotes says in the header which clocks differ for certain. Times are as received unless the reader asks otherwise. */
export function ClockNotes({ store }: { store: TraceStore }) {
  const { clocks, correcting } = store;
  if (!clocks || clocks.notes.length === 0) return null;
  const more = clocks.notes.length - mostNotes;
  return (
    <div className={`${style.doubts} ${style.clocks}`} role="status">
      <Icon name="clock" size={14} />
      <span>
        Clocks: {clocks.notes.slice(0, mostNotes).map(visible).join("; ")}
        {more > 0 && `; and ${formatCount(more)} more`}.{" "}
        {correcting ? "Times are corrected by that." : "Times are as received."}
      </span>
      {clocks.rows.length > 0 && (
        <button
          type="button"
          className="button quiet"
          aria-pressed={correcting}
          onClick={() => store.setCorrected(!correcting)}
        >
          Show corrected times
        </button>
      )}
    </div>
  );
}

/** SpanClock says of one span how far its clock is off. */
export function SpanClock({ store, row }: { store: TraceStore; row: number }) {
  const clock = store.clocks ? clockOf(store.clocks, row) : undefined;
  if (!clock || (clock.note === "" && clock.correction === 0)) return null;
  const by = formatDuration(Math.abs(clock.correction));
  return (
    <div className={panel.sub}>
      <span>
        <Icon name="clock" size={12} />
        {clock.note === ""
          ? "Its clock need not be off, but calls fit only if it is."
          : `Its clock (${visible(clock.name)}) is ${visible(clock.note)}.`}{" "}
        {store.correcting
          ? `Its times are shown ${by} ${clock.correction > 0 ? "earlier" : "later"} than received.`
          : "Its times are as received."}
      </span>
    </div>
  );
}
