import { type RefObject, useEffect, useImperativeHandle, useLayoutEffect, useMemo, useRef } from "react";
import { useNarrow } from "../../state/narrow";
import { setting, useSetting, within } from "../../state/setting";
import { Sizer } from "./sizer";
import type { TraceStore } from "./store";
import { type Frame, Waterfall } from "./waterfall";
import style from "./waterfall.module.css";

const nameWidth = setting<number>("nameWidth", 400, within(160, 800));

/** WaterfallHandle is what the keyboard needs of the rows. */
export interface WaterfallHandle {
  focus(): void;
  /** The rows have the focus, or nothing has. */
  mayTakeKeys(): boolean;
  pageRows(): number;
  pointerShare(): number;
}

/** Rows is the frame of the waterfall; what is in it, Waterfall draws without React. */
export function Rows({ store, handle }: { store: TraceStore; handle: RefObject<WaterfallHandle | null> }) {
  const [chosen, setChosen] = useSetting(nameWidth);
  const stacked = useNarrow();
  const scroller = useRef<HTMLDivElement>(null);
  const parts = {
    root: useRef<HTMLDivElement>(null),
    spacer: useRef<HTMLDivElement>(null),
    layer: useRef<HTMLDivElement>(null),
    rows: useRef<HTMLDivElement>(null),
    bars: useRef<HTMLCanvasElement>(null),
    axis: useRef<HTMLCanvasElement>(null),
  };
  const waterfall = useRef<Waterfall>(null);
  const frame = useMemo<Frame>(() => (stacked ? "stacked" : { names: chosen }), [stacked, chosen]);
  const firstFrame = useRef(frame);
  const { root, spacer, layer, rows, bars, axis } = parts;

  useLayoutEffect(() => {
    const drawn = new Waterfall(
      {
        scroller: scroller.current as HTMLElement,
        root: root.current as HTMLElement,
        spacer: spacer.current as HTMLElement,
        layer: layer.current as HTMLElement,
        rows: rows.current as HTMLElement,
        bars: bars.current as HTMLCanvasElement,
        axis: axis.current as HTMLCanvasElement,
      },
      store,
      firstFrame.current,
    );
    waterfall.current = drawn;
    return () => drawn.destroy();
  }, [store, root, spacer, layer, rows, bars, axis]);

  useEffect(() => waterfall.current?.setFrame(frame), [frame]);

  useImperativeHandle(handle, () => ({
    focus: () => scroller.current?.focus({ preventScroll: true }),
    mayTakeKeys: () =>
      document.activeElement === document.body ||
      document.activeElement === scroller.current ||
      document.activeElement?.id === "main",
    pageRows: () => waterfall.current?.pageRows() ?? 20,
    pointerShare: () => waterfall.current?.pointerShare() ?? 0.5,
  }));

  return (
    <div className={`${style.waterfall} ${stacked ? style.stacked : ""}`} ref={root}>
      <div className={style.head}>
        <div className={style.headName}>Service and span</div>
        <canvas
          ref={axis}
          className={style.axis}
          aria-hidden="true"
          title="Drag to zoom, double-click to show all"
        />
      </div>
      {!stacked && (
        <Sizer
          className={style.handle}
          label="Width of the names"
          value={chosen}
          min={160}
          max={800}
          onChange={setChosen}
        />
      )}
      <div
        ref={scroller}
        className={style.scroller}
        role="treegrid"
        aria-label="Spans of the trace"
        aria-readonly="true"
        tabIndex={0}
      >
        <div ref={spacer} role="presentation">
          <div ref={layer} className={style.layer} role="presentation">
            <div ref={rows} className={style.rows} role="presentation" />
            <canvas ref={bars} className={style.bars} aria-hidden="true" />
          </div>
        </div>
      </div>
    </div>
  );
}
