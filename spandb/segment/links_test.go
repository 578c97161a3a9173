package segment

import (
	"fmt"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// TestLinkTargets seals links to everywhere and reads them by block and by trace.
func TestLinkTargets(t *testing.T) {
	trace := func(n uint64) clew.TraceID { return clew.MakeTraceID(7, n) }
	want := make(map[string][]string) // by trace, span
	var spans []clew.Span
	for n := uint64(1); n <= 6; n++ { // three blocks of two traces
		for id := uint64(1); id <= 20; id++ {
			s := clew.Span{TraceID: trace(n), SpanID: clew.SpanID(id), Name: fmt.Sprint("op ", id%3), Start: clew.UnixNanos(1000*n + id), End: clew.UnixNanos(1000*n + id + 9)}
			link := func(to clew.TraceID, id uint64) {
				s.Links = append(s.Links, clew.Link{TraceID: to, SpanID: clew.SpanID(id)})
				key := fmt.Sprint(s.TraceID, s.SpanID)
				want[key] = append(want[key], fmt.Sprint(to, clew.SpanID(id)))
			}
			switch id {
			case 3:
				link(trace(n), 2)
				link(trace(n), 3)
				link(trace(n), 99)
			case 5:
				link(trace(n^1), 20) // of its block, or of the next or the last
				link(trace(n^1), 1)
				link(trace(n^1), 98)
				link(trace(n+2), 1)
			case 11:
				link(clew.MakeTraceID(8, n), 1)
				link(clew.TraceID{}, 0)
				link(trace(n), 0)
			case 13:
				link(trace(n), 20)
			}
			spans = append(spans, s)
		}
	}
	s := Sealer{BlockRows: 45}
	head := decode(t, [][]byte{storagetest.Body(spans...)})
	r := open(t, s.Seal(head.View(head.Rows()), Meta{Tenant: "x"}, nil))
	if len(r.meta.BlockRows) != 3 {
		t.Fatalf("blocks of %d rows", r.meta.BlockRows)
	}
	got := func(b *span.Batch) map[string][]string {
		out := make(map[string][]string)
		for i, row := range b.Links.Row {
			key := fmt.Sprint(b.TraceIDs[b.Trace[row]], clew.SpanID(b.SpanID[row]))
			out[key] = append(out[key], fmt.Sprint(clew.MakeTraceID(b.Links.TraceHigh[i], b.Links.TraceLow[i]), clew.SpanID(b.Links.SpanID[i])))
		}
		return out
	}
	b := BlockReader{Cache: new(Cache)}
	seen := 0
	compare := func(how string, batch *span.Batch) {
		t.Helper()
		for key, links := range got(batch) {
			seen++
			if !slices.Equal(links, want[key]) {
				t.Errorf("%s: span %s links to %v, want %v", how, key, links, want[key])
			}
		}
	}
	for blk := range r.meta.BlockRows {
		batch, err := b.Read(r, blk, &Need{All: true})
		if err != nil {
			t.Fatal(err)
		}
		compare(fmt.Sprint("block ", blk), batch)
		for _, id := range slices.Clone(batch.TraceIDs) {
			if batch, err = b.ReadTrace(r, blk, id, &Need{All: true}); err != nil {
				t.Fatal(err)
			}
			compare(fmt.Sprint("trace ", id), batch)
		}
	}
	if seen != 2*len(want) {
		t.Errorf("%d spans with links read, want %d twice", seen, len(want))
	}
	if damage := r.Damage(); len(damage) > 0 {
		t.Error(damage)
	}
}
