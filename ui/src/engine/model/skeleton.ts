// The trace as the server sends it. docs/format/skeleton.md has every byte.

import { hex } from "../base/bytes";

/** Flags of a row. */
export const flag = {
  error: 1,
  orphan: 2,
  ghost: 4,
  links: 8,
  endBeforeStart: 16,
  conflict: 32,
  unfinished: 64,
  beforeParent: 128,
  cycle: 256,
  root: 512,
} as const;

/** none stands for the service and the name of a ghost. */
export const none = 0xffffffff;

/** Text is a string of the dictionary; escaped means that it was no valid UTF-8. */
export interface Text {
  text: string;
  escaped: boolean;
}

/**
 * Strings is a dictionary in one text: string i goes from where string i−1 ends to ends[i]. So a million of them
 * are handed from thread to thread, or searched, without a million objects.
 */
export interface Strings {
  text: string;
  ends: Uint32Array;
  /** 1: the string was no valid UTF-8. */
  escaped: Uint8Array;
}

/** stringAt is string i. */
export function stringAt(s: Strings, i: number): string {
  return s.text.slice(i === 0 ? 0 : s.ends[i - 1], s.ends[i]);
}

/** Skeleton is a decoded body. Columns have rowCount elements; times are ns from base. */
export interface Skeleton {
  traceId: string;
  /** The smallest start of any span, unix ns. */
  base: bigint;
  /** The greatest start or end, ns from base. */
  extent: number;
  rowCount: number;
  spanCount: number;
  complete: boolean;
  conflicts: boolean;
  services: (Text & { registry: number })[];
  names: Strings;
  start: Float64Array;
  duration: Float64Array;
  /** 8 bytes a row, as received. */
  spanId: Uint8Array;
  parent: Int32Array;
  service: Uint32Array;
  name: Uint32Array;
  flags: Uint16Array;
  kindStatus: Uint8Array;
  /** Columns of the events, ordered by row. */
  eventTime: Float64Array;
  eventRow: Uint32Array;
  eventKind: Uint8Array;
}

/** SkeletonError says what is wrong with a body, and where. */
export class SkeletonError extends Error {}

const magic = 0x4b534c43; // "CLSK"
const version = 1;
const headerBytes = 64;

/**
 * decodeSkeleton reads a body. Where the body is one part, the columns are views
 * of it, without a copy. It throws SkeletonError on any contradiction, so that
 * nothing after it has to check.
 */
export function decodeSkeleton(body: ArrayBuffer): Skeleton {
  const reader = new Reader(body);
  reader.need(headerBytes, "header");
  const head = new DataView(body);
  if (head.getUint32(0, true) !== magic)
    throw new SkeletonError("this is no trace skeleton: its magic is missing");
  const found = head.getUint32(4, true);
  if (found !== version)
    throw new SkeletonError(
      `skeleton version ${found} is unknown to this page, which reads version ${version}: reload the page`,
    );
  const rowCount = head.getUint32(40, true);
  const eventCount = head.getUint32(48, true);
  const serviceCount = head.getUint32(52, true);
  const nameCount = head.getUint32(56, true);
  const flags = head.getUint32(60, true);
  reader.at = headerBytes;
  const { services, names } = readStrings(reader, serviceCount, nameCount);
  const columns = readParts(reader, rowCount, eventCount);
  const skeleton: Skeleton = {
    traceId: hex(new Uint8Array(body, 8, 16)),
    base: head.getBigUint64(24, true),
    extent: head.getFloat64(32, true),
    rowCount,
    spanCount: head.getUint32(44, true),
    complete: (flags & 1) !== 0,
    conflicts: (flags & 2) !== 0,
    services,
    names,
    ...columns,
  };
  check(skeleton);
  return skeleton;
}

/** Reader walks the body; every column begins at a multiple of 8. */
class Reader {
  at = 0;
  constructor(readonly body: ArrayBuffer) {}

  need(bytes: number, what: string): void {
    if (this.at + bytes > this.body.byteLength) {
      throw new SkeletonError(`the skeleton ends at byte ${this.body.byteLength}, within its ${what}`);
    }
  }

  /** column lays an array of count elements over the bytes and moves behind them. */
  column<T>(
    make: { new (b: ArrayBuffer, at: number, n: number): T; BYTES_PER_ELEMENT: number },
    count: number,
    what: string,
  ): T {
    const bytes = count * make.BYTES_PER_ELEMENT;
    this.need(bytes, what);
    const array = new make(this.body, this.at, count);
    this.at = (this.at + bytes + 7) & ~7;
    return array;
  }
}

function readStrings(reader: Reader, serviceCount: number, nameCount: number) {
  const registry = reader.column(Uint32Array, serviceCount, "registry");
  const ends = reader.column(Uint32Array, serviceCount + nameCount, "string ends");
  const escaped = reader.column(Uint8Array, serviceCount + nameCount, "escaped marks");
  const bytes = reader.column(Uint8Array, ends.length === 0 ? 0 : ends[ends.length - 1], "strings");
  for (let i = 1; i < ends.length; i++)
    if (ends[i] < ends[i - 1]) throw new SkeletonError(`string ${i} ends before it starts`);
  const begin = serviceCount === 0 ? 0 : ends[serviceCount - 1];
  const services = decodeStrings(bytes.subarray(0, begin), ends.subarray(0, serviceCount));
  const names = decodeStrings(
    bytes.subarray(begin),
    ends.subarray(serviceCount).map((end) => end - begin),
  );
  return {
    services: Array.from({ length: serviceCount }, (_, i) => ({
      text: stringAt({ ...services, escaped }, i),
      escaped: escaped[i] === 1,
      registry: registry[i],
    })),
    names: { ...names, escaped: escaped.slice(serviceCount) },
  };
}

/** decodeStrings decodes all strings at once, and moves their ends from bytes to UTF-16. */
function decodeStrings(bytes: Uint8Array, ends: Uint32Array): { text: string; ends: Uint32Array } {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const text = decoder.decode(bytes);
  if (text.length === bytes.length) return { text, ends: ends.slice() };
  const moved = new Uint32Array(ends.length);
  let units = 0;
  for (let i = 0, at = 0; i < ends.length; i++) {
    for (; at < ends[i]; at++) units += (bytes[at] & 0xc0) === 0x80 ? 0 : bytes[at] < 0xf0 ? 1 : 2;
    moved[i] = units;
  }
  if (units === text.length) return { text, ends: moved };
  // Not UTF-8, against the format. Decoded one by one, no string takes from its neighbour.
  let whole = "";
  for (let i = 0; i < ends.length; i++) {
    whole += decoder.decode(bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i]));
    moved[i] = whole.length;
  }
  return { text: whole, ends: moved };
}

type Columns = Pick<
  Skeleton,
  | "start"
  | "duration"
  | "spanId"
  | "parent"
  | "service"
  | "name"
  | "flags"
  | "kindStatus"
  | "eventTime"
  | "eventRow"
  | "eventKind"
>;

function readPart(reader: Reader): Columns {
  reader.need(8, "part");
  const counts = reader.column(Uint32Array, 2, "part");
  const [r, e] = [counts[0], counts[1]];
  if (r === 0) throw new SkeletonError(`the part at byte ${reader.at - 8} has no rows`);
  return {
    start: reader.column(Float64Array, r, "starts"),
    duration: reader.column(Float64Array, r, "durations"),
    spanId: reader.column(Uint8Array, 8 * r, "span ids"),
    parent: reader.column(Int32Array, r, "parents"),
    service: reader.column(Uint32Array, r, "services"),
    name: reader.column(Uint32Array, r, "names"),
    flags: reader.column(Uint16Array, r, "flags"),
    kindStatus: reader.column(Uint8Array, r, "kinds"),
    eventTime: reader.column(Float64Array, e, "event times"),
    eventRow: reader.column(Uint32Array, e, "event rows"),
    eventKind: reader.column(Uint8Array, e, "event kinds"),
  };
}

function readParts(reader: Reader, rowCount: number, eventCount: number): Columns {
  const parts: Columns[] = [];
  let rows = 0;
  let events = 0;
  while (rows < rowCount) {
    const part = readPart(reader);
    parts.push(part);
    rows += part.start.length;
    events += part.eventTime.length;
  }
  if (rows !== rowCount || events !== eventCount) {
    throw new SkeletonError(
      `the parts hold ${rows} rows and ${events} events, the header says ${rowCount} and ${eventCount}`,
    );
  }
  if (parts.length === 1) return parts[0];
  return {
    start: joined(
      Float64Array,
      parts.map((p) => p.start),
    ),
    duration: joined(
      Float64Array,
      parts.map((p) => p.duration),
    ),
    spanId: joined(
      Uint8Array,
      parts.map((p) => p.spanId),
    ),
    parent: joined(
      Int32Array,
      parts.map((p) => p.parent),
    ),
    service: joined(
      Uint32Array,
      parts.map((p) => p.service),
    ),
    name: joined(
      Uint32Array,
      parts.map((p) => p.name),
    ),
    flags: joined(
      Uint16Array,
      parts.map((p) => p.flags),
    ),
    kindStatus: joined(
      Uint8Array,
      parts.map((p) => p.kindStatus),
    ),
    eventTime: joined(
      Float64Array,
      parts.map((p) => p.eventTime),
    ),
    eventRow: joined(
      Uint32Array,
      parts.map((p) => p.eventRow),
    ),
    eventKind: joined(
      Uint8Array,
      parts.map((p) => p.eventKind),
    ),
  };
}

interface Settable<T> {
  set(part: T, at: number): void;
}

function joined<T extends Settable<T> & { length: number }>(make: new (n: number) => T, parts: T[]): T {
  const whole = new make(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** check holds the rows to pre-order and all indexes to their bounds. */
function check(s: Skeleton): void {
  for (let i = 0; i < s.rowCount; i++) {
    const parent = s.parent[i];
    if (parent < -1 || parent >= i) throw new SkeletonError(`row ${i} has parent ${parent}`);
    // The rows that are left on the way up are closed for good, so all walks together take one pass.
    let open = i - 1;
    while (open !== parent && open !== -1) open = s.parent[open];
    if (open !== parent)
      throw new SkeletonError(`row ${i} is not in pre-order: its parent ${parent} is closed`);
    const ghost = (s.flags[i] & flag.ghost) !== 0;
    if (
      ghost
        ? s.service[i] !== none || s.name[i] !== none
        : s.service[i] >= s.services.length || s.name[i] >= s.names.ends.length
    ) {
      throw new SkeletonError(`row ${i} has service ${s.service[i]} and name ${s.name[i]}`);
    }
  }
  for (let e = 0; e < s.eventRow.length; e++) {
    if (s.eventRow[e] >= s.rowCount || (e > 0 && s.eventRow[e] < s.eventRow[e - 1])) {
      throw new SkeletonError(`event ${e} is at row ${s.eventRow[e]}`);
    }
  }
}
