package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// halves are two heads: traces of three have a span in each, the others are in one.
type halves struct {
	heads  []*span.Batch
	in     map[clew.TraceID][]int
	scan   *Scan
	most   int // traces that were remembered at a time
	whole  int // traces that were read
	failed error
}

func newHalves(t *testing.T, traces int) *halves {
	h := &halves{in: make(map[clew.TraceID][]int)}
	for half := range 2 {
		var spans []clew.Span
		for i := range traces {
			if i%3 == 0 || i%3 == half+1 {
				id := clew.MakeTraceID(1, uint64(i+1))
				h.in[id] = append(h.in[id], half)
				spans = append(spans, clew.Span{TraceID: id, SpanID: clew.SpanID(half + 1), Start: 5, End: 6})
			}
		}
		b, dec := build.NewBuilder(0), otlp.Decoder{}
		if _, err := dec.Decode(b, storagetest.Body(spans...), otlp.Options{}); err != nil {
			t.Fatal(err)
		}
		h.heads = append(h.heads, b.View(b.Rows()))
	}
	return h
}

func (h *halves) Alone(set column.Bitmap, ids []clew.TraceID, _ Place) {
	for ord := range set.Ones() {
		if len(h.in[ids[ord]]) > 1 {
			set.Clear(ord)
		}
	}
}

func (h *halves) Failed() error { return h.failed }

func (h *halves) Lend() Loan { return unused{} }

// unused is the loan of who reads none together.
type unused struct{ Loan }

func (unused) Return() {}

func (h *halves) Blocks(dst []Stored, _ clew.TraceID) ([]Stored, bool) { return dst, false }

func (h *halves) Whole(_ context.Context, id clew.TraceID) (b *span.Batch, bytes int64, free func(), err error) {
	h.whole++
	h.most = max(h.most, h.scan.apart.Len())
	both := build.NewBuilder(0)
	for _, half := range h.in[id] {
		from := h.heads[half]
		for row, ord := range from.Trace {
			if from.TraceIDs[ord] == id {
				both.AppendRows(from, []uint32{uint32(row)})
			}
		}
	}
	return both.View(both.Rows()), 1, func() {}, nil
}

// run scans by traces and returns how many rows of each came.
func (h *halves) run(t *testing.T, room int, r storage.Request) (rows map[clew.TraceID]int, stats storage.Stats) {
	t.Helper()
	h.most, h.whole = 0, 0
	r.Mode, r.Columns, r.Stats = storage.Traces, storage.Columns{All: true}, &stats
	h.scan = &Scan{Request: r, Heads: slices.Clone(h.heads), Cache: new(segment.Cache), Damaged: func(error) {}, Traces: h, Room: room}
	rows = make(map[clew.TraceID]int)
	err := h.scan.Run(t.Context(), func(b *span.Batch, err error) bool {
		for row, ord := range b.Trace {
			if b.Traced == nil || b.Traced.Get(row) {
				rows[b.TraceIDs[ord]]++
			}
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows, stats
}

// However few traces may be remembered, each comes whole and once.
func TestApart(t *testing.T) {
	const traces = 300
	h := newHalves(t, traces)
	for _, room := range []int{1, 7, 64, 100, 0} {
		rows, stats := h.run(t, room, storage.Request{})
		if len(rows) != traces {
			t.Errorf("room for %d: %d traces, want %d", room, len(rows), traces)
		}
		for id, n := range rows {
			if n != len(h.in[id]) {
				t.Errorf("room for %d: %d rows of trace %s, want %d", room, n, id, len(h.in[id]))
			}
		}
		if h.whole != traces/3 || stats.Apart != traces/3 || stats.ApartRead != traces/3 || stats.Rows != stats.Total || stats.Heads != 2 {
			t.Errorf("room for %d: %d traces read, %+v", room, h.whole, stats)
		}
		if room > 0 && h.most > room {
			t.Errorf("room for %d: %d traces remembered", room, h.most)
		}
		if passes := stats.Rows / int64(h.heads[0].Rows+h.heads[1].Rows); (passes > 1) != (room > 0 && room < traces/3) {
			t.Errorf("room for %d: gone over %d times", room, passes)
		}
	}
}

// What is asked about a trace that would be read by itself leaves it out, or ends the scan.
func TestApartIsAsked(t *testing.T) {
	h := newHalves(t, 300)
	rows, _ := h.run(t, 7, storage.Request{Apart: func(id clew.TraceID) (bool, error) { return id.Low()%2 == 0, nil }})
	if len(rows) != 250 || h.whole != 50 {
		t.Errorf("%d traces, %d of them read, want 250 and 50", len(rows), h.whole)
	}
	broken := errors.New("broken")
	h.scan = &Scan{Request: storage.Request{Mode: storage.Traces, Stats: new(storage.Stats), Apart: func(clew.TraceID) (bool, error) { return false, broken }},
		Heads: h.heads, Cache: new(segment.Cache), Traces: h}
	if err := h.scan.Run(t.Context(), func(*span.Batch, error) bool { return true }); !errors.Is(err, broken) {
		t.Errorf("Run = %v, want what was answered", err)
	}
}

// Where it is not known any more which traces lie in several places, no trace comes twice,
// and the scan says that some are missing.
func TestApartFailed(t *testing.T) {
	h := newHalves(t, 300)
	h.failed = fmt.Errorf("damaged")
	rows, stats := h.run(t, 7, storage.Request{})
	if stats.Damage == nil || stats.ApartRead >= stats.Apart || len(rows) != 200+h.whole || h.whole > 7 {
		t.Errorf("%d traces, %d of them read, %+v", len(rows), h.whole, stats)
	}
	if rows, stats = h.run(t, 100, storage.Request{}); len(rows) != 300 || stats.Damage != nil {
		t.Errorf("with room for all: %d traces, %+v", len(rows), stats)
	}
}
