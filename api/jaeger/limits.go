package jaeger

import (
	"math"
	"time"
)

const (
	// defaultTraces is how many traces come unasked, as in Jaeger; maxTraces is the
	// most that its page offers.
	defaultTraces = 100
	maxTraces     = 1500
	// maxNamed bounds the traces that are asked for by their ids.
	maxNamed = 1000
	// maxTags bounds the tags of a search, each of which is a dozen comparisons.
	maxTags = 50
	// defaultLookback is how far back a search goes that does not say, as in Jaeger.
	defaultLookback = 48 * time.Hour
	// defaultDependencies is the same for dependencies.
	defaultDependencies = 24 * time.Hour
	// maxTime is the last moment that is taken, in the year 2262.
	maxTime = math.MaxInt64
	// maxSafeInteger is the greatest integer that every reader of JSON keeps; greater
	// ones are written as strings, as Jaeger does.
	maxSafeInteger = 1<<53 - 1
	// chunkBytes is how much of a trace is sent as one message: enough that framing costs
	// nothing, and a span of megabytes behind it still fits into what clients take.
	chunkBytes = 128 << 10
	// listBytes bounds a list that the protocol has in one message: clients take no more
	// unless they are told to, and their own error does not say what to do.
	listBytes = 4 << 20
)
