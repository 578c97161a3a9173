package segment

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// mixedSegments are segments of all forms: of corpora and of odd spans, with presence
// in shapes and explicit, in blocks of many sizes.
func mixedSegments(t testing.TB) map[string]*Reader {
	t.Helper()
	odd := [][]byte{storagetest.Body(storagetest.NewGenerator(4).Spans(150, 9)...)}
	all := make(map[string]*Reader)
	for _, c := range []struct {
		name string
		head *build.Builder
		s    Sealer
	}{
		{"shop", decode(t, corpus.Requests(corpus.Shop, 1, 3000, 500)), Sealer{}},
		{"wide", decode(t, corpus.Requests(corpus.Wide, 1, 1500, 500)), Sealer{BlockRows: 600}},
		{"shop, explicit", decode(t, corpus.Requests(corpus.Shop, 2, 1500, 500)), Sealer{BlockRows: 700, Shapes: 1}},
		{"odd", decode(t, odd), Sealer{}},
		{"odd, small blocks", decode(t, odd), Sealer{BlockRows: 40}},
		{"odd, explicit", decode(t, odd), Sealer{BlockRows: 300, Shapes: 1}},
		{"shop, pooled", decode(t, corpus.Requests(corpus.Shop, 3, 1500, 500)), Sealer{BlockRows: 700, OwnColumns: 10}},
		{"wide, pooled", decode(t, corpus.Requests(corpus.Wide, 3, 5000, 500)), Sealer{BlockRows: 900, Shapes: 20, PooledShare: 50}},
		{"odd, pooled", decode(t, odd), Sealer{BlockRows: 300, OwnColumns: 1}},
		{"by trace", decode(t, corpus.Requests(corpus.Shop, 4, 3000, 500)), Sealer{BlockRows: 600, ByTrace: 1}},
		{"by trace, explicit", decode(t, corpus.Requests(corpus.Wide, 4, 3000, 500)), Sealer{BlockRows: 600, ByTrace: 1, Shapes: 1}},
		{"odd, by trace", decode(t, odd), Sealer{BlockRows: 300, ByTrace: 1, Shapes: 1}},
		{"shop, filters", decode(t, corpus.Requests(corpus.Shop, 5, 3000, 500)), Sealer{BlockRows: 600, Filters: 1}},
	} {
		view := c.head.View(c.head.Rows())
		all[c.name] = open(t, slices.Clone(c.s.Seal(view, Meta{Tenant: "default"}, nil)))
	}
	return all
}

// everything is all that is known of a row.
type everything struct {
	clew.Span
	Extra    string
	Children []string
	Weight   clew.Weight
	Received uint64
}

func everythingOf(r *span.Rows, received func(uint32) uint64, row int) everything {
	e := everything{Span: r.Span(row), Extra: string(r.Extra(row)), Weight: r.Weight(row), Received: received(uint32(row))}
	lo, hi := r.Events(row)
	for i := lo; i < hi; i++ {
		e.Children = append(e.Children, string(r.EventExtra(i)))
	}
	lo, hi = r.Links(row)
	for i := lo; i < hi; i++ {
		e.Children = append(e.Children, string(r.LinkExtra(i)))
	}
	return e
}

// TestReadTrace reads traces one by one and compares each with what a read of the
// whole block says of it: with a cache that has the dictionaries, or the chunks too, and
// with one that has nothing, so that values are picked out of them.
func TestReadTrace(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	for name, s := range mixedSegments(t) {
		picked := 0
		for _, way := range []struct{ keep, cold bool }{{}, {keep: true}, {cold: true}} {
			cache := new(Cache)
			all, one := BlockReader{Cache: cache}, BlockReader{Cache: cache, Keep: way.keep}
			for blk := range s.meta.BlockRows {
				whole, err := all.Read(s, blk, &Need{All: true})
				if err != nil {
					t.Fatal(err)
				}
				rows := span.NewRows(whole)
				want := make(map[clew.TraceID][]everything)
				for i := range whole.Rows {
					id := whole.TraceIDs[whole.Trace[i]]
					want[id] = append(want[id], everythingOf(rows, all.Received, i))
				}
				for id := range want {
					from := s
					if way.cold {
						from = &Reader{file: s.file, meta: s.meta, blocks: s.blocks}
						one = BlockReader{Cache: new(Cache)}
					}
					got, err := one.ReadTrace(from, blk, id, &Need{All: true})
					if err != nil {
						t.Fatalf("%s: trace %v: %v", name, id, err)
					}
					rows, same := span.NewRows(got), make(map[clew.TraceID][]everything)
					for i := range got.Rows {
						id := got.TraceIDs[got.Trace[i]]
						same[id] = append(same[id], everythingOf(rows, one.Received, i))
					}
					for id, list := range same { // it may mean another of the same low half, too
						if !reflect.DeepEqual(list, want[id]) {
							t.Fatalf("%s, block %d: trace %v has %+v, want %+v", name, blk, id, list, want[id])
						}
					}
					if same[id] == nil {
						t.Fatalf("%s, block %d: trace %v is not there", name, blk, id)
					}
					for col := range from.tables.Load().picks {
						if _, kept := from.tables.Load().dicts[col]; !kept {
							picked++
						}
					}
				}
				if got, err := one.ReadTrace(s, blk, clew.MakeTraceID(77, 78), &Need{All: true}); got != nil || err != nil {
					t.Fatalf("%s: a trace that is not there: %v, %v", name, got, err)
				}
			}
		}
		if name == "shop" && picked == 0 {
			t.Error("no value was picked out of a dictionary")
		}
	}
}

// TestPicksEnd reads traces of one segment: after some of them its dictionaries are
// kept.
func TestPicksEnd(t *testing.T) {
	r := open(t, seal(decode(t, corpus.Requests(corpus.Shop, 1, 3000, 500))))
	ids, err := r.TraceIDs(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := BlockReader{Cache: new(Cache)}
	for i := range dictPicks + 1 {
		if _, err := b.ReadTrace(r, 0, ids[0], &Need{All: true}); err != nil {
			t.Fatal(err)
		}
		for col := range r.tables.Load().picks {
			if _, kept := r.tables.Load().dicts[col]; !kept && i == dictPicks {
				t.Errorf("the dictionary of %s is not kept after %d reads", r.blocks.Columns()[col], i+1)
			}
		}
	}
}

// TestReadRows reads some rows of blocks, some columns of them, and compares with a
// read of all rows.
func TestReadRows(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	rng := rand.New(rand.NewPCG(1, 1))
	fields := []span.Field{{Scope: span.ScopeAny, Key: "a"}, {Scope: span.ScopeSpan, Key: "url.path"}, {Scope: span.ScopeSpan, Key: "user.id"},
		{Scope: span.ScopeSpan, Key: "app.score"}, {Scope: span.ScopeEvent, Key: "a"}, {Scope: span.ScopeLink, Key: "b"}}
	for name, s := range mixedSegments(t) {
		cache := new(Cache)
		all, some := BlockReader{Cache: cache, Keep: true}, BlockReader{Cache: cache, Keep: true}
		for round := range 40 {
			blk := round % len(s.meta.BlockRows)
			var n Need
			for i := span.Name; i <= span.ScopeVersion; i++ {
				if rng.IntN(3) == 0 && i != span.ParentID {
					n.Intrinsic(i)
				}
			}
			for _, f := range fields {
				if rng.IntN(2) == 0 {
					n.Field(f)
				}
			}
			if rng.IntN(2) == 0 {
				n.Resources()
			}
			var rows []uint32
			for i := range s.meta.BlockRows[blk] {
				if rng.IntN(7) == 0 || len(rows) == 0 {
					rows = append(rows, uint32(i))
				}
			}
			whole, err := all.Read(s, blk, &n)
			if err != nil {
				t.Fatal(err)
			}
			want := flatten(whole, rows)
			got, err := some.ReadRows(s, blk, &n, rows, false)
			if err != nil {
				t.Fatal(err)
			}
			if got := flatten(got, everyRow(got.Rows)); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s, block %d: rows %v are\n%v, want\n%v", name, blk, rows, got, want)
			}
		}
	}
}

// flatten writes what a batch says of some rows as text, in lines that are sorted by
// row.
func flatten(b *span.Batch, rows []uint32) (out [][]any) {
	for _, row := range rows {
		line := []any{b.TraceIDs[b.Trace[row]], b.Start[row]}
		if b.Duration != nil {
			line = append(line, "duration", b.Duration[row])
		}
		if b.Name != nil {
			line = append(line, "name", string(b.Names.At(int(b.Name[row]))))
		}
		if b.Kind != nil {
			line = append(line, "kind", b.Kind[row])
		}
		if b.Status != nil {
			line = append(line, "status", b.Status[row])
		}
		if b.SpanID != nil {
			line = append(line, "id", b.SpanID[row])
		}
		if b.Resource != nil {
			line = append(line, "resource", b.Resources[b.Resource[row]])
		}
		if b.Scope != nil {
			line = append(line, "scope", b.Scopes[b.Scope[row]])
		}
		value := func(c *span.Column, at uint32) {
			if i, ok := c.Find(at); ok {
				v := c.ValueAt(i)
				line = append(line, c.Key, v.Type, v.Bits, string(v.Bytes))
			}
		}
		value(&b.StatusMessage, row)
		value(&b.TraceState, row)
		for i := range b.Attrs.Columns {
			value(&b.Attrs.Columns[i], row)
		}
		for i, owner := range b.Events.Row {
			if owner == row {
				line = append(line, "event", b.Events.Time[i], string(b.Events.Names.At(int(b.Events.Name[i]))))
				for k := range b.Events.Attrs.Columns {
					value(&b.Events.Attrs.Columns[k], uint32(i))
				}
			}
		}
		for i, owner := range b.Links.Row {
			if owner == row {
				line = append(line, "link", b.Links.TraceHigh[i], b.Links.TraceLow[i], b.Links.SpanID[i], b.Links.Flags[i])
				for k := range b.Links.Attrs.Columns {
					value(&b.Links.Attrs.Columns[k], uint32(i))
				}
			}
		}
		out = append(out, line)
	}
	return out
}
