package spandb

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// named returns a span of a trace with a name that tells it from others of its id.
func named(high, low uint64, id clew.SpanID, name string, kind clew.Kind) clew.Span {
	return clew.Span{TraceID: clew.MakeTraceID(high, low), SpanID: id, Name: name, Kind: kind, Start: storagetest.Epoch, End: storagetest.Epoch + 9}
}

// namesOf lists a trace's rows as "id:name", sorted.
func namesOf(t *testing.T, db *DB, id clew.TraceID) (names []string, tr storage.Trace) {
	t.Helper()
	tr, err := db.Trace(context.Background(), clew.DefaultTenant, id)
	if err != nil {
		t.Fatal(err)
	}
	rows := span.NewRows(tr.Batch)
	for i := range tr.Rows {
		s := rows.Span(i)
		names = append(names, fmt.Sprintf("%d:%s", uint64(s.SpanID), s.Name))
	}
	slices.Sort(names)
	return names, tr
}

// sealNow seals the active head of a store whose worker is halted.
func sealNow(t *testing.T, db *DB) {
	t.Helper()
	db.retireWhere(func(*head) bool { return true })
	if err := db.sealQueued(); err != nil {
		t.Fatal(err)
	}
}

// TestFirstReceived sends rows of equal identity in an order that is neither that
// of their names nor of their starts, nor that of their services: whatever is sealed
// in between, the first received is shown and the others are counted.
func TestFirstReceived(t *testing.T) {
	const client, server = clew.KindClient, clew.KindServer
	late := named(1, 1, 1, "m", client)
	late.Start -= 100 // earlier by its own clock
	requests := [][]clew.Span{
		{named(1, 1, 1, "k", client), named(1, 1, 2, "child", client)},
		{late, named(1, 1, 2, "child", client)},              // a conflict, a duplicate
		{named(1, 1, 1, "a", server)},                        // Zipkin's shared span: a row of its own
		{named(0, 1, 1, "b", client)},                        // the same by its 64-bit id
		{named(1, 1, 1, "z", server), named(2, 1, 9, "", 0)}, // a conflict; another trace of the same low half
		{named(0, 1, 3, "only", client)},
	}
	for _, seals := range []string{"", "0", "1", "2", "4", "5", "0123", "012345", "135"} {
		for _, blockRows := range []int{0, 1} {
			db := openDB(t, vfs.NewMem(), "data", Config{Window: -1})
			halt(db)
			db.sealer.BlockRows = blockRows
			for i, spans := range requests {
				sendTo(t, db, clew.DefaultTenant, spans...)
				if slices.Contains([]byte(seals), byte('0'+i)) {
					sealNow(t, db)
				}
			}
			names, tr := namesOf(t, db, clew.MakeTraceID(1, 1))
			if want := []string{"1:a", "1:k", "2:child", "3:only"}; !slices.Equal(names, want) || tr.Duplicates != 1 || tr.Conflicts != 3 {
				t.Errorf("sealed after %q: %v, %d duplicates, %d conflicts, want %v, 1 and 3", seals, names, tr.Duplicates, tr.Conflicts, want)
			}
			var conflicting []string
			for _, row := range tr.Conflicting {
				conflicting = append(conflicting, string(tr.Names.At(int(tr.Name[row]))))
			}
			if slices.Sort(conflicting); !slices.Equal(conflicting, []string{"a", "k"}) {
				t.Errorf("sealed after %q: conflicting are %v, want a and k", seals, conflicting)
			}
			if names, _ = namesOf(t, db, clew.MakeTraceID(0, 1)); len(names) != 5 {
				t.Errorf("sealed after %q: by its 64-bit id %v, want 5 rows", seals, names)
			}
			if names, _ = namesOf(t, db, clew.MakeTraceID(2, 1)); !slices.Equal(names, []string{"1:b", "3:only", "9:"}) {
				t.Errorf("sealed after %q: the other trace of the low half %v", seals, names)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestCompleted sends rows that have no end yet, and ends of some of them before and after:
// whatever is sealed in between, the row with an end is shown, and a merge leaves it alone.
func TestCompleted(t *testing.T) {
	running := func(id clew.SpanID, name string) clew.Span {
		x := named(1, 1, id, name, clew.KindServer)
		x.End = 0
		return x
	}
	requests := [][]clew.Span{
		{running(1, "a"), named(1, 1, 2, "b", clew.KindServer), running(3, "c")},
		{running(1, "z"), running(2, "late")},
		{named(1, 1, 1, "k", clew.KindServer)},
	}
	for _, seals := range []string{"", "0", "1", "01", "012"} {
		var now atomic.Int64
		start := storagetest.Epoch.Time()
		now.Store(start.UnixNano())
		db := mergeStore(t, vfs.NewMem(), &now, Config{})
		for i, spans := range requests {
			appendAt(t, db, [][]byte{storagetest.Body(spans...)}, start)
			if slices.Contains([]byte(seals), byte('0'+i)) {
				sealNow(t, db)
			}
		}
		want := []string{"1:k", "2:b", "3:c"}
		if names, tr := namesOf(t, db, clew.MakeTraceID(1, 1)); !slices.Equal(names, want) || tr.Duplicates != 3 || tr.Conflicts != 0 {
			t.Errorf("sealed after %q: %v, %d duplicates, %d conflicts, want %v, 3 and none", seals, names, tr.Duplicates, tr.Conflicts, want)
		}
		if seals == "012" {
			now.Add(int64(25 * time.Hour))
			var info MergeInfo
			db.cfg.Events.Merged = func(i MergeInfo) { info = i }
			if n, err := db.mergeAll(t.Context()); n != 1 || err != nil || info.Duplicates != 3 {
				t.Errorf("%d merges, %v, %+v, want one that drops 3 rows", n, err, info)
			}
			if names, tr := namesOf(t, db, clew.MakeTraceID(1, 1)); !slices.Equal(names, want) || tr.Duplicates != 0 {
				t.Errorf("merged: %v, %d duplicates, want %v and none", names, tr.Duplicates, want)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMergedConflicts asks for whole traces, of which one has two different rows of one
// identity: before their merge and after it, the first received is shown.
func TestMergedConflicts(t *testing.T) {
	var now atomic.Int64
	start := storagetest.Epoch.Time()
	now.Store(start.UnixNano())
	db := mergeStore(t, vfs.NewMem(), &now, Config{})
	defer db.Close()
	for i, spans := range [][]clew.Span{
		{named(1, 1, 1, "z", clew.KindServer), named(1, 2, 1, "other", clew.KindServer)},
		{named(1, 1, 1, "a", clew.KindServer), named(1, 1, 2, "child", clew.KindClient)},
	} {
		appendAt(t, db, [][]byte{storagetest.Body(spans...)}, start.Add(time.Duration(i)*time.Second))
		sealNow(t, db)
	}
	want := []string{"child", "other", "z"}
	for _, merged := range []bool{false, true} {
		if merged {
			now.Add(int64(25 * time.Hour))
			if n, err := db.mergeAll(t.Context()); n != 1 || err != nil {
				t.Fatalf("%d merges, %v", n, err)
			}
		}
		for _, tree := range []bool{false, true} {
			var got []string
			var st storage.Stats
			for b, err := range db.Scan(t.Context(), storage.Request{Tenant: clew.DefaultTenant, Mode: storage.Traces, Stats: &st,
				Columns: storage.Columns{Tree: tree, Intrinsics: []span.Intrinsic{span.SpanID, span.Name}}}) {
				if err != nil {
					t.Fatal(err)
				}
				for row := range b.Rows {
					if b.Traced == nil || b.Traced.Get(row) {
						got = append(got, string(b.Names.At(int(b.Name[row]))))
					}
				}
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("merged %v, with parents %v: traces have %v, want %v", merged, tree, got, want)
			}
		}
	}
}

// TestEqualButForOrder resends a span with its attributes in another order, through
// a segment that keeps no order: they are equal.
func TestEqualButForOrder(t *testing.T) {
	for _, shapes := range []int{0, 1} {
		db := openDB(t, vfs.NewMem(), "data", Config{Window: -1})
		halt(db)
		db.sealer.Shapes = shapes
		a, b := clew.Attr{Key: "a", Value: clew.IntValue(1)}, clew.Attr{Key: "b", Value: clew.StringValue("x")}
		one, other := named(1, 1, 1, "n", 0), named(1, 1, 1, "n", 0)
		one.Attrs, other.Attrs = []clew.Attr{b, a}, []clew.Attr{a, b}
		differs := one
		differs.Attrs = []clew.Attr{b, {Key: "a", Value: clew.IntValue(2)}}
		more := named(1, 2, 1, "n", 0)
		more.Attrs = []clew.Attr{a}
		sendTo(t, db, clew.DefaultTenant, one, more)
		sealNow(t, db)
		sendTo(t, db, clew.DefaultTenant, other)
		sendTo(t, db, clew.DefaultTenant, differs)
		if _, tr := namesOf(t, db, clew.MakeTraceID(1, 1)); tr.Duplicates != 1 || tr.Conflicts != 1 || tr.Rows != 1 {
			t.Errorf("%d rows, %d duplicates, %d conflicts, want one each", tr.Rows, tr.Duplicates, tr.Conflicts)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTracePartlyDamaged damages the block of one segment that has a part of a
// trace: what else there is comes, and the damage is told.
func TestTracePartlyDamaged(t *testing.T) {
	for _, column := range []string{".traceids", ".start"} {
		fs := vfs.NewMem()
		db := openDB(t, fs, "data", Config{Window: -1})
		halt(db)
		db.sealer.BlockRows = 1
		for i := range 2 {
			sendTo(t, db, clew.DefaultTenant, named(1, 1, clew.SpanID(i+1), "n", 0), named(1, uint64(i+5), 1, "other", 0))
			sealNow(t, db)
		}
		sendTo(t, db, clew.DefaultTenant, named(1, 1, 3, "n", 0))
		seg := tenantFor(t, db).list.segs[0]
		off := chunkAt(t, fs, seg.path, column, 0)
		err := db.Close()
		if err != nil {
			t.Fatal(err)
		}
		flip(t, fs, seg.path, off)
		if db, err = Open(fs, "data", Config{}); err != nil {
			t.Fatal(err)
		}
		names, tr := namesOf(t, db, clew.MakeTraceID(1, 1))
		if len(names) != 2 || clew.KindOf(tr.Damaged) != clew.Corrupt {
			t.Errorf("%s damaged: %v, %v; want 2 rows and the damage", column, names, tr.Damaged)
		}
		if names, _ = namesOf(t, db, clew.MakeTraceID(1, 5)); len(names) != 1 {
			t.Errorf("%s damaged: %v in the block beside it, want its row", column, names)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLargeTrace sends one trace of more rows than a batch may have, in one request:
// a scan yields it in batches of the right size, from the head and from a segment.
func TestLargeTrace(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	const rows = storage.MaxBatchRows + 10_000
	db := openDB(t, vfs.NewMem(), "data", Config{Window: -1})
	defer db.Close()
	halt(db)
	spans := someSpans(1, rows)
	for i := range spans {
		spans[i].Attrs = []clew.Attr{{Key: "i", Value: clew.IntValue(int64(i))}}
	}
	sendTo(t, db, clew.DefaultTenant, spans...)
	key := span.Field{Scope: span.ScopeSpan, Key: "i"}
	value := storage.Columns{Fields: []span.Field{key}}
	parents := storage.Columns{Fields: []span.Field{key}, Intrinsics: []span.Intrinsic{span.ParentID}}
	for i, columns := range []storage.Columns{value, value, parents} { // in the head, in a segment, twice
		if i == 1 {
			sealNow(t, db)
		}
		seen := make(map[uint64]bool)
		req := storage.Request{Tenant: clew.DefaultTenant, Where: span.Compare(key, span.Ge, clew.IntValue(100)), Columns: columns}
		for b, err := range db.Scan(context.Background(), req) {
			if err != nil {
				t.Fatal(err)
			}
			if b.Rows > storage.MaxBatchRows {
				t.Errorf("scan %d: a batch of %d rows", i, b.Rows)
			}
			col := b.Attrs.Lookup("i", clew.TypeInt)
			for row := range b.Matched.Ones() {
				at, ok := col.Find(uint32(row))
				if !ok || seen[col.Vals[at]] {
					t.Fatalf("scan %d: row %d of a batch has no value or one seen before", i, row)
				}
				seen[col.Vals[at]] = true
			}
		}
		if len(seen) != rows-100 {
			t.Errorf("scan %d: %d rows, want %d", i, len(seen), rows-100)
		}
	}
	tr, err := db.Trace(context.Background(), clew.DefaultTenant, clew.MakeTraceID(7, 1))
	if err != nil || tr.Rows != rows {
		t.Errorf("Trace = %d rows, %v", tr.Rows, err)
	}
}
