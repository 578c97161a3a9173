package spandb

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// BenchmarkScale is decode, log and seal of many requests on a real disk, as a door hands them
// over, from many clients at once: run it with -cpu 1,2,4 to see what more cores give.
func BenchmarkScale(b *testing.B) {
	const spans = 16 * 65_536
	bodies := corpus.Requests("shop", 1, spans, 512)
	received := make([][]byte, len(bodies))
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		b.Fatal(err)
	}
	for i, body := range bodies {
		received[i] = enc.EncodeAll(body, nil)
	}
	for b.Loop() {
		b.StopTimer()
		db, err := Open(vfs.OS(), b.TempDir(), Config{})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		next := make(chan int)
		var wg sync.WaitGroup
		for range scaleClients {
			wg.Go(func() {
				for i := range next {
					r := storage.Record{Tenant: clew.DefaultTenant, Body: bodies[i], Received: received[i], Compression: storage.Zstd, ReceivedAt: time.Now()}
					if _, err := db.Append(context.Background(), r); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for i := range bodies {
			next <- i
		}
		close(next)
		wg.Wait()
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/spans, "ns/span")
}

// scaleClients is how many requests are under way at once: so many that nobody waits
// for the log while there is work.
const scaleClients = 128
