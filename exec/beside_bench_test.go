package exec_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// BenchmarkLanes asks what goes over all there is, of a million spans in segments, on one
// core and on two.
func BenchmarkLanes(b *testing.B) {
	const spans = 1 << 20
	db, err := spandb.Open(vfs.OS(), b.TempDir(), spandb.Config{Window: -1, Memory: spandb.Memory{Heads: 1 << 30}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	for _, body := range corpus.Requests(corpus.Shop, 1, spans, 8192) {
		if _, err := db.Append(b.Context(), storage.Record{Tenant: tenant, Body: body, ReceivedAt: time.Now()}); err != nil {
			b.Fatal(err)
		}
	}
	newest, err := exec.Search(b.Context(), db, exec.Request{Over: exec.Over{Tenant: tenant}, Plan: benchPlan(b, `{ }`), Limit: 1})
	if err != nil {
		b.Fatal(err)
	}
	w := clew.Window{End: newest.Hits[0].Newest + 1}
	w.Start = w.End - clew.UnixNanos(24*time.Hour)
	cpu := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	for _, query := range []string{`{ } | rate() by (name)`, `{ kind = server } | rate() by (name)`, `{ span.http.route != nil } | quantile_over_time(duration, 0.99) by (span.http.route)`,
		`{ } | avg_over_time(duration) by (name)`, `{ kind = server } >> { status = error } | rate()`} {
		for n := 1; n <= 2; n++ {
			b.Run(fmt.Sprintf("%s/cores=%d", query, n), func(b *testing.B) {
				ctx, share, err := cores.New(n).Enter(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				defer share.Leave()
				r := exec.MetricsRequest{Over: exec.Over{Tenant: tenant, Window: w}, Plan: benchPlan(b, query), Step: time.Hour}
				began := cpu()
				for b.Loop() {
					m, err := exec.RunMetrics(ctx, db, r)
					if err != nil || len(m.Series) == 0 {
						b.Fatal(m, err)
					}
				}
				b.ReportMetric(float64((cpu()-began).Nanoseconds())/float64(b.N)/spans, "cpu-ns/span")
			})
		}
	}
}
