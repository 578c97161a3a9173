package span

import (
	"iter"

	"github.com/clew-tracing/clew"
)

// traceTable numbers the traces of a Builder in order of first appearance and
// chains the rows of each: last is a trace's newest row, Builder.prev leads from
// row to row. Open addressing, linear probing, at most half full; the slot is
// taken from the low half of the id, so that ids which differ only in their high
// half are neighbours (64-bit ids meet their 128-bit traces).
type traceTable struct {
	slots []uint32 // ordinal + 1; 0: empty
	ids   []clew.TraceID
	last  []uint32 // newest row, NoCode: none
}

// traceSlots is the table's first size; it doubles.
const traceSlots = 1 << 12

func (t *traceTable) init() {
	t.slots = make([]uint32, traceSlots)
}

func (t *traceTable) reset() {
	clear(t.slots)
	t.ids, t.last = t.ids[:0], t.last[:0]
}

func traceSlot(low uint64) uint64 { return (low * 0x9E3779B97F4A7C15) >> 20 }

// add notes that row belongs to the trace; it returns the trace's ordinal and
// its newest row before.
func (t *traceTable) add(high, low uint64, row uint32) (ord, prev uint32) {
	mask := uint64(len(t.slots) - 1)
	i := traceSlot(low) & mask
	for {
		s := t.slots[i]
		if s == 0 {
			break
		}
		id := &t.ids[s-1]
		if id.Low() == low && id.High() == high {
			prev = t.last[s-1]
			t.last[s-1] = row
			return s - 1, prev
		}
		i = (i + 1) & mask
	}
	ord = uint32(len(t.ids))
	t.ids = append(t.ids, clew.MakeTraceID(high, low))
	t.last = append(t.last, row)
	t.slots[i] = ord + 1
	if 2*len(t.ids) > len(t.slots) {
		t.grow()
	}
	return ord, NoCode
}

func (t *traceTable) grow() {
	t.slots = make([]uint32, 2*len(t.slots))
	mask := uint64(len(t.slots) - 1)
	for ord, id := range t.ids {
		i := traceSlot(id.Low()) & mask
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = uint32(ord) + 1
	}
}

// find yields the ordinals of all traces with the given low half.
func (t *traceTable) find(low uint64) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		mask := uint64(len(t.slots) - 1)
		for i := traceSlot(low) & mask; t.slots[i] != 0; i = (i + 1) & mask {
			if ord := t.slots[i] - 1; t.ids[ord].Low() == low && !yield(ord) {
				return
			}
		}
	}
}
