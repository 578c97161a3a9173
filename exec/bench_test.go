package exec_test

import (
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// benchSpans is a corpus of a head and some segments.
const benchSpans = 300_000

func benchStore(b *testing.B) storage.Store {
	b.Helper()
	db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	for _, body := range corpus.Requests(corpus.Shop, 1, benchSpans, 500) {
		if _, err := db.Append(b.Context(), storage.Record{Tenant: tenant, Body: body, ReceivedAt: time.Now()}); err != nil {
			b.Fatal(err)
		}
	}
	return db
}

func BenchmarkSearch(b *testing.B) {
	store := benchStore(b)
	for _, query := range []string{
		`{ }`,
		`{ resource.service.name = "checkout" && duration > 20ms }`,
		`{ status = error && span.http.route =~ "/api/.*" }`,
		`{ .user.id = "nobody" }`,
		`{ duration > trace:duration / 2 && status = error }`,
		`{ resource.service.name = "checkout" } && { status = error }`,
		`{ rootName = "nobody" && status = error }`,
	} {
		b.Run(query, func(b *testing.B) {
			r := exec.Request{Over: exec.Over{Tenant: tenant}, Plan: benchPlan(b, query)}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := exec.Search(b.Context(), store, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCount(b *testing.B) {
	store := benchStore(b)
	for _, query := range []string{`{ }`, `{ resource.service.name = "checkout" && duration > 20ms }`,
		`{ span:childCount > 0 && status = error }`, `{ kind = server } >> { status = error }`, `{ } | by(resource.service.name) | count() > 5`,
		`({ status = error } | count()) > 2`} {
		b.Run(query, func(b *testing.B) {
			p := benchPlan(b, query)
			b.ReportAllocs()
			for b.Loop() {
				n, err := exec.Count(b.Context(), store, exec.Over{Tenant: tenant}, p)
				if err != nil || n.Spans == 0 {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchSpans, "ns/span")
		})
	}
}

func BenchmarkMetrics(b *testing.B) {
	store := benchStore(b)
	newest, err := exec.Search(b.Context(), store, exec.Request{Over: exec.Over{Tenant: tenant}, Plan: benchPlan(b, `{ }`), Limit: 1})
	if err != nil {
		b.Fatal(err)
	}
	const minute = clew.UnixNanos(time.Minute)
	w := clew.Window{End: (newest.Hits[0].Newest/minute + 1) * minute}
	w.Start = w.End - 60*minute
	for _, query := range []string{`{ } | rate() by (resource.service.name)`, `{ } | quantile_over_time(duration, 0.99) by (resource.service.name)`,
		`{ span.http.route != nil } | rate() by (span.http.route)`, `{ span.http.route != nil } | quantile_over_time(duration, 0.99) by (span.http.route)`,
		`{ kind = server } >> { status = error } | rate()`, `{ } | compare({ status = error })`} {
		b.Run(query, func(b *testing.B) {
			r := exec.MetricsRequest{Over: exec.Over{Tenant: tenant, Window: w}, Plan: benchPlan(b, query), Step: time.Minute}
			if r.Plan.Compares() {
				r.Step = 0
			}
			b.ReportAllocs()
			for b.Loop() {
				m, err := exec.RunMetrics(b.Context(), store, r)
				if err != nil || len(m.Series) == 0 {
					b.Fatal(m, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchSpans, "ns/span")
		})
	}
}

func benchPlan(b *testing.B, query string) *exec.Plan {
	b.Helper()
	p, err := exec.Prepare(query)
	if err != nil {
		b.Fatal(err)
	}
	return p
}
