package scan

import "github.com/clew-tracing/clew/span"

// unit is what a scan reads at a time: a head's rows or one block of a segment. A
// segment is a unit too, until it is opened and its blocks take its place.
type unit struct {
	maxStart uint64
	view     *span.Batch // of a head; nil for the others
	seg      *Segment
	x        *Selection
	blk      int // wholeSegment: its blocks are not known yet
	age      int // place among heads and segments, youngest first
	rows     int
}

const wholeSegment = -1

// before is the order of a scan: by descending bound of start. Units of equal bound
// stand in the order of their age, heads first, so that it does not depend on chance.
func (u *unit) before(v *unit) bool {
	switch {
	case u.maxStart != v.maxStart:
		return u.maxStart > v.maxStart
	case u.age != v.age:
		return u.age < v.age
	}
	return u.blk < v.blk
}

// units is a heap: the next unit is at its front, and each before those at twice its
// place and behind.
type units []unit

func (q *units) push(u unit) {
	*q = append(*q, u)
	h := *q
	i := len(h) - 1
	for i > 0 && u.before(&h[(i-1)/2]) {
		h[i] = h[(i-1)/2]
		i = (i - 1) / 2
	}
	h[i] = u
}

// pop takes out the next unit, of at least one.
func (q *units) pop() unit {
	h := *q
	first, last := h[0], len(h)-1
	u, at := h[last], 0 // the last takes the place that is left by those behind the first
	h[last] = unit{}
	for next := 1; next < last; next = 2*at + 1 {
		if next+1 < last && h[next+1].before(&h[next]) {
			next++
		}
		if !h[next].before(&u) {
			break
		}
		h[at] = h[next]
		at = next
	}
	if last > 0 {
		h[at] = u
	}
	*q = h[:last]
	return first
}
