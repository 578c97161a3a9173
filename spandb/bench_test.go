package spandb

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

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
