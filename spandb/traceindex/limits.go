package traceindex

// bucketEntries is about how many entries a bucket has at most on average: with 28
// bits each it is some four kilobytes, which a disk reads as fast as fewer.
const bucketEntries = 1024

// finderBytes bounds the buckets that a Finder keeps: those of five million spans take one
// megabyte.
const finderBytes = 2 << 20

// lookupCost is how many entries of a pack, one after the other, cost as much as looking
// one up. After so many lookups that going through all packs would have cost as much, a
// Finder does that.
const lookupCost = 12

// nearTraces is how many traces are looked at together to find those that are in two
// blocks: their table fits the first-level cache.
const nearTraces = 1024

// maxThrough bounds the traces that are gone through in one go: some 20 ms, in which a
// question cannot be given up.
const maxThrough = 2 << 20

// maxTwice bounds the traces in two blocks that a Finder remembers, in 16 bytes each at
// most.
const maxTwice = finderBytes / 16

// A bucket is cut into groups of about eight entries: a lookup compares those.
const (
	groupBits = 7
	groups    = 1 << groupBits
)

// maxBucketBits bounds the buckets of a pack that is read, and maxBlockBits what it
// says of blocks: a segment has fewer than eight million rows.
const (
	maxBucketBits = 20
	maxBlockBits  = 23
)

// looseSegments is the number of segments in memory that become a file: 150 KiB of
// memory for segments of 2,700 traces, and as many segments to read again after a
// crash.
const looseSegments = 16

// maxLoose bounds the segments in memory while files cannot be written.
const maxLoose = 256

// packGrowth is how many times as large as what is written a file may be to be
// written again with it.
const packGrowth = 2

// maxPackTraces bounds the traces of a pack that is still written again: 60 MB are
// a second of work.
const maxPackTraces = 1 << 24

// writeBytes is the size of a write of a pack.
const writeBytes = 256 << 10
