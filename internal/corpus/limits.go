package corpus

const (
	// DefaultPerRequest is how many spans a request holds: what a gateway
	// collector sends with its default batch size is of this order.
	DefaultPerRequest = 500

	// DefaultSpansPerSecond is the pace of event time: a shop of this size.
	DefaultSpansPerSecond = 5000

	// meanTraceSpans is the mean size of a trace outside the huge corpus:
	// 3 + exp(2.7 + 0.9²/2) less what the last, cut trace loses.
	meanTraceSpans = 24.9

	// hugeTraceSpans is the size of one trace of the huge corpus: past every
	// viewer's comfort, and more than one head of the store holds.
	hugeTraceSpans = 100_000

	// maxDepth bounds how many services lie between the entry and a leaf.
	maxDepth = 5

	// maxSamples bounds the traces that Truth remembers, one in sampleEvery.
	maxSamples  = 64
	sampleEvery = 37

	// slabSlack is how much dead space the buffer of encoded spans may hold
	// before the living are moved to its front.
	slabSlack = 4 << 20
)
