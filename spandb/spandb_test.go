package spandb

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

func openDB(t testing.TB, fs vfs.FS, dir string, cfg Config) *DB {
	t.Helper()
	cfg.Events.Damaged = func(err error) { t.Errorf("damage: %v", err) }
	db, err := Open(fs, dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func appendAll(t testing.TB, db *DB, bodies [][]byte) (spans int) {
	t.Helper()
	for _, b := range bodies {
		res, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: b, ReceivedAt: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if res.Refused != 0 || res.Resent {
			t.Fatalf("Append = %+v, want all accepted", res)
		}
		spans += res.Accepted
	}
	return spans
}

func countAll(t testing.TB, db *DB, where span.Condition) (rows int) {
	t.Helper()
	var st storage.Stats
	for b, err := range db.Scan(context.Background(), storage.Request{Tenant: clew.DefaultTenant, Where: where, Stats: &st}) {
		if err != nil {
			t.Fatal(err)
		}
		rows += b.Matched.Count()
	}
	if st.Damage != nil {
		t.Fatal(st.Damage)
	}
	return rows
}

// spansOf lists the spans of a request by trace, as OTLP objects.
func spansByTrace(t testing.TB, bodies [][]byte) map[clew.TraceID]map[uint64]*tracepb.Span {
	t.Helper()
	out := make(map[clew.TraceID]map[uint64]*tracepb.Span)
	for _, body := range bodies {
		var m tracepb.TracesData
		if err := proto.Unmarshal(body, &m); err != nil {
			t.Fatal(err)
		}
		for _, rs := range m.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				for _, s := range ss.Spans {
					id := clew.TraceID(s.TraceId)
					if out[id] == nil {
						out[id] = make(map[uint64]*tracepb.Span)
					}
					out[id][beUint64(s.SpanId)] = s
				}
			}
		}
	}
	return out
}

func beUint64(b []byte) (v uint64) {
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

// checkTraces reads traces back and compares every field of every span.
func checkTraces(t *testing.T, db *DB, want map[clew.TraceID]map[uint64]*tracepb.Span, every int, ordered bool) {
	t.Helper()
	i := 0
	for id, spans := range want {
		if i++; i%every != 0 {
			continue
		}
		tr, err := db.Trace(context.Background(), clew.DefaultTenant, id)
		if err != nil {
			t.Fatal(err)
		}
		if tr.Rows != len(spans) {
			t.Fatalf("trace %s has %d rows, want %d", id, tr.Rows, len(spans))
		}
		var m tracepb.TracesData
		rows := span.NewRows(tr.Batch)
		if err := proto.Unmarshal(otlp.AppendTraces(nil, rows, allRows(tr.Rows)), &m); err != nil {
			t.Fatal(err)
		}
		for _, rs := range m.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				for _, got := range ss.Spans {
					w := spans[beUint64(got.SpanId)]
					if !ordered {
						sortAttrs(got)
						sortAttrs(w)
					}
					if !proto.Equal(got, w) {
						t.Fatalf("span differs:\n got %v\nwant %v", got, w)
					}
				}
			}
		}
	}
}

// sortAttrs makes spans comparable where the order of attributes is not kept:
// when a segment has more than maxShapes orders.
func sortAttrs(s *tracepb.Span) {
	slices.SortFunc(s.Attributes, func(a, b *commonpb.KeyValue) int { return strings.Compare(a.Key, b.Key) })
}

func TestRoundTripThroughSegments(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	for _, name := range []string{"shop", "wide"} {
		t.Run(name, func(t *testing.T) {
			bodies := corpus.Requests(corpus.Name(name), 1, 30_000, 500)
			want := spansByTrace(t, bodies)
			fs := vfs.NewMem()
			db := openDB(t, fs, "data", Config{SealRows: 8000, Window: -1})
			spans := appendAll(t, db, bodies)
			if got := countAll(t, db, span.Condition{}); got != spans {
				t.Fatalf("count = %d, want %d", got, spans)
			}
			checkTraces(t, db, want, 37, name == "shop")
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			db = openDB(t, fs, "data", Config{SealRows: 8000, Window: -1})
			defer db.Close()
			if got := countAll(t, db, span.Condition{}); got != spans {
				t.Fatalf("count after restart = %d, want %d", got, spans)
			}
			checkTraces(t, db, want, 37, name == "shop")
			t.Logf("%d spans, %+v", spans, db.Stats())
		})
	}
}

func allRows(n int) (rows []uint32) {
	for i := range n {
		rows = append(rows, uint32(i))
	}
	return rows
}
