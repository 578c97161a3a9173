package v1

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// hugeTrace returns a store that holds one trace of 100,000 spans, and its id.
func hugeTrace(b *testing.B) (storage.Store, clew.TraceID) {
	b.Helper()
	db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	ctx := context.Background()
	for _, body := range corpus.Requests(corpus.Huge, 1, 100_000, 5000) {
		if _, err := db.Append(ctx, storage.Record{Tenant: clew.DefaultTenant, Body: body}); err != nil {
			b.Fatal(err)
		}
	}
	for batch, err := range db.Scan(ctx, storage.Request{Tenant: clew.DefaultTenant, Columns: storage.Columns{Intrinsics: []span.Intrinsic{span.TraceID}}}) {
		if err != nil {
			b.Fatal(err)
		}
		return db, batch.TraceIDs[0]
	}
	b.Fatal("the store is empty")
	return nil, clew.TraceID{}
}

// BenchmarkSkeleton is the server's time for a trace of 100,000 spans, by step
// and as a whole.
func BenchmarkSkeleton(b *testing.B) {
	store, id := hugeTrace(b)
	t, err := store.Trace(context.Background(), clew.DefaultTenant, id)
	if err != nil || t.Rows != 100_000 {
		b.Fatalf("%d rows, %v", t.Rows, err)
	}
	perSpan := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/span")
	}
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := store.Trace(context.Background(), clew.DefaultTenant, id); err != nil {
				b.Fatal(err)
			}
		}
		perSpan(b)
	})
	b.Run("fingerprint", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fingerprintOf(&t)
		}
		perSpan(b)
	})
	b.Run("layout", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			newLayout(t.Batch)
		}
		perSpan(b)
	})
	a := New(Config{Store: store})
	r := &read{t, id, fingerprintOf(&t)}
	body, _ := a.encodeSkeleton(clew.DefaultTenant, r)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			a.encodeSkeleton(clew.DefaultTenant, r)
		}
		perSpan(b)
	})
	for _, encoding := range []string{"identity", "gzip", "zstd"} {
		b.Run("whole-"+encoding, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			req := httptest.NewRequest("GET", "/api/v1/traces/"+id.String()+"/skeleton", nil)
			req.Header.Set("Accept-Encoding", encoding)
			for b.Loop() {
				a.layouts = layoutCache{}
				a.ServeHTTP(&sink{h: http.Header{}}, req)
			}
			perSpan(b)
		})
	}
}

// sink takes an answer and forgets it.
type sink struct {
	h http.Header
	n int
}

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(p []byte) (int, error) { s.n += len(p); return len(p), nil }

// BenchmarkOneTrace is the other questions about such a trace, its layout known.
func BenchmarkOneTrace(b *testing.B) {
	store, id := hugeTrace(b)
	a := New(Config{Store: store})
	for _, c := range []struct{ name, method, path, body string }{
		{"spans", "POST", "/spans", `{"rows":[0,50000,99999]}`},
		{"search", "GET", "/search?q=checkout", ""},
		{"search-digits", "GET", "/search?q=77", ""},
		{"otlp-json", "GET", "", ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := &sink{h: http.Header{}}
				var body io.Reader
				if c.body != "" {
					body = strings.NewReader(c.body)
				}
				a.ServeHTTP(w, httptest.NewRequest(c.method, "/api/v1/traces/"+id.String()+c.path, body))
				b.SetBytes(int64(w.n))
			}
		})
	}
}
