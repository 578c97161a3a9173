package span_test

import (
	"math/rand/v2"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// tangled returns traces with everything a tree may meet: halves of shared spans,
// parents that are not there, and circles of parents.
func tangled(r *rand.Rand, traces int) (all []clew.Span, byTrace [][]*clew.Span) {
	for trace := range traces {
		used := make(map[span.Identity]bool)
		n := 1 + r.IntN(12)
		for range n {
			s := clew.Span{TraceID: clew.MakeTraceID(uint64(trace+1), 1), SpanID: clew.SpanID(r.IntN(n) + 1), Kind: clew.Kind(r.IntN(6)),
				ParentID: clew.SpanID(r.IntN(n + 2)), Start: clew.UnixNanos(r.IntN(4))}
			if r.IntN(4) == 0 {
				s.ParentID = 0
			}
			if id := (span.Identity{Span: uint64(s.SpanID), Side: s.Kind.Side()}); !used[id] {
				used[id] = true
				all = append(all, s)
			}
		}
	}
	byTrace = make([][]*clew.Span, traces)
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i := range all {
		t := int(all[i].TraceID.High()) - 1
		byTrace[t] = append(byTrace[t], &all[i])
	}
	return all, byTrace
}

// On batches of several traces of any shape, what the place of a row in its trace says
// of it is what the model says.
func TestTree(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	id := span.Field{Intrinsic: span.SpanID, Parent: true}
	kind := span.Field{Intrinsic: span.SpanKind, Parent: true}
	parents, circles := 0, 0
	for range 300 {
		all, byTrace := tangled(r, 1+r.IntN(3))
		b := batchOf(t, all...)
		w := span.NewWhole(b)
		tree := w.Tree()
		sets := tree.NestedSets()
		for row := range all {
			trace := byTrace[all[row].TraceID.High()-1]
			is := func(f span.Field, v clew.Value) {
				t.Helper()
				c := span.Compare(f, span.Eq, v)
				if !storagetest.HoldsIn(c, &all[row], trace) {
					t.Errorf("row %d of %v: the model denies %v", row, trace, c)
				}
				if !span.NewMatcher(c).MatchWhole(w).Get(row) {
					t.Errorf("row %d: the matcher denies %v", row, c)
				}
			}
			is(span.Field{Intrinsic: span.NestedSetLeft}, clew.IntValue(int64(sets[row].Left)))
			is(span.Field{Intrinsic: span.NestedSetRight}, clew.IntValue(int64(sets[row].Right)))
			is(span.Field{Intrinsic: span.NestedSetParent}, clew.IntValue(int64(sets[row].Parent)))
			is(span.Field{Intrinsic: span.ChildCount}, clew.IntValue(tree.ChildCount(row)))
			if p := tree.Parent[row]; p >= 0 {
				parents++
				is(id, clew.StringValue(all[p].SpanID.String()))
				is(kind, clew.IntValue(int64(all[p].Kind)))
			} else if storagetest.HoldsIn(span.Has(id), &all[row], trace) {
				t.Errorf("row %d has no parent, the model knows one", row)
			} else if p == span.NoParent && all[row].ParentID != 0 {
				circles++
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	if parents < 1000 || circles < 100 {
		t.Errorf("%d parents and %d cut circles: the traces tell nothing", parents, circles)
	}
}

func TestSiblings(t *testing.T) {
	mk := func(trace uint64, id, parent clew.SpanID) clew.Span {
		return clew.Span{TraceID: clew.MakeTraceID(trace, trace), SpanID: id, ParentID: parent}
	}
	b := batchOf(t, mk(1, 1, 0), mk(1, 2, 1), mk(2, 2, 1), mk(1, 3, 1), mk(2, 3, 9), mk(1, 4, 9), mk(2, 5, 9), mk(1, 6, 0), mk(2, 1, 0), mk(1, 7, 3))
	got := make(map[uint32][]uint32)
	span.NewWhole(b).Tree().Siblings(func(rows []uint32) {
		for _, r := range rows {
			got[r] = append([]uint32(nil), rows...)
		}
	})
	if len(got) != 4 || len(got[1]) != 2 || got[1][1] != 3 || len(got[4]) != 2 || got[4][1] != 6 {
		t.Errorf("siblings %v", got)
	}
}
