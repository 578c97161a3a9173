package graph

import "time"

const (
	// maxNodes and maxEdges bound a graph: nobody looks at more, and what has more has ids
	// in its names. A node or edge takes up to 2 KB, on each core that counts.
	maxNodes = 2_000
	maxEdges = 10_000
	// maxNames bounds the names that a node or edge has besides its own.
	maxNames = 10
	// maxNamed bounds the traces that one request names, as that of BatchGetTraces does.
	maxNamed = 1000

	// maxPeriod bounds the length of a step of a time series, in seconds: a day.
	maxPeriod = 86_400
	// maxSteps bounds the points of a time series: a week by minutes.
	maxSteps = 10_080
	// maxRetrieved bounds the traces of one retrieval, as X-Ray does.
	maxRetrieved = 100
	// maxRetrievals bounds those that are kept, of some KB each; retrievalLasts is how long one
	// is: nobody comes back after lunch.
	maxRetrievals  = 1000
	retrievalLasts = time.Hour
	// pageTraces and pageSpans end a page of retrieved traces, as X-Ray's do; pageBytes does
	// so once it has so many bytes of documents.
	pageTraces = 5
	pageSpans  = 100
	pageBytes  = 4 << 20
	// maxLinks bounds the links of one node that a graph of retrieved traces tells, and the
	// traces that one segment links to, as X-Ray does.
	maxLinks = 100
	// maxPending bounds the links between traces that one graph follows, and maxSources the
	// traces that it reads for them: a third of a second.
	maxPending = 10_000
	maxSources = 1_000
)
