package v1

import (
	"cmp"
	"slices"

	"github.com/clew-tracing/clew/span"
)

// Flags of a row, as in docs/format/skeleton.md.
const (
	flagError          = 1 << 0
	flagOrphan         = 1 << 1
	flagGhost          = 1 << 2
	flagLinks          = 1 << 3
	flagEndBeforeStart = 1 << 4
	flagConflict       = 1 << 5
	flagUnfinished     = 1 << 6
	flagBeforeParent   = 1 << 7
	flagCycle          = 1 << 8
	flagRoot           = 1 << 9
)

// none is "no row" and "no node".
const none = int32(-1)

// layout is a trace's tree in the order of the skeleton's rows. It names the rows
// of the batch it was made of and keeps nothing of it.
type layout struct {
	rows   []uint32 // of the batch; span.NoCode: a ghost
	parent []int32  // rows of the skeleton; none: a root
	flags  []uint16 // orphan, ghost and cycle only
	ghosts []ghost  // in the order of rows
}

// ghost stands for a parent that was not received.
type ghost struct {
	id         uint64
	start, end uint64 // enclose its children, unix ns
	row        int32  // of the skeleton; the node, until the rows are in order
}

// sizeBytes is what the layout holds.
func (l *layout) sizeBytes() int { return 10*len(l.rows) + 32*len(l.ghosts) }

// tree is the work of making a layout. Its nodes are numbers: the spans by their
// place in the order of siblings, then the ghosts.
type tree struct {
	b      *span.Batch
	order  []uint32 // batch row by place
	ids    idTable
	parent []int32
	flags  []uint16
	ghosts []ghost
}

// newLayout resolves parents and puts rows in order: one sort, then passes over
// flat arrays.
func newLayout(b *span.Batch) *layout {
	t := &tree{b: b, order: siblingOrder(b)}
	t.ids = newIDTable(b, t.order)
	t.resolve()
	t.cutCycles()
	return t.preorder()
}

// resolve finds the parent of each span and makes the ghosts.
func (t *tree) resolve() {
	b := t.b
	t.parent, t.flags = make([]int32, len(t.order)), make([]uint16, len(t.order))
	for place, row := range t.order {
		at := int32(place)
		own := t.ids.find(b.SpanID[row])
		if own.server == at+1 && own.other != 0 {
			t.parent[at] = own.other - 1 // the two halves of a shared span
			continue
		}
		id := b.ParentID[row]
		if id == 0 {
			t.parent[at] = none
			continue
		}
		s := t.ids.find(id)
		switch {
		case s.server != 0:
			t.parent[at] = s.server - 1
		case s.other != 0:
			t.parent[at] = s.other - 1
		default:
			t.parent[at] = t.haunt(id, row)
			t.flags[at] |= flagOrphan
		}
	}
}

// haunt hangs an orphan under the ghost of its parent's id and returns the ghost's
// node. The first orphan of an id is its earliest.
func (t *tree) haunt(id uint64, row uint32) int32 {
	start, end := t.b.Start[row], uint64(t.b.End(int(row)))
	s := t.ids.claim(id)
	if s.ghost == 0 {
		t.ghosts = append(t.ghosts, ghost{id: id, start: start, end: start, row: int32(len(t.order) + len(t.ghosts))})
		s.ghost = int32(len(t.ghosts))
	}
	g := &t.ghosts[s.ghost-1]
	g.end = max(g.end, start, end)
	return g.row
}

// cutCycles makes a root of the first row of each circle of parents.
func (t *tree) cutCycles() {
	n := int32(len(t.order))
	walk := make([]int32, n) // which walk came by here, from 1
	for from := range n {
		at := from
		for at >= 0 && at < n && walk[at] == 0 {
			walk[at] = from + 1
			at = t.parent[at]
		}
		if at < 0 || at >= n || walk[at] != from+1 {
			continue
		}
		first := at
		for next := t.parent[at]; next != at; next = t.parent[next] {
			first = min(first, next)
		}
		t.parent[first] = none
		t.flags[first] |= flagCycle
	}
}

// preorder walks the tree. Children are lists through next, made back to front so
// that they keep the order of places.
func (t *tree) preorder() *layout {
	n, nodes := len(t.order), len(t.order)+len(t.ghosts)
	first, next := make([]int32, nodes), make([]int32, nodes)
	for i := range first {
		first[i], next[i] = none, none
	}
	roots := t.roots()
	for at := n - 1; at >= 0; at-- {
		if p := t.parent[at]; p != none {
			next[at], first[p] = first[p], int32(at)
		}
	}
	for i := range len(roots) - 1 {
		next[roots[i]] = roots[i+1]
	}
	l := &layout{
		rows: make([]uint32, 0, nodes), parent: make([]int32, 0, nodes), flags: make([]uint16, 0, nodes),
		ghosts: make([]ghost, 0, len(t.ghosts)),
	}
	rowOf := make([]int32, nodes)
	up := func(at int32) int32 {
		if int(at) >= n {
			return none
		}
		return t.parent[at]
	}
	for at := firstOf(roots); at != none; {
		rowOf[at] = int32(len(l.rows))
		t.emit(l, at, up(at), rowOf)
		if first[at] != none {
			at = first[at]
			continue
		}
		for at != none && next[at] == none {
			at = up(at)
		}
		if at != none {
			at = next[at]
		}
	}
	return l
}

func firstOf(roots []int32) int32 {
	if len(roots) == 0 {
		return none
	}
	return roots[0]
}

// emit appends node at as the next row.
func (t *tree) emit(l *layout, at, parent int32, rowOf []int32) {
	if parent != none {
		parent = rowOf[parent]
	}
	l.parent = append(l.parent, parent)
	if i := int(at) - len(t.order); i >= 0 {
		g := t.ghosts[i]
		g.row = int32(len(l.rows))
		l.ghosts = append(l.ghosts, g)
		l.rows, l.flags = append(l.rows, span.NoCode), append(l.flags, flagGhost)
		return
	}
	l.rows, l.flags = append(l.rows, t.order[at]), append(l.flags, t.flags[at])
}

// roots returns the roots and the ghosts among each other.
func (t *tree) roots() []int32 {
	var roots []int32
	for at, p := range t.parent {
		if p == none {
			roots = append(roots, int32(at))
		}
	}
	if len(t.ghosts) == 0 {
		return roots
	}
	for i := range t.ghosts {
		roots = append(roots, t.ghosts[i].row)
	}
	slices.SortFunc(roots, func(x, y int32) int {
		xs, xi := t.rank(x)
		ys, yi := t.rank(y)
		return cmp.Or(cmp.Compare(xs, ys), cmp.Compare(xi, yi), cmp.Compare(x, y))
	})
	return roots
}

// rank is what siblings are sorted by; side and row follow in the order of places.
func (t *tree) rank(node int32) (start, id uint64) {
	if i := int(node) - len(t.order); i >= 0 {
		return t.ghosts[i].start, t.ghosts[i].id
	}
	row := t.order[node]
	return t.b.Start[row], t.b.SpanID[row]
}
