package spandb

import (
	"context"
	"errors"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/admission"
	"github.com/clew-tracing/clew/vfs"
)

// TestTracesHaveARation reads traces in memory for three hundred spans: a second one
// of two hundred has to wait for the first, one of a thousand is refused, from a head
// as from a segment.
func TestTracesHaveARation(t *testing.T) {
	ctx, name := context.Background(), clew.DefaultTenant
	db := openDB(t, vfs.NewMem(), "data", Config{Window: -1, Memory: Memory{Traces: 300 * traceRowBytes}})
	defer db.Close()
	halt(db)
	for id, n := range map[uint64]int{1: 200, 2: 200, 3: 1000} {
		sendTo(t, db, name, someSpans(id, n)...)
	}
	check := func(where string) {
		t.Helper()
		first, err := db.Trace(ctx, name, clew.MakeTraceID(7, 1))
		if err != nil || first.Rows != 200 {
			t.Fatalf("%s: %d spans, %v", where, first.Rows, err)
		}
		var busy *clew.Error
		if _, err := db.Trace(ctx, name, clew.MakeTraceID(7, 2)); !errors.As(err, &busy) || busy.Kind != clew.Busy || busy.RetryAfter != admission.Retry {
			t.Errorf("%s: a second trace: %v, want busy", where, err)
		}
		first.Free()
		first.Free()
		second, err := db.Trace(ctx, name, clew.MakeTraceID(7, 2))
		if err != nil || second.Rows != 200 {
			t.Errorf("%s: after the first is gone: %d spans, %v", where, second.Rows, err)
		}
		second.Free()
		if _, err := db.Trace(ctx, name, clew.MakeTraceID(7, 3)); clew.KindOf(err) != clew.TooLarge {
			t.Errorf("%s: a trace larger than the ration: %v, want too large", where, err)
		}
		if n := db.traceRows.Used(); n != 0 {
			t.Errorf("%s: %d bytes are lent while nobody reads", where, n)
		}
	}
	check("in the head")
	sealNow(t, db)
	check("in a segment")
}
