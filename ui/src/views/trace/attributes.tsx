import { Link } from "@tanstack/react-router";
import { Fragment, useState } from "react";
import type { Attribute, Value } from "../../api/client";
import { formatBytes } from "../../engine/base/bytes";
import { clip, visible, visibleLines } from "../../engine/base/text";
import { copyText } from "../../parts/copy";
import { Icon } from "../../parts/icon";
import style from "./panel.module.css";

/** shownChars bounds what of one value is put on the page; Copy has all that was fetched. */
const shownChars = 20_000;

/** filterFrom is the number of attributes from which a filter helps. */
const filterFrom = 12;

type Scope = "span" | "resource" | "event" | "link" | "instrumentation";

/** Attributes lists attributes grouped by the first word of their names. */
export function Attributes(props: {
  scope: Scope;
  attributes: Attribute[];
  dropped?: number;
  loadWhole: () => void;
  filter?: boolean;
}) {
  const [filter, setFilter] = useState("");
  const { attributes, dropped } = props;
  if (attributes.length === 0 && !dropped) return <p className={style.none}>No attributes.</p>;
  const needle = filter.toLowerCase();
  const shown = attributes.filter(
    (a) =>
      needle === "" || a.key.toLowerCase().includes(needle) || textOf(a.value).toLowerCase().includes(needle),
  );
  const groups = grouped(shown);
  return (
    <>
      {props.filter && attributes.length >= filterFrom && (
        <input
          className={`field ${style.filter}`}
          placeholder="Filter attributes"
          aria-label="Filter attributes"
          value={filter}
          onChange={(e) => setFilter(e.target.value)}
        />
      )}
      {groups.map(([group, list]) => (
        <section key={group}>
          {groups.length > 1 && <div className={style.group}>{visible(group)}</div>}
          <dl>
            {list.map((attribute, i) => (
              <Row
                key={`${attribute.key} ${i}`}
                scope={props.scope}
                attribute={attribute}
                loadWhole={props.loadWhole}
              />
            ))}
          </dl>
        </section>
      ))}
      {shown.length === 0 && attributes.length > 0 && <p className={style.none}>Nothing matches.</p>}
      {dropped ? <p className={style.none}>{dropped} more were dropped by the sender.</p> : null}
    </>
  );
}

function grouped(attributes: Attribute[]): [string, Attribute[]][] {
  const groups = new Map<string, Attribute[]>();
  for (const attribute of attributes) {
    const dot = attribute.key.indexOf(".");
    const group = dot > 0 ? attribute.key.slice(0, dot) : "other";
    const list = groups.get(group);
    if (list) list.push(attribute);
    else groups.set(group, [attribute]);
  }
  return [...groups].toSorted(([a], [b]) => (a === "other" ? 1 : b === "other" ? -1 : a < b ? -1 : 1));
}

function Row({ scope, attribute, loadWhole }: { scope: Scope; attribute: Attribute; loadWhole: () => void }) {
  const { key, value } = attribute;
  const text = textOf(value);
  const query = queryOf(scope, key, value);
  return (
    <div className={style.attr}>
      <dt className="isolate" title={visible(clip(key, 500))}>
        {pieces(visible(clip(key, 300)))}
      </dt>
      <dd data-type={value.type} className="isolate">
        {text === "" ? (
          <span className="quiet-text">{value.type === "empty" ? "(empty value)" : "(empty)"}</span>
        ) : (
          visibleLines(clip(text, shownChars))
        )}
        {value.escaped && (
          <span className={style.note} title="Not valid UTF-8: bad bytes are shown as \xNN">
            escaped
          </span>
        )}
        {value.truncatedBytes !== undefined && (
          <button type="button" className={style.more} onClick={loadWhole}>
            Load all {formatBytes(value.truncatedBytes)}
          </button>
        )}
        {value.truncatedBytes === undefined && text.length > shownChars && (
          <span className={style.note}>{formatBytes(text.length)}, shown in part; Copy has all</span>
        )}
        <div className={style.actions}>
          {query && (
            <Link
              to="/explore"
              search={{ q: query }}
              aria-label={`Traces with this ${key}`}
              title="Traces with this value"
            >
              <Icon name="search" size={14} />
            </Link>
          )}
          <button
            type="button"
            onClick={() => copyText(text, key)}
            aria-label={`Copy ${key}`}
            title="Copy value"
          >
            <Icon name="copy" size={14} />
          </button>
        </div>
      </dd>
    </div>
  );
}

/** pieces lets a long name break after its dots and underscores. */
function pieces(key: string) {
  return key.split(/(?<=[._/])/).map((piece, i) => (
    // oxlint-disable-next-line react/no-array-index-key -- pieces repeat and never move
    <Fragment key={i}>
      {piece}
      <wbr />
    </Fragment>
  ));
}

/** textOf writes a value as text. */
export function textOf(value: Value): string {
  switch (value.type) {
    case "string":
      return value.string ?? "";
    case "int":
      return value.int ?? "";
    case "double":
      return String(value.double);
    case "bool":
      return String(value.bool);
    case "bytes":
      return `base64 ${value.bytes ?? ""}`;
    case "array":
      return `[${(value.array ?? []).map(quoted).join(", ")}]`;
    case "map":
      return `{${(value.map ?? []).map((a) => `${a.key}: ${quoted(a.value)}`).join(", ")}}`;
    default:
      return "";
  }
}

function quoted(value: Value): string {
  return value.type === "string"
    ? JSON.stringify(value.string)
    : value.type === "empty"
      ? "null"
      : textOf(value);
}

/** queryChars bounds the value that a link to a search may carry. */
const queryChars = 200;

/** queryOf is the TraceQL that finds spans with a value; null for what cannot be asked. */
function queryOf(scope: Scope, key: string, value: Value): string | null {
  if ((scope !== "span" && scope !== "resource") || value.truncatedBytes !== undefined || value.escaped)
    return null;
  const name = /^[\w.-]+$/.test(key) ? `${scope}.${key}` : `${scope}.${JSON.stringify(key)}`;
  if (value.type === "string" && (value.string ?? "").length <= queryChars)
    return `{ ${name} = ${JSON.stringify(value.string)} }`;
  if (value.type === "int" || value.type === "bool" || value.type === "double")
    return `{ ${name} = ${textOf(value)} }`;
  return null;
}
