// A search that found nothing: why that may be, and the ways on.

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
      <Reasons reasons={reasons ?? []} q={q} go={go} />
    </Notice>
  );
}

/** Reasons are the server's, each with the query as it may have been meant. */
export function Reasons({
  reasons,
  q,
  go,
}: {
  reasons: readonly string[];
  q: string;
  go: (s: Search) => void;
}) {
  if (reasons.length === 0) return null;
  return (
    <ul className={style.reasons} aria-label="Why that may be">
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
