import { oneOf, setting } from "./setting";

export type Theme = "system" | "light" | "dark";

/** theme is what the reader chose; the page shows it through data-theme, which is always light or dark. */
export const theme = setting<Theme>("theme", "system", oneOf("system", "light", "dark"));

const listeners = new Set<() => void>();
const system = matchMedia("(prefers-color-scheme: dark)");

function apply(): void {
  const chosen = theme.get();
  const shown = chosen === "system" ? (system.matches ? "dark" : "light") : chosen;
  if (document.documentElement.dataset.theme === shown) return;
  document.documentElement.dataset.theme = shown;
  for (const listener of listeners) listener();
}

system.addEventListener("change", apply);
theme.subscribe(apply);

/** onThemeShown calls a listener after the shown theme has changed: canvases then read their colours again. */
export function onThemeShown(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** nextTheme is the cycle of the theme button. */
export function nextTheme(now: Theme): Theme {
  return now === "system" ? "light" : now === "light" ? "dark" : "system";
}
