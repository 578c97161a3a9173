// Package resolved puts the rows of a trace together from where they lie, each identity
// once.
package resolved

import (
	"cmp"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/storage"
)

// Builder collects the rows of a trace: of one source after the other, the oldest first.
type Builder struct {
	*build.Builder
	// Parts says that rows lack columns, so that nobody can tell whether they are equal.
	Parts bool
	// Many says that each id is a trace of its own; without it all rows are one trace's,
	// which may have two ids.
	Many    bool
	arrived []arrival // by row
	sources uint32
}

// arrival orders rows of equal identity by when they came: by the head or segment
// they were in, then within it.
type arrival struct {
	source uint32
	place  uint64
}

// NewBuilder returns a builder without rows.
func NewBuilder() *Builder { return &Builder{Builder: build.NewBuilder(64)} }

// Next goes on to the next source.
func (g *Builder) Next() { g.sources++ }

// Add adds rows of the source at hand; place says which of them came first.
func (g *Builder) Add(src *span.Batch, rows []uint32, place func(row uint32) uint64) {
	g.AppendRows(src, rows)
	for _, row := range rows {
		g.arrived = append(g.arrived, arrival{g.sources, place(row)})
	}
}

// Resolve leaves out rows that repeat another's identity: the first received stays, of those
// that have an end if any has. Rows of equal content count as duplicates, as do those without
// an end where one that stays has it, others as conflicts.
func (g *Builder) Resolve() storage.Trace {
	view := g.View(g.Rows())
	first := make(map[identity]uint32, view.Rows)
	for i := range uint32(view.Rows) {
		k := g.identity(view, i)
		if at, ok := first[k]; !ok || g.before(view, i, at) {
			first[k] = i
		}
	}
	out := storage.Trace{Batch: view}
	if len(first) == view.Rows {
		return out
	}
	rows := span.NewRows(view)
	keep := make([]uint32, 0, len(first))
	conflicting := make(map[uint32]bool) // by row of view
	same := func(at, i uint32) bool {
		return g.Parts || view.Completes(int(at), int(i)) || rows.Equal(int(at), int(i))
	}
	for i := range uint32(view.Rows) {
		switch at := first[g.identity(view, i)]; {
		case at == i:
			keep = append(keep, i)
		case same(at, i):
			out.Duplicates++
		default:
			out.Conflicts++
			conflicting[at] = true
		}
	}
	for i, row := range keep {
		if conflicting[row] {
			out.Conflicting = append(out.Conflicting, uint32(i))
		}
	}
	kept := build.NewBuilder(len(keep))
	kept.AppendRows(view, keep)
	out.Batch = kept.View(kept.Rows())
	return out
}

// identity is what a row is known by among those of all traces.
type identity struct {
	span.Identity
	trace uint32
}

func (g *Builder) identity(b *span.Batch, row uint32) identity {
	if g.Many {
		return identity{b.Identity(row), b.Trace[row]}
	}
	return identity{b.Identity(row), 0}
}

// before reports whether row i stays rather than row k.
func (g *Builder) before(view *span.Batch, i, k uint32) bool {
	if a, b := view.Unfinished(int(i)), view.Unfinished(int(k)); a != b {
		return b
	}
	a, b := g.arrived[i], g.arrived[k]
	return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.place, b.place)) < 0
}

// OneID returns a batch of one trace, found by an id, with all rows under one: its id of
// 128 bits, if there is one.
func OneID(b *span.Batch, id clew.TraceID) *span.Batch {
	out := *b
	if len(out.TraceIDs) > 1 {
		for _, other := range out.TraceIDs {
			if id.High() == 0 || other.High() != 0 && other.Compare(id) < 0 {
				id = other
			}
		}
		out.TraceIDs, out.Trace = []clew.TraceID{id}, make([]uint32, out.Rows)
	}
	return &out
}
