package scan

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment"
)

// TestFilters looks identifiers up that are in a segment and such that are not: of
// these most are told by the filter, and a damaged filter only costs time.
func TestFilters(t *testing.T) {
	keys := []string{"app.order.id", "session.id"}
	for _, s := range []segment.Sealer{{Filters: 1}, {Filters: 1, BlockRows: 500}, {Filters: 1, BlockRows: 500, ByTrace: 1}, {Filters: 1, Shapes: 1}} {
		for _, damaged := range []bool{false, true} {
			data := sealed(t, corpus.Requests(corpus.Shop, 1, 3000, 500), &s)
			for _, key := range keys {
				off := filterOf(t, data, key)
				if damaged {
					data[off] ^= 1
				}
			}
			p := plainOf(t, open(t, data))
			for _, key := range keys {
				f := span.Field{Scope: span.ScopeSpan, Key: key}
				for _, v := range valuesOf(p, key) {
					p.check(t, span.Compare(f, span.Eq, v), clew.Window{})
					p.check(t, span.Negate(span.Compare(f, span.Eq, v)), clew.Window{})
					p.check(t, span.Compare(f, span.Ne, v), clew.Window{})
				}
				passed := 0
				for i := range 200 {
					where := span.Compare(f, span.Eq, clew.StringValue(fmt.Sprintf("no-%06d", i)))
					p.check(t, where, clew.Window{})
					if x, err := New(p.cache, where, clew.Window{}).Segment(p.Reader); err != nil {
						t.Fatal(err)
					} else if x == nil {
						passed++
					}
				}
				if !damaged && passed < 190 || damaged && passed > 0 {
					t.Errorf("%+v, damaged %v: of 200 values of %s that are nowhere, %d are known to be", s, damaged, key, passed)
				}
			}
		}
	}
}

// filterOf returns where the filter of a column of strings lies.
func filterOf(t *testing.T, data []byte, key string) int64 {
	t.Helper()
	r, err := block.Open(bytes.NewReader(data), int64(len(data)), "x.seg")
	if err != nil {
		t.Fatal(err)
	}
	col, ok := r.Column("f0" + key)
	if !ok {
		t.Fatalf("%s has no filter", key)
	}
	return r.Offset(col, block.WholeSegment)
}

// valuesOf returns some values that the rows of a segment have.
func valuesOf(p *plain, key string) (values []clew.Value) {
	for _, b := range p.blocks {
		i := slices.IndexFunc(b.Attrs.Columns, func(c span.Column) bool { return c.Key == key })
		for k := range min(20, b.Attrs.Columns[i].Len()) {
			values = append(values, b.Attrs.Columns[i].ValueAt(k))
		}
	}
	return values
}
