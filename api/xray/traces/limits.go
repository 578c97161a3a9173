package traces

import "time"

const (
	// maxNamed bounds the traces that one request names: X-Ray takes five, and names those
	// that did not fit into an answer in NextToken; so does this.
	maxNamed = 1000
	// pageBytes ends a page of documents or summaries: what is behind it comes with NextToken.
	pageBytes = 4 << 20
	// maxTraceBytes bounds the documents of one trace, which are in memory twice while they
	// are sent: some 100,000 subsegments. LimitExceeded says that there were more.
	maxTraceBytes = 64 << 20

	// maxRange bounds the time that one question is about. X-Ray takes six hours and keeps
	// traces for 30 days; what is bounded otherwise is what a question may look at.
	maxRange = 31 * 24 * time.Hour
	// nearID is how far the time that a trace's id begins with may be from the first start
	// of the trace. It is what the clock of another machine said, some moments before; ids
	// of W3C begin with any digits.
	nearID = 5 * time.Minute
	// longSpan is how long spans are of which few are looked for apart: those that were
	// running at a moment and had started longer ago.
	longSpan = time.Hour
	// pageSummaries ends a page of summaries, each of which is a trace that was read whole,
	// in some 0.3 ms.
	pageSummaries = 500
	// maxCandidates bounds the ids of traces that a page remembers, of 16 bytes each; there
	// are other pages.
	maxCandidates = 1 << 16
	// clausesAfter is how many traces are read in vain before the rows are gone through for
	// those that have what the expression needs: as long as reading them takes it to look at
	// some million rows.
	clausesAfter = 256
	// togetherAfter is of how many traces it is worth to go through all of the range together,
	// where reading them one by one was in vain: some 0.05 ms each in place of 0.2.
	togetherAfter = 1024
	// maxAnnotations bounds the values of annotations of one summary; X-Ray indexes 50 of a
	// trace.
	maxAnnotations = 1000
	// defaultShare is the part of the traces that Sampling gives if nobody says how many.
	defaultShare = 0.1
)
