// The trace page's state in the address, both ways.

import { useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useLatest } from "../../state/latest";
import type { Search } from "../../state/search";
import type { Place } from "./place";
import type { Change, TraceStore } from "./store";

/** settleMillis is how long a zoom or a word must rest before it is written; burstMillis joins quick selections into one step back. */
const settleMillis = 250;
const burstMillis = 800;

const keys = ["span", "z", "c", "find", "only", "clocks"] as const;

/** placeOf takes the place out of the search parameters. */
export function placeOf(search: Search): Place {
  return Object.fromEntries(keys.flatMap((key) => (search[key] ? [[key, search[key]]] : [])));
}

function textOf(place: Place): string {
  return keys.map((key) => place[key] ?? "").join("\n");
}

/**
 * useAddress writes the store's place into the address: a selection pushes an entry, everything else replaces
 * the present one. When the reader goes back or forth, the store follows.
 */
export function useAddress(store: TraceStore | null): void {
  const navigate = useNavigate();
  const location = useLocation();
  const here = placeOf(location.search as Search);
  const latest = useLatest(here);
  const written = useRef<string[]>([]);

  useEffect(() => {
    if (!store) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let lastPush = -Infinity;
    const write = (push: boolean) => {
      const place = store.place();
      if (textOf(place) === textOf(latest.current)) return;
      written.current.push(textOf(place));
      void navigate({ to: ".", search: (old: Search) => ({ ...old, ...clear, ...place }), replace: !push });
    };
    const onChange = (change: Change) => {
      clearTimeout(timer);
      if (change === "select") {
        const push = performance.now() - lastPush > burstMillis;
        lastPush = performance.now();
        write(push);
      } else if (change === "adjust") timer = setTimeout(() => write(false), settleMillis);
    };
    const unsubscribe = store.subscribe(onChange);
    return () => {
      clearTimeout(timer);
      unsubscribe();
    };
  }, [store, navigate, latest]);

  const text = textOf(here);
  useEffect(() => {
    if (!store) return;
    // What comes back of our own writing, perhaps late, is no order to go there.
    const own = written.current.indexOf(text);
    written.current.splice(0, own + 1);
    if (own >= 0 || text === textOf(store.place())) return;
    store.goTo(latest.current);
    // What could not be followed does not stay in the address; the page says that it was there.
    const place = store.place();
    if (text === textOf(place)) return;
    written.current.push(textOf(place));
    void navigate({ to: ".", search: (old: Search) => ({ ...old, ...clear, ...place }), replace: true });
  }, [store, text, latest, navigate]);
}

const clear = Object.fromEntries(keys.map((key) => [key, undefined]));
