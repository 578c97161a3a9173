package build

import (
	"math/bits"
	"math/rand/v2"
)

// edgeTable finds the child of a node by its column: a node of orders that vary has
// many. Open addressing, linear probing, at most half full; the slot is the top bits
// of the edge times a random odd number, so that nobody can choose edges that meet.
type edgeTable struct {
	times uint64
	shift int
	slots []edge
	used  int
}

// edge leads from a node by a column to a child; child 0 is no edge, since node 0 is
// nobody's.
type edge struct{ node, col, child uint32 }

// edgeSlots is the table's first size; it doubles.
const edgeSlots = 1 << 4

func (t *edgeTable) slot(node, col uint32) int {
	return int((uint64(node)<<32 | uint64(col)) * t.times >> t.shift)
}

// find returns a child, or 0 and the slot where it is to be put.
func (t *edgeTable) find(node, col uint32) (child uint32, slot int) {
	if 2*t.used >= len(t.slots) {
		t.grow()
	}
	for i := t.slot(node, col); ; i = (i + 1) & (len(t.slots) - 1) {
		e := &t.slots[i]
		if e.child == 0 {
			return 0, i
		}
		if e.node == node && e.col == col {
			return e.child, i
		}
	}
}

// put adds an edge at the slot that find returned, with nothing in between.
func (t *edgeTable) put(slot int, node, col, child uint32) {
	t.slots[slot] = edge{node, col, child}
	t.used++
}

func (t *edgeTable) grow() {
	old := t.slots
	if old == nil {
		t.times = rand.Uint64() | 1
	}
	n := max(edgeSlots, 2*len(old))
	t.slots, t.shift = make([]edge, n), bits.LeadingZeros64(uint64(n))+1
	for _, e := range old {
		if e.child == 0 {
			continue
		}
		i := t.slot(e.node, e.col)
		for t.slots[i].child != 0 {
			i = (i + 1) & (n - 1)
		}
		t.slots[i] = e
	}
}

func (t *edgeTable) reset() {
	clear(t.slots)
	t.used = 0
}
