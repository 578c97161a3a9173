package spandb

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// TestLargeValues keeps attribute values of a mebibyte, of spans, events and links:
// they come back byte by byte and are found by what they are, in a head, in segments
// and merged.
func TestLargeValues(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	const size = 1 << 20
	var now atomic.Int64
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixNano())
	db := mergeStore(t, vfs.NewMem(), &now, Config{SealRows: 8})
	r := rand.New(rand.NewPCG(1, 1))
	random := func() []byte {
		b := make([]byte, size)
		for i := range b {
			b[i] = 'a' + byte(r.IntN(26))
		}
		return b
	}
	same := random()
	values := make([][]byte, 20)
	trace := clew.MakeTraceID(1, 2)
	for i := range values {
		values[i] = same
		if i%2 == 0 {
			values[i] = random()
		}
		big := []clew.Attr{{Key: "big", Value: clew.Value{Type: clew.TypeString, Bytes: values[i]}}}
		body := storagetest.Body(clew.Span{TraceID: trace, SpanID: clew.SpanID(i + 1), Name: "op", Attrs: big,
			Start: clew.FromTime(start) + clew.UnixNanos(i), End: clew.FromTime(start) + clew.UnixNanos(i+1),
			Events: []clew.Event{{Name: "e", Attrs: big}}, Links: []clew.Link{{TraceID: trace, SpanID: 1, Attrs: big}}})
		appendAt(t, db, [][]byte{body}, start)
		if i%5 == 4 {
			sealNow(t, db)
		}
	}
	check := func(where string) {
		t.Helper()
		tr, err := db.Trace(t.Context(), clew.DefaultTenant, trace)
		if err != nil {
			t.Fatal(where, err)
		}
		rows := span.NewRows(tr.Batch)
		if tr.Batch.Rows != len(values) {
			t.Fatalf("%s: %d rows, want %d", where, tr.Batch.Rows, len(values))
		}
		for i := range tr.Batch.Rows {
			s := rows.Span(i)
			want := values[s.SpanID-1]
			for _, got := range [][]clew.Attr{s.Attrs, s.Events[0].Attrs, s.Links[0].Attrs} {
				if len(got) != 1 || !bytes.Equal(got[0].Value.Bytes, want) {
					t.Errorf("%s: span %d came back another", where, s.SpanID)
				}
			}
		}
		big := span.Field{Scope: span.ScopeSpan, Key: "big"}
		for _, c := range []struct {
			value []byte
			rows  int
		}{{same, 10}, {values[4], 1}, {append(bytes.Clone(same[:size-1]), '!'), 0}} {
			if n := countAll(t, db, span.Compare(big, span.Eq, clew.Value{Type: clew.TypeString, Bytes: c.value})); n != c.rows {
				t.Errorf("%s: %d rows have the value, want %d", where, n, c.rows)
			}
		}
	}
	check("in segments")
	now.Store(start.Add(25 * time.Hour).UnixNano())
	if n, err := db.mergeAll(t.Context()); n == 0 || err != nil {
		t.Fatal(n, err)
	}
	check("merged")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTenThousandSegments keeps ten thousand segments: the store opens without opening
// them, counts all, finds traces, finds the newest without reading the others, and
// merges them to a few.
func TestTenThousandSegments(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	const segments, rows = 10_000, 2
	disk := vfs.NewMem()
	var now atomic.Int64
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixNano())
	db := mergeStore(t, disk, &now, Config{SealRows: rows})
	for i := range uint64(segments) {
		at := clew.FromTime(start) + clew.UnixNanos(i*1e6)
		record := storage.Record{Tenant: clew.DefaultTenant, ReceivedAt: at.Time(), Body: storagetest.Body(
			clew.Span{TraceID: clew.MakeTraceID(7, i+1), SpanID: 1, Name: "get", Start: at, End: at + 5, Resource: &clew.Resource{}},
			clew.Span{TraceID: clew.MakeTraceID(7, i+1), SpanID: 2, ParentID: 1, Name: fmt.Sprint("op ", i%9), Start: at + 1, End: at + 2, Resource: &clew.Resource{}})}
		if _, err := db.Append(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		if err := db.sealQueued(); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db = mergeStore(t, disk, &now, Config{})
	if s := db.Stats(); s.Segments != segments || s.SegmentRows != segments*rows {
		t.Fatalf("%d segments of %d rows", s.Segments, s.SegmentRows)
	}
	check := func(where string) {
		t.Helper()
		if n := countAll(t, db, span.Condition{}); n != segments*rows {
			t.Errorf("%s: %d rows", where, n)
		}
		if n, want := countAll(t, db, span.Compare(intrinsic(span.Name), span.Eq, clew.StringValue("op 3"))), 1111; n != want {
			t.Errorf("%s: %d rows of an operation, want %d", where, n, want)
		}
		for _, i := range []uint64{1, 777, segments} {
			tr, err := db.Trace(t.Context(), clew.DefaultTenant, clew.MakeTraceID(7, i))
			if err != nil || tr.Batch.Rows != rows {
				t.Errorf("%s: trace %d: %v", where, i, err)
			}
		}
	}
	// The newest come first, and whoever stops there has read no more.
	var st storage.Stats
	seen := 0
	for batch, err := range db.Scan(context.Background(), storage.Request{Tenant: clew.DefaultTenant, Stats: &st}) {
		if err != nil || batch.MaxStart != clew.FromTime(start)+(segments-1)*1e6+1 {
			t.Errorf("the newest batch is up to %v, %v", batch.MaxStart, err)
		}
		seen = batch.Rows
		break
	}
	if seen == 0 || st.Rows > 10*rows {
		t.Errorf("%d rows were looked at for the newest", st.Rows)
	}
	check("apart")
	now.Store(start.Add(25 * time.Hour).UnixNano())
	if _, err := db.mergeAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := db.Stats(); s.Segments > 4 {
		t.Errorf("%d segments after the merge", s.Segments)
	}
	check("merged")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
