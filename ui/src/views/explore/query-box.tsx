import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, type RefObject, useState } from "react";
import { ApiError, listTags, listTagValues } from "../../api/client";
import { clip, utf16Offset, visible } from "../../engine/base/text";
import style from "./explore.module.css";
import { rank, type Wanted, wantedAt } from "./suggest";

/** mostSuggestions bounds the list: more is what typing is for. */
const mostSuggestions = 40;

interface Suggestion {
  insert: string;
  hint: string;
}

/** QueryBox is the text of the question, with names and values offered while it is typed. */
export function QueryBox({
  value,
  input,
  onChange,
  onRun,
}: {
  value: string;
  input: RefObject<HTMLInputElement | null>;
  onChange: (text: string) => void;
  onRun: () => void;
}) {
  const [caret, setCaret] = useState<number | null>(null);
  const [at, setAt] = useState(-1);
  const wanted = caret === null ? null : wantedAt(value, caret);
  const list = useSuggestions(wanted);
  const open = wanted !== null && list.length > 0;
  const close = () => {
    setCaret(null);
    setAt(-1);
  };
  const follow = () => setCaret(input.current?.selectionStart ?? null);
  const choose = (suggestion: Suggestion) => {
    if (!wanted) return;
    const end = wanted.from + suggestion.insert.length;
    onChange(value.slice(0, wanted.from) + suggestion.insert + value.slice(wanted.to));
    setAt(-1);
    setCaret(null);
    requestAnimationFrame(() => input.current?.setSelectionRange(end, end));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by !== 0 && caret === null) follow();
    else if (by !== 0 && open) setAt((at + by + list.length + (at < 0 && by < 0 ? 1 : 0)) % list.length);
    else if ((event.key === "Enter" || event.key === "Tab") && open && at >= 0) choose(list[at]);
    else if (event.key === "Enter") {
      close();
      onRun();
    } else if (event.key === "Escape" && open) close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <>
      <input
        ref={input}
        className="field"
        value={value}
        placeholder='{ resource.service.name = "cart" && duration > 20ms }'
        aria-label="Query in TraceQL"
        role="combobox"
        aria-expanded={open}
        aria-controls="query-suggestions"
        aria-autocomplete="list"
        aria-activedescendant={open && at >= 0 ? `suggestion-${at}` : undefined}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => {
          onChange(event.target.value);
          setCaret(event.target.selectionStart);
          setAt(-1);
        }}
        onClick={follow}
        onKeyDown={onKeyDown}
        onBlur={close}
      />
      <div
        id="query-suggestions"
        role="listbox"
        aria-label="Suggestions"
        className={style.suggestions}
        hidden={!open}
      >
        {open &&
          list.map((suggestion, i) => (
            // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the input has the keys
            <div
              key={suggestion.insert}
              id={`suggestion-${i}`}
              role="option"
              aria-selected={i === at}
              tabIndex={-1}
              className={style.suggestion}
              ref={(element) => {
                if (i === at) element?.scrollIntoView({ block: "nearest" });
              }}
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => choose(suggestion)}
            >
              <span className="isolate">{visible(clip(suggestion.insert, 120))}</span>
              <span>{suggestion.hint}</span>
            </div>
          ))}
      </div>
    </>
  );
}

function useSuggestions(wanted: Wanted): Suggestion[] {
  const tags = useQuery({
    queryKey: ["tags"],
    queryFn: ({ signal }) => listTags(signal),
    enabled: wanted !== null,
    staleTime: 30_000,
  });
  const name = wanted?.kind === "value" ? wanted.name : "";
  const prefix = wanted?.kind === "value" ? wanted.prefix : "";
  const values = useQuery({
    queryKey: ["values", name, prefix],
    queryFn: ({ signal }) => listTagValues(name, prefix, signal),
    enabled: name !== "",
    placeholderData: (old, query) => (query?.queryKey[1] === name ? old : undefined),
  });
  if (wanted?.kind === "name") {
    const known = new Map((tags.data?.tags ?? []).map((t) => [t.query, t.types.join(", ")]));
    const ranked = rank([...known.keys()], wanted.prefix, mostSuggestions);
    if (ranked.length === 1 && ranked[0] === wanted.prefix) return [];
    return ranked.map((query) => ({ insert: query, hint: known.get(query) ?? "" }));
  }
  if (wanted?.kind === "value") {
    // Until those of what is typed are there, the others that fit: a key never takes what no longer does.
    const fits = (v: unknown) => !values.isPlaceholderData || String(v).startsWith(prefix);
    const found = (values.data?.values ?? []).filter((v) => fits(v.value));
    return found.slice(0, mostSuggestions).map((v) => ({
      insert: v.query ?? JSON.stringify(v.value),
      hint: v.spans === undefined ? "" : `${v.spans}`,
    }));
  }
  return [];
}

/** Problem says what is wrong with a query, and points at the place. */
export function Problem({
  error,
  query,
  ask,
}: {
  error: Error;
  query: string;
  ask: (meant: string) => void;
}) {
  const position = error instanceof ApiError ? error.position : undefined;
  const meant = error instanceof ApiError ? error.meant : undefined;
  return (
    <div className={style.problem} role="alert">
      {error.message}
      {position !== undefined && (
        <pre>
          {visible(query)}
          {"\n"}
          {" ".repeat(utf16Offset(query, position))}
          <span className={style.caret}>^</span>
        </pre>
      )}
      {meant !== undefined && (
        <button type="button" className={`button ${style.meant}`} onClick={() => ask(meant)}>
          Use <code className="isolate">{visible(meant)}</code>
        </button>
      )}
    </div>
  );
}
