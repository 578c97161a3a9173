package exec

import "time"

// DefaultLimit and MaxLimit bound the traces of one page. A page is read by a
// person or walked by a cursor; each trace on it is read whole, which takes
// some 0.3 ms, so that a thousand take a third of a second.
const (
	DefaultLimit = 20
	MaxLimit     = 1000
)

// DefaultSpansPerTrace and MaxSpansPerTrace bound the matching spans named with
// each trace of a page; all of them are counted.
const (
	DefaultSpansPerTrace = 3
	MaxSpansPerTrace     = 100
)

// DefaultBudgetTime is how long a question may take: what people and their
// proxies wait for.
const DefaultBudgetTime = 30 * time.Second

// DefaultBudgetRows and DefaultBudgetBytes are what a core can look at within
// DefaultBudgetTime at its best, 30 s at 3 ns a row and 5 GB/s, and so no bound
// beside the time unless they are set.
const (
	DefaultBudgetRows  = 10_000_000_000
	DefaultBudgetBytes = 150_000_000_000
)

// candidateSlack is how many traces a search remembers beyond its page: those
// that turn out, when read whole, to belong to the page before. As many as have
// spans on both sides of a page's edge, usually a handful.
const candidateSlack = 48

// wholeTraceSlack is candidateSlack for plans that ask about whole traces: many
// candidates fail, and each time there is too little room for the rest, the
// batches are gone through again. 1,024 traces take a third of a second to read,
// far longer than to go through the batches.
const wholeTraceSlack = 1024

// witnessAfter is how many traces are read, or are to be read, before it is worth
// a scan or two to leave out those that lack a witness. 256 reads take as long as
// looking at some million rows.
const witnessAfter = 256

// DefaultBudgetMemory is a million trace ids, of idBytes each: those that Count
// remembers at a time before it goes over the data again for the rest, or those of
// the traces that one search reads. At 0.3 ms a trace, DefaultBudgetTime ends at a
// tenth of it. leastIDs keeps a question with little memory from going over the data
// for ever.
const (
	DefaultBudgetMemory = 64 << 20
	idBytes             = 64
	leastIDs            = 1 << 14
)

// leastHitBytes is what the traces of a page may take in any case: a thousand of some
// kilobytes.
const leastHitBytes = 4 << 20

// seriesShare says how many times Budget.Memory the series of one metric may take while
// they are made, since few questions are metrics of so many; leastSeriesBytes is what they
// may take in any case: a histogram by a hundred services for an hour of minutes.
const (
	seriesShare      = 4
	leastSeriesBytes = 8 << 20
)

// besideShare says which part of the memory for series each core may use that measures
// beside the first: what it has is added to the others' when it is so much.
const besideShare = 16

// maxCandidates bounds the traces that a search remembers, should slack not
// suffice: about 100 bytes each.
const maxCandidates = 1 << 14

// maxTextRunes bounds what a message quotes of a query or of data: a line on a screen.
const maxTextRunes = 80

// MaxSteps bounds the steps of a metric: more points than a screen has columns, and as
// many as Prometheus gives.
const MaxSteps = 11_000

// exemplarTime bounds how long exemplars are looked for where sums tell the numbers: they are
// dots beside a line.
const exemplarTime = 500 * time.Millisecond

// MaxExemplars bounds the exemplars of one answer: dots on a graph. DefaultExemplars is
// about how many there are if nobody says how many.
const (
	MaxExemplars     = 1000
	DefaultExemplars = 100
)

// maxShown bounds the fields that an answer tells of each of its spans.
const maxShown = 64
