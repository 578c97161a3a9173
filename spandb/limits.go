package spandb

import "time"

// sealRows is the number of rows at which a head is sealed. Small heads stay in
// the processor's cache: 65,536 rows are about 16 MB, and a segment of that size
// is no larger per span than one of a million rows.
const sealRows = 65536

// sealBytes seals a head of few but large spans early.
const sealBytes = 32 << 20

// sealAge is how old a head's first row may grow. Until then the log keeps the
// rows safe; a longer time would make start-up replay more.
const sealAge = 10 * time.Minute

// maxResends is how many records all tenants together remember: ten minutes of
// 1,700 a second, about 80 bytes each. Beyond it each tenant remembers its share,
// so that there are never twice as many.
const maxResends = 1 << 20

// maxTenants bounds the tenants of one store: each has a head of its own and
// folders of its own.
const maxTenants = 1000

// headRows is the room a new head starts with; it doubles from there. A tenant of
// a few spans takes some 20 KiB.
const headRows = 32

// headOverhead is about what an empty head takes.
const headOverhead = 8 << 10

// Builders are kept for their memory: one that fills, and those being sealed. One of
// fewer than pooledRows rows is not worth it.
const pooledRows = 8192

// maxHeadBytes bounds the heads of all tenants together: eight of the largest, or
// 250 KiB for each of a thousand tenants.
const maxHeadBytes = 256 << 20

// maxLogBytes is the size of the log at which heads of few rows are sealed for its
// sake: a start replays it in some five seconds.
const maxLogBytes = 512 << 20

// maxPendingHeads bounds the full heads that wait for their segment; appends
// answer Busy beyond it. Three heads are the memory a slow disk may cost.
const maxPendingHeads = 3

// maxSealers bounds the heads that are encoded beside each other: each takes up to
// twice sealBytes more, and a head is encoded in half the time that it takes to fill
// one.
const maxSealers = 16

// tailQueue bounds the batches that a tail reader may lag behind, and tailRows
// their rows: they keep their heads in memory.
const (
	tailQueue = 256
	tailRows  = 65536
)

// maxTailers bounds the readers of one tenant's tail.
const maxTailers = 64

// maxRecordBytes bounds a record in the log: the largest body, with room for the
// record's own header, which lists refused spans.
const maxRecordBytes = 256 << 20

// closeRows is the size of a head that is worth a segment when the store closes;
// replaying fewer rows takes a few milliseconds.
const closeRows = 4096

// backgroundTick is how often age and size are looked at.
const backgroundTick = 5 * time.Second

// sealRetry is how soon a seal that failed is tried again; it doubles up to
// backgroundTick. It is well below maxStall, so that one failure sends nobody away.
const sealRetry = 100 * time.Millisecond

// logFileBytes is the size of a log file at most. Whole files are removed when all their
// rows are in segments, so smaller ones keep less on disk beyond need.
const logFileBytes = 16 << 20

// A store that may be little has smaller ones, so that its log is not most of it: at most
// logFileShare of its bytes, and leastLogFile.
const (
	logFileShare = 16
	leastLogFile = 1 << 20
)

// maxStall is how long an append waits for a head to be sealed before it answers
// Busy: long enough for a slow disk's hiccup, short enough for a client's patience.
const maxStall = 2 * time.Second

// sizeEvery is how many bytes of requests a head takes between two looks at its
// size, at most; it is over its limit by that much at most. A head of a lower limit
// than sealBytes is looked at a quarter of it at a time.
const sizeEvery = 4 << 20

// sealIdle is how long a head waits for more once nothing comes. Its log takes
// twice as much disk as its segment will.
const sealIdle = time.Minute

// quietLogBytes is the log that a quiet store may keep: less is not worth a segment
// of a few rows, nor a file.
const quietLogBytes = 256 << 10

// Segments are opened when they are read. The files of up to maxOpenFiles stay open,
// and their directories in memory up to maxDirectoryBytes: some 30 KiB for a segment
// of 65,536 spans, 130 KiB for one of 300 attribute keys.
const (
	maxOpenFiles      = 512
	maxDirectoryBytes = 32 << 20
	// openTries is how often a file is tried to be opened while the process has too
	// many open.
	openTries = 10
	// openPause is how long between two tries others have to close what they let go of.
	openPause = time.Millisecond
)

// mergeRows is the number of rows of a merged segment: four heads. Larger ones would
// be no smaller per span, and a merge holds the rows of one in memory.
const mergeRows = 4 * sealRows

// maxMergeBytes bounds what a merge takes. Of that, two fifths are for the rows of an
// output: four heads. A tenth is for rows that later segments have of its traces, so
// that a trace of millions of spans stays in pieces; and half for what they are
// encoded into, or for the block that is being read.
const (
	maxMergeBytes    = 160 << 20
	mergeRowsPercent = 40
	mergePullPercent = 10
)

// A trace that is read takes traceRowBytes a span, with what is made of it for an
// answer, or twice the size of its rows where that is more; all together take
// maxTraceBytes: two million spans.
const (
	traceRowBytes = 512
	maxTraceBytes = 1 << 30
)

// readerRows is of how many rows a trace may be, and readerBytes how large its texts, for its
// memory to be used for another one: few are larger, and what is kept, for each processor,
// is not in the ration of traces.
const (
	readerRows  = 4096
	readerBytes = 1 << 20
)

// maxValueBytes bounds the distinct values that one answer counts.
const maxValueBytes = 64 << 20

// mergeSlots are the lengths of arrival time whose segments are merged together. A
// store of many spans merges every ten minutes; one of few waits until an hour, or a
// day, has enough for a segment of some size.
var mergeSlots = [...]time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour}

// mergeLateness is how long after a slot its merge waits for late rows of its traces.
const mergeLateness = 10 * time.Minute

// maxMergeInputs bounds the segments of one merge. Each output looks for its traces
// in all later inputs, so that the time grows with the square; for 64 inputs of
// 65,536 rows it is a twentieth of the rest.
const maxMergeInputs = 64

// maxSmallInputs bounds the segments of a merge that makes one output: nothing is
// looked for in them but their own rows. A day of a quiet tenant is some thousand.
const maxSmallInputs = 4096

// mergeTick is how often merges that are due are looked for.
const mergeTick = 30 * time.Second
