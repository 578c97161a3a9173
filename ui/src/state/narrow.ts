import { useSyncExternalStore } from "react";

/** narrow is the style sheets' break below which things stand one above the other. */
const narrow = matchMedia("(max-width: 640px)");

function subscribe(listener: () => void): () => void {
  narrow.addEventListener("change", listener);
  return () => narrow.removeEventListener("change", listener);
}

/** useNarrow tells whether the page is a phone's. */
export function useNarrow(): boolean {
  return useSyncExternalStore(subscribe, () => narrow.matches);
}
