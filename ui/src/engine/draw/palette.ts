// The colours that canvases need, read from the tokens of the page.

import { slotCount } from "../base/colour";

export interface Palette {
  surface: string;
  text: string;
  text2: string;
  text3: string;
  line: string;
  accent: string;
  accentSoft: string;
  error: string;
  warn: string;
  services: string[];
  font: string;
}

/** readPalette reads the tokens in force for an element; read again when the theme changes. */
export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  const token = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    surface: token("surface"),
    text: token("text"),
    text2: token("text-2"),
    text3: token("text-3"),
    line: token("line"),
    accent: token("accent"),
    accentSoft: token("accent-soft"),
    error: token("error"),
    warn: token("warn"),
    services: Array.from({ length: slotCount }, (_, i) => token(`svc-${i}`)),
    font: `450 11px ${token("font-sans")}`,
  };
}
