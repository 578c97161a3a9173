// The token that this browser shows the server, and whether the server asks for one. It is sent in a header, and
// stands in no address.

import { useSyncExternalStore } from "react";
import { basePath } from "./base";

/** key names the server too: another may be behind the same proxy. */
const key = `clew.token${basePath}`;

/** Access is how this page stands with the server. */
export interface Access {
  /** Where the token is kept; null if there is none. */
  kept: "tab" | "browser" | null;
  /** What the server said when it last refused; empty if it does not. */
  refusal: string;
  /** It counts the tokens: what was loaded with one is not shown with the next. */
  turn: number;
}

let token = "";
let access: Access = { kept: null, refusal: "", turn: 0 };
const listeners = new Set<() => void>();

function change(next: Partial<Access>): void {
  access = { ...access, ...next };
  for (const listener of listeners) listener();
}

function keep(storage: () => Storage, text: string): boolean {
  try {
    if (text === "") storage().removeItem(key);
    else storage().setItem(key, text);
    return true;
  } catch {
    return false; // No storage: the token holds until the page is closed.
  }
}

function load(): void {
  try {
    const ofTab = sessionStorage.getItem(key);
    token = ofTab ?? localStorage.getItem(key) ?? "";
    access = { ...access, kept: token === "" ? null : ofTab === null ? "browser" : "tab" };
  } catch {
    // No storage, no token.
  }
}

load();

/** takeToken takes a token into use, for this tab or, remembered, for this browser; an empty one is forgotten. */
export function takeToken(text: string, remember: boolean): void {
  token = text;
  keep(() => sessionStorage, remember ? "" : text);
  const stored = keep(() => localStorage, remember ? text : "");
  const kept = text === "" ? null : remember && stored ? "browser" : "tab";
  change({ kept, refusal: "", turn: access.turn + 1 });
}

/** useAccess follows how the page stands with the server. */
export function useAccess(): Access {
  return useSyncExternalStore(subscribe, () => access);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** onToken calls a listener after another token has come into use. */
export function onToken(listener: () => unknown): () => void {
  let { turn } = access;
  return subscribe(() => {
    if (access.turn === turn) return;
    ({ turn } = access);
    listener();
  });
}

/** send is fetch with the token; it hears from each answer whether the server wants another. */
export async function send(input: Request | string, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  const shown = token;
  if (shown !== "") request.headers.set("Authorization", `Bearer ${shown}`);
  const response = await fetch(request);
  if (shown !== token) return response; // An answer to the token before.
  if (response.status === 401 || (response.status === 403 && isReading(request)))
    change({ refusal: await reasonOf(response) });
  else if (response.ok && access.refusal !== "") change({ refusal: "" });
  return response;
}

/** isReading tells the requests without which there is no page from those that need more rights than it. */
function isReading({ url }: Request): boolean {
  return !/\/(test-span|demo)$/.test(url);
}

/** check asks the server about a token, without taking it into use. It returns why not; empty if it is good for reading. */
export async function check(text: string): Promise<string> {
  if (!/^[\x20-\x7e]+$/.test(text)) return "A token has letters, digits and signs of ASCII only.";
  let response: Response;
  try {
    const headers = { Authorization: `Bearer ${text}` };
    response = await fetch(`${basePath}/api/v1/health`, { cache: "no-store", headers });
  } catch {
    return "The server does not answer. Is clew running?";
  }
  return response.ok ? "" : reasonOf(response);
}

async function reasonOf(response: Response): Promise<string> {
  const body = (await response
    .clone()
    .json()
    .catch(() => null)) as { error?: { message?: string } } | null;
  return body?.error?.message ?? `the server answered ${response.status} without saying why`;
}

/** hasToken tells whether a link alone leads nowhere, because it cannot show the token. */
export const hasToken = (): boolean => token !== "";
