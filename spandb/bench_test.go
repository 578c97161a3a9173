package spandb

import (
	"context"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// sealedStore is a store of a million spans, all in segments, which came when they
// ended.
func sealedStore(b *testing.B) *DB { return sealedStoreOn(b, vfs.NewMem(), "data") }

func sealedStoreOn(b *testing.B, fs vfs.FS, dir string) *DB {
	b.Helper()
	const spans, perRequest = 16 * sealRows, 8192
	pace := perRequest * time.Second / corpus.DefaultSpansPerSecond
	end := corpus.DefaultStart.Add(spans / perRequest * pace)
	db := openDB(b, fs, dir, Config{Window: -1, Memory: Memory{Heads: 1 << 30}, Now: func() time.Time { return end }})
	for i, body := range corpus.Requests("shop", 1, spans, perRequest) {
		at := corpus.DefaultStart.Add(time.Duration(i+1) * pace)
		if _, err := db.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body, ReceivedAt: at}); err != nil {
			b.Fatal(err)
		}
	}
	for { // what is queued, then nothing more
		sealed := db.seals.progress()
		if db.seals.empty() {
			return db
		}
		<-sealed
	}
}

// BenchmarkServices counts the operations of a million spans, with a window that
// covers all segments, and with one that cuts through most of them.
func BenchmarkServices(b *testing.B) {
	db := sealedStore(b)
	defer db.Close()
	lo, hi := ^uint64(0), uint64(0)
	t, _ := db.tenantOf(clew.DefaultTenant)
	for _, s := range t.list.segs {
		lo, hi = min(lo, s.MinStart), max(hi, s.MaxStart)
	}
	cut := clew.Window{Start: clew.UnixNanos(lo + (hi-lo)/40), End: clew.UnixNanos(hi - (hi-lo)/40)}
	for name, w := range map[string]clew.Window{"all": {}, "cut": cut} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				list, err := db.Services(context.Background(), clew.DefaultTenant, w)
				if err != nil || len(list) == 0 {
					b.Fatal(list, err)
				}
			}
		})
	}
}

// BenchmarkTrace looks a trace up among sixteen segments.
func BenchmarkTrace(b *testing.B) {
	db := sealedStore(b)
	defer db.Close()
	var ids []clew.TraceID
	for batch, err := range db.Scan(context.Background(), storage.Request{Tenant: clew.DefaultTenant}) {
		if err != nil {
			b.Fatal(err)
		}
		ids = append(ids, batch.TraceIDs[len(batch.TraceIDs)/2])
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := db.Trace(context.Background(), clew.DefaultTenant, ids[i%len(ids)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkMerge merges a million spans of sixteen segments, on a real disk: the
// kernel's part counts.
func BenchmarkMerge(b *testing.B) {
	db := sealedStoreOn(b, vfs.OS(), b.TempDir())
	defer db.Close()
	t, _ := db.tenantOf(clew.DefaultTenant)
	list, _ := t.unmerged()
	b.ReportAllocs()
	var rows, joined, bytes int64
	m := db.newMerger() // one for all merges that are due
	before := cpuTime()
	for b.Loop() {
		out, err := db.runMerge(context.Background(), mergeJob{t, list}, m)
		if err != nil {
			b.Fatal(err)
		}
		joined, rows, bytes = m.Joined, 0, 0
		for _, s := range out {
			rows, bytes = rows+int64(s.Rows), bytes+int64(s.Size)
		}
		db.discardOutputs(out)
	}
	b.ReportMetric(float64((cpuTime()-before).Nanoseconds())/float64(b.N)/float64(rows), "cpu-ns/span")
	b.ReportMetric(float64(bytes)/float64(rows), "B/span")
	b.ReportMetric(float64(joined), "joined")
}
