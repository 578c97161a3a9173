// The pooled elements of the name column: what can be read, focused and clicked.

import { visible } from "../../engine/base/text";
import { formatCount, formatDuration } from "../../engine/base/time";
import type { RowWindow } from "../../engine/layout/rows";
import { flag } from "../../engine/model/skeleton";
import { errorsWithin, has, kindName, serviceName, spanName, type Trace } from "../../engine/model/trace";
import type { TraceStore } from "./store";
import style from "./waterfall.module.css";

/** indentStep is the indentation of a level; maxIndentShare keeps room for names in deep traces. */
const indentStep = 12;
const maxIndentShare = 0.4;

/** mostNameChars bounds what is put into a row: a name of a megabyte shows no more than this of itself. */
const mostNameChars = 300;

interface Row {
  root: HTMLDivElement;
  name: HTMLDivElement;
  twist: HTMLButtonElement;
  stripe: HTMLElement;
  service: HTMLSpanElement;
  label: HTMLSpanElement;
  odd: HTMLSpanElement;
  mark: HTMLSpanElement;
  count: HTMLSpanElement;
  duration: HTMLSpanElement;
  /** What the element shows now; -1 nothing. */
  row: number;
  version: number;
}

/** RowPool keeps one element per row in sight, in the order of the rows. */
export class RowPool {
  private readonly pool: Row[] = [];

  constructor(
    private readonly parent: HTMLElement,
    private readonly store: TraceStore,
  ) {}

  /** update makes the pool show a window; elements are written only where their row or the state changed. */
  update(window: RowWindow, nameWidth: number): void {
    while (this.pool.length < window.count) this.pool.push(makeRow(this.parent));
    this.pool.forEach((element, k) => {
      if (k >= window.count) {
        if (element.row !== -1) element.root.hidden = true;
        element.row = -1;
        return;
      }
      element.root.style.transform = `translateY(${window.y + k * window.rowHeight}px)`;
      const row = this.store.shown[window.first + k];
      if (element.row === row && element.version === this.store.version) return;
      element.row = row;
      element.version = this.store.version;
      element.root.hidden = false;
      write(element, this.store, row, window.first + k, nameWidth);
    });
  }

  /** forget makes the next update write every element. */
  forget(): void {
    for (const element of this.pool) element.version = -1;
  }
}

/** rowOfEvent is the row an event happened on; -1 if on none. */
export function rowOfEvent(event: Event): number {
  const element = (event.target as Element | null)?.closest("[data-row]");
  return element ? Number((element as HTMLElement).dataset.row) : -1;
}

/** isName tells whether an event happened on a name, where text is selected. */
export function isName(event: Event): boolean {
  return (event.target as Element | null)?.closest("[data-name]") !== null;
}

/** isTwist tells whether an event happened on the button that folds. */
export function isTwist(event: Event): boolean {
  return (event.target as Element | null)?.closest("[data-twist]") !== null;
}

function makeRow(parent: HTMLElement): Row {
  const root = make("div", style.row, "row");
  const name = make("div", style.name, "gridcell");
  name.dataset.name = "";
  const twist = make("button", style.twist);
  twist.type = "button";
  twist.tabIndex = -1;
  twist.dataset.twist = "";
  twist.setAttribute("aria-hidden", "true");
  const stripe = make("i", "stripe");
  const service = make("span", `${style.service} isolate`);
  const label = make("span", `${style.label} isolate`);
  const odd = make("span", style.odd);
  const mark = make("span", style.mark);
  const count = make("span", style.count);
  name.append(twist, stripe, service, label, odd, mark, count);
  const time = make("div", style.time, "gridcell");
  const duration = make("span", "visually-hidden");
  time.append(duration);
  root.append(name, time);
  parent.append(root);
  return { root, name, twist, stripe, service, label, odd, mark, count, duration, row: -1, version: -1 };
}

function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  role?: string,
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = className;
  if (role) element.setAttribute("role", role);
  return element;
}

function write(element: Row, store: TraceStore, row: number, index: number, nameWidth: number): void {
  const t = store.trace;
  const folded = store.isFolded(row);
  const indent = Math.min(
    t.depth[row] * indentStep,
    Math.floor((nameWidth * maxIndentShare) / indentStep) * indentStep,
  );
  element.name.style.setProperty("--indent", `${indent}px`);
  const children = t.childCount[row] > 0;
  element.twist.className = children
    ? folded
      ? `${style.twist} ${style.folded}`
      : style.twist
    : `${style.twist} ${style.leaf}`;
  element.stripe.dataset.slot = has(t, row, flag.ghost) ? "-1" : String(t.services[t.service[row]].slot);
  const texts = rowTexts(t, row);
  element.service.textContent = texts.service;
  element.label.textContent = texts.name;
  element.label.title = texts.title;
  element.odd.textContent = has(t, row, oddFlags) ? "≈" : "";
  element.mark.textContent = markText(t, row, folded);
  element.count.textContent = children ? formatCount(t.size[row] - 1) : "";
  element.duration.textContent = formatDuration(t.duration[row]);
  writeState(element.root, store, row);
  writeAria(element.root, t, row, index, children ? !folded : null, texts);
}

function writeState(root: HTMLElement, store: TraceStore, row: number): void {
  const t = store.trace;
  root.dataset.row = String(row);
  root.id = `row-${row}`;
  const classes = [style.row];
  if (row === store.selected) classes.push(style.selected);
  if (store.find !== "") classes.push(store.hits[row] ? style.hit : style.miss);
  if (has(t, row, flag.error)) classes.push(style.failed);
  if (has(t, row, flag.ghost)) classes.push(style.ghost);
  root.className = classes.join(" ");
}

function writeAria(
  root: HTMLElement,
  t: Trace,
  row: number,
  index: number,
  open: boolean | null,
  texts: RowTexts,
): void {
  root.setAttribute("aria-rowindex", String(index + 1));
  root.setAttribute("aria-level", String(t.depth[row] + 1));
  root.setAttribute("aria-posinset", String(t.place[row]));
  root.setAttribute("aria-setsize", String(t.parent[row] < 0 ? t.rootCount : t.childCount[t.parent[row]]));
  if (open === null) root.removeAttribute("aria-expanded");
  else root.setAttribute("aria-expanded", String(open));
  root.setAttribute("aria-selected", String(root.classList.contains(style.selected)));
  root.setAttribute("aria-label", texts.spoken);
}

interface RowTexts {
  service: string;
  name: string;
  title: string;
  spoken: string;
}

/** rowTexts are the words of a row, also those that are only heard. */
export function rowTexts(t: Trace, row: number): RowTexts {
  if (has(t, row, flag.ghost)) {
    const name = "parent not received";
    return { service: "", name, title: name, spoken: `${name}, ${t.childCount[row]} spans name it` };
  }
  const service = visible(serviceName(t, row).slice(0, mostNameChars)) || "(no service name)";
  const whole = spanName(t, row);
  const name = visible(whole.slice(0, mostNameChars)) || "(no name)";
  const spoken = [
    service,
    name,
    has(t, row, flag.unfinished) ? "not ended" : formatDuration(t.duration[row]),
    `starts at ${formatDuration(t.start[row])}`,
  ];
  for (const [bit, word] of spokenFlags) if (has(t, row, bit)) spoken.push(word);
  return {
    service,
    name,
    title: `${service} · ${visible(whole.slice(0, 2000))} · ${kindName(t, row)}`,
    spoken: spoken.join(", "),
  };
}

/** spokenFlags are the flags that are said of a row. */
const spokenFlags: readonly [number, string][] = [
  [flag.error, "error"],
  [flag.orphan, "parent not received"],
  [flag.endBeforeStart, "ends before it starts"],
  [flag.conflict, "received twice with different content"],
  [flag.beforeParent, "outside its parent's time, perhaps clock skew"],
  [flag.cycle, "its parents lead in a circle"],
];

const oddFlags = flag.endBeforeStart | flag.beforeParent | flag.conflict | flag.cycle;

function markText(t: Trace, row: number, folded: boolean): string {
  const own = has(t, row, flag.error) ? "!" : "";
  const below = folded ? errorsWithin(t, row) : 0;
  return `${own}${below > 0 ? ` ${formatCount(below)} below` : ""}`;
}
