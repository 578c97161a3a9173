package prom

import (
	"math"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/sketch"
)

// seriesSet is a storage.SeriesSet.
type seriesSet struct {
	list  []*series
	at    int
	notes annotations.Annotations
	err   error
}

func failed(err error) *seriesSet { return &seriesSet{err: err} }

// series is a counter, or a bucket of it, with its samples. It is a storage.Series.
type series struct {
	*grid
	labels  labels.Labels
	entries []entry
	part    part
	bound   int32 // the greatest bucket that counts
}

func (s *series) Labels() labels.Labels { return s.labels }

// Iterator implements storage.Series.
func (s *series) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	if s.yield != nil {
		s.yield()
	}
	if s.part == native {
		return newNativeSamples(s)
	}
	return &samples{series: s, at: -1}
}

// samples are the samples of a series, one after the other.
//
// A counter is there from the sample before the first of the day in which it grows, or is
// said to be there, so that a rate has a 0 to begin with. One that was there at midnight
// has no 0 then: all samples say when they started to count, so that a rate sees that it
// starts again, and a sample more than usual would make it guess less at both ends.
type samples struct {
	*series
	at   int // the sample
	next int // the entry
	n    uint64
	here bool // it was there before in the day
	told int  // samples of the day
	// grown, where not nil, is told of each entry instead, and that a day begins.
	grown func(e *entry)
	again func()
}

// Next implements chunkenc.Iterator.
func (x *samples) Next() chunkenc.ValueType {
	for x.at+1 < len(x.times) {
		x.at++
		carried := false // it was there at the end of the day before, a millisecond ago
		if at := int32(x.at); x.first[at] == at {
			carried = x.here && x.times[x.at-1]+1 == x.times[x.at]
			x.n, x.here, x.told = 0, false, 0
			if x.again != nil {
				x.again()
			}
		}
		for ; x.next < len(x.entries) && x.entries[x.next].at <= int32(x.at); x.next++ {
			x.here = true
			switch e := &x.entries[x.next]; {
			case x.grown != nil:
				x.grown(e)
			case e.bucket <= x.bound:
				x.n = plus(x.n, e.n)
			}
		}
		if x.here || !carried && x.begins() {
			x.told++
			return x.kind()
		}
	}
	x.at = len(x.times)
	return chunkenc.ValNone
}

// begins reports whether the counter grows with the next sample, and in the same day.
func (x *samples) begins() bool {
	next := x.at + 1
	return x.next < len(x.entries) && int(x.entries[x.next].at) == next && x.first[next] == x.first[x.at]
}

func (x *samples) kind() chunkenc.ValueType {
	if x.part == native {
		return chunkenc.ValFloatHistogram
	}
	return chunkenc.ValFloat
}

// millis is a moment as the engine counts: milliseconds since 1970. By the name go vet
// sees that Seek is not io.Seeker's.
type millis = int64

// Seek implements chunkenc.Iterator.
func (x *samples) Seek(t millis) chunkenc.ValueType {
	if x.at >= 0 && x.at < len(x.times) && x.times[x.at] >= t {
		return x.kind()
	}
	for {
		if kind := x.Next(); kind == chunkenc.ValNone || x.times[x.at] >= t {
			return kind
		}
	}
}

// At implements chunkenc.Iterator.
func (x *samples) At() (int64, float64) { return x.times[x.at], x.part.value(x.n) }

// value returns what n is of a part: weights, or nanoseconds as seconds.
func (p part) value(n uint64) float64 {
	if p == sums {
		return float64(n) / 1e9
	}
	return clew.Weight(n).Float64()
}

// AtT implements chunkenc.Iterator.
func (x *samples) AtT() int64 { return x.times[x.at] }

// AtST implements chunkenc.Iterator: counters start with the day.
func (x *samples) AtST() int64 { return floor(x.times[x.at]-1, day) + 1 }

// Err implements chunkenc.Iterator.
func (x *samples) Err() error { return nil }

// AtHistogram implements chunkenc.Iterator; there are no histograms of whole numbers.
func (x *samples) AtHistogram(*histogram.Histogram) (int64, *histogram.Histogram) {
	return x.times[x.at], nil
}

// AtFloatHistogram implements chunkenc.Iterator; nativeSamples has one.
func (x *samples) AtFloatHistogram(*histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	return x.times[x.at], nil
}

// nativeSamples are the samples of a native histogram: cumulative counts in the buckets
// that the series has at any time.
type nativeSamples struct {
	samples
	least     int32 // the bucket of the first count
	counts    []uint64
	sum, zero uint64
}

func newNativeSamples(s *series) *nativeSamples {
	least, most := int32(math.MaxInt32), int32(math.MinInt32)
	for i := range s.entries {
		if b := s.entries[i].bucket; b > sumBucket {
			least, most = min(least, b), max(most, b)
		}
	}
	x := &nativeSamples{samples: samples{series: s, at: -1}, least: least}
	if least <= most {
		x.counts = make([]uint64, most-least+1)
	}
	x.again = func() {
		x.sum, x.zero = 0, 0
		clear(x.counts)
	}
	x.grown = func(e *entry) {
		switch e.bucket {
		case sumBucket:
			x.sum = plus(x.sum, e.n)
		case zeroBucket:
			x.zero += e.n
		default:
			x.counts[e.bucket-x.least] += e.n
		}
	}
	return x
}

// AtFloatHistogram implements chunkenc.Iterator.
func (x *nativeSamples) AtFloatHistogram(h *histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	if h == nil {
		h = new(histogram.FloatHistogram)
	}
	*h = histogram.FloatHistogram{
		Schema: sketch.Scale, ZeroCount: clew.Weight(x.zero).Float64(), Sum: sums.value(x.sum),
		PositiveSpans: h.PositiveSpans[:0], PositiveBuckets: h.PositiveBuckets[:0],
	}
	total := x.zero
	if len(x.counts) > 0 {
		h.PositiveSpans = append(h.PositiveSpans, histogram.Span{Offset: x.least, Length: uint32(len(x.counts))})
	}
	for _, n := range x.counts {
		total += n
		h.PositiveBuckets = append(h.PositiveBuckets, clew.Weight(n).Float64())
	}
	h.Count = clew.Weight(total).Float64()
	if x.told > 1 { // or the engine would go through all buckets to see whether it starts again
		h.CounterResetHint = histogram.NotCounterReset
	}
	return x.times[x.at], h
}
