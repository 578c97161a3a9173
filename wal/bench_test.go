package wal_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

// requestBytes is a request of 500 spans, compressed: 74 bytes a span.
const requestBytes = 37_000

// BenchmarkAppendWait measures senders that each wait for their record to be on
// the real disk before they send the next.
func BenchmarkAppendWait(b *testing.B) {
	for _, senders := range []int{1, 8, 32, 128} {
		for _, window := range []time.Duration{-1, wal.DefaultWindow} {
			name := fmt.Sprintf("senders=%d/window=%v", senders, max(window, 0))
			b.Run(name, func(b *testing.B) { benchmarkAppendWait(b, senders, window) })
		}
	}
}

func benchmarkAppendWait(b *testing.B, senders int, window time.Duration) {
	var groups atomic.Int64
	l, err := wal.Open(vfs.OS(), filepath.Join(b.TempDir(), "log"), wal.Config{
		Window: window,
		Events: wal.Events{Synced: func(wal.SyncInfo) { groups.Add(1) }},
	})
	must(b, err)
	defer l.Close()
	payload := make([]byte, requestBytes)
	b.SetBytes(requestBytes)
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var group sync.WaitGroup
	for range senders {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				seq, err := l.Append(ctx, payload)
				if err == nil {
					err = l.Wait(ctx, seq)
				}
				if err != nil {
					b.Error(err)
					return
				}
				if seq%256 == 0 {
					if err := l.TruncateBefore(seq); err != nil {
						b.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/float64(groups.Load()), "records/sync")
}

// BenchmarkAppend measures Append alone: two checksums and a copy, with the disk
// out of the way.
func BenchmarkAppend(b *testing.B) {
	l, err := wal.Open(nowhere{vfs.NewMem()}, dir, wal.Config{Sync: wal.SyncNever, SegmentBytes: 1 << 40})
	must(b, err)
	defer l.Close()
	payload := make([]byte, requestBytes)
	b.SetBytes(requestBytes)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Append(ctx, payload[:100], payload[100:]); err != nil {
			b.Fatal(err)
		}
	}
}

// nowhere is a file system that forgets what is written.
type nowhere struct{ vfs.FS }

type nowhereFile struct{ vfs.File }

func (n nowhere) Create(name string) (vfs.File, error) {
	f, err := n.FS.Create(name)
	return nowhereFile{f}, err
}

func (nowhereFile) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkReplay measures reading a log of 64 MiB from the page cache.
func BenchmarkReplay(b *testing.B) {
	where := filepath.Join(b.TempDir(), "log")
	l, err := wal.Open(vfs.OS(), where, wal.Config{Sync: wal.SyncNever})
	must(b, err)
	payload := make([]byte, requestBytes)
	var size int64
	for size < 64<<20 {
		seq, err := l.Append(ctx, payload)
		must(b, err)
		must(b, l.Wait(ctx, seq))
		size += requestBytes
	}
	must(b, l.Close())
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		report, err := wal.Verify(vfs.OS(), where)
		if err != nil || report.Bytes != size {
			b.Fatal(report, err)
		}
	}
}

// TestAppendAllocatesNothing: a record that joins a group costs no allocation,
// once the buffer has grown.
func TestAppendAllocatesNothing(t *testing.T) {
	m := vfs.NewMem()
	l := open(t, m, wal.Config{BufferBytes: 4 << 20})
	defer l.Close()
	add(t, l, "this one makes the file")
	payload := make([]byte, 1000)
	fill := func(count int) { // while the disk is busy
		gate := make(chan struct{})
		held := make(chan struct{}, 1)
		m.OnSync(func(string) {
			select {
			case held <- struct{}{}:
			default:
			}
			<-gate
		})
		_, err := l.Append(ctx, payload)
		must(t, err)
		<-held
		_, err = l.Append(ctx, payload) // begins the group that all others join
		must(t, err)
		var last uint64
		allocs := testing.AllocsPerRun(count, func() { last, err = l.Append(ctx, payload[:500], payload[500:]) })
		must(t, err)
		close(gate)
		must(t, l.Wait(ctx, last))
		if count == 100 && allocs != 0 {
			t.Errorf("Append allocates %v times", allocs)
		}
	}
	for range 3 { // both buffers grow
		fill(500)
	}
	fill(100)
}
