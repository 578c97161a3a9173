package graph

const (
	// maxNodes and maxEdges bound a graph: nobody looks at more, and what has more has ids
	// in its names. A node or edge takes up to 2 KB, on each core that counts.
	maxNodes = 2_000
	maxEdges = 10_000
	// maxNames bounds the names that a node or edge has besides its own.
	maxNames = 10
	// maxNamed bounds the traces that one request names, as that of BatchGetTraces does.
	maxNamed = 1000
)
