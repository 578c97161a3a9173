package zipkin

import (
	"math"
	"time"
)

const (
	// defaultTraces is how many traces come unasked, as in Zipkin; maxTraces bounds
	// those that are asked for.
	defaultTraces = 10
	maxTraces     = 1500
	// maxNamed bounds the traces that are asked for by their ids.
	maxNamed = 1000
	// maxConditions bounds an annotationQuery, each part of which is a selection of its
	// own.
	maxConditions = 20
	// defaultLookback is how far back a question goes that does not say, as in Zipkin;
	// pageLookback is what its page is told to begin with.
	defaultLookback = 24 * time.Hour
	pageLookback    = 15 * time.Minute
	// maxValues bounds the values of a key that are offered.
	maxValues = 100
	// maxTime is the last moment that is taken, in the year 2262.
	maxTime = math.MaxInt64
)
