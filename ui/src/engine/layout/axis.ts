import type { View } from "./view";

/** ticks are round times within a view, at most one per minGap pixels: steps of 1, 2 or 5 times a power of ten. */
export function ticks(view: View, width: number, minGap: number): number[] {
  const most = Math.max(1, Math.floor(width / minGap));
  const raw = (view.v1 - view.v0) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max(
    1,
    [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * (1 - 1e-9)) ?? 10 * power,
  );
  const list: number[] = [];
  for (let k = Math.ceil(view.v0 / step - 1e-9); k * step <= view.v1; k++) list.push(k * step + 0); // + 0 makes −0 a plain 0
  return list;
}
