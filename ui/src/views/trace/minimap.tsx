import { useEffect, useRef } from "react";
import { fitCanvas } from "../../engine/draw/canvas";
import { drawMinimap } from "../../engine/draw/minimap";
import { readPalette } from "../../engine/draw/palette";
import { fitMinimap, type Minimap, type Strip } from "../../engine/layout/minimap";
import { clamped, type View, wholeView } from "../../engine/layout/view";
import { onThemeShown } from "../../state/theme";
import type { TraceStore } from "./store";
import style from "./trace.module.css";

/** sidePadding is that of the style sheet. */
const sidePadding = 12;

/** edgeReach is how near to an edge of the window a press takes hold of it, px. clickReach is how far a click may move. */
const edgeReach = 6;
const clickReach = 3;

/** MinimapStrip shows the whole trace; dragging in it chooses the stretch of time to look at. */
export function MinimapStrip({ store }: { store: TraceStore }) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => drawStrip(box.current as HTMLElement, canvas.current as HTMLCanvasElement, store), [store]);
  return (
    <div
      ref={box}
      className={style.minimap}
      title="Drag to choose a stretch of time, double-click to show all"
      onDoubleClick={() => store.showAll()}
    >
      <canvas ref={canvas} aria-hidden="true" />
    </div>
  );
}

/** drawStrip draws and listens until the returned function is called. The strip is made anew only for another width or trace. */
function drawStrip(box: HTMLElement, canvas: HTMLCanvasElement, store: TraceStore): () => void {
  let palette = readPalette(box);
  let made: { strip: Strip; of: Minimap } | null = null;
  let frame = 0;
  const draw = () => {
    frame = 0;
    const width = box.clientWidth - 2 * sidePadding;
    const height = box.clientHeight - 10;
    if (width <= 0) return;
    if (made?.strip.columns !== width || made.of !== store.map)
      made = { strip: fitMinimap(store.map, width), of: store.map };
    drawMinimap(
      fitCanvas(canvas, width, height),
      made.strip,
      store.view,
      wholeView(store.trace.extent).v1,
      width,
      height,
      palette,
    );
  };
  const schedule = () => {
    if (frame === 0) frame = requestAnimationFrame(draw);
  };
  const observer = new ResizeObserver(schedule);
  observer.observe(box);
  const undo = [
    store.subscribe(schedule),
    onThemeShown(() => {
      palette = readPalette(box);
      schedule();
    }),
    () => observer.disconnect(),
    () => cancelAnimationFrame(frame),
    listen(box, store),
  ];
  return () => {
    for (const u of undo) u();
  };
}

type Grip = "new" | "left" | "right" | "move";

function gripAt(x: number, width: number, view: View, whole: number): Grip {
  const [x0, x1] = [(view.v0 / whole) * width, (view.v1 / whole) * width];
  if (x1 - x0 > width - 1) return "new";
  if (Math.abs(x - x0) <= edgeReach) return "left";
  if (Math.abs(x - x1) <= edgeReach) return "right";
  return x > x0 && x < x1 ? "move" : "new";
}

/** dragged is the view after a grip was moved from one time to another. */
function dragged(grip: Grip, start: View, from: number, to: number, extent: number): View {
  if (grip === "move") return clamped({ v0: start.v0 + to - from, v1: start.v1 + to - from }, extent);
  const fixed = grip === "left" ? start.v1 : grip === "right" ? start.v0 : from;
  return clamped({ v0: Math.min(fixed, to), v1: Math.max(fixed, to) }, extent);
}

function listen(box: HTMLElement, store: TraceStore): () => void {
  const stop = new AbortController();
  const widthOf = () => Math.max(1, box.clientWidth - 2 * sidePadding);
  const xOf = (event: PointerEvent) =>
    Math.max(0, Math.min(widthOf(), event.clientX - box.getBoundingClientRect().left - sidePadding));
  const onDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    const extent = store.trace.extent;
    const whole = wholeView(extent).v1;
    const timeOf = (x: number) => (x / widthOf()) * whole;
    const x = xOf(event);
    const start = store.view;
    const grip = gripAt(x, widthOf(), start, whole);
    const end = new AbortController();
    const onMove = (move: PointerEvent) => {
      const to = xOf(move);
      if (Math.abs(to - x) > clickReach) store.setView(dragged(grip, start, timeOf(x), timeOf(to), extent));
    };
    addEventListener("pointermove", onMove, { signal: end.signal });
    addEventListener("pointerup", () => end.abort(), { signal: end.signal });
  };
  box.addEventListener("pointerdown", onDown, { signal: stop.signal });
  return () => stop.abort();
}
