package prom_test

import (
	"flag"
	"net/url"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api/apitest"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// benchSpans may be raised to what a server has of an hour.
var benchSpans = flag.Int("bench-spans", 500_000, "spans of BenchmarkQueries")

// BenchmarkQueries asks what dashboards ask, over an hour in steps of a minute, of a
// shop's spans.
func BenchmarkQueries(b *testing.B) {
	db, err := spandb.Open(vfs.OS(), b.TempDir(), spandb.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	c, err := corpus.New(corpus.Shop, 1, *benchSpans)
	if err != nil {
		b.Fatal(err)
	}
	c.SpansPerSecond = float64(*benchSpans) / time.Hour.Seconds()
	var buf []byte
	for {
		body, n := c.Next(buf)
		if n == 0 {
			break
		}
		if _, err := db.Append(b.Context(), storage.Record{Tenant: clew.DefaultTenant, Body: body}); err != nil {
			b.Fatal(err)
		}
		buf = body[:0]
	}
	last := c.Truth().Last.Time()
	a := newAPI(db, last.Add(10*time.Second))
	for _, q := range []struct{ name, query string }{
		{"rate by service", `sum by (service) (rate(traces_spanmetrics_calls_total[5m]))`},
		{"rate of a service by operation", `sum by (span_name) (rate(traces_spanmetrics_calls_total{service="cart"}[5m]))`},
		{"errors by service", `sum by (service) (rate(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR"}[5m]))`},
		{"p99 by service, classic", `histogram_quantile(0.99, sum by (service, le) (rate(traces_spanmetrics_latency_bucket[5m])))`},
		{"p99 by service, native", `histogram_quantile(0.99, sum by (service) (rate(traces_spanmetrics_latency[5m])))`},
		{"edges", `sum by (client, server) (rate(traces_service_graph_request_total[5m]))`},
	} {
		b.Run(q.name, func(b *testing.B) {
			path := "/api/v1/query_range?" + url.Values{
				"query": {q.query}, "step": {"60"}, "end": {strconv.FormatInt(last.Unix(), 10)}, "start": {strconv.FormatInt(last.Unix()-3600, 10)},
			}.Encode()
			before := cpu(b)
			for b.Loop() {
				if w := apitest.Get(a, path); w.Code != 200 || w.Body.Len() < 100 {
					b.Fatalf("%d %.300s", w.Code, w.Body)
				}
			}
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// cpu is the time that this process has computed: what a query costs on a machine that
// does other things besides.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
