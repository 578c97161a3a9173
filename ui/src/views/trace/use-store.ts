import { useSyncExternalStore } from "react";
import type { TraceStore } from "./store";

/** useStore makes a component follow the store. What it reads is plain numbers and row ids, never span objects. */
export function useStore(store: TraceStore): TraceStore {
  useSyncExternalStore(store.subscribe, store.getVersion);
  return store;
}
