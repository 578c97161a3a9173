// Which of the twelve service colours a service has. The colours themselves are
// tokens in styles/tokens.css: a slot keeps its hue in both themes.

/** slotCount is how many service colours there are. */
export const slotCount = 12;

/** homeSlot is a service's colour wherever it stands alone: its place in the server's registry, mod 12. */
export function homeSlot(registry: number): number {
  return registry % slotCount;
}

/**
 * assignSlots gives the services of one trace distinct colours as far as there
 * are enough. Services come in order of importance; each takes its home slot, or
 * where that is taken the next free one in fixed order. From the thirteenth on,
 * slots repeat, with a stripe.
 */
export function assignSlots(registries: readonly number[]): { slot: number; striped: boolean }[] {
  const taken = new Array<boolean>(slotCount).fill(false);
  let free = slotCount;
  return registries.map((registry) => {
    let slot = homeSlot(registry);
    if (free === 0) return { slot, striped: true };
    while (taken[slot]) slot = (slot + 1) % slotCount;
    taken[slot] = true;
    free--;
    return { slot, striped: false };
  });
}
