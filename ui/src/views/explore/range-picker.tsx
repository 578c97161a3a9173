import { useEffect, useRef, useState } from "react";
import { formatClock, formatDay, type Zone } from "../../engine/base/time";
import { Icon } from "../../parts/icon";
import { parseRange, presets, rangeText } from "../../state/range";
import { useSetting } from "../../state/setting";
import { zone } from "../../state/zone";
import style from "./explore.module.css";

/** RangePicker chooses the time range of the question. */
export function RangePicker({ t, onChange }: { t: string; onChange: (t: string) => void }) {
  const [open, setOpen] = useState(false);
  const [shownZone] = useSetting(zone);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const menu = box.current?.querySelector("[role=dialog]");
    const first = menu?.querySelector<HTMLElement>("[aria-pressed=true]") ?? menu?.querySelector("button");
    first?.focus();
    const away = (event: PointerEvent) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    const left = (event: FocusEvent) => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) setOpen(false);
    };
    addEventListener("pointerdown", away);
    addEventListener("focusin", left);
    return () => {
      removeEventListener("pointerdown", away);
      removeEventListener("focusin", left);
    };
  }, [open]);
  const close = () => {
    setOpen(false);
    box.current?.querySelector("button")?.focus();
  };
  const choose = (next: string) => {
    close();
    onChange(next);
  };
  return (
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- Esc closes what is inside
    <div
      ref={box}
      className={style.range}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open) return;
        event.stopPropagation();
        close();
      }}
    >
      <button
        type="button"
        className="button"
        aria-expanded={open}
        aria-haspopup="dialog"
        onClick={() => setOpen(!open)}
        data-range
      >
        <Icon name="clock" size={14} />
        {rangeLabel(t, shownZone)}
        <Icon name="down" size={14} />
      </button>
      {open && (
        <div className={style.ranges} role="dialog" aria-label="Time range">
          {presets.map((preset) => (
            <button
              key={preset.t}
              type="button"
              aria-pressed={preset.t === t}
              onClick={() => choose(preset.t)}
            >
              {preset.label}
            </button>
          ))}
          <Custom t={t} zone={shownZone} onChange={choose} />
        </div>
      )}
    </div>
  );
}

function rangeLabel(t: string, shownZone: Zone): string {
  const preset = presets.find((p) => p.t === t);
  if (preset) return preset.label;
  const range = parseRange(t, Date.now());
  if (range?.start === undefined || range.end === undefined) return range ? `Last ${t}` : "No valid range";
  const text = (ms: number) =>
    `${formatDay(new Date(ms), shownZone).slice(5)} ${formatClock(new Date(ms), shownZone)}`;
  return `${text(range.start)} – ${text(range.end)}`;
}

/** fieldText writes a moment as the fields have it: 2026-11-23 01:12:09, in the shown zone. */
function fieldText(ms: number, shownZone: Zone): string {
  return `${formatDay(new Date(ms), shownZone)} ${formatClock(new Date(ms), shownZone)}`;
}

function fieldMillis(text: string, shownZone: Zone): number {
  const clean = text.trim().replace(" ", "T");
  const hasZone = /(Z|[+-]\d\d:\d\d)$/.test(clean);
  return Date.parse(hasZone || shownZone === "local" ? clean : `${clean}Z`);
}

function Custom({ t, zone: shownZone, onChange }: { t: string; zone: Zone; onChange: (t: string) => void }) {
  const [from, setFrom] = useState(() =>
    fieldText(parseRange(t, Date.now())?.start ?? Date.now() - 3_600_000, shownZone),
  );
  const [to, setTo] = useState(() => fieldText(parseRange(t, Date.now())?.end ?? Date.now(), shownZone));
  const [wrong, setWrong] = useState("");
  const apply = () => {
    const [start, end] = [fieldMillis(from, shownZone), fieldMillis(to, shownZone)];
    if (!(start < end))
      setWrong(start >= end ? "The end is not after the start." : "Write times as 2026-11-23 01:12:09.");
    else onChange(rangeText(start, end));
  };
  return (
    <form
      className={style.custom}
      onSubmit={(event) => {
        event.preventDefault();
        apply();
      }}
    >
      <label>
        From ({shownZone === "utc" ? "UTC" : "local time"})
        <input className="field mono" value={from} onChange={(event) => setFrom(event.target.value)} />
      </label>
      <label>
        To
        <input className="field mono" value={to} onChange={(event) => setTo(event.target.value)} />
      </label>
      {wrong !== "" && <p role="alert">{wrong}</p>}
      <button type="submit" className="button primary">
        Apply
      </button>
    </form>
  );
}
