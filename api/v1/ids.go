package v1

import (
	"hash/maphash"
	"math/bits"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// idTable finds the rows of a span id. Open addressing, linear probing, at most
// three quarters full; the slot is the top bits of the id times a random odd
// number, so that nobody can choose ids that meet.
type idTable struct {
	times uint64
	shift int
	slots []idSlot
	used  int
}

// idSlot is what there is of an id: places or ghosts plus one, 0 for none; an
// empty slot has none of the three.
type idSlot struct {
	id                   uint64
	other, server, ghost int32
}

func (s *idSlot) empty() bool { return s.other|s.server|s.ghost == 0 }

// newIDTable enters all rows by their places in order. Of several rows with one id
// and side, which a store should not yield, the first one counts.
func newIDTable(b *span.Batch, order []uint32) idTable {
	t := idTable{times: maphash.String(maphash.MakeSeed(), "spans") | 1}
	t.resize(bits.Len(uint(max(2*len(order), 8) - 1)))
	for place, row := range order {
		s := t.claim(b.SpanID[row])
		half := &s.other
		if clew.Kind(b.Kind[row]).Side() == 1 {
			half = &s.server
		}
		if *half == 0 {
			*half = int32(place) + 1
		}
	}
	return t
}

func (t *idTable) resize(width int) {
	t.slots, t.shift = make([]idSlot, 1<<width), 64-width
}

// find returns the slot of id: where it is, or the empty one where it would be.
func (t *idTable) find(id uint64) *idSlot {
	mask := uint64(len(t.slots) - 1)
	for i := id * t.times >> t.shift; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.id == id || s.empty() {
			return s
		}
	}
}

// claim returns the slot of id, which the caller fills if it is empty. Slots found
// before are void.
func (t *idTable) claim(id uint64) *idSlot {
	s := t.find(id)
	if !s.empty() {
		return s
	}
	if t.used++; 4*t.used > 3*len(t.slots) {
		old := t.slots
		t.resize(64 - t.shift + 1)
		for i := range old {
			if !old[i].empty() {
				*t.find(old[i].id) = old[i]
			}
		}
		s = t.find(id)
	}
	s.id = id
	return s
}
