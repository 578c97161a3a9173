// The trace with what follows from its columns.

import { bytesOfHex, hex } from "../base/bytes";
import { assignSlots } from "../base/colour";
import { flag, none, type Skeleton, stringAt, type Text } from "./skeleton";

/** Service is one service of the trace, with its share in it. */
export interface Service extends Text {
  slot: number;
  /** The colour repeats that of a more important service. */
  striped: boolean;
  spans: number;
  errors: number;
  selfNanos: number;
}

/** Trace is a skeleton with derived columns, all of rowCount elements. Nothing in it changes. */
export interface Trace extends Omit<Skeleton, "services"> {
  services: Service[];
  depth: Uint32Array;
  maxDepth: number;
  /** How many rows are at each depth. */
  rowsAtDepth: Uint32Array;
  /** Rows in the subtree, the row included: the next row outside is row + size. */
  size: Uint32Array;
  childCount: Uint32Array;
  /** 1-based place among the siblings. */
  place: Uint32Array;
  rootCount: number;
  /** Time not covered by children, ns. */
  self: Float64Array;
  /** errorsBefore[i] is how many of the rows before i have an error; one element more than rows. */
  errorsBefore: Uint32Array;
  errorCount: number;
  orphanCount: number;
  unfinishedCount: number;
  skewedCount: number;
  endBeforeStartCount: number;
  /** eventFrom[i] is the first event of row i; one element more than rows. */
  eventFrom: Uint32Array;
}

/** buildTrace derives everything in a few linear passes. */
export function buildTrace(s: Skeleton): Trace {
  const tree = shape(s);
  const self = selfTimes(s);
  const counts = countFlags(s);
  return {
    ...s,
    ...tree,
    ...counts,
    self,
    services: shares(s, self),
    eventFrom: firstEvents(s),
  };
}

function shape(s: Skeleton) {
  const n = s.rowCount;
  const depth = new Uint32Array(n);
  const size = new Uint32Array(n);
  const childCount = new Uint32Array(n);
  const place = new Uint32Array(n);
  let maxDepth = 0;
  let rootCount = 0;
  for (let i = 0; i < n; i++) {
    const parent = s.parent[i];
    if (parent < 0) {
      place[i] = ++rootCount;
      continue;
    }
    depth[i] = depth[parent] + 1;
    if (depth[i] > maxDepth) maxDepth = depth[i];
    place[i] = ++childCount[parent];
  }
  for (let i = n - 1; i >= 0; i--) {
    size[i]++;
    if (s.parent[i] >= 0) size[s.parent[i]] += size[i];
  }
  const rowsAtDepth = new Uint32Array(maxDepth + 1);
  for (let i = 0; i < n; i++) rowsAtDepth[depth[i]]++;
  return { depth, size, childCount, place, maxDepth, rowsAtDepth, rootCount };
}

/**
 * selfTimes subtracts from each span the union of its children, clipped to it.
 * Siblings come sorted by start, so one mark per parent is enough to walk the union; where they do not, order lists
 * the rows so.
 */
export function selfTimes(
  s: Pick<Skeleton, "rowCount" | "flags" | "start" | "duration" | "parent">,
  order?: Uint32Array,
): Float64Array {
  const n = s.rowCount;
  const self = new Float64Array(n);
  const coveredTo = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    self[i] = (s.flags[i] & flag.ghost) !== 0 ? 0 : Math.max(0, s.duration[i]);
    coveredTo[i] = s.start[i];
  }
  for (let k = 0; k < n; k++) {
    const i = order ? order[k] : k;
    const parent = s.parent[i];
    if (parent < 0 || (s.flags[parent] & flag.ghost) !== 0) continue;
    const from = Math.max(s.start[i], coveredTo[parent]);
    const to = Math.min(s.start[i] + s.duration[i], s.start[parent] + s.duration[parent]);
    if (to <= from) continue;
    self[parent] -= to - from;
    coveredTo[parent] = to;
  }
  return self;
}

function countFlags(s: Skeleton) {
  const errorsBefore = new Uint32Array(s.rowCount + 1);
  let [orphanCount, unfinishedCount, skewedCount, endBeforeStartCount] = [0, 0, 0, 0];
  for (let i = 0; i < s.rowCount; i++) {
    const f = s.flags[i];
    errorsBefore[i + 1] = errorsBefore[i] + (f & flag.error);
    if (f & flag.orphan) orphanCount++;
    if (f & flag.unfinished) unfinishedCount++;
    if (f & flag.beforeParent) skewedCount++;
    if (f & flag.endBeforeStart) endBeforeStartCount++;
  }
  const errorCount = errorsBefore[s.rowCount];
  return { errorsBefore, errorCount, orphanCount, unfinishedCount, skewedCount, endBeforeStartCount };
}

function shares(s: Skeleton, self: Float64Array): Service[] {
  const services: Service[] = s.services.map((service) => ({
    text: service.text,
    escaped: service.escaped,
    slot: 0,
    striped: false,
    spans: 0,
    errors: 0,
    selfNanos: 0,
  }));
  for (let i = 0; i < s.rowCount; i++) {
    const service = services[s.service[i]];
    if (s.service[i] === none) continue;
    service.spans++;
    service.errors += s.flags[i] & flag.error;
    service.selfNanos += self[i];
  }
  const order = services.map((_, i) => i);
  order.sort(
    (a, b) =>
      services[b].selfNanos - services[a].selfNanos || s.services[a].registry - s.services[b].registry,
  );
  const slots = assignSlots(order.map((i) => s.services[i].registry));
  order.forEach((service, place) => Object.assign(services[service], slots[place]));
  return services;
}

function firstEvents(s: Skeleton): Uint32Array {
  const from = new Uint32Array(s.rowCount + 1);
  for (let e = 0; e < s.eventRow.length; e++) from[s.eventRow[e] + 1]++;
  for (let i = 0; i < s.rowCount; i++) from[i + 1] += from[i];
  return from;
}

/** errorsWithin counts the errors in a row's subtree, the row left out. */
export function errorsWithin(t: Trace, row: number): number {
  return t.errorsBefore[row + t.size[row]] - t.errorsBefore[row + 1];
}

/** serviceName and spanName of a row; a ghost has neither. */
export function serviceName(t: Trace, row: number): string {
  return t.service[row] === none ? "" : t.services[t.service[row]].text;
}

export function spanName(t: Trace, row: number): string {
  return t.name[row] === none ? "" : stringAt(t.names, t.name[row]);
}

export function spanIdAt(t: Trace, row: number): string {
  return hex(t.spanId, 8 * row, 8 * row + 8);
}

/**
 * rowOfSpan finds the first row with a span id, from a row on; -1 if none has it. Ghosts have the id of what is
 * missing.
 */
export function rowOfSpan(t: Trace, spanId: string, from = 0): number {
  const want = spanId.length === 16 ? bytesOfHex(spanId) : null;
  if (want === null) return -1;
  // Compared in halves, in whatever order of bytes this machine has.
  const [first, second] = new Uint32Array(want.buffer);
  const halves = new Uint32Array(t.spanId.buffer, t.spanId.byteOffset, 2 * t.rowCount);
  for (let i = from; i < t.rowCount; i++)
    if (halves[2 * i] === first && halves[2 * i + 1] === second) return i;
  return -1;
}

/** has tells whether a row has a flag. */
export function has(t: Trace, row: number, bit: number): boolean {
  return (t.flags[row] & bit) !== 0;
}

const kinds = ["unspecified", "internal", "server", "client", "producer", "consumer"];

/** kindName is OTLP's word for a row's kind. */
export function kindName(t: Trace, row: number): string {
  const kind = t.kindStatus[row] & 15;
  return kinds[kind] ?? `kind ${kind}`;
}
