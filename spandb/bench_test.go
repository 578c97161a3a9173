package spandb

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// fillHead decodes a corpus into one builder.
func fillHead(b testing.TB, name corpus.Name, spans int) *span.Builder {
	bld := span.NewBuilder(spans)
	var dec otlp.Decoder
	for _, body := range corpus.Requests(name, 1, spans, 500) {
		if _, err := dec.Decode(bld, body, otlp.Options{}); err != nil {
			b.Fatal(err)
		}
	}
	return bld
}

// BenchmarkSeal is the cost of turning a full head into a segment.
func BenchmarkSeal(b *testing.B) {
	for _, name := range []corpus.Name{"shop", "wide"} {
		b.Run(string(name), func(b *testing.B) {
			bld := fillHead(b, name, sealRows)
			view := bld.View(bld.Rows())
			var s sealer
			size := 0
			b.ReportAllocs()
			for b.Loop() {
				size = len(s.seal(view, segmentMeta{tenant: "x"}, nil))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(view.Rows), "ns/span")
			b.ReportMetric(float64(size)/float64(view.Rows), "B/span")
		})
	}
}

// BenchmarkAppend is the whole way of a record through the store on a real disk,
// sealing included, with clients that wait for their acknowledgement.
func BenchmarkAppend(b *testing.B) {
	const spans = 200_000
	bodies := corpus.Requests("shop", 1, spans, 500)
	for b.Loop() {
		b.StopTimer()
		db, err := Open(vfs.OS(), b.TempDir(), Config{})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		next := make(chan []byte)
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for body := range next {
					if _, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body, ReceivedAt: time.Now()}); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for _, body := range bodies {
			next <- body
		}
		close(next)
		wg.Wait()
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spans, "ns/span")
}
