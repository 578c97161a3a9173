package span

import (
	"cmp"
	"hash/maphash"
	"math/bits"
	"slices"

	"github.com/clew-tracing/clew"
)

// What Tree.Parent has of a row that has no parent in the batch.
const (
	NoParent   int32 = -1 // it names none
	LostParent int32 = -2 // the one it names is not there
)

// A Tree is how the rows of a batch of whole traces hang together. It is made for one
// batch, holds on to it, and is for one goroutine at a time.
//
// A row's parent is the row of its trace that has the id it names: of the two halves
// of a shared span the server's, whose own parent is the client's. Where parents go
// round in a circle, the row of the circle that starts first, then that of the lowest
// id, has none.
type Tree struct {
	// Parent has, for each row, the row of its parent, NoParent or LostParent.
	Parent []int32

	w     *Whole
	ids   idTable
	order []uint32 // rows by trace, start, id, side
	sets  []NestedSet
	state []uint8 // scratch
	path  []int32
}

// NestedSet places a row in the walk of its trace: what is beneath it has its Left
// between the row's Left and Right.
type NestedSet struct {
	Left, Right int32
	// Parent is the parent's Left; −1 for a row that names no parent, 0 for one whose
	// parent is not there.
	Parent int32
}

// newTree resolves the parents of all rows, unless that has been done.
func newTree(w *Whole) *Tree {
	b := w.Batch
	if b.Parent != nil {
		return &Tree{w: w, Parent: b.Parent}
	}
	t := &Tree{w: w, Parent: make([]int32, b.Rows)}
	t.claimIDs()
	for row := range b.Rows {
		t.Parent[row] = t.parentOf(row)
	}
	t.cutCycles()
	return t
}

// claimIDs fills the table of ids.
func (t *Tree) claimIDs() {
	w, b := t.w, t.w.Batch
	t.ids.reset(b.Rows)
	for row := range b.Rows {
		s := t.ids.claim(w.Of[row], b.SpanID[row])
		half := &s.other
		if clew.Kind(b.Kind[row]).Side() == 1 {
			half = &s.server
		}
		if *half == 0 || t.compare(uint32(row), uint32(*half-1)) < 0 {
			*half = int32(row) + 1
		}
	}
}

func (t *Tree) parentOf(row int) int32 {
	w, b := t.w, t.w.Batch
	if own := t.ids.find(w.Of[row], b.SpanID[row]); own.server == int32(row)+1 && own.other != 0 {
		return own.other - 1
	}
	id := b.ParentID[row]
	if id == 0 {
		return NoParent
	}
	switch s := t.ids.find(w.Of[row], id); {
	case s.server != 0:
		return s.server - 1
	case s.other != 0:
		return s.other - 1
	}
	return LostParent
}

// compare orders rows: by trace, start, id, side, then as they stand.
func (t *Tree) compare(x, y uint32) int {
	w, b := t.w, t.w.Batch
	return cmp.Or(cmp.Compare(w.Of[x], w.Of[y]), cmp.Compare(b.Start[x], b.Start[y]), cmp.Compare(b.SpanID[x], b.SpanID[y]),
		cmp.Compare(clew.Kind(b.Kind[x]).Side(), clew.Kind(b.Kind[y]).Side()), cmp.Compare(x, y))
}

// cutCycles takes the parent from the first row of each circle.
func (t *Tree) cutCycles() {
	const unseen, open, done = 0, 1, 2
	t.state = append(t.state[:0], make([]uint8, len(t.Parent))...)
	for from := range t.Parent {
		at := int32(from)
		t.path = t.path[:0]
		for at >= 0 && t.state[at] == unseen {
			t.state[at] = open
			t.path = append(t.path, at)
			at = t.Parent[at]
		}
		if at >= 0 && t.state[at] == open {
			first := at
			for next := t.Parent[at]; next != at; next = t.Parent[next] {
				if t.compare(uint32(next), uint32(first)) < 0 {
					first = next
				}
			}
			t.Parent[first] = NoParent
		}
		for _, row := range t.path {
			t.state[row] = done
		}
	}
}

// ChildCount returns how many rows name the span of a row as their parent, itself left
// out.
func (t *Tree) ChildCount(row int) int64 {
	if !t.ids.counted {
		if t.ids.slots == nil {
			t.claimIDs()
		}
		t.ids.counted = true
		for i, id := range t.w.ParentID {
			if s := t.ids.find(t.w.Of[i], id); s.used && id != t.w.SpanID[i] {
				s.children++
			}
		}
	}
	return int64(t.ids.find(t.w.Of[row], t.w.SpanID[row]).children)
}

// Siblings calls f with the rows of each group that share a parent, whether that is
// there or not, if there are two or more. Rows that name none are in no group. The list
// is valid until f returns.
func (t *Tree) Siblings(f func(rows []uint32)) {
	w, b := t.w, t.w.Batch
	type key struct {
		parent int32
		trace  uint32
		id     uint64
	}
	of := func(row uint32) key {
		if p := t.Parent[row]; p >= 0 {
			return key{parent: p}
		}
		return key{LostParent, w.Of[row], b.ParentID[row]}
	}
	var rows []uint32
	for row, p := range t.Parent {
		if p != NoParent {
			rows = append(rows, uint32(row))
		}
	}
	slices.SortFunc(rows, func(x, y uint32) int {
		a, z := of(x), of(y)
		return cmp.Or(cmp.Compare(a.parent, z.parent), cmp.Compare(a.trace, z.trace), cmp.Compare(a.id, z.id), cmp.Compare(x, y))
	})
	for from := 0; from < len(rows); {
		to := from + 1
		for k := of(rows[from]); to < len(rows) && of(rows[to]) == k; to++ {
		}
		if to-from > 1 {
			f(rows[from:to])
		}
		from = to
	}
}

// NestedSets returns the numbers of all rows, each trace's from 1 on: children, and
// those without a parent in their trace, by start, then id.
func (t *Tree) NestedSets() []NestedSet {
	if t.sets != nil {
		return t.sets
	}
	n := len(t.Parent)
	t.order = make([]uint32, n)
	for i := range t.order {
		t.order[i] = uint32(i)
	}
	slices.SortFunc(t.order, t.compare)
	// Lists of children through next, made back to front so that they keep the order.
	first, next := make([]int32, n), make([]int32, n)
	for i := range first {
		first[i], next[i] = -1, -1
	}
	for i := n - 1; i >= 0; i-- {
		row := int32(t.order[i])
		if p := t.Parent[row]; p >= 0 {
			next[row], first[p] = first[p], row
		}
	}
	t.sets = make([]NestedSet, n)
	number, trace := int32(1), uint32(0)
	for _, top := range t.order {
		p := t.Parent[top]
		if p >= 0 {
			continue
		}
		if t.w.Of[top] != trace {
			number, trace = 1, t.w.Of[top]
		}
		t.sets[top].Parent = -1
		if p == LostParent {
			t.sets[top].Parent = 0
		}
		number = t.number(int32(top), first, next, number)
	}
	return t.sets
}

// number numbers top and what is beneath it and returns the number after.
func (t *Tree) number(top int32, first, next []int32, number int32) int32 {
	for at := top; ; {
		t.sets[at].Left = number
		number++
		if down := first[at]; down >= 0 {
			t.sets[down].Parent = t.sets[at].Left
			at = down
			continue
		}
		for {
			t.sets[at].Right = number
			number++
			if at == top {
				return number
			}
			if right := next[at]; right >= 0 {
				t.sets[right].Parent = t.sets[at].Parent
				at = right
				break
			}
			at = t.Parent[at]
		}
	}
}

// idTable finds rows by trace and span id: open addressing, at most half full. The slot
// is the top bits of the id times an odd number that nobody outside knows, so that
// nobody can choose ids that meet.
type idTable struct {
	slots   []idSlot
	shift   int
	counted bool
}

// idSlot is what there is of an id: rows plus one, 0 for none.
type idSlot struct {
	id            uint64
	trace         uint32
	used          bool
	other, server int32
	children      int32
}

var idFactor = maphash.String(maphash.MakeSeed(), "spans") | 1

func (t *idTable) reset(rows int) {
	width := bits.Len(uint(max(2*rows, 8) - 1))
	t.slots, t.shift = make([]idSlot, 1<<width), 64-width
}

// find returns the slot of an id: where it is, or the empty one where it would be.
func (t *idTable) find(trace uint32, id uint64) *idSlot {
	mask := uint64(len(t.slots) - 1)
	h := (id ^ uint64(trace)*0xD6E8FEB86659FD93) * idFactor
	for i := h >> t.shift; ; i = (i + 1) & mask {
		if s := &t.slots[i]; !s.used || s.id == id && s.trace == trace {
			return s
		}
	}
}

func (t *idTable) claim(trace uint32, id uint64) *idSlot {
	s := t.find(trace, id)
	s.id, s.trace, s.used = id, trace, true
	return s
}
