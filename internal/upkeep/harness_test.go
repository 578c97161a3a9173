package upkeep

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/state"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

var ctx = context.Background()

// heldStore is the store as this package knows it.
type heldStore struct{ *spandb.DB }

func (s heldStore) Hold() (Holding, error) { return s.Backup() }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rowID is a span's identity in these tests, where all ids are different.
type rowID struct {
	tenant clew.Tenant
	trace  clew.TraceID
	span   uint64
}

// rows counts how often each span is there.
type rows map[rowID]int

// idsOf are the spans of a request.
func idsOf(t testing.TB, tenant clew.Tenant, body []byte) rows {
	t.Helper()
	var m tracepb.TracesData
	must(t, proto.Unmarshal(body, &m))
	out := rows{}
	for _, rs := range m.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				id := uint64(0)
				for _, c := range s.SpanId {
					id = id<<8 | uint64(c)
				}
				out[rowID{tenant, clew.TraceID(s.TraceId), id}]++
			}
		}
	}
	return out
}

// feed sends requests of a dozen spans to a few tenants, by turns, and returns what
// was acknowledged.
func feed(t testing.TB, db *spandb.DB, seed uint64, requests int) rows {
	t.Helper()
	acked := rows{}
	for i, body := range corpus.Requests("shop", seed, requests*12, 12) {
		tenant := clew.Tenant([]string{"default", "b", "default", "c"}[i%4])
		_, err := db.Append(ctx, storage.Record{Tenant: tenant, Body: body, ReceivedAt: time.Now()})
		must(t, err)
		maps.Copy(acked, idsOf(t, tenant, body))
	}
	return acked
}

func open(t testing.TB, fs vfs.FS, dir string, cfg spandb.Config) *spandb.DB {
	t.Helper()
	cfg.Window = -1
	if cfg.Events.Damaged == nil {
		cfg.Events.Damaged = func(err error) { t.Errorf("%s is damaged: %v", dir, err) }
	}
	db, err := spandb.Open(fs, dir, cfg)
	if err != nil {
		t.Fatalf("open %s: %v", dir, err)
	}
	return db
}

// rowsIn scans a store.
func rowsIn(t testing.TB, db *spandb.DB) rows {
	t.Helper()
	out := rows{}
	for _, tenant := range []clew.Tenant{"default", "b", "c"} {
		var st storage.Stats
		req := storage.Request{Tenant: tenant, Columns: storage.Columns{Intrinsics: []span.Intrinsic{span.SpanID}}, Stats: &st}
		for b, err := range db.Scan(ctx, req) {
			must(t, err)
			for i := range b.Matched.Ones() {
				out[rowID{tenant, b.TraceIDs[b.Trace[i]], b.SpanID[i]}]++
			}
		}
		if st.Damage != nil {
			t.Fatalf("%s: %v", tenant, st.Damage)
		}
	}
	return out
}

// wantRows opens the store in dir and compares what is in it, then closes it.
func wantRows(t testing.TB, fs vfs.FS, dir string, want rows) {
	t.Helper()
	db := open(t, fs, dir, spandb.Config{})
	got := rowsIn(t, db)
	must(t, db.Close())
	if diff := got.differ(want); diff != "" {
		t.Fatalf("%s: %s", dir, diff)
	}
}

func (got rows) differ(want rows) string {
	for id, n := range got {
		if n != 1 || want[id] == 0 {
			return fmt.Sprintf("row %v is there %d times, want %d", id, n, want[id])
		}
	}
	for id := range want {
		if got[id] == 0 {
			return fmt.Sprintf("row %v is missing (%d of %d are there)", id, len(got), len(want))
		}
	}
	return ""
}

func wantSound(t testing.TB, fs vfs.FS, dir string) *Verification {
	t.Helper()
	v, err := Verify(fs, dir, nil)
	must(t, err)
	if v.Found > 0 {
		t.Fatalf("%s is damaged: %v", dir, v.Damage)
	}
	return &v
}

func documentIn(fs vfs.FS, file string) (text string, err error) {
	_, err = state.Load(fs, file, &text)
	return text, err
}

// clone copies a folder, so that a test can open it without changing it.
func clone(t testing.TB, fs *vfs.Mem) *vfs.Mem {
	t.Helper()
	return fs.CrashClone(nil, vfs.CrashOptions{Keep: vfs.KeepAll})
}
