package spandb

import (
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// TestSameLowHalves scans by traces of which two have ids that differ in their high halves
// only, and both lie in two segments.
func TestSameLowHalves(t *testing.T) {
	db := openDB(t, vfs.NewMem(), "data", Config{SealRows: 2, Window: -1})
	defer db.Close()
	for part := range 2 {
		var spans []clew.Span
		for high := range 2 {
			spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(uint64(high+1), 7), SpanID: clew.SpanID(part + 1), Name: "n", Start: 5, End: 6})
		}
		sendTo(t, db, clew.DefaultTenant, spans...)
		settle(t, db)
	}
	rows := make(map[clew.TraceID]int)
	r := storage.Request{Tenant: clew.DefaultTenant, Mode: storage.Traces, Columns: storage.Columns{Intrinsics: []span.Intrinsic{span.SpanID}}}
	for b, err := range db.Scan(t.Context(), r) {
		if err != nil {
			t.Fatal(err)
		}
		for row, ord := range b.Trace {
			if b.Traced == nil || b.Traced.Get(row) {
				rows[b.TraceIDs[ord]]++
			}
		}
	}
	if len(rows) != 2 || rows[clew.MakeTraceID(1, 7)] != 2 || rows[clew.MakeTraceID(2, 7)] != 2 {
		t.Errorf("rows by trace: %v, want two of each of two", rows)
	}
}
