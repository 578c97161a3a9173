package otlp

// MaxRefusals bounds the refusals named in one Result; the count goes on. A
// sender that does something wrong does it in every span.
const MaxRefusals = 20

// maxNameBytes shortens span names in refusals: the sender knows its spans.
const maxNameBytes = 100

// maxDepth bounds AnyValues within AnyValues. Readers recurse, and nobody reads
// what is nested deeper; the OpenTelemetry SDKs write one or two levels.
const maxDepth = 64

// maxGroupDepth bounds groups within groups, which proto3 does not have but
// which a reader has to skip.
const maxGroupDepth = 64

// maxBodyBytes is the largest request that Decode takes. The dictionaries of a
// build.Builder hold 4 GiB each, so that a few of the largest requests fit; doors
// stop far below (--max-request).
const maxBodyBytes = 1 << 30

// maxWindowBytes bounds the window of a zstd frame, and with it the memory that a
// decoder takes. RFC 8878 asks decoders for 8 MiB; the levels that encoders use
// for requests stay below.
const maxWindowBytes = 8 << 20

// unpackRatio is how much larger than packed a request is expected to be: room
// made at once. Requests of real spans pack to a fifth or less; what unpacks to
// more gets room as it goes.
const unpackRatio = 6
