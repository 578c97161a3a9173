package spandb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
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

// manyKeys is spans of which each has some of 5,000 attributes, its event and its link
// others, besides one that all have.
func manyKeys(seed uint64, n int) (spans []clew.Span) {
	const keys = 5000
	r := rand.New(rand.NewPCG(seed, 5))
	attrs := func(n int) (list []clew.Attr) {
		for range n {
			k := r.IntN(keys)
			v := clew.StringValue(fmt.Sprint("value ", r.IntN(3)))
			switch k % 5 {
			case 1:
				v = clew.IntValue(int64(r.IntN(3) - 1))
			case 2:
				v = clew.DoubleValue(float64(r.IntN(3)) / 4)
			case 3:
				v = clew.BoolValue(r.IntN(2) == 0)
			case 4:
				v = storagetest.BytesValue([]byte{byte(k)})
			}
			list = append(list, clew.Attr{Key: fmt.Sprint("key.", k), Value: v})
		}
		slices.SortFunc(list, func(a, b clew.Attr) int { return len(a.Key) - len(b.Key) })
		return list
	}
	for i := range n {
		s := clew.Span{TraceID: clew.MakeTraceID(seed, r.Uint64N(uint64(n/8))+1), SpanID: clew.SpanID(i + 1), Name: fmt.Sprint("op ", i%7),
			Start: storagetest.Epoch + clew.UnixNanos(i), End: storagetest.Epoch + clew.UnixNanos(i+100)}
		s.Attrs = append(attrs(3), clew.Attr{Key: "region", Value: clew.StringValue(fmt.Sprint(i % 4))})
		if i%3 == 0 {
			s.Events = []clew.Event{{Name: "e", Attrs: attrs(2)}}
			s.Links = []clew.Link{{TraceID: s.TraceID, SpanID: 1, Attrs: attrs(1)}}
		}
		spans = append(spans, s)
	}
	return spans
}

// TestManyKeys asks for rare attributes of 5,000: of segments and of a merged one the
// answers are those of a head, and what the directory of a segment takes in memory does
// not grow with the keys.
func TestManyKeys(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	var now atomic.Int64
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixNano())
	model := openDB(t, vfs.NewMem(), "data", Config{Window: -1}) // all in a head
	db := mergeStore(t, vfs.NewMem(), &now, Config{SealRows: 6000})
	for seed := range uint64(2) {
		spans := manyKeys(seed, 6000)
		for part := range slices.Chunk(spans, 1000) {
			body := storagetest.Body(part...)
			for _, store := range []*DB{model, db} {
				if res, err := store.Append(t.Context(), storage.Record{Tenant: clew.DefaultTenant, Body: body, ReceivedAt: time.Unix(0, now.Load())}); err != nil || res.Refused > 0 {
					t.Fatal(res, err)
				}
			}
		}
		db.retireWhere(func(*head) bool { return true })
		if err := db.sealQueued(); err != nil {
			t.Fatal(err)
		}
	}
	compareKeys(t, "in segments", db, model)
	checkDirectories(t, db, 2)
	now.Store(start.Add(25 * time.Hour).UnixNano())
	if n, err := db.mergeAll(t.Context()); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	compareKeys(t, "merged", db, model)
	checkDirectories(t, db, 1)
}

// checkDirectories bounds what the directories of a store's segments take.
func checkDirectories(t *testing.T, db *DB, segments int) {
	t.Helper()
	list := tenantFor(t, db).list.segs
	if len(list) != segments {
		t.Errorf("%d segments, want %d", len(list), segments)
	}
	for _, s := range list {
		r, err := db.take(s)
		if err != nil {
			t.Fatal(err)
		}
		if n := r.SizeBytes(); n > 256<<10 {
			t.Errorf("the directory of a segment of %d rows takes %d bytes", s.Rows, n)
		}
		db.give(s)
	}
}

// compareKeys asks two stores for random keys in many ways.
func compareKeys(t *testing.T, where string, db, model *DB) {
	t.Helper()
	r := rand.New(rand.NewPCG(9, 9))
	names := func(s *DB) []storage.TagName {
		n, err := s.TagNames(context.Background(), clew.DefaultTenant, clew.Window{})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got, want := names(db), names(model); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %d tag names, want %d", where, len(got), len(want))
	}
	for range 150 {
		k := r.IntN(5000)
		f := span.Field{Scope: []span.Scope{span.ScopeSpan, span.ScopeAny, span.ScopeEvent, span.ScopeLink}[r.IntN(4)], Key: fmt.Sprint("key.", k)}
		v := []clew.Value{clew.StringValue("value 1"), clew.IntValue(0), clew.DoubleValue(0.25), clew.BoolValue(true), clew.IntValue(1)}[k%5]
		cond := span.Condition{Field: f, Op: []span.Op{span.Exists, span.Eq, span.Ne, span.Le, span.Gt}[r.IntN(5)], Value: v}
		if r.IntN(4) == 0 {
			cond = span.Condition{Op: span.And, Args: []span.Condition{cond, {Field: span.Field{Scope: span.ScopeSpan, Key: "region"}, Op: span.Ne, Value: clew.StringValue("2")}}}
		}
		got, want := rowsWhere(t, db, cond), rowsWhere(t, model, cond)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %+v finds %d rows, want %d", where, cond, len(got), len(want))
		}
		a, _, err := db.TagValues(context.Background(), clew.DefaultTenant, clew.Window{}, f, 1000)
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := model.TagValues(context.Background(), clew.DefaultTenant, clew.Window{}, f, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(a)+len(b) > 0 && !reflect.DeepEqual(a, b) {
			t.Errorf("%s: values of %+v are %v, want %v", where, f, a, b)
		}
	}
}

// rowsWhere returns the span ids of the rows that match, ascending, each with its trace.
func rowsWhere(t *testing.T, s *DB, where span.Condition) (rows []string) {
	t.Helper()
	for b, err := range s.Scan(context.Background(), storage.Request{Tenant: clew.DefaultTenant, Where: where}) {
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Matched.Ones() {
			rows = append(rows, fmt.Sprint(b.TraceIDs[b.Trace[i]], " ", b.Start[i]))
		}
	}
	slices.Sort(rows)
	return rows
}
