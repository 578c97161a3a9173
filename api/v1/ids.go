package v1

import (
	"hash/maphash"
	"math/bits"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// idTable finds the rows of a span id. Open addressing, linear probing, at most
// half full; the slot is the top bits of the id times a random odd number, so
// that nobody can choose ids that meet.
type idTable struct {
	times uint64
	shift int
	slots []idSlot
}

// idSlot is what there is of an id: places plus one, 0 for none; an empty slot
// has none of the three.
type idSlot struct {
	id                   uint64
	other, server, ghost int32
}

// newIDTable enters all rows by their places in order. Of several rows with one id
// and side, which a store should not yield, the first one counts.
func newIDTable(b *span.Batch, order []uint32) idTable {
	// Ghosts come in too: at most one per row.
	size := bits.Len(uint(max(4*len(order), 8) - 1))
	t := idTable{
		times: maphash.String(maphash.MakeSeed(), "spans") | 1,
		shift: 64 - size,
		slots: make([]idSlot, 1<<size),
	}
	for place, row := range order {
		s := t.find(b.SpanID[row])
		s.id = b.SpanID[row]
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

// find returns the slot of id: where it is, or the empty one where it would be.
func (t *idTable) find(id uint64) *idSlot {
	mask := uint64(len(t.slots) - 1)
	for i := id * t.times >> t.shift; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.id == id || s.other|s.server|s.ghost == 0 {
			return s
		}
	}
}
