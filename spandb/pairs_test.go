package spandb

import (
	"context"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// One span may have 100,000 events and as many links: ten thousand million pairs, which
// take minutes. A scan that relates them ends with its context, within the head, and
// yields nothing that it has not finished.
func TestPairsEndWithTheContext(t *testing.T) {
	const each = 100_000
	s := clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: 1, Name: "op", Start: 10, End: 20,
		Events: make([]clew.Event, each), Links: make([]clew.Link, each)}
	for i := range each {
		s.Events[i] = clew.Event{Name: "e", Time: 11}
		s.Links[i] = clew.Link{TraceID: s.TraceID, SpanID: 7}
	}
	db := openDB(t, vfs.NewMem(), "data", Config{Window: -1})
	if n := appendAll(t, db, [][]byte{storagetest.Body(s)}); n != 1 {
		t.Fatalf("%d spans were taken, want 1", n)
	}
	field := func(i span.Intrinsic) span.Expr { return span.FieldOf(span.Field{Intrinsic: i}) }
	never := span.Relates(field(span.EventName), span.Eq, field(span.LinkSpanID))
	check := func(where string) {
		t.Helper()
		for _, mode := range []storage.Mode{0, storage.Traces} {
			for _, c := range []span.Condition{never, span.Negate(never)} {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				began, batches, end := time.Now(), 0, error(nil)
				r := storage.Request{Tenant: clew.DefaultTenant, Mode: mode, Where: c, Columns: storage.Columns{All: true}, Stats: new(storage.Stats)}
				for _, err := range db.Scan(ctx, r) {
					if end = err; err == nil {
						batches++
					}
				}
				cancel()
				if took := time.Since(began); clew.KindOf(end) != clew.Canceled || batches > 0 || took > 20*time.Second {
					t.Errorf("%s, mode %v, %v: %d batches, %v, after %v; want none and that it was cancelled at once", where, mode, c, batches, end, took)
				}
			}
		}
	}
	check("in a head")
	db.retireWhere(func(*head) bool { return true })
	settle(t, db)
	check("in a segment")
}
