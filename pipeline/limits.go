package pipeline

import "time"

const (
	// maxFileBytes bounds a configuration, maxTableBytes what a lookup reads: a table of
	// ten thousand hosts has a megabyte.
	maxFileBytes  = 1 << 20
	maxTableBytes = 16 << 20

	// maxRows bounds the rows of a table, maxAdded what one row adds.
	maxRows  = 200_000
	maxAdded = 64

	// maxLookups, maxRules and maxStatements bound what is done for each resource and
	// each span.
	maxLookups    = 16
	maxRules      = 1000
	maxStatements = 500

	// maxServiceName bounds the names that expressions are tried on.
	maxServiceName = 1 << 10

	// How often tables are looked at. A file is only looked at for its time and size.
	fileEvery  = 10 * time.Second
	tableEvery = time.Minute
	minEvery   = time.Second

	// tableTimeout is how long a server may take for a table; the old one serves meanwhile.
	tableTimeout = 5 * time.Second
	maxTimeout   = time.Minute

	// objectRatio is how much larger than its bytes a request is as the objects that
	// statements work on, with what they become: measured with the demo shop's.
	objectRatio = 8

	// largeObject and smallObject are what a message takes as an object in any case: one of a
	// span without anything in it has two bytes.
	largeObject = 256
	smallObject = 64

	// pairObject is what an attribute of a resource takes besides its text while names and
	// tables are looked for: a pair, and half of one where the list of them grows.
	pairObject = 128

	// maxValueDepth is how deep values may be nested, as the store takes them.
	maxValueDepth = 64

	// keptBuffer bounds the buffers that are kept for the next request.
	keptBuffer = 4 << 20

	// warnEvery is how often a statement that fails is told of in the log.
	warnEvery = time.Minute
)
