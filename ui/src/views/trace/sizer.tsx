import type { KeyboardEvent, PointerEvent } from "react";

/** keyStep is how far an arrow key moves a divider, px. */
const keyStep = 16;

/** Sizer is a divider that is moved by mouse and by arrow keys. invert: what it sizes is on its right. */
export function Sizer(props: {
  className: string;
  label: string;
  value: number;
  min: number;
  max: number;
  invert?: boolean;
  onChange: (value: number) => void;
}) {
  const { value, min, max, onChange } = props;
  const sign = props.invert ? -1 : 1;
  const set = (next: number) => onChange(Math.round(Math.max(min, Math.min(max, next))));
  const onPointerDown = (event: PointerEvent<HTMLElement>) => {
    event.preventDefault();
    const from = event.clientX;
    const stop = new AbortController();
    addEventListener("pointermove", (move) => set(value + sign * (move.clientX - from)), {
      signal: stop.signal,
    });
    addEventListener("pointerup", () => stop.abort(), { signal: stop.signal });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = event.key === "ArrowRight" ? keyStep : event.key === "ArrowLeft" ? -keyStep : 0;
    if (by === 0) return;
    event.preventDefault();
    set(value + sign * by);
  };
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- a focusable separator is a widget
    <div
      className={props.className}
      role="separator"
      aria-orientation="vertical"
      aria-label={props.label}
      aria-valuenow={value}
      aria-valuemin={min}
      aria-valuemax={max}
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      onPointerDown={onPointerDown}
      onKeyDown={onKeyDown}
    />
  );
}
