// Numbers over time: chart, legend, and the same numbers as a table.

import { Link } from "@tanstack/react-router";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type uPlot from "uplot";
import type { MetricsAnswer } from "../../api/client";
import { readPalette } from "../../engine/draw/palette";
import { rangeText } from "../../state/range";
import type { Search } from "../../state/search";
import { useLatest } from "../../state/latest";
import { useNarrow } from "../../state/narrow";
import { useSetting } from "../../state/setting";
import { onThemeShown } from "../../state/theme";
import { zone } from "../../state/zone";
import { makeChart } from "./chart";
import {
  type Example,
  examplesOf,
  formatValue,
  type Line,
  linesOf,
  timesOf,
  type Unit,
  unitOf,
} from "./metrics";
import { Legend, NumbersTable, stepText, Swatch } from "./metrics-table";
import style from "./metrics.module.css";

export function MetricsView({
  answer,
  q,
  registry,
  go,
}: {
  answer: MetricsAnswer;
  q: string;
  registry: ReadonlyMap<string, number>;
  go: (s: Search) => void;
}) {
  const unit = unitOf(q);
  const lines = useMemo(() => linesOf(answer.series, registry), [answer, registry]);
  const examples = useMemo(() => examplesOf(answer, lines), [answer, lines]);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [table, setTable] = useState(false);
  const toggle = (name: string) =>
    setHidden((old) =>
      old.has(name) ? new Set([...old].filter((n) => n !== name)) : new Set([...old, name]),
    );
  return (
    <div className={style.metrics}>
      <Chart answer={answer} lines={lines} examples={examples} unit={unit} hidden={hidden} go={go} />
      <Legend lines={lines} unit={unit} hidden={hidden} toggle={toggle} />
      <div className={style.foot}>
        <button type="button" className="button" aria-expanded={table} onClick={() => setTable(!table)}>
          {table ? "Hide the numbers" : "Show the numbers"}
        </button>
        <span>
          Drag over the chart to look at a part of the time.
          {examples.length > 0 && " A diamond is a span: click it to see its trace."}
        </span>
      </div>
      {table && <NumbersTable answer={answer} lines={lines} examples={examples} unit={unit} />}
    </div>
  );
}

/** chartHeight and narrowHeight leave room for the legend. */
const chartHeight = 320;
const narrowHeight = 240;

/** shortestSeconds is the least part of the time that dragging chooses: addresses have seconds. */
const shortestSeconds = 1;

function Chart({
  answer,
  lines,
  examples,
  unit,
  hidden,
  go,
}: {
  answer: MetricsAnswer;
  lines: readonly Line[];
  examples: readonly Example[];
  unit: Unit;
  hidden: ReadonlySet<string>;
  go: (s: Search) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [palette, setPalette] = useState(() => readPalette(document.documentElement));
  const [shownZone] = useSetting(zone);
  const height = useNarrow() ? narrowHeight : chartHeight;
  const [chart, setChart] = useState<uPlot | null>(null);
  const [drawn, setDrawn] = useState(0);
  const [at, setAt] = useState<{ step: number; left: number } | null>(null);
  const latest = useLatest({ go });
  useLayoutEffect(() => {
    const element = box.current as HTMLDivElement;
    const seen = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    seen.observe(element);
    return () => seen.disconnect();
  }, []);
  useEffect(() => onThemeShown(() => setPalette(readPalette(document.documentElement))), []);
  useEffect(() => {
    const element = box.current as HTMLDivElement;
    if (width === 0) return;
    const made = makeChart(
      {
        times: timesOf(answer),
        lines,
        unit,
        stepSeconds: answer.stepSeconds,
        zone: shownZone,
        palette,
        width,
        height,
      },
      {
        onPoint: setAt,
        onRange: (from, to) => {
          const end = Math.max(to, from + shortestSeconds);
          latest.current.go({ t: rangeText(Math.floor(from) * 1000, Math.ceil(end) * 1000) });
        },
        onDrawn: () => setDrawn((n) => n + 1),
      },
      element,
    );
    setChart(made);
    return () => {
      made.destroy();
      setChart(null);
      setAt(null);
    };
  }, [answer, lines, unit, shownZone, palette, width, height, latest]);
  useEffect(() => {
    if (!chart) return;
    lines.forEach((line, i) => chart.setSeries(i + 1, { show: !hidden.has(line.name) }));
  }, [chart, lines, hidden]);
  return (
    <figure
      className={style.figure}
      aria-label={`Chart of ${lines.length} series; the table below has its numbers`}
    >
      <div ref={box} className={style.chart} style={{ height }} aria-hidden="true" />
      {chart && (
        <Marks key={drawn} chart={chart} examples={examples} lines={lines} hidden={hidden} unit={unit} />
      )}
      {chart && at && (
        <Tooltip chart={chart} at={at} answer={answer} lines={lines} hidden={hidden} unit={unit} />
      )}
    </figure>
  );
}

/** Marks are the examples: links over the chart, which the table has for the keyboard. */
function Marks({
  chart,
  examples,
  lines,
  hidden,
  unit,
}: {
  chart: uPlot;
  examples: readonly Example[];
  lines: readonly Line[];
  hidden: ReadonlySet<string>;
  unit: Unit;
}) {
  const { over } = chart;
  return (
    <div
      className={style.marks}
      aria-hidden="true"
      style={{
        left: over.offsetLeft,
        top: over.offsetTop,
        width: over.clientWidth,
        height: over.clientHeight,
      }}
    >
      {examples.map((e) => {
        const [x, y] = [chart.valToPos(e.seconds, "x"), chart.valToPos(e.value, "y")];
        const inside = x >= 0 && x <= over.clientWidth && y <= over.clientHeight;
        if (!inside || hidden.has(lines[e.line].name)) return null;
        return (
          <Link
            key={e.traceId + e.spanId}
            to="/trace/$traceId"
            params={{ traceId: e.traceId }}
            search={{ span: e.spanId }}
            preload={false}
            tabIndex={-1}
            className={style.mark}
            data-slot={lines[e.line].slot}
            style={{ left: x, top: Math.max(y, 0) }}
            title={`A span of ${lines[e.line].name}, ${formatValue(e.value, unit)}: open its trace`}
          />
        );
      })}
    </div>
  );
}

/** mostNamed bounds the lines in the tooltip. */
const mostNamed = 10;

function Tooltip({
  chart,
  at,
  answer,
  lines,
  hidden,
  unit,
}: {
  chart: uPlot;
  at: { step: number; left: number };
  answer: MetricsAnswer;
  lines: readonly Line[];
  hidden: ReadonlySet<string>;
  unit: Unit;
}) {
  const [shownZone] = useSetting(zone);
  const here = lines
    .filter((l) => !hidden.has(l.name) && l.series.points[at.step] != null)
    .toSorted((a, b) => (b.series.points[at.step] ?? 0) - (a.series.points[at.step] ?? 0));
  const { over } = chart;
  const right = at.left > over.clientWidth / 2;
  return (
    <div
      className={style.tooltip}
      role="presentation"
      style={
        right
          ? { right: chart.width - over.offsetLeft - at.left + 12, top: over.offsetTop + 4 }
          : { left: over.offsetLeft + at.left + 12, top: over.offsetTop + 4 }
      }
    >
      <h3>{stepText(answer, at.step, shownZone)}</h3>
      {here.length === 0 && <p>No numbers here</p>}
      {here.slice(0, mostNamed).map((line) => {
        const error = line.series.standardErrors?.[at.step];
        return (
          <p key={line.name}>
            <Swatch line={line} />
            <span className="isolate">{line.name}</span>
            <b>
              {formatValue(line.series.points[at.step], unit)}
              {error ? ` ± ${formatValue(error, unit)}` : ""}
            </b>
          </p>
        );
      })}
      {here.length > mostNamed && <p>and {here.length - mostNamed} more</p>}
    </div>
  );
}
