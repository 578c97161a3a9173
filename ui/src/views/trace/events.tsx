import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { SpanDetail } from "../../api/client";
import { clip, visible, visibleLines } from "../../engine/base/text";
import { formatDuration } from "../../engine/base/time";
import { CopyButton } from "../../parts/copy";
import { Attributes, textOf } from "./attributes";
import style from "./panel.module.css";

/** stackChars bounds the stack trace that is shown; Copy has all that was fetched. */
const stackChars = 50_000;

type Event = SpanDetail["events"][number];

function valueOf(event: Event, key: string): string {
  const found = event.attributes.find((a) => a.key === key);
  return found ? textOf(found.value) : "";
}

/** exceptionsOf shows what was thrown, above everything else. */
export function exceptionsOf(detail: SpanDetail): ReactNode {
  return detail.events
    .filter((e) => e.name === "exception")
    .map((event, i) => <Exception key={`${event.time} ${i}`} event={event} />);
}

function Exception({ event }: { event: Event }) {
  const stack = valueOf(event, "exception.stacktrace");
  return (
    <div className={style.exception}>
      <div>
        <b>{visible(clip(valueOf(event, "exception.type") || "exception", 300))}</b>{" "}
        {visible(clip(valueOf(event, "exception.message"), 2000))}
      </div>
      {stack !== "" && (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by key
        <pre tabIndex={0} aria-label="Stack trace">
          {visibleLines(clip(stack, stackChars))}
        </pre>
      )}
      {stack !== "" && <CopyButton text={stack} what="stack trace" label="Copy stack trace" />}
    </div>
  );
}

/** Events lists events in time order, as offsets from the trace's start. */
export function Events({
  detail,
  base,
  loadWhole,
}: {
  detail: SpanDetail;
  base: bigint;
  loadWhole: () => void;
}) {
  if (detail.events.length === 0 && !detail.droppedEvents) return <p className={style.none}>No events.</p>;
  return (
    <>
      {detail.events.map((event, i) => (
        <section key={`${event.time} ${i}`} className={style.event}>
          <div className={style.eventHead}>
            <b className="isolate">{visible(clip(event.name, 300)) || "(no name)"}</b>
            <span>at {formatDuration(Number(BigInt(event.time) - base))}</span>
          </div>
          {event.name === "exception" ? (
            <Exception event={event} />
          ) : (
            event.attributes.length > 0 && (
              <Attributes
                scope="event"
                attributes={event.attributes}
                dropped={event.droppedAttributes}
                loadWhole={loadWhole}
              />
            )
          )}
        </section>
      ))}
      {detail.droppedEvents ? (
        <p className={style.none}>{detail.droppedEvents} more were dropped by the sender.</p>
      ) : null}
    </>
  );
}

/** Links lists the spans that this one points to. */
export function Links({ detail, loadWhole }: { detail: SpanDetail; loadWhole: () => void }) {
  if (detail.links.length === 0 && !detail.droppedLinks) return <p className={style.none}>No links.</p>;
  return (
    <>
      {detail.links.map((link, i) => (
        <section key={`${link.spanId} ${i}`} className={style.event}>
          <div className={style.eventHead}>
            <Link
              to="/trace/$traceId"
              params={{ traceId: link.traceId }}
              search={{ span: link.spanId }}
              className="mono"
            >
              {link.traceId.slice(0, 16)}… · {link.spanId}
            </Link>
          </div>
          {link.attributes.length > 0 && (
            <Attributes
              scope="link"
              attributes={link.attributes}
              dropped={link.droppedAttributes}
              loadWhole={loadWhole}
            />
          )}
        </section>
      ))}
      {detail.droppedLinks ? (
        <p className={style.none}>{detail.droppedLinks} more were dropped by the sender.</p>
      ) : null}
    </>
  );
}
