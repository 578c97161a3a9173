package span_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
)

// TestBuilder does random things to a Builder and to a slice of rows, and
// compares them. Views taken on the way stay as they were.
func TestBuilder(t *testing.T) {
	type view struct {
		batch *span.Batch
		rows  []row
	}
	for seed := range uint64(12) {
		r := newRandom(seed)
		b := build.NewBuilder(r.IntN(20))
		var rows []row
		var views []view
		for range 200 {
			switch r.IntN(20) {
			case 0:
				views = append(views, view{b.View(len(rows)), slices.Clone(rows)})
			case 1:
				covered := 0
				for _, v := range views {
					covered = max(covered, len(v.rows))
				}
				n := covered + r.IntN(len(rows)-covered+1)
				x := r.row()
				begin(b, &x) // an unfinished row goes too
				b.Truncate(n)
				rows = rows[:n]
			case 2:
				x := r.row()
				b.DropRow(begin(b, &x).Shape)
			case 3:
				if r.one(10) {
					for _, v := range views {
						check(t, v.batch, v.rows)
					}
					b.Reset()
					rows, views = nil, nil
				}
			default:
				x := r.row()
				put(b, &x)
				rows = append(rows, x)
			}
		}
		t.Log("seed", seed)
		check(t, b.View(len(rows)), rows)
		for _, v := range views {
			check(t, v.batch, v.rows)
		}
		for range 20 {
			id, limit := r.traceID(), r.IntN(len(rows)+1)
			got, want := b.TraceRows(nil, id, limit), traceRows(rows[:limit], id)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("TraceRows(%v, %d) = %v, want %v", id, limit, got, want)
			}
		}
	}
}

// TestAppendRows copies random rows of random batches into one Builder.
func TestAppendRows(t *testing.T) {
	for seed := range uint64(8) {
		r := newRandom(seed)
		dst := build.NewBuilder(0)
		var want []row
		for range 4 {
			src := build.NewBuilder(0)
			rows := make([]row, 1+r.IntN(600)) // both sides of fewRows
			for i := range rows {
				rows[i] = r.row()
				put(src, &rows[i])
			}
			var chosen []uint32
			every := 1 + r.IntN(8)
			for i := range rows {
				if r.one(every) {
					chosen = append(chosen, uint32(i))
					want = append(want, rows[i])
				}
			}
			dst.AppendRows(src.View(len(rows)), chosen)
		}
		t.Log("seed", seed)
		check(t, dst.View(len(want)), want)
		for range 10 {
			id := r.traceID()
			got := dst.TraceRows(nil, id, len(want))
			slices.Sort(got)
			if !slices.Equal(got, traceRows(want, id)) {
				t.Fatalf("TraceRows(%v) = %v", id, got)
			}
		}
	}
}

// TestViewWhileWriting reads views while the writer goes on; the race detector
// is the judge.
func TestViewWhileWriting(t *testing.T) {
	r := newRandom(1)
	b := build.NewBuilder(0)
	var mu sync.Mutex // the writer is kept out while a view is taken
	var rows []row
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 10 {
				mu.Lock()
				v, want := b.View(len(rows)), rows[:len(rows):len(rows)]
				mu.Unlock()
				if d := diff(v, want); d != "" {
					t.Error(d)
				}
				span.NewMatcher(span.Has(span.Field{Scope: span.ScopeSpan, Key: "k1"})).Match(v)
			}
		})
	}
	for range 500 {
		x := r.row()
		mu.Lock()
		put(b, &x)
		rows = append(rows, x)
		mu.Unlock()
	}
	wg.Wait()
}

// TestManyTraces has more traces than the table starts with, ids that differ in
// few bits anywhere, and ids of 64 bits that meet those of 128.
func TestManyTraces(t *testing.T) {
	b := build.NewBuilder(0)
	var rows []row
	add := func(high, low uint64) {
		x := row{Span: clew.Span{TraceID: clew.MakeTraceID(high, low)}}
		b.EndSpan(&build.Fixed{TraceHigh: high, TraceLow: low})
		rows = append(rows, x)
	}
	for i := range uint64(3000) {
		add(0, i)
		add(i, 7)
		add(1, i<<50|1)
		add(2, i<<20)
	}
	for i := 0; i < len(rows); i += 501 {
		for _, id := range []clew.TraceID{rows[i].TraceID, clew.MakeTraceID(0, rows[i].TraceID.Low()), clew.MakeTraceID(5, rows[i].TraceID.Low())} {
			got, want := b.TraceRows(nil, id, len(rows)), traceRows(rows, id)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("TraceRows(%v) = %v, want %v", id, got, want)
			}
		}
	}
	if got := b.TraceRows(nil, clew.MakeTraceID(9, 1<<63+12345), len(rows)); got != nil {
		t.Errorf("rows of a trace that is not there: %v", got)
	}
}

// TestManyNames has more names than roots and more orders than are kept: attributes
// stay, the order of some does not.
func TestManyNames(t *testing.T) {
	b := build.NewBuilder(0)
	const keys, n = 18, 20_000
	list := func(i int) []clew.Attr {
		var attrs []clew.Attr
		for bit := range keys {
			if i*11>>bit&1 != 0 {
				attrs = append(attrs, clew.Attr{Key: fmt.Sprint("k", bit), Value: clew.IntValue(int64(i))})
			}
		}
		slices.Reverse(attrs)
		return attrs
	}
	for i := range n {
		x := row{Span: clew.Span{TraceID: clew.MakeTraceID(0, 1), SpanID: 1, Name: fmt.Sprint(i), Attrs: list(i), Resource: &clew.Resource{}, Scope: &clew.Scope{}}}
		if i%3 == 0 {
			b.DropRow(begin(b, &x).Shape)
		}
		put(b, &x)
	}
	v := b.View(n)
	rows := span.NewRows(v)
	lost := 0
	for i := range n {
		got, want := rows.Span(i).Attrs, list(i)
		if v.Attrs.Shape[i] == span.NoCode {
			lost++
			slices.SortFunc(got, func(a, b clew.Attr) int { return strings.Compare(a.Key, b.Key) })
			slices.SortFunc(want, func(a, b clew.Attr) int { return strings.Compare(a.Key, b.Key) })
		}
		if !same(got, want) {
			t.Fatalf("row %d: %v, want %v", i, got, want)
		}
	}
	if lost == 0 || lost == n || len(v.Attrs.Shapes.Parent) > 1<<16 {
		t.Errorf("%d of %d orders lost, %d nodes", lost, n, len(v.Attrs.Shapes.Parent))
	}
}

// TestManyNodes has orders that never branch, and too many of them.
func TestManyNodes(t *testing.T) {
	b := build.NewBuilder(0)
	const names, keys = 1000, 100
	lost := 0
	for range 2 {
		lost = 0
		for i := range names {
			at := b.Attrs.Root(uint32(i))
			for k := range keys {
				_, at = b.Attrs.Next(at, fmt.Appendf(nil, "k%d", k), clew.TypeInt)
			}
			if at == span.NoCode {
				lost++
			}
			b.EndSpan(&build.Fixed{TraceLow: 1, SpanID: 1, Shape: at})
		}
	}
	if n := len(b.View(names).Attrs.Shapes.Parent); n != 1<<16 || lost == 0 || lost > names/2 {
		t.Errorf("%d nodes, %d of %d orders lost", n, lost, names)
	}
}

// TestChangingOrders has an operation whose attributes are ever others, among many whose
// attributes are always the same: those keep their orders, however late they come.
func TestChangingOrders(t *testing.T) {
	b := build.NewBuilder(0)
	r := rand.New(rand.NewPCG(1, 2))
	const rows, keys = 20_000, 24
	var lost [2]int
	for i := range rows {
		name, set := uint32(0), r.IntN(1<<keys)
		if i%10 == 9 {
			name, set = uint32(1+i*100/rows), 1<<keys-1
		}
		at := b.Attrs.Root(name)
		for k := range keys {
			if set>>k&1 != 0 {
				_, at = b.Attrs.Next(at, fmt.Appendf(nil, "k%d", k), clew.TypeInt)
			}
		}
		if at == span.NoCode {
			lost[min(name, 1)]++
		}
		b.EndSpan(&build.Fixed{TraceLow: 1, SpanID: 1, Name: name, Shape: at})
	}
	nodes := len(b.View(rows).Attrs.Shapes.Parent)
	if lost[0] < rows*8/10 || lost[1] != 0 || nodes > 20_000 {
		t.Errorf("%d orders lost of what changes, %d of what does not; %d nodes", lost[0], lost[1], nodes)
	}
}

// TestRawColumn has a column whose values hardly repeat: it stops interning, and
// starts again after Reset.
func TestRawColumn(t *testing.T) {
	b := build.NewBuilder(0)
	for range 2 {
		var rows []row
		for i := range 6000 {
			x := row{Span: clew.Span{TraceID: clew.MakeTraceID(0, 1), SpanID: 1, Resource: &clew.Resource{}, Scope: &clew.Scope{},
				Attrs: []clew.Attr{{Key: "id", Value: clew.StringValue(fmt.Sprint(i % 5000))}, {Key: "same", Value: clew.StringValue("x")}}}}
			put(b, &x)
			rows = append(rows, x)
		}
		v := b.View(len(rows))
		check(t, v, rows)
		if n := v.Attrs.Columns[0].Strings.Len(); n != 6000 {
			t.Errorf("%d values in the raw column", n)
		}
		if n := v.Attrs.Columns[1].Strings.Len(); n != 1 {
			t.Errorf("%d values in the other", n)
		}
		b.Reset()
	}
}

func TestOdd(t *testing.T) {
	b := build.NewBuilder(0)
	str, num := clew.StringValue("v"), clew.IntValue(1)
	cases := []struct {
		attrs []clew.Attr
		odd   bool
	}{
		{nil, false},
		{[]clew.Attr{{Key: "a", Value: str}, {Key: "b", Value: num}}, false},
		{[]clew.Attr{{Key: "a", Value: num}}, false},
		{[]clew.Attr{{Key: "a", Value: str}, {Key: "a", Value: num}}, true},
		{[]clew.Attr{{Key: "a", Value: str}, {Key: "a", Value: num}, {Key: "c", Value: num}}, true},
		{[]clew.Attr{{Key: "\xff", Value: num}}, true},
		{[]clew.Attr{{Key: "a", Value: num}, {Key: "b", Value: num}}, false},
	}
	for range 3 {
		for _, c := range cases {
			x := row{Span: clew.Span{Attrs: c.attrs, Resource: &clew.Resource{}, Scope: &clew.Scope{}}}
			f := begin(b, &x)
			if b.Attrs.Odd(f.Shape) != c.odd {
				t.Errorf("%v: odd %v", c.attrs, !c.odd)
			}
			b.EndSpan(f)
		}
	}
	for _, r := range []clew.Resource{
		{Attrs: []clew.Attr{{Key: "a"}, {Key: "a"}}}, {Attrs: []clew.Attr{{Key: "\xff"}}},
		{Attrs: []clew.Attr{{Key: "a", Value: clew.StringValue("\xff")}}}, {SchemaURL: "\xff"},
	} {
		if !span.NewResourceEntry(nil, r).Odd {
			t.Errorf("resource %v is not odd", r)
		}
	}
	if span.NewResourceEntry(nil, clew.Resource{Attrs: []clew.Attr{{Key: "a"}, {Key: "b"}}}).Odd || !span.NewScopeEntry(nil, clew.Scope{Version: "\xff"}).Odd {
		t.Error("entries")
	}
}

// TestBuilderAllocates nothing for a row once the memory is warm.
func TestBuilderAllocates(t *testing.T) {
	r := newRandom(3)
	rows := make([]row, 200)
	for i := range rows {
		rows[i] = r.row()
	}
	b := build.NewBuilder(len(rows))
	fill := func() {
		for i := range rows {
			put(b, &rows[i])
		}
	}
	fill()
	size := b.SizeBytes()
	if size < len(rows)*50 {
		t.Errorf("SizeBytes = %d for %d rows", size, len(rows))
	}
	b.Reset()
	if got := b.SizeBytes(); got > size/2 {
		t.Errorf("SizeBytes = %d after Reset, %d before", got, size)
	}
	fill()
	texts := func(v clew.Value) bool { return v.Type == clew.TypeString || v.Type == clew.TypeOther }
	keys := make(map[string][]byte)
	for _, x := range rows {
		for _, a := range x.Attrs {
			keys[a.Key] = []byte(a.Key)
		}
	}
	name := []byte("name 1")
	if n := testing.AllocsPerRun(20, func() {
		b.Truncate(0)
		for i := range rows {
			f := build.Fixed{TraceHigh: rows[i].TraceID.High(), TraceLow: rows[i].TraceID.Low(), Name: b.InternName(name)}
			f.Shape = b.Attrs.Root(f.Name)
			for _, a := range rows[i].Attrs {
				var c *build.ColumnBuilder
				c, f.Shape = b.Attrs.Next(f.Shape, keys[a.Key], a.Value.Type)
				if texts(a.Value) {
					c.PutBytes(uint32(b.Rows()), a.Value.Bytes)
				} else {
					c.PutBits(uint32(b.Rows()), a.Value.Bits)
				}
			}
			b.EndSpan(&f)
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d rows", n, len(rows))
	}
}
