package kafkadoor_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/kafkadoor"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/vfs"
)

const (
	benchSpans    = 500
	benchRequests = 200
)

// cpu is the time that this process has computed.
func cpu(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkStore is the whole way of 100,000 spans in requests of 500 into a store, from a
// broker in this process and over HTTP from a client in it: what either computes is in the
// figure. What puts the messages into the broker is not.
func BenchmarkStore(b *testing.B) {
	bodies := corpus.Requests(corpus.Shop, 1, benchRequests*benchSpans, benchSpans)
	measure := func(name string, prepare func(b *testing.B, db *spandb.DB) (run, end func())) {
		b.Run(name, func(b *testing.B) {
			var spent time.Duration
			for range b.N {
				b.StopTimer()
				db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1})
				if err != nil {
					b.Fatal(err)
				}
				run, end := prepare(b, db)
				before := cpu(b)
				b.StartTimer()
				run()
				b.StopTimer()
				spent += cpu(b) - before
				end()
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
			}
			n := float64(b.N) * benchRequests * benchSpans
			b.ReportMetric(float64(spent.Nanoseconds())/n, "cpu-ns/span")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/span")
		})
	}
	measure("http", func(b *testing.B, db *spandb.DB) (run, end func()) {
		s := httptest.NewServer(otlpdoor.NewHTTP(ingest.Config{Appender: db}))
		return func() {
			for _, body := range bodies {
				r, err := http.Post(s.URL+otlpdoor.TracesPath, ingest.TypeProtobuf, bytes.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, r.Body)
				_ = r.Body.Close()
				if r.StatusCode != http.StatusOK {
					b.Fatal(r.Status)
				}
			}
		}, s.Close
	})
	n := 0
	k := startKafka(b, kfake.SeedTopics(4, topic))
	for i, body := range bodies {
		k.put(message(topic, int32(i%4), "", body))
	}
	measure("kafka", func(b *testing.B, db *spandb.DB) (run, end func()) {
		n++
		cfg := k.config(db, protoTopic)
		cfg.Group = fmt.Sprint("group ", n) // which begins at the beginning
		var stop func()
		return func() {
			var d *kafkadoor.Door
			d, stop = begin(b, cfg)
			await(b, "all are there", func() bool { return d.Stats().Accepted == benchRequests*benchSpans })
		}, func() { stop() }
	})
}
