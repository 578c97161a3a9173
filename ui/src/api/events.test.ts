import { expect, test } from "vitest";
import { EventReader } from "./events";

const stream =
  ': hello\n\nevent: spans\ndata: {"a":1}\n\n: heartbeat\n\nevent: spans\r\ndata: one\r\ndata:two\r\n\r\ndata: bare\n\nid: 7\n\nevent: lost\n\ndata: last';
const events = [
  ["spans", '{"a":1}'],
  ["spans", "one\ntwo"],
  ["message", "bare"],
];

test.each([1, 2, 3, 7, 50, stream.length])("events in pieces of %i characters", (size) => {
  const got: string[][] = [];
  const reader = new EventReader((name, data) => got.push([name, data]));
  for (let at = 0; at < stream.length; at += size) reader.take(stream.slice(at, at + size));
  expect(got).toEqual(events); // the last has no end yet
});
