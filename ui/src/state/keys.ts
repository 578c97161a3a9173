// The keyboard. Views say which keys they understand; the help sheet lists exactly those.

import { type RefObject, useEffect } from "react";
import { useLatest } from "./latest";
import { isTrue, setting } from "./setting";

/**
 * Binding is a key, or two one after the other ("g e"), and what it does. A key is KeyboardEvent.key, with
 * "mod+" in front for Ctrl or ⌘; a capital letter means Shift.
 */
export interface Binding {
  keys: string[];
  label: string;
  /** Where the help sheet lists it; hidden if there is none. */
  group?: string;
  /** run returns false if it had nothing to do: the key then keeps its usual meaning. */
  run(event: KeyboardEvent): unknown;
}

/** letterKeys switches single-letter keys off, as WCAG 2.1.4 asks. */
export const letterKeys = setting<boolean>("letterKeys", true, isTrue);

/** sequenceMillis is how long the second key of a pair may take. */
const sequenceMillis = 1200;

const layers = new Set<RefObject<Binding[]>>();
let pending = "";
let pendingSince = 0;

/** useKeys makes bindings work while the component is shown. The last component to appear is asked first. */
export function useKeys(bindings: Binding[]): void {
  const layer = useLatest(bindings);
  useEffect(() => {
    layers.add(layer);
    return () => void layers.delete(layer);
  }, [layer]);
}

/** boundKeys lists what works here and now, the innermost view's first. */
export function boundKeys(): Binding[] {
  return [...layers].toReversed().flatMap((layer) => layer.current);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

function nameOf(event: KeyboardEvent): string {
  return (
    (event.ctrlKey || event.metaKey ? "mod+" : "") +
    (event.key.length === 1 && event.metaKey ? event.key.toLowerCase() : event.key)
  );
}

function onKeyDown(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || event.altKey || document.querySelector("dialog[open]"))
    return;
  const name = nameOf(event);
  const withMod = name.startsWith("mod+");
  if (!withMod && name !== "Escape" && isTyping(event.target)) return;
  if (!withMod && event.key.length === 1 && !letterKeys.get()) return;
  const pair =
    performance.now() - pendingSince < sequenceMillis && pending !== "" ? `${pending} ${name}` : "";
  pending = "";
  for (const layer of [...layers].toReversed()) {
    for (const wanted of pair === "" ? [name] : [pair, name]) {
      const binding = layer.current.find((b) => b.keys.includes(wanted));
      if (!binding || binding.run(event) === false) continue;
      event.preventDefault();
      return;
    }
  }
  if (boundKeys().some((b) => b.keys.some((k) => k.startsWith(`${name} `)))) {
    pending = name;
    pendingSince = performance.now();
  }
}

addEventListener("keydown", onKeyDown);

const isApple = /Mac|iPhone|iPad/.test(navigator.platform);

/** keyCaps writes a key as its caps show it: mod+k as ⌘K or Ctrl K, D as ⇧D. */
export function keyCaps(key: string): string[] {
  return key.split(" ").map((part) => {
    const [, mod, name] = /^(mod\+)?(.+)$/.exec(part) as RegExpExecArray;
    const arrows: Record<string, string> = {
      ArrowUp: "↑",
      ArrowDown: "↓",
      ArrowLeft: "←",
      ArrowRight: "→",
      Escape: "Esc",
      Enter: "Enter",
    };
    const shifted =
      !mod && /^[A-Z]$/.test(name) ? `⇧${name}` : (arrows[name] ?? (mod ? name.toUpperCase() : name));
    return mod ? (isApple ? `⌘${shifted}` : `Ctrl ${shifted}`) : shifted;
  });
}
