package build

import (
	"hash/maphash"
	"iter"
	"math/bits"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// traceTable numbers the traces of a Builder in order of first appearance and
// chains the rows of each: last is a trace's newest row, Builder.prev leads from
// row to row. Open addressing, linear probing, at most half full; the slot is the
// top bits of a sum of both halves of the id times random odd numbers, so that
// nobody can choose ids that meet.
type traceTable struct {
	times [2]uint64 // for high and low
	shift int       // 64 − log2(len(slots))
	slots []uint32  // ordinal + 1; 0: empty
	ids   []clew.TraceID
	last  []uint32 // newest row, NoCode: none
}

// traceSlots is the table's first size; it doubles.
const traceSlots = 1 << 6

func (t *traceTable) init() {
	for i := range t.times {
		t.times[i] = maphash.String(maphash.MakeSeed(), "traces") | 1
	}
	t.resize(traceSlots)
}

func (t *traceTable) resize(slots int) {
	t.slots = make([]uint32, slots)
	t.shift = bits.LeadingZeros64(uint64(slots)) + 1
}

func (t *traceTable) reset() {
	clear(t.slots)
	t.ids, t.last = t.ids[:0], t.last[:0]
}

func (t *traceTable) slot(high, low uint64) uint64 {
	return (high*t.times[0] + low*t.times[1]) >> t.shift
}

// add notes that row belongs to the trace; it returns the trace's ordinal and
// its newest row before.
func (t *traceTable) add(high, low uint64, row uint32) (ord, prev uint32) {
	mask := uint64(len(t.slots) - 1)
	i := t.slot(high, low)
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
	return ord, span.NoCode
}

func (t *traceTable) grow() {
	t.resize(2 * len(t.slots))
	mask := uint64(len(t.slots) - 1)
	for ord, id := range t.ids {
		i := t.slot(id.High(), id.Low())
		for t.slots[i] != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = uint32(ord) + 1
	}
}

// find yields the ordinals of the traces that id may be: its own and that of its
// low half alone; for an id of 64 bits, every trace with that low half. The latter
// looks at all ids, one MiB in a full head, which is rare and takes microseconds.
func (t *traceTable) find(id clew.TraceID) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if id.High() == 0 {
			for ord := range t.ids {
				if t.ids[ord].Low() == id.Low() && !yield(uint32(ord)) {
					return
				}
			}
			return
		}
		for _, high := range [...]uint64{id.High(), 0} {
			if ord, ok := t.lookup(high, id.Low()); ok && !yield(ord) {
				return
			}
		}
	}
}

func (t *traceTable) lookup(high, low uint64) (ord uint32, ok bool) {
	mask := uint64(len(t.slots) - 1)
	for i := t.slot(high, low); t.slots[i] != 0; i = (i + 1) & mask {
		if ord := t.slots[i] - 1; t.ids[ord].Low() == low && t.ids[ord].High() == high {
			return ord, true
		}
	}
	return 0, false
}
