package scan

import (
	"cmp"

	"github.com/clew-tracing/clew/span"
)

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
	return cmp.Or(cmp.Compare(v.maxStart, u.maxStart), cmp.Compare(u.age, v.age), cmp.Compare(u.blk, v.blk)) < 0
}

// units is a heap: the next unit is at its front, and each before those at twice its
// place and behind.
type units []unit

func (q *units) push(u unit) {
	*q = append(*q, u)
	h := *q
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(&h[up]) {
			return
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

// pop takes out the next unit, of at least one.
func (q *units) pop() unit {
	h := *q
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h[last] = unit{}
	h = h[:last]
	for i := 0; ; {
		next := 2*i + 1
		if next >= last {
			break
		}
		if next+1 < last && h[next+1].before(&h[next]) {
			next++
		}
		if !h[next].before(&h[i]) {
			break
		}
		h[i], h[next] = h[next], h[i]
		i = next
	}
	*q = h
	return first
}
