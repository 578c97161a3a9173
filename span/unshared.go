package span

import (
	"cmp"
	"slices"

	"github.com/clew-tracing/clew"
)

// Unshared returns one whole trace in which each span has an id of its own, as those expect who
// know of no shared ones: b itself if that is so; else a copy, which holds on to b's columns,
// where the server's half of a shared span has another id and the client's half as its
// parent, and what the server's half did has that id as its parent. The new ids depend on the
// trace alone.
func Unshared(b *Batch) *Batch {
	w := OneTrace(b)
	w.number()
	t := &Tree{w: w} // who is whose parent is asked only if some are shared
	t.claimIDs()
	var halves []int32
	for row, id := range b.SpanID {
		if clew.Kind(b.Kind[row]).Side() == 1 && t.ids.find(w.Of[row], id).other != 0 {
			halves = append(halves, int32(row))
		}
	}
	if len(halves) == 0 {
		return b
	}
	parent := w.Tree().Parent
	slices.SortFunc(halves, func(x, y int32) int { return cmp.Or(cmp.Compare(b.SpanID[x], b.SpanID[y]), cmp.Compare(x, y)) })
	used := make(map[uint64]bool, 2*b.Rows)
	for row := range b.Rows {
		used[b.SpanID[row]], used[b.ParentID[row]] = true, true
	}
	out := *b
	out.SpanID, out.ParentID, out.Parent = slices.Clone(b.SpanID), slices.Clone(b.ParentID), parent
	own, next := make(map[int32]uint64, len(halves)), uint64(0)
	for _, row := range halves {
		id := b.SpanID[row] * 0x9e3779b97f4a7c15
		for used[id] || id == 0 {
			next++ // of those that all share: none is tried twice
			id = next
		}
		used[id], own[row] = true, id
		out.SpanID[row] = id
		if p := parent[row]; p >= 0 {
			out.ParentID[row] = b.SpanID[p]
		}
	}
	for row, p := range parent {
		if id, ok := own[p]; ok && p >= 0 {
			out.ParentID[row] = id
		}
	}
	return &out
}
