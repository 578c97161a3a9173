package traces

const (
	// maxNamed bounds the traces that one request names: X-Ray takes five, and names those
	// that did not fit into an answer in NextToken; so does this.
	maxNamed = 1000
	// pageBytes ends a page of documents: what is behind it comes with NextToken.
	pageBytes = 4 << 20
	// maxTraceBytes bounds the documents of one trace, which are in memory twice while they
	// are sent: some 100,000 subsegments. LimitExceeded says that there were more.
	maxTraceBytes = 64 << 20
)
