import { Link } from "@tanstack/react-router";
import type { MetricsAnswer } from "../../api/client";
import { formatClock, formatDay, type Zone } from "../../engine/base/time";
import { useSetting } from "../../state/setting";
import { zone } from "../../state/zone";
import { type Example, formatValue, type Line, secondsOf, type Unit } from "./metrics";
import style from "./metrics.module.css";

/** Swatch is a piece of the line, dashes and all. */
export function Swatch({ line }: { line: Line }) {
  return (
    <svg className={style.swatch} data-slot={line.slot} width="16" height="8" aria-hidden="true">
      <line x1="0" y1="4" x2="16" y2="4" strokeDasharray={line.dash.join(" ")} />
    </svg>
  );
}

/** Legend names the lines, shows how great they are, and takes lines out of the chart. */
export function Legend({
  lines,
  unit,
  hidden,
  toggle,
}: {
  lines: readonly Line[];
  unit: Unit;
  hidden: ReadonlySet<string>;
  toggle: (name: string) => void;
}) {
  return (
    <ul className={style.legend} aria-label="Series">
      {lines.map((line) => (
        <li key={line.name}>
          <button
            type="button"
            aria-pressed={!hidden.has(line.name)}
            onClick={() => toggle(line.name)}
            title={`${line.name}: ${hidden.has(line.name) ? "show" : "hide"}`}
          >
            <Swatch line={line} />
            <span className="isolate">{line.name}</span>
            <small>
              mean {formatValue(line.mean, unit)}, max {formatValue(line.max, unit)}
            </small>
          </button>
        </li>
      ))}
    </ul>
  );
}

/** stepText is the moment at which a step begins, to the second. */
export function stepText(answer: MetricsAnswer, step: number, shownZone: Zone): string {
  const date = new Date((secondsOf(answer.start) + step * answer.stepSeconds) * 1000);
  return `${formatDay(date, shownZone)} ${formatClock(date, shownZone)}`;
}

/** NumbersTable has every number of the chart, and a link for every example. */
export function NumbersTable({
  answer,
  lines,
  examples,
  unit,
}: {
  answer: MetricsAnswer;
  lines: readonly Line[];
  examples: readonly Example[];
  unit: Unit;
}) {
  const [shownZone] = useSetting(zone);
  return (
    <>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by key */}
      <section className={style.table} aria-label="Numbers" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">From</th>
              {lines.map((line) => (
                <th key={line.name} scope="col" className="isolate">
                  {line.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Array.from({ length: answer.steps }, (_, step) => (
              <tr key={step}>
                <th scope="row">{stepText(answer, step, shownZone)}</th>
                {lines.map((line) => (
                  <td key={line.name}>{cellText(line, step, unit)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {examples.length > 0 && (
        <section className={style.examples} aria-label="Examples">
          <h2>Examples</h2>
          <ul>
            {examples.map((e) => (
              <li key={e.traceId + e.spanId}>
                <Link
                  to="/trace/$traceId"
                  params={{ traceId: e.traceId }}
                  search={{ span: e.spanId }}
                  preload={false}
                >
                  {e.traceId.slice(0, 8)}
                </Link>
                <span className="isolate">
                  {lines[e.line].name}, {formatValue(e.value, unit)},{" "}
                  {formatClock(new Date(e.seconds * 1000), shownZone)}
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function cellText({ series }: Line, step: number, unit: Unit): string {
  const error = series.standardErrors?.[step];
  return formatValue(series.points[step], unit) + (error ? ` ± ${formatValue(error, unit)}` : "");
}
