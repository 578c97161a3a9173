package sketch

import (
	"math"
	"math/bits"
)

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
	zeros, sum := uint64(0), Uint128{}
	least, greatest := ^uint64(0), uint64(0) // of all but zeros
	for _, v := range vs {
		var carry uint64
		sum.Lo, carry = bits.Add64(sum.Lo, v, 0)
		sum.Hi += carry
		if v == 0 {
			zeros++
			continue
		}
		least, greatest = min(least, v), max(greatest, v)
		p := place(v)
		if a.n[p] += n; a.n[p] < n {
			a.n[p] = math.MaxUint64
		}
	}
	lowest := least
	if zeros > 0 {
		lowest = 0
	}
	a.rest.zero = add(a.rest.zero, times(zeros, n))
	a.rest.note(lowest, greatest, times(uint64(len(vs)), n), timesUint128(sum, n))
	if greatest > 0 {
		a.reach(place(least), place(greatest))
	}
}

// reach notes that places from lo to hi may be in use.
func (a *Accumulator) reach(lo, hi int) {
	if a.hi == 0 {
		a.lo = lo
	}
	a.lo, a.hi = min(a.lo, lo), max(a.hi, hi+1)
}

// Merge adds what h has.
func (a *Accumulator) Merge(h *Histogram) {
	if h.count == 0 {
		return
	}
	for i, p := range h.place {
		a.n[p] = add(a.n[p], h.n[i])
	}
	if last := len(h.place) - 1; last >= 0 {
		a.reach(int(h.place[0]), int(h.place[last]))
	}
	a.rest.zero = add(a.rest.zero, h.zero)
	a.rest.note(h.min, h.max, h.count, h.sum)
}

// Move makes h what a has counted, in h's own memory, and empties a.
func (a *Accumulator) Move(h *Histogram) {
	n := a.hi - a.lo
	a.move(h, resize(h.place, n), resize(h.n, n))
}

// A Room is memory for histograms that are kept as long as each other. The zero value is
// ready.
type Room struct {
	place []uint16
	n     []uint64
}

// roomBuckets is how many buckets a Room makes memory for at a time, at least: 80 KiB.
const roomBuckets = 8 << 10

// MoveTo is Move for an h without memory, which gets some of r.
func (a *Accumulator) MoveTo(h *Histogram, r *Room) {
	if n := a.hi - a.lo; cap(r.n) < n {
		r.place, r.n = make([]uint16, max(n, roomBuckets)), make([]uint64, max(n, roomBuckets))
	}
	a.move(h, r.place, r.n)
	k := len(h.n)
	h.place, h.n = h.place[:k:k], h.n[:k:k]
	r.place, r.n = r.place[k:], r.n[k:]
}

// move makes h what a has counted, in memory for as many buckets as may be in use.
func (a *Accumulator) move(h *Histogram, place []uint16, n []uint64) {
	used := a.n[a.lo:a.hi]
	place, n = place[:len(used)], n[:len(used)]
	// Every bucket is written, and those that are empty overwritten: no branch, as
	// half of them are.
	k := 0
	for i, c := range used {
		place[k], n[k] = uint16(a.lo+i), c
		if c != 0 {
			k++
		}
	}
	clear(used)
	*h = a.rest
	h.place, h.n = place[:k], n[:k]
	a.rest, a.lo, a.hi = Histogram{}, 0, 0
}

// resize returns s with length n, keeping its memory; contents are unspecified.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
