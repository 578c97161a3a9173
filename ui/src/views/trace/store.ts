// What is looked at in one trace. No React in here: components and the canvas subscribe.

import { errorRows, findRows, rowsOf, step } from "../../engine/model/find";
import {
  autoFold,
  type Fold,
  foldFromText,
  foldLevel,
  foldToText,
  isFolded,
  levelFold,
  reveal,
  shownIndex,
  shownRows,
  toggle,
} from "../../engine/model/fold";
import { flag } from "../../engine/model/skeleton";
import { rowOfSpan, spanIdAt, type Trace } from "../../engine/model/trace";
import {
  around,
  isWhole,
  panned,
  type View,
  viewFromText,
  viewToText,
  wholeView,
  zoomed,
} from "../../engine/layout/view";
import type { Clocks } from "../../engine/model/clocks";
import type { Minimap } from "../../engine/layout/minimap";
import type { Verdict } from "../../engine/model/verdict";
import { type Opened, openCorrected } from "./opened";
import { correctedClocks, isSpanId, type Only, onlyOf, type Place, refusals } from "./place";

/** Change says how a change belongs in the history: a selection is a step back, a zoom is not. */
export type Change = "select" | "adjust" | "data";

export class TraceStore {
  trace: Trace;
  verdict: Verdict;
  map: Minimap;
  view: View;
  fold: Fold = autoFold;
  shown: Uint32Array = new Uint32Array(0);
  selected = -1;
  /** Whether the detail panel is open. */
  detail = false;
  find = "";
  only: Only = "";
  /** Marks of the rows that match find; empty without it. */
  hits: Uint8Array = new Uint8Array(0);
  matches: Uint32Array = new Uint32Array(0);
  /** A span of the link that has not come yet. */
  awaited = "";
  /** What of the last link could not be followed. */
  refused: readonly string[] = [];
  /** Rows the server found in attributes. */
  serverRows: number[] = [];
  version = 0;
  /** Counts selections by key or link, after which the row must be brought into sight. */
  revealVersion = 0;

  /** What is known of the trace's clocks; null before the server has told. */
  clocks: Clocks | null = null;
  /** The reader asks for corrected times. */
  corrected = false;
  /** The trace as it was received. */
  private raw: Opened;

  private readonly listeners = new Set<(change: Change) => void>();

  constructor(opened: Opened, place: Place) {
    this.raw = opened;
    this.trace = opened.trace;
    this.verdict = opened.verdict;
    this.map = opened.map;
    this.view = wholeView(opened.trace.extent);
    this.goTo(place);
  }

  /** correcting tells whether the times that are shown are corrected: that is asked for, and there is by what. */
  get correcting(): boolean {
    return this.corrected && this.clocks !== null && this.clocks.rows.length > 0;
  }

  readonly subscribe = (listener: (change: Change) => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getVersion = (): number => this.version;

  private changed(change: Change): void {
    this.version++;
    for (const listener of this.listeners) listener(change);
  }

  private relist(): void {
    this.shown = shownRows(this.trace, this.openFold(), this.filter());
  }

  /** With a filter on, the few rows it leaves need no automatic folding. */
  private openFold(): Fold {
    return this.only !== "" && this.fold.rule === "auto" ? { ...this.fold, rule: "open" } : this.fold;
  }

  private filter(): Uint8Array | null {
    if (this.only === "matches" && this.find !== "") return this.hits;
    if (this.only !== "errors") return null;
    const marks = new Uint8Array(this.trace.rowCount);
    for (const row of errorRows(this.trace)) marks[row] = 1;
    return marks;
  }

  private research(): void {
    this.hits = findRows(this.trace, this.find);
    if (this.find !== "") for (const row of this.serverRows) if (row < this.hits.length) this.hits[row] = 1;
    this.matches = rowsOf(this.hits);
  }

  /** replace puts a later state of the same trace in place, and keeps what is looked at. */
  replace(opened: Opened): void {
    const place = this.place();
    const whole = isWhole(this.view, this.trace.extent);
    const view = this.view;
    this.raw = opened;
    this.clocks = null; // they were told by the rows of the state before
    this.time();
    this.serverRows = [];
    this.apply(place);
    this.view = whole ? wholeView(this.trace.extent) : view;
    this.changed("data");
  }

  /** setClocks takes what the server tells of the clocks of this state; of another state it is left out. */
  setClocks(clocks: Clocks): void {
    if (clocks.rows.length > 0 && clocks.rows.length !== this.trace.rowCount) return;
    this.clocks = clocks;
    const whole = isWhole(this.view, this.trace.extent);
    this.time();
    if (whole) this.view = wholeView(this.trace.extent);
    this.changed("data");
  }

  /** setCorrected shows corrected times, or those received. What is looked at stays in sight. */
  setCorrected(corrected: boolean): void {
    const whole = isWhole(this.view, this.trace.extent);
    const before = this.trace.base;
    this.corrected = corrected;
    this.time();
    const by = Number(before - this.trace.base);
    this.view = whole
      ? wholeView(this.trace.extent)
      : panned({ v0: this.view.v0 + by, v1: this.view.v1 + by }, this.trace.extent, 0);
    this.changed("adjust");
  }

  /** time puts the trace in place with the times that are asked for. */
  private time(): void {
    const { trace, verdict, map } =
      this.correcting && this.clocks ? openCorrected(this.raw, this.clocks) : this.raw;
    this.trace = trace;
    this.verdict = verdict;
    this.map = map;
  }

  select(row: number, show: boolean): void {
    if (row < 0 || row >= this.trace.rowCount) return;
    this.uncover(row);
    const same = this.selected === row;
    this.selected = row;
    this.awaited = "";
    if (show) this.revealVersion++;
    this.changed(same ? "adjust" : "select");
  }

  /** unfold opens what a row is folded into; it tells whether anything was. */
  private unfold(row: number): boolean {
    const before = this.openFold();
    const after = reveal(this.trace, before, row);
    if (after === before) return false;
    // The filter's rule is no choice of the reader's.
    this.fold = after.rule === before.rule ? { ...this.fold, toggled: after.toggled } : after;
    return true;
  }

  /** uncover makes a row one of the shown: it opens what the row is folded into, and drops a filter that hides it. */
  private uncover(row: number): void {
    for (;;) {
      if (this.unfold(row)) this.relist();
      const at = shownIndex(this.trace, this.shown, row);
      if (this.only === "" || (at >= 0 && this.shown[at] === row)) return;
      this.only = "";
      this.relist();
    }
  }

  openDetail(open: boolean): void {
    this.detail = open;
    this.changed("adjust");
  }

  /** move selects the row a number of shown rows away. */
  move(by: number): void {
    const at = this.selected < 0 ? -1 : shownIndex(this.trace, this.shown, this.selected);
    // With nothing selected yet, the first step is to the first row, unless the last is asked for.
    const from = at < 0 && by !== Infinity ? 0 : at + by;
    const to = Math.max(0, Math.min(this.shown.length - 1, from));
    if (this.shown.length > 0) this.select(this.shown[to], true);
  }

  isFolded(row: number): boolean {
    const fold = this.openFold();
    return isFolded(this.trace, fold, foldLevel(this.trace, fold), row);
  }

  toggleFold(row: number): void {
    if (row < 0 || this.trace.childCount[row] === 0) return;
    this.fold = toggle(this.fold, row);
    this.relist();
    // A selection that was folded away goes to the row it is folded into.
    const at = this.selected < 0 ? -1 : shownIndex(this.trace, this.shown, this.selected);
    if (at >= 0) this.selected = this.shown[at];
    this.changed("adjust");
  }

  /** foldBy folds one level more (-1) or less (1) than is folded now. */
  foldBy(by: 1 | -1): void {
    const level = Math.min(foldLevel(this.trace, this.openFold()), this.trace.maxDepth);
    this.setFold(levelFold(this.trace, level + by));
  }

  setFold(fold: Fold): void {
    this.fold = fold;
    this.relist();
    const at = this.selected < 0 ? -1 : shownIndex(this.trace, this.shown, this.selected);
    if (at >= 0) this.selected = this.shown[at];
    this.changed("adjust");
  }

  /** setView keeps whole nanoseconds: what the address can hold is what is shown. */
  setView(view: View): void {
    this.view = { v0: Math.round(view.v0), v1: Math.round(view.v1) };
    this.changed("adjust");
  }

  zoom(factor: number, share: number): void {
    this.setView(zoomed(this.view, this.trace.extent, factor, share));
  }

  pan(share: number): void {
    this.setView(panned(this.view, this.trace.extent, share));
  }

  showAll(): void {
    this.setView(wholeView(this.trace.extent));
  }

  /** fit zooms to a row's time. */
  fit(row: number): void {
    if (row < 0) return;
    const { start, duration, extent } = this.trace;
    const end = this.trace.flags[row] & flag.unfinished ? extent : start[row] + duration[row];
    this.setView(around(extent, Math.min(start[row], end), Math.max(start[row], end)));
  }

  setFind(text: string): void {
    this.find = text;
    this.serverRows = [];
    if (text === "" && this.only === "matches") this.only = "";
    this.research();
    this.relist();
    this.changed("adjust");
  }

  /** addServerRows adds the rows whose attributes hold the text; a late answer to another text is left out. */
  addServerRows(text: string, rows: number[]): void {
    if (text !== this.find) return;
    this.serverRows = rows;
    this.research();
    if (this.only === "matches") this.relist();
    this.changed("adjust");
  }

  setOnly(only: Only): void {
    this.only = only;
    this.fold = { ...this.fold, toggled: new Set() };
    this.relist();
    this.changed("adjust");
  }

  stepMatch(dir: 1 | -1): void {
    this.select(step(this.matches, this.selected, dir), true);
  }

  stepError(dir: 1 | -1): void {
    this.select(step(errorRows(this.trace), this.selected, dir), true);
  }

  /** place is what the URL says about this state. */
  place(): Place {
    return {
      span: this.selected >= 0 ? spanIdAt(this.trace, this.selected) : this.awaited || undefined,
      z: isWhole(this.view, this.trace.extent) ? undefined : viewToText(this.view),
      c: foldToText(this.trace, this.fold) || undefined,
      find: this.find || undefined,
      only: this.only || undefined,
      clocks: this.corrected ? correctedClocks : undefined,
    };
  }

  /** goTo takes a state from the URL. */
  goTo(place: Place): void {
    this.refused = refusals(place, this.trace);
    this.apply(place);
    this.changed("data");
  }

  private apply(place: Place): void {
    const wanted = place.clocks === correctedClocks;
    if (wanted !== this.corrected) {
      this.corrected = wanted;
      this.time();
    }
    const t = this.trace;
    this.fold = place.c ? foldFromText(t, place.c) : autoFold;
    this.view = (place.z && viewFromText(place.z, t.extent)) || wholeView(t.extent);
    if ((place.find ?? "") !== this.find) this.serverRows = [];
    this.find = place.find ?? "";
    this.only = onlyOf(place);
    this.research();
    const row = place.span ? rowOfSpan(t, place.span) : -1;
    if (row >= 0) this.unfold(row);
    if (row >= 0 && row !== this.selected) {
      this.revealVersion++;
      this.detail = true;
    }
    this.selected = row;
    this.awaited = row < 0 && place.span && isSpanId(place.span) && !t.complete ? place.span : "";
    if (row < 0) this.detail = false;
    this.relist();
  }
}
