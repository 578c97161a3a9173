// A search that found nothing: why that may be, and the ways on; and what of a query is probably not meant.

import { Link } from "@tanstack/react-router";
import { visible } from "../../engine/base/text";
import { Notice } from "../../parts/notice";
import { presets, wider } from "../../state/range";
import type { Search } from "../../state/search";
import style from "./explore.module.css";
import { mended } from "./meant";
import { type Coverage, shareText } from "./summary";

export function Nothing({
  t,
  q,
  go,
  reasons,
  coverage,
}: {
  t: string;
  q: string;
  go: (s: Search) => void;
  reasons?: readonly string[];
  coverage?: Coverage;
}) {
  const next = wider(t);
  const preset = presets.find((p) => p.t === t);
  const where = t === "all" ? "" : preset ? ` in the ${preset.label.toLowerCase()}` : " in this range";
  const all = q === "" || q === "{}";
  return (
    <Notice
      title={all ? "No traces here" : "No span matches"}
      actions={
        <>
          {next && (
            <button type="button" className="button primary" onClick={() => go({ t: next.t })}>
              Look at {next.label.toLowerCase()}
            </button>
          )}
          {!all && (
            <button type="button" className="button" onClick={() => go({ q: "" })}>
              Drop the query
            </button>
          )}
          <Link to="/welcome" className="button">
            How to send traces
          </Link>
        </>
      }
    >
      <p>
        {coverage && !coverage.complete
          ? `Nothing was found yet: ${shareText(coverage)} of the rows was searched${where}.`
          : `${all ? "Nothing was received" : "Everything was searched"}${where}.`}
      </p>
      <Reasons label="Why that may be" reasons={reasons ?? []} q={q} go={go} />
    </Notice>
  );
}

/** Doubts are what of a query is probably not meant, beside what it found. */
export function Doubts({
  doubts,
  q,
  go,
}: {
  doubts?: readonly string[];
  q: string;
  go: (s: Search) => void;
}) {
  if (!doubts || doubts.length === 0) return null;
  return (
    <div className={style.aside}>
      <Reasons label="What may not be meant" reasons={doubts} q={q} go={go} />
    </div>
  );
}

/** Reasons are the server's, each with the query as it may have been meant. */
function Reasons({
  label,
  reasons,
  q,
  go,
}: {
  label: string;
  reasons: readonly string[];
  q: string;
  go: (s: Search) => void;
}) {
  if (reasons.length === 0) return null;
  return (
    <ul className={style.reasons} aria-label={label}>
      {reasons.map((reason) => (
        <li key={reason}>
          <span className="isolate">{visible(reason)}</span>
          {mended(q, reason).map(({ name, query }) => (
            <button key={name} type="button" className="button" onClick={() => go({ q: query })}>
              Use <code className="isolate">{visible(name)}</code>
            </button>
          ))}
        </li>
      ))}
    </ul>
  );
}
