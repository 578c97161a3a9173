package sketch

import "math/bits"

// An Accumulator is a histogram of all buckets, 16 KiB, for counting many values
// fast: adding one costs a few nanoseconds. The zero value is empty and ready.
type Accumulator struct {
	n      [maxPlace + 1]uint64
	lo, hi int // places in use: [lo, hi); none if hi is 0
	rest   Histogram
}

// Add counts each of vs n times more; n is not 0.
func (a *Accumulator) Add(vs []uint64, n uint64) {
	if len(vs) == 0 {
		return
	}
	if a.hi == 0 {
		a.lo = len(a.n)
	}
	lo, hi, zeros := a.lo, a.hi, uint64(0)
	least, greatest, sum := vs[0], vs[0], Uint128{}
	for _, v := range vs {
		least, greatest = min(least, v), max(greatest, v)
		var carry uint64
		sum.Lo, carry = bits.Add64(sum.Lo, v, 0)
		sum.Hi += carry
		if v == 0 {
			zeros++
			continue
		}
		p := place(v)
		a.n[p] = add(a.n[p], n)
		lo, hi = min(lo, p), max(hi, p+1)
	}
	a.lo, a.hi = lo, hi
	a.rest.zero = add(a.rest.zero, times(zeros, n))
	a.rest.note(least, greatest, times(uint64(len(vs)), n), timesUint128(sum, n))
}

// Merge adds what h has.
func (a *Accumulator) Merge(h *Histogram) {
	if h.count == 0 {
		return
	}
	if a.hi == 0 {
		a.lo = len(a.n)
	}
	for i, p := range h.place {
		a.n[p] = add(a.n[p], h.n[i])
	}
	if last := len(h.place) - 1; last >= 0 {
		a.lo, a.hi = min(a.lo, int(h.place[0])), max(a.hi, int(h.place[last])+1)
	}
	a.rest.zero = add(a.rest.zero, h.zero)
	a.rest.note(h.min, h.max, h.count, h.sum)
}

// Move makes h what a has counted, in h's own memory, and empties a.
func (a *Accumulator) Move(h *Histogram) {
	place, n := h.place[:0], h.n[:0]
	if a.hi > 0 {
		for i, c := range a.n[a.lo:a.hi] {
			if c != 0 {
				place, n = append(place, uint16(a.lo+i)), append(n, c)
			}
		}
		clear(a.n[a.lo:a.hi])
	}
	*h = a.rest
	h.place, h.n = place, n
	a.rest, a.lo, a.hi = Histogram{}, 0, 0
}
