package spandb

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// TestScanTellsWhatItPruned scans three segments, of an hour and a name each, and a head,
// of which it is known which can have a match.
func TestScanTellsWhatItPruned(t *testing.T) {
	db := openDB(t, vfs.NewMem(), "data", Config{SealRows: 4, Window: -1})
	defer db.Close()
	const hour = clew.UnixNanos(time.Hour)
	for i, name := range []string{"a", "b", "c", "head"} {
		var spans []clew.Span
		for k := range 4 - i/3 { // the last are too few to be sealed
			at := clew.UnixNanos(i+1) * hour
			spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: clew.SpanID(k + 1), Name: name,
				Start: at, End: at + clew.UnixNanos(k+1), Attrs: []clew.Attr{{Key: "of", Value: clew.StringValue(name)}}})
		}
		sendTo(t, db, clew.DefaultTenant, spans...)
		settle(t, db)
	}
	named := func(s string) span.Condition {
		return span.Compare(span.Field{Intrinsic: span.Name}, span.Eq, clew.StringValue(s))
	}
	longer := span.Compare(span.Field{Intrinsic: span.Duration}, span.Gt, clew.IntValue(10))
	for _, c := range []struct {
		name                string
		where               span.Condition
		window              clew.Window
		heads, rows, pruned int
		segments, blocks    storage.Pruning
	}{
		{"all", span.Condition{}, clew.Window{}, 1, 15, 0, storage.Pruning{Total: 3, Read: 3}, storage.Pruning{Total: 3, Read: 3}},
		{"a window", span.Condition{}, clew.Window{Start: 2 * hour, End: 3 * hour}, 1, 7, 8,
			storage.Pruning{Total: 3, ByTime: 2, Read: 1}, storage.Pruning{Total: 1, Read: 1}},
		{"a name", named("b"), clew.Window{}, 1, 7, 8, storage.Pruning{Total: 3, ByContent: 2, Read: 1}, storage.Pruning{Total: 1, Read: 1}},
		{"a value", span.Compare(spanAttr("of"), span.Eq, clew.StringValue("c")), clew.Window{}, 1, 7, 8,
			storage.Pruning{Total: 3, ByContent: 2, Read: 1}, storage.Pruning{Total: 1, Read: 1}},
		{"a name outside of the window", named("b"), clew.Window{Start: 3 * hour}, 1, 3, 12,
			storage.Pruning{Total: 3, ByTime: 2, ByContent: 1}, storage.Pruning{}},
		{"bounds", longer, clew.Window{}, 1, 3, 12, storage.Pruning{Total: 3, Read: 3}, storage.Pruning{Total: 3, ByContent: 3}},
	} {
		var st storage.Stats
		looked := 0
		request := storage.Request{Tenant: clew.DefaultTenant, Where: c.where, Window: c.window, Stats: &st, Looked: func() { looked++ }}
		for _, err := range db.Scan(context.Background(), request) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if want := c.heads + c.segments.Total - c.segments.ByTime + c.blocks.Read; looked != want {
			t.Errorf("%s: told %d times that it went on, want %d: of each head, segment and block", c.name, looked, want)
		}
		if st.Heads != c.heads || st.Rows != int64(c.rows) || st.PrunedRows != int64(c.pruned) || st.Segments != c.segments || st.Blocks != c.blocks || st.Tests != nil {
			t.Errorf("%s: %+v, want heads %d, rows %d, pruned %d, segments %+v, blocks %+v", c.name, st, c.heads, c.rows, c.pruned, c.segments, c.blocks)
		}
	}
}

// TestScanTellsItsTests has the cheap tests first, whatever the order of the conditions.
func TestScanTellsItsTests(t *testing.T) {
	db := openDB(t, vfs.NewMem(), "data", Config{Window: -1})
	defer db.Close()
	where := span.AllOf(
		span.Compare(span.Field{Intrinsic: span.StatusMessage}, span.Eq, clew.StringValue("no")),
		span.Compare(spanAttr("http.route"), span.Eq, clew.StringValue("/")),
		span.Compare(span.Field{Intrinsic: span.Duration}, span.Gt, clew.IntValue(int64(500*time.Millisecond))),
		span.Compare(span.Field{Intrinsic: span.SpanKind}, span.Eq, clew.IntValue(int64(clew.KindServer))))
	var st storage.Stats
	for range db.Scan(context.Background(), storage.Request{Tenant: clew.DefaultTenant, Where: where, Window: clew.Window{Start: 1}, Explain: true, Stats: &st}) {
		t.Error("an empty store has a match")
	}
	want := []storage.Test{
		{Condition: "kind = server", On: "names and kinds that rows have in common"},
		{Condition: "the window", On: "start times, packed"},
		{Condition: "duration > 500ms", On: "durations, packed"},
		{Condition: `span.http.route = "/"`, On: "dictionaries and bounds, then packed values"},
		{Condition: `statusMessage = "no"`, On: "columns, row by row"},
	}
	if !slices.Equal(st.Tests, want) {
		t.Errorf("tests %+v\nwant %+v", st.Tests, want)
	}
}

// TestTracesApartCount scans by traces that lie in two segments each: what is looked at to
// put them together counts, and ends the scan when that is as much as it may look at.
func TestTracesApartCount(t *testing.T) {
	db := openDB(t, vfs.NewMem(), "data", Config{SealRows: 40, Window: -1})
	defer db.Close()
	const traces = 40
	for part := range 2 {
		var spans []clew.Span
		for i := range traces {
			spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: clew.SpanID(part + 1), Name: "n", Start: 5, End: 6})
		}
		sendTo(t, db, clew.DefaultTenant, spans...)
		settle(t, db)
	}
	scan := func(maxBytes int64) (st storage.Stats, got int) {
		t.Helper()
		r := storage.Request{Tenant: clew.DefaultTenant, Mode: storage.Traces, MaxBytes: maxBytes, Stats: &st,
			Columns: storage.Columns{Intrinsics: []span.Intrinsic{span.SpanID, span.SpanKind}}}
		for b, err := range db.Scan(context.Background(), r) {
			if err != nil {
				t.Fatal(err)
			}
			got += len(b.TraceIDs)
		}
		return st, got
	}
	all, got := scan(0)
	if got != traces || all.Exhausted {
		t.Fatalf("%d traces, %+v", got, all)
	}
	some, got := scan(all.Bytes / 2)
	if !some.Exhausted || got == 0 || got == traces || some.Bytes < all.Bytes/2 || some.Bytes >= all.Bytes {
		t.Errorf("with half of %d bytes: %d traces, %+v", all.Bytes, got, some)
	}
}
