package span_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// TestUnshared has a shared span whose server's half names no parent, as Zipkin's clients send
// it where the header of the parent is missing.
func TestUnshared(t *testing.T) {
	one := func(id, parent clew.SpanID, kind clew.Kind, start int) clew.Span {
		return clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: id, ParentID: parent, Kind: kind, Start: clew.UnixNanos(1000 + start)}
	}
	b := batchOf(t, one(1, 0, clew.KindServer, 0), one(2, 1, clew.KindClient, 1), one(2, 0, clew.KindServer, 2), one(3, 2, clew.KindInternal, 3))
	before := slices.Clone(b.SpanID)
	got := span.Unshared(b)
	half := slices.IndexFunc(got.Start[:], func(s uint64) bool { return s == 1002 })
	work := slices.IndexFunc(got.Start[:], func(s uint64) bool { return s == 1003 })
	if got.SpanID[half] == 2 || got.SpanID[half] == 0 || got.ParentID[half] != 2 || got.ParentID[work] != got.SpanID[half] {
		t.Errorf("ids %x, parents %x", got.SpanID, got.ParentID)
	}
	if root, ok := got.Root(); !ok || got.SpanID[root] != 1 {
		t.Errorf("the root is %d, %t", root, ok)
	}
	if !slices.Equal(b.SpanID, before) {
		t.Error("what was given has changed")
	}
	plain := batchOf(t, one(1, 0, clew.KindServer, 0), one(2, 1, clew.KindClient, 1))
	if span.Unshared(plain) != plain {
		t.Error("a trace without shared spans is copied")
	}
}

// TestUnsharedTaken has the ids that would be given first all taken, and those behind them.
func TestUnsharedTaken(t *testing.T) {
	const halves, taken, inverse = 20_000, 20_000, 0xf1de83e19937733d // of what ids are multiplied by
	var all []clew.Span
	one := func(id uint64, kind clew.Kind) {
		all = append(all, clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: clew.SpanID(id), Kind: kind, Start: 1000})
	}
	for i := range uint64(taken) {
		one(1<<40+i, clew.KindInternal)
	}
	for i := range uint64(halves) {
		id := (1<<40 + i) * inverse
		one(id, clew.KindClient)
		one(id, clew.KindServer)
	}
	b := batchOf(t, all...)
	begun := time.Now()
	got := span.Unshared(b)
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	seen := map[uint64]bool{}
	for _, id := range got.SpanID {
		seen[id] = true
	}
	if len(seen) != len(all) || seen[0] {
		t.Errorf("%d ids of %d spans", len(seen), len(all))
	}
}

// TestUnsharedTree has traces of any shape: each id is there once, and the tree is the same.
func TestUnsharedTree(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	copies := 0
	for range 400 {
		all, _ := tangled(r, 1)
		b := batchOf(t, all...)
		got := span.Unshared(b)
		if got != b {
			copies++
		}
		seen := map[uint64]bool{}
		want := span.OneTrace(b).Tree().Parent
		if circle(b, want) {
			continue // where it is cut depends on ids
		}
		plain := *got
		plain.Parent = nil
		tree := span.OneTrace(&plain).Tree().Parent
		for row, id := range got.SpanID {
			if seen[id] && got != b {
				t.Fatalf("%v: id %x is there twice", all, id)
			}
			seen[id] = true
			if want[row] >= 0 && tree[row] != want[row] {
				t.Fatalf("%v: the parent of row %d is %d, was %d", all, row, tree[row], want[row])
			}
		}
	}
	if copies < 50 {
		t.Errorf("only %d traces had shared spans", copies)
	}
}

// BenchmarkUnshared is of 100,000 spans none of which is shared.
func BenchmarkUnshared(b *testing.B) {
	const spans = 100_000
	all := make([]clew.Span, spans)
	for i := range all {
		all[i] = clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: clew.SpanID(i+1) * 0x9e3779b97f4a7c15, ParentID: clew.SpanID(i/2) * 0x9e3779b97f4a7c15,
			Kind: clew.Kind(i % 6), Start: clew.UnixNanos(1000 + i)}
	}
	batch := batchOf(b, all...)
	b.ReportAllocs()
	for b.Loop() {
		if span.Unshared(batch) != batch {
			b.Fatal("it is copied")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spans, "ns/span")
}

// circle reports whether some row has no parent though it names one that is there.
func circle(b *span.Batch, parent []int32) bool {
	for row, p := range parent {
		if p == span.NoParent && b.ParentID[row] != 0 {
			return true
		}
	}
	return false
}
