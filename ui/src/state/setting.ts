// What this browser remembers about its reader: small values in localStorage.

import { useSyncExternalStore } from "react";

/** Setting is one remembered value. It works without storage too, until the page is closed. */
export interface Setting<T> {
  get(): T;
  set(value: T): void;
  subscribe(listener: () => void): () => void;
}

/** setting makes a value kept under clew.<name>; read turns stored text into a value or refuses it with null. */
export function setting<T extends string | number | boolean>(
  name: string,
  initial: T,
  read: (text: string) => T | null,
): Setting<T> {
  const key = `clew.${name}`;
  const listeners = new Set<() => void>();
  let value = initial;
  const load = (text: string | null) => {
    value = (text === null ? null : read(text)) ?? initial;
  };
  try {
    load(localStorage.getItem(key));
    addEventListener("storage", (event) => {
      if (event.key !== key) return;
      load(event.newValue);
      for (const listener of listeners) listener();
    });
  } catch {
    // No storage: the initial value holds.
  }
  return {
    get: () => value,
    set(next) {
      value = next;
      try {
        localStorage.setItem(key, String(next));
      } catch {
        // Kept for this page only.
      }
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** useSetting follows a setting. */
export function useSetting<T>(s: Setting<T>): [T, (value: T) => void] {
  return [useSyncExternalStore(s.subscribe, s.get), s.set];
}

/** oneOf and within read texts and numbers with bounds. */
export function oneOf<T extends string>(...allowed: T[]): (text: string) => T | null {
  return (text) => allowed.find((a) => a === text) ?? null;
}

export function within(min: number, max: number): (text: string) => number | null {
  return (text) => (Number(text) >= min && Number(text) <= max ? Number(text) : null);
}

export const isTrue = (text: string): boolean | null =>
  text === "true" ? true : text === "false" ? false : null;
