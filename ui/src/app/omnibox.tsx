// One box for "take me there": pasted ids, services, commands, else a search.

import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useState } from "react";
import { listServices } from "../api/client";
import { clip, visible } from "../engine/base/text";
import { findTrace } from "../state/paste";
import { nextTheme, theme } from "../state/theme";
import { zone } from "../state/zone";
import { Dialog } from "./dialog";
import style from "./omnibox.module.css";

interface Option {
  id: string;
  slot?: number;
  text: string;
  hint: string;
  run(): void;
}

/** mostServices bounds the services listed at once: more is what typing is for. */
const mostServices = 8;

export function Omnibox({ close, askToken }: { close: () => void; askToken: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const options = useOptions(text, askToken);
  const chosen = Math.min(at, options.length - 1);
  const run = (option: Option | undefined) => {
    if (!option) return;
    close();
    option.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by !== 0) {
      event.preventDefault();
      setAt((chosen + by + options.length) % options.length);
    }
    if (event.key === "Enter") {
      event.preventDefault(); // it must not press what the option opens
      run(options[chosen]);
    }
  };
  return (
    <Dialog label="Go to" className={style.box} close={close}>
      <input
        className={style.input}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
        placeholder="Trace ID, traceparent, log line, service, command…"
        aria-label="Go to"
        role="combobox"
        aria-expanded="true"
        aria-controls="omnibox-options"
        aria-activedescendant={options[chosen] ? `omnibox-${options[chosen].id}` : undefined}
        autoComplete="off"
        spellCheck={false}
        // oxlint-disable-next-line jsx-a11y/no-autofocus -- the dialog was opened to type into it
        autoFocus
      />
      <div className={style.list} id="omnibox-options" role="listbox" aria-label="Places">
        {options.map((option, i) => (
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the input has the keys
          <div
            key={option.id}
            id={`omnibox-${option.id}`}
            role="option"
            aria-selected={i === chosen}
            tabIndex={-1}
            className={style.option}
            onPointerMove={() => setAt(i)}
            onClick={() => run(option)}
          >
            {option.slot !== undefined && <i className="stripe" data-slot={option.slot} />}
            <b className="isolate">{option.text}</b>
            <span className={style.hint}>{option.hint}</span>
          </div>
        ))}
      </div>
      <div className={style.foot}>A pasted log line is searched for its trace id.</div>
    </Dialog>
  );
}

function useOptions(text: string, askToken: () => void): Option[] {
  const navigate = useNavigate();
  const services = useQuery({ queryKey: ["services"], queryFn: ({ signal }) => listServices(signal) });
  const needle = text.trim().toLowerCase();
  const options: Option[] = [];
  const found = findTrace(text);
  if (found) {
    options.push({
      id: "trace",
      text: found.traceId,
      hint: found.spanId ? "Open trace at span" : "Open trace",
      run: () =>
        navigate({
          to: "/trace/$traceId",
          params: { traceId: found.traceId },
          search: found.spanId ? { span: found.spanId } : {},
        }),
    });
  }
  const named = (services.data?.services ?? [])
    .filter((s) => s.name.toLowerCase().includes(needle))
    .slice(0, mostServices);
  for (const service of named) {
    options.push({
      id: `service-${service.index}`,
      slot: service.slot,
      text: visible(service.name) || "(no service name)",
      hint: "Traces of the service",
      run: () =>
        navigate({
          to: "/explore",
          search: { q: `{ resource.service.name = ${JSON.stringify(service.name)} }` },
        }),
    });
  }
  options.push(...commands(navigate, askToken).filter((c) => c.text.toLowerCase().includes(needle)));
  if (needle !== "" && !found) {
    const pattern = `.*${text.trim().replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}.*`;
    options.push({
      id: "search",
      text: clip(visible(text.trim()), 60),
      hint: "Search span names",
      run: () =>
        navigate({ to: "/explore", search: { q: `{ name =~ ${JSON.stringify(`(?i)${pattern}`)} }` } }),
    });
  }
  return options;
}

function commands(navigate: ReturnType<typeof useNavigate>, askToken: () => void): Option[] {
  return [
    { id: "explore", text: "Explore traces", hint: "g e", run: () => navigate({ to: "/explore" }) },
    {
      id: "errors",
      text: "Traces with errors",
      hint: "Explore",
      run: () => navigate({ to: "/explore", search: { q: "{ status = error }" } }),
    },
    { id: "welcome", text: "Send traces to clew", hint: "g w", run: () => navigate({ to: "/welcome" }) },
    { id: "theme", text: "Switch theme", hint: "⇧D", run: () => theme.set(nextTheme(theme.get())) },
    {
      id: "zone",
      text: "Switch between local time and UTC",
      hint: "",
      run: () => zone.set(zone.get() === "utc" ? "local" : "utc"),
    },
    { id: "token", text: "Enter or forget a token", hint: "", run: askToken },
  ];
}
