package spandb

import (
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// TestTracesTogether scans by traces that lie in two segments each: among them some whose
// rows come twice, some under two ids, and some in the head, too. Each comes whole and once,
// and a block is not read for each of its traces, where there is the memory for several.
func TestTracesTogether(t *testing.T) {
	for _, memory := range []int64{0, 32 << 10} {
		testTracesTogether(t, memory)
	}
}

func testTracesTogether(t *testing.T, memory int64) {
	const traces, inHead = 200, 3
	fs := vfs.NewMem()
	db := openDB(t, fs, "data", Config{SealRows: 2 * traces, Window: -1, Memory: Memory{Traces: memory}})
	defer db.Close()
	expected := make(map[uint64]int) // spans, by the low half of the id
	for part := range 2 {
		var spans []clew.Span
		for i := range uint64(traces) {
			id := clew.MakeTraceID(1, i+1)
			if part == 1 && i%50 == 7 {
				id = clew.MakeTraceID(0, i+1)
			}
			of := []clew.SpanID{clew.SpanID(part + 1), 3}
			if i%10 > 0 {
				of[1] = clew.SpanID(part + 3) // else it comes in both
			}
			for _, s := range of {
				spans = append(spans, clew.Span{TraceID: id, SpanID: s, ParentID: s - 1, Name: "n", Start: storagetest.Epoch, End: storagetest.Epoch + 5})
			}
			if expected[i+1] = 4; i%10 == 0 {
				expected[i+1] = 3
			}
		}
		sendTo(t, db, clew.DefaultTenant, spans...)
		settle(t, db)
	}
	for i := range uint64(inHead) {
		sendTo(t, db, clew.DefaultTenant, clew.Span{TraceID: clew.MakeTraceID(1, i+1), SpanID: 99, Name: "n", Start: storagetest.Epoch, End: storagetest.Epoch + 5})
		expected[i+1]++
	}
	scan := func() (got map[uint64]int, st storage.Stats) {
		t.Helper()
		got = make(map[uint64]int)
		r := storage.Request{Tenant: clew.DefaultTenant, Mode: storage.Traces, Stats: &st, Columns: storage.Columns{Tree: true, Intrinsics: []span.Intrinsic{span.SpanID}}}
		for b, err := range db.Scan(t.Context(), r) {
			if err != nil {
				t.Fatal(err)
			}
			if used := db.traceRows.Used(); used <= 0 || used > db.traceRows.Most()/2 {
				t.Errorf("%d bytes are lent for %d traces, of %d", used, len(b.TraceIDs), db.traceRows.Most())
			}
			for row, ord := range b.Trace {
				if b.Traced == nil || b.Traced.Get(row) {
					got[b.TraceIDs[ord].Low()]++
				}
			}
		}
		return got, st
	}
	got, st := scan()
	if used := db.traceRows.Used(); used != 0 {
		t.Errorf("%d bytes are lent when all is done", used)
	}
	for id, n := range expected {
		if got[id] != n {
			t.Errorf("%d rows of trace %d, want %d", got[id], id, n)
		}
	}
	if len(got) != traces || st.Apart != traces || st.ApartRead != traces {
		t.Errorf("%d traces, %+v", len(got), st)
	}
	segs := tenantFor(t, db).list.segs
	bytes := int64(0)
	for _, s := range segs {
		b, err := vfs.ReadFile(fs, s.path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		bytes += int64(len(b))
	}
	if len(segs) != 2 || memory == 0 && st.Bytes > 30*bytes {
		t.Errorf("%d bytes read of %d segments of %d", st.Bytes, len(segs), bytes)
	}
}

// TestTracesTogetherDamaged scans by traces of which some blocks are damaged: what can be
// read of each comes, and the answer says what it lacks.
func TestTracesTogetherDamaged(t *testing.T) {
	const traces = 40
	fs := vfs.NewMem()
	db, err := Open(fs, "data", Config{SealRows: traces, Window: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for part := range 3 {
		var spans []clew.Span
		for i := range uint64(traces) {
			spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, i+1), SpanID: clew.SpanID(part + 1), Name: "n", Start: storagetest.Epoch, End: storagetest.Epoch + 5})
		}
		sendTo(t, db, clew.DefaultTenant, spans...)
		settle(t, db)
	}
	segs := tenantFor(t, db).list.segs
	b, err := vfs.ReadFile(fs, segs[1].path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i := 8; i < len(b)/2; i++ { // all chunks of rows, not the directory behind them
		b[i] ^= 0x10
	}
	if err := vfs.Replace(fs, segs[1].path, b); err != nil {
		t.Fatal(err)
	}
	var st storage.Stats
	rows := make(map[clew.TraceID]int)
	for b, err := range db.Scan(t.Context(), storage.Request{Tenant: clew.DefaultTenant, Mode: storage.Traces, Stats: &st, Columns: storage.Columns{Tree: true, Intrinsics: []span.Intrinsic{span.SpanID}}}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, ord := range b.Trace {
			rows[b.TraceIDs[ord]]++
		}
	}
	if len(rows) != traces || st.Damage == nil || st.ApartRead != traces {
		t.Errorf("%d traces, %+v", len(rows), st)
	}
	for id, n := range rows {
		if n != 2 {
			t.Errorf("%d rows of trace %s, want those of two segments", n, id)
		}
	}
}
