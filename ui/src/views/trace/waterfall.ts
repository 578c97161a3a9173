// The waterfall: one scrolled element, one canvas for all bars, pooled elements for names. Both are placed
// from the same scroll position in the same frame, so they cannot drift apart; and because the layer they
// are in does not scroll itself, the browser can never show a part of it that has not been drawn.

import { ticks } from "../../engine/layout/axis";
import { layoutBars } from "../../engine/layout/bars";
import {
  besideRows,
  type RowShape,
  rowWindow,
  scrollHeight,
  scrollToShow,
  stackedRows,
} from "../../engine/layout/rows";
import { timeToX, xToTime } from "../../engine/layout/view";
import { drawAxis } from "../../engine/draw/axis";
import { fitCanvas } from "../../engine/draw/canvas";
import { type Palette, readPalette } from "../../engine/draw/palette";
import { drawBars, drawGrid } from "../../engine/draw/waterfall";
import { shownIndex } from "../../engine/model/fold";
import { onThemeShown } from "../../state/theme";
import { isName, isTwist, RowPool, rowOfEvent } from "./rows";
import type { TraceStore } from "./store";

/** Parts are the elements the waterfall draws into. */
export interface Parts {
  /** Holds all of it, and says in --names where the bars begin. */
  root: HTMLElement;
  /** Scrolls, has the focus, and is the treegrid. */
  scroller: HTMLElement;
  /** As tall as all rows. */
  spacer: HTMLElement;
  /** As large as the viewport; stays in place. */
  layer: HTMLElement;
  rows: HTMLElement;
  bars: HTMLCanvasElement;
  axis: HTMLCanvasElement;
}

/** gutter is the room right of the bars, so that the end of the last one can be seen. */
const gutter = 12;

/** stackedInset is the room left of the bars where names stand above them. */
const stackedInset = 12;

/** Frame is how the rows are divided: names of a width beside the bars, or above them. */
export type Frame = { names: number } | "stacked";

/** maxNamesShare leaves room for the bars, whatever width of the names was chosen on a wider page. */
const maxNamesShare = 0.55;

/** tickGap is the least distance of two ticks, px. axisHeight is the height of the axis. */
const tickGap = 96;
export const axisHeight = 24;

/** wheelZoom is how much one pixel of wheel zooms. dragStart is how far a press must move to be a drag. */
const wheelZoom = 0.002;
const dragStart = 4;

/** clickAfterDragMillis is how soon after a drag a click still belongs to it. */
const clickAfterDragMillis = 50;

export class Waterfall {
  private palette: Palette;
  private readonly pool: RowPool;
  private readonly stop = new AbortController();
  private readonly undo: (() => void)[] = [];
  private frameId = 0;
  private size = { width: 0, height: 0 };
  private frame: Frame;
  private shape: RowShape = besideRows;
  /** x of the bars. */
  private barsLeft = 0;
  private pointer: { x: number; share: number } | null = null;
  private revealed = 0;
  private dragEnded = -Infinity;
  /** The first frame leaves a mark in the browser's timeline: how long a trace took to open. */
  private marked = false;
  private drag: { x: number; kind: "zoom" | "pan"; moved: boolean; lastX: number } | null = null;

  constructor(
    private readonly parts: Parts,
    private readonly store: TraceStore,
    frame: Frame,
  ) {
    this.frame = frame;
    this.palette = readPalette(parts.scroller);
    this.pool = new RowPool(parts.rows, store);
    this.revealed = store.revealVersion - (store.selected >= 0 ? 1 : 0);
    this.undo.push(store.subscribe(() => this.schedule()));
    this.undo.push(
      onThemeShown(() => {
        this.palette = readPalette(parts.scroller);
        this.schedule();
      }),
    );
    const observer = new ResizeObserver(() => this.measure());
    observer.observe(parts.scroller);
    this.undo.push(() => observer.disconnect());
    this.listen();
    this.measure();
  }

  destroy(): void {
    cancelAnimationFrame(this.frameId);
    this.stop.abort();
    for (const undo of this.undo) undo();
    this.parts.rows.replaceChildren();
  }

  setFrame(frame: Frame): void {
    this.frame = frame;
    this.measure();
  }

  /** divide gives names and bars their places in the width there is. */
  private divide(): void {
    const { frame, size } = this;
    const stacked = frame === "stacked";
    const left = stacked ? stackedInset : Math.min(frame.names, Math.round(size.width * maxNamesShare));
    const shape = stacked ? stackedRows : besideRows;
    if (left === this.barsLeft && shape === this.shape) return;
    this.shape = shape;
    this.barsLeft = left;
    this.parts.root.style.setProperty("--names", `${left}px`);
    this.pool.forget();
  }

  private timeWidth(): number {
    return Math.max(1, this.size.width - this.barsLeft - gutter);
  }

  private nameWidth(): number {
    return this.shape === stackedRows ? this.size.width : this.barsLeft;
  }

  /** pageRows is how many rows a step by page goes. */
  pageRows(): number {
    return Math.max(1, Math.floor(this.size.height / this.shape.height) - 1);
  }

  private measure(): void {
    const { scroller } = this.parts;
    this.size = { width: scroller.clientWidth, height: scroller.clientHeight };
    if (this.size.width > 0) this.divide();
    this.schedule();
  }

  private schedule(): void {
    if (this.frameId === 0) this.frameId = requestAnimationFrame(() => this.draw());
  }

  /** draw reads the scroll position once and places everything from it. */
  private draw(): void {
    this.frameId = 0;
    const { scroller, spacer, layer } = this.parts;
    const { store } = this;
    const { width, height } = this.size;
    if (width === 0 || height === 0) return;
    const total = Math.max(height, scrollHeight(store.shown.length, this.shape.height));
    if (spacer.style.height !== `${total}px`) spacer.style.height = `${total}px`;
    layer.style.height = `${height}px`;
    this.bringIntoSight();
    const window = rowWindow(store.shown.length, scroller.scrollTop, height, this.shape.height);
    this.pool.update(window, this.nameWidth());
    this.drawRows(window, height);
    this.drawHead();
    this.writeAria();
    if (!this.marked) performance.mark("clew:rows", { detail: store.shown.length });
    this.marked = true;
  }

  private bringIntoSight(): void {
    const { store } = this;
    if (this.revealed === store.revealVersion) return;
    this.revealed = store.revealVersion;
    const index = store.selected < 0 ? -1 : shownIndex(store.trace, store.shown, store.selected);
    if (index < 0) return;
    const { scroller } = this.parts;
    const now = scroller.scrollTop;
    const top = scrollToShow(store.shown.length, index, now, this.size.height, this.shape.height);
    if (top !== now) scroller.scrollTop = top;
    scroller.scrollIntoView({ block: "nearest" }); // the page itself scrolls too, in a low window
  }

  private drawRows(window: ReturnType<typeof rowWindow>, height: number): void {
    const { store, palette } = this;
    const width = this.timeWidth();
    const context = fitCanvas(this.parts.bars, width, height);
    const times = ticks(store.view, width, tickGap);
    const bars = layoutBars(store.trace, store.shown, window, store.view, width);
    drawGrid(
      context,
      times.map((time) => timeToX(store.view, width, time)),
      height,
      palette,
      bars,
      this.shape,
    );
    const searching = store.find !== "";
    drawBars(context, bars, width, palette, this.shape, (row) => searching && store.hits[row] === 0);
    if (this.pointer && !this.drag) {
      context.fillStyle = palette.text3;
      context.fillRect(Math.round(this.pointer.x), 0, 1, height);
    }
    if (this.drag?.kind === "zoom" && this.drag.moved) this.drawSelection(context, height);
  }

  private drawSelection(context: CanvasRenderingContext2D, height: number): void {
    const { x, lastX } = this.drag as { x: number; lastX: number };
    context.fillStyle = this.palette.accent;
    context.globalAlpha = 0.16;
    context.fillRect(Math.min(x, lastX), 0, Math.abs(lastX - x), height);
    context.globalAlpha = 1;
  }

  private drawHead(): void {
    const width = this.timeWidth();
    const context = fitCanvas(this.parts.axis, width, axisHeight);
    drawAxis(
      context,
      ticks(this.store.view, width, tickGap),
      this.store.view,
      width,
      axisHeight,
      this.palette,
    );
    if (this.drag?.kind === "zoom" && this.drag.moved) this.drawSelection(context, axisHeight);
  }

  private writeAria(): void {
    const { scroller } = this.parts;
    scroller.setAttribute("aria-rowcount", String(this.store.shown.length));
    const active = this.store.selected >= 0 && document.getElementById(`row-${this.store.selected}`);
    if (active) scroller.setAttribute("aria-activedescendant", active.id);
    else scroller.removeAttribute("aria-activedescendant");
  }

  private listen(): void {
    const { scroller, layer, axis } = this.parts;
    const { signal } = this.stop;
    scroller.addEventListener("scroll", () => this.schedule(), { signal, passive: true });
    scroller.addEventListener("wheel", (event) => this.onWheel(event), { signal, passive: false });
    axis.addEventListener("wheel", (event) => this.onWheel(event), { signal, passive: false });
    layer.addEventListener("click", (event) => this.onClick(event), { signal });
    layer.addEventListener("dblclick", (event) => this.onDoubleClick(event), { signal });
    layer.addEventListener("pointermove", (event) => this.onHover(event), { signal });
    layer.addEventListener("pointerleave", () => this.setPointer(null), { signal });
    layer.addEventListener("pointerdown", (event) => this.onDown(event, "pan"), { signal });
    axis.addEventListener("pointerdown", (event) => this.onDown(event, "zoom"), { signal });
    axis.addEventListener("dblclick", () => this.store.showAll(), { signal });
  }

  /** timeX is a pointer's x within the time column; negative over the names. */
  private timeX(event: PointerEvent | WheelEvent | MouseEvent): number {
    return event.clientX - this.parts.scroller.getBoundingClientRect().left - this.barsLeft;
  }

  private onWheel(event: WheelEvent): void {
    const x = this.timeX(event);
    const sideways = event.shiftKey
      ? event.deltaY || event.deltaX
      : Math.abs(event.deltaX) > Math.abs(event.deltaY)
        ? event.deltaX
        : 0;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.store.zoom(Math.exp(event.deltaY * wheelZoom), Math.min(1, Math.max(0, x / this.timeWidth())));
    } else if (sideways !== 0 && x >= 0) {
      event.preventDefault();
      this.store.pan(sideways / this.timeWidth());
    }
  }

  private onClick(event: MouseEvent): void {
    const row = rowOfEvent(event);
    if (row < 0 || performance.now() - this.dragEnded < clickAfterDragMillis) return;
    if (isTwist(event)) {
      this.store.toggleFold(row);
      return;
    }
    // A click that ends the selection of text in a name is not a click on the row.
    if (String(getSelection()).length > 0 && isName(event)) return;
    this.store.select(row, false);
    this.store.openDetail(true);
  }

  private onDoubleClick(event: MouseEvent): void {
    const row = rowOfEvent(event);
    if (row >= 0 && !isName(event)) this.store.fit(row);
  }

  private onHover(event: PointerEvent): void {
    const x = this.timeX(event);
    this.setPointer(x >= 0 ? { x, share: x / this.timeWidth() } : null);
  }

  private setPointer(pointer: { x: number; share: number } | null): void {
    if (this.pointer === null && pointer === null) return;
    this.pointer = pointer;
    this.schedule();
  }

  /** pointerShare is where in the time column zooming by key happens: at the pointer, else in the middle. */
  pointerShare(): number {
    return this.pointer?.share ?? 0.5;
  }

  private onDown(event: PointerEvent, kind: "zoom" | "pan"): void {
    const x = this.timeX(event);
    if (event.button !== 0 || x < 0 || (kind === "pan" && isName(event))) return;
    this.drag = { x, kind, moved: false, lastX: x };
    const end = new AbortController();
    addEventListener("pointermove", (e) => this.onDrag(e), { signal: end.signal });
    const up = () => {
      end.abort();
      this.onUp();
    };
    addEventListener("pointerup", up, { signal: end.signal });
    // A finger that turns out to scroll is no drag.
    addEventListener("pointercancel", up, { signal: end.signal });
  }

  private onDrag(event: PointerEvent): void {
    const { drag } = this;
    if (!drag) return;
    const x = Math.max(0, Math.min(this.timeWidth(), this.timeX(event)));
    if (!drag.moved && Math.abs(x - drag.x) < dragStart) return;
    drag.moved = true;
    if (drag.kind === "pan") this.store.pan((drag.lastX - x) / this.timeWidth());
    drag.lastX = x;
    this.schedule();
  }

  private onUp(): void {
    const { drag } = this;
    this.drag = null;
    this.schedule();
    if (!drag?.moved) return;
    if (drag.kind === "zoom") {
      const [a, b] = [Math.min(drag.x, drag.lastX), Math.max(drag.x, drag.lastX)];
      const at = (x: number) => xToTime(this.store.view, this.timeWidth(), x);
      this.store.setView({ v0: at(a), v1: Math.max(at(b), at(a) + 10) });
    }
    this.dragEnded = performance.now();
  }
}
