// Package sketch holds distributions of numbers as exponential histograms: small,
// mergeable in any order without loss, and with a known error.
//
// The buckets are those of OpenTelemetry's exponential histogram at scale 5: with
// base = 2^(1/32), bucket i holds the values v with base^i < v <= base^(i+1), and
// zero has a bucket of its own. Values are unsigned integers, so there are no
// negative buckets, and i runs from -1 (only the value 1) to 2047.
//
//	value     1    2    3    4    5   …  1000  …  1e9
//	bucket   -1   31   50   63   74  …   318  …   956
//
// What the histogram says of a value in a bucket is off by RelativeError at most.
// Its count, sum, least and greatest value are exact.
//
// A Histogram keeps the buckets that are not empty and nothing of the others: one
// of a single value takes some hundred bytes, one of a million durations a few
// thousand. An Accumulator is what many values are put into first.
//
// How often a value occurred is a number of the caller's choice: rows, or weights
// in any fixed unit. Numbers that would overflow stay at the greatest one.
package sketch

import (
	"iter"
	"math"
	"math/bits"
	"slices"
)

// Scale is OpenTelemetry's scale of all histograms: 2^Scale buckets for each power
// of two. At 5 a quantile is off by 1.1 % at most; at 4 it would be 2.2 %, and at 6
// a histogram takes twice the bytes for an error that no graph shows.
const Scale = 5

// RelativeError bounds the error of Quantile: (base-1)/(base+1), rounded up.
const RelativeError = 0.01084

// subs is the number of buckets for each power of two.
const subs = 1 << Scale

// maxPlace is the place of the greatest value. A bucket's place is its index and
// one more, so that it is not negative.
const maxPlace = 64 * subs

// bound[j] is 2^63 · 2^(j/32), rounded down. All but the first are irrational, so
// that a whole number is above one exactly if it is above the rounded one. The last
// is never exceeded.
var bound = [subs + 1]uint64{
	0x8000000000000000, 0x82cd8698ac2ba1d7, 0x85aac367cc487b14, 0x88980e8092da8527,
	0x8b95c1e3ea8bd6e6, 0x8ea4398b45cd53c0, 0x91c3d373ab11c336, 0x94f4efa8fef70961,
	0x9837f0518db8a96f, 0x9b8d39b9d54e5538, 0x9ef5326091a111ad, 0xa27043030c496818,
	0xa5fed6a9b15138ea, 0xa9a15ab4ea7c0ef8, 0xad583eea42a14ac6, 0xb123f581d2ac258f,
	0xb504f333f9de6484, 0xb8fbaf4762fb9ee9, 0xbd08a39f580c36be, 0xc12c4cca66709456,
	0xc5672a115506dadd, 0xc9b9bd866e2f27a2, 0xce248c151f8480e3, 0xd2a81d91f12ae45a,
	0xd744fccad69d6af4, 0xdbfbb797daf23755, 0xe0ccdeec2a94e111, 0xe5b906e77c8348a8,
	0xeac0c6e7dd24392e, 0xefe4b99bdcdaf5cb, 0xf5257d152486cc2c, 0xfa83b2db722a033a,
	math.MaxUint64,
}

// below[t] is how many bounds lie below 2^63 + t·2^57. The bounds are further
// apart than 2^57, so that a number of that 64th lies above at most one more.
var below = func() (b [64]uint8) {
	for t := range b {
		for _, x := range bound {
			if x < 1<<63+uint64(t)<<57 {
				b[t]++
			}
		}
	}
	return b
}()

// place returns the place of v, which is not 0.
func place(v uint64) int {
	shift := bits.LeadingZeros64(v)
	return (63-shift)<<Scale + above(v<<(shift&63))
}

// above returns how many bounds lie below m, whose highest bit is set.
func above(m uint64) int {
	c := int(below[m>>57&63])
	if m > bound[c] {
		c++
	}
	return c
}

// Index returns the index of the bucket that holds v, which is not 0.
func Index(v uint64) int { return place(v) - 1 }

// lowest and highest are the least and greatest whole number in a place; lowest is
// the greater one where there is none.
func lowest(place int) uint64 {
	if place == 0 {
		return 1
	}
	return highest(place-1) + 1
}

func highest(place int) uint64 {
	if place >= maxPlace {
		return math.MaxUint64
	}
	return bound[place%subs] >> (63 - place/subs)
}

// hollow says which places hold no whole number: some of the first.
var hollow = func() (h [256]bool) {
	for p := range h {
		h[p] = lowest(p) > highest(p)
	}
	return h
}()

func isHollow(place uint64) bool { return place < uint64(len(hollow)) && hollow[place] }

// A Histogram is a distribution. The zero value is empty and ready. A copy shares
// memory with what it was copied from: use Merge into an empty one instead. It is
// safe for concurrent readers.
type Histogram struct {
	count    uint64
	zero     uint64
	min, max uint64
	sum      Uint128

	place []uint16 // of the buckets that are not empty, ascending
	n     []uint64
}

// Count returns how often any value occurred.
func (h *Histogram) Count() uint64 { return h.count }

// Zero returns how often the value 0 occurred.
func (h *Histogram) Zero() uint64 { return h.zero }

// Sum returns the sum of all values, each as often as it occurred.
func (h *Histogram) Sum() Uint128 { return h.sum }

// Min and Max return the least and greatest value, 0 where there is none.
func (h *Histogram) Min() uint64 { return h.min }

// Max returns the greatest value.
func (h *Histogram) Max() uint64 { return h.max }

// Mean returns the mean of all values, 0 where there is none.
func (h *Histogram) Mean() float64 {
	if h.count == 0 {
		return 0
	}
	return h.sum.Float64() / float64(h.count)
}

// Buckets yields the index and the count of each bucket that is not empty,
// ascending; zero is not among them.
func (h *Histogram) Buckets() iter.Seq2[int, uint64] {
	return func(yield func(int, uint64) bool) {
		for i, p := range h.place {
			if !yield(int(p)-1, h.n[i]) {
				return
			}
		}
	}
}

// Len returns how many buckets are not empty.
func (h *Histogram) Len() int { return len(h.n) }

// Add counts v n times more. It is for few values: see Accumulator for many.
func (h *Histogram) Add(v, n uint64) {
	if n == 0 {
		return
	}
	h.note(v, v, n, timesUint128(Uint128{Lo: v}, n))
	if v == 0 {
		h.zero = add(h.zero, n)
		return
	}
	p := uint16(place(v))
	i, found := slices.BinarySearch(h.place, p)
	if !found {
		h.place, h.n = slices.Insert(h.place, i, p), slices.Insert(h.n, i, 0)
	}
	h.n[i] = add(h.n[i], n)
}

// note adds n values between lo and hi with a sum to all but the buckets.
func (h *Histogram) note(lo, hi, n uint64, sum Uint128) {
	if h.count == 0 {
		h.min = lo
	}
	h.min, h.max = min(h.min, lo), max(h.max, hi)
	h.count, h.sum = add(h.count, n), h.sum.Add(sum)
}

// Merge adds what o has. The order of merges does not matter to the result.
func (h *Histogram) Merge(o *Histogram) {
	if o.count == 0 {
		return
	}
	h.note(o.min, o.max, o.count, o.sum)
	h.zero = add(h.zero, o.zero)
	fresh := 0
	for i, j := 0, 0; j < len(o.place); j++ {
		for i < len(h.place) && h.place[i] < o.place[j] {
			i++
		}
		if i == len(h.place) || h.place[i] != o.place[j] {
			fresh++
		}
	}
	// From the back, so that nothing is overwritten that is still to be read.
	i, j, at := len(h.place)-1, len(o.place)-1, len(h.place)+fresh-1
	h.place = slices.Grow(h.place, fresh)[:at+1]
	h.n = slices.Grow(h.n, fresh)[:at+1]
	for ; j >= 0; at-- {
		switch {
		case i < 0 || h.place[i] < o.place[j]:
			h.place[at], h.n[at] = o.place[j], o.n[j]
			j--
		case h.place[i] == o.place[j]:
			h.place[at], h.n[at] = o.place[j], add(h.n[i], o.n[j])
			i--
			j--
		default:
			h.place[at], h.n[at] = h.place[i], h.n[i]
			i--
		}
	}
}

// Scale counts every value n times as often; n is not 0.
func (h *Histogram) Scale(n uint64) {
	h.count, h.zero, h.sum = times(h.count, n), times(h.zero, n), timesUint128(h.sum, n)
	for i := range h.n {
		h.n[i] = times(h.n[i], n)
	}
}

// Quantile returns about the value below or at which the share q of all values
// lies: that of rank ceil(q·Count), for q from 0 to 1, off by RelativeError at most.
// The 0- and the 1-quantile are exact. It returns 0 where there are no values.
func (h *Histogram) Quantile(q float64) float64 {
	r := math.Ceil(q * float64(h.count))
	switch {
	case !(r > 1):
		return float64(h.min)
	case r >= float64(h.count):
		return float64(h.max)
	case r <= float64(h.zero):
		return 0
	}
	i := h.bucketOf(uint64(r))
	// The harmonic mean of the bounds has the same relative error to both.
	hi := math.Exp2(float64(h.place[i]) / subs)
	lo := math.Exp2((float64(h.place[i]) - 1) / subs)
	return min(max(2*lo*hi/(lo+hi), float64(h.min)), float64(h.max))
}

// bucketOf returns which bucket has the value of a rank, which is more than h.zero and
// less than h.count: it is looked for from the nearer end.
func (h *Histogram) bucketOf(rank uint64) int {
	last := len(h.n) - 1
	if rank > h.count/2 && h.count < math.MaxUint64 { // and so no count has stayed at the greatest number
		i, left := last, h.count-rank // values above it
		for i > 0 && left >= h.n[i] {
			left -= h.n[i]
			i--
		}
		return i
	}
	i, left := 0, rank-h.zero
	for i < last && left > h.n[i] {
		left -= h.n[i]
		i++
	}
	return i
}
