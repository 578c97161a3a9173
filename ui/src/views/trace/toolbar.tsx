import type { RefObject } from "react";
import { formatCount } from "../../engine/base/time";
import { isWhole } from "../../engine/layout/view";
import { firstAfter } from "../../engine/model/find";
import { levelFold } from "../../engine/model/fold";
import { Icon } from "../../parts/icon";
import type { TraceStore } from "./store";
import style from "./trace.module.css";

/** Toolbar finds, filters, folds. The store is followed by the page around it. */
export function Toolbar({ store, find }: { store: TraceStore; find: RefObject<HTMLInputElement | null> }) {
  const t = store.trace;
  return (
    <div className={style.toolbar} role="toolbar" aria-label="Waterfall">
      <Find store={store} input={find} />
      {t.errorCount > 0 && (
        <button
          type="button"
          className="button quiet"
          aria-pressed={store.only === "errors"}
          onClick={() => store.setOnly(store.only === "errors" ? "" : "errors")}
        >
          Errors only
        </button>
      )}
      <div className={style.gap} />
      {store.shown.length < t.rowCount && (
        <span className={style.info}>
          {formatCount(store.shown.length)} of {formatCount(t.rowCount)} rows
        </span>
      )}
      {!isWhole(store.view, t.extent) && (
        <button type="button" className="button quiet" onClick={() => store.showAll()} title="Show all (0)">
          Whole time
        </button>
      )}
      <button
        type="button"
        className="button quiet icon"
        onClick={() => store.setFold(levelFold(t, 0))}
        aria-label="Fold all"
        title="Fold all (-: one level)"
      >
        <Icon name="fold" />
      </button>
      <button
        type="button"
        className="button quiet icon"
        onClick={() => store.setFold(levelFold(t, Infinity))}
        aria-label="Open all"
        title="Open all (=: one level)"
      >
        <Icon name="unfold" />
      </button>
    </div>
  );
}

function Find({ store, input }: { store: TraceStore; input: RefObject<HTMLInputElement | null> }) {
  const { find, matches, selected } = store;
  const at = firstAfter(matches, selected);
  const here = at > 0 && matches[at - 1] === selected;
  const text =
    matches.length === 0
      ? "none"
      : here
        ? `${formatCount(at)} of ${formatCount(matches.length)}`
        : `${formatCount(matches.length)} ${matches.length === 1 ? "row" : "rows"}`;
  return (
    <search className={style.find}>
      <input
        ref={input}
        className="field"
        type="text"
        value={find}
        placeholder="Find in trace"
        aria-label="Find in trace"
        spellCheck={false}
        onChange={(event) => store.setFind(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          store.stepMatch(event.shiftKey ? -1 : 1);
        }}
      />
      {find !== "" && (
        <>
          <span className={style.matches} role="status">
            {text}
          </span>
          <button
            type="button"
            className="button quiet icon"
            onClick={() => store.stepMatch(-1)}
            aria-label="Previous match"
            title="Previous match (⇧N)"
          >
            <Icon name="up" />
          </button>
          <button
            type="button"
            className="button quiet icon"
            onClick={() => store.stepMatch(1)}
            aria-label="Next match"
            title="Next match (n)"
          >
            <Icon name="down" />
          </button>
          <button
            type="button"
            className="button quiet"
            aria-pressed={store.only === "matches"}
            onClick={() => store.setOnly(store.only === "matches" ? "" : "matches")}
          >
            Matches only
          </button>
          <button
            type="button"
            className="button quiet icon"
            onClick={() => store.setFind("")}
            aria-label="Clear find"
            title="Clear"
          >
            <Icon name="close" size={14} />
          </button>
        </>
      )}
    </search>
  );
}
