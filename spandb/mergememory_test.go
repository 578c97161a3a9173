package spandb

import (
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

// heapPeak returns how much the heap grew at most while f ran, as the collector finds
// it.
func heapPeak(f func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, peak := int64(m.HeapInuse), int64(0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				runtime.ReadMemStats(&m)
				peak = max(peak, int64(m.HeapInuse)-before)
			}
		}
	}()
	f()
	close(stop)
	<-done
	return peak
}

// TestMergeOfLargeValues merges spans of 20 kB each, 48 MB in all, in 5 MiB: however
// many there are, it takes that and what encoders have, and the outputs are no larger
// than what there is for them.
func TestMergeOfLargeValues(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	const segments, spans, text = 24, 100, 20_000
	var now atomic.Int64
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixNano())
	db := openDB(t, vfs.OS(), t.TempDir(), Config{Window: -1, Memory: Memory{Merge: 5 << 20, Head: 2 << 20, Heads: 4 << 20, Tables: 1 << 20},
		Now: func() time.Time { return time.Unix(0, now.Load()) }})
	defer db.Close()
	halt(db)
	rng := rand.New(rand.NewPCG(1, 2))
	value := make([]byte, text)
	for i := range segments {
		var list []clew.Span
		for k := range spans {
			for j := range value {
				value[j] = byte('!' + rng.IntN(90))
			}
			list = append(list, clew.Span{TraceID: clew.MakeTraceID(7, uint64(i/2*spans+k)), SpanID: clew.SpanID(i + 1), Name: "n",
				Start: storagetest.Epoch, End: storagetest.Epoch + 10, Attrs: []clew.Attr{{Key: "stack", Value: clew.StringValue(string(value))}}})
		}
		appendAt(t, db, [][]byte{storagetest.Body(list...)}, start.Add(time.Duration(i)*time.Second))
		sealNow(t, db)
	}
	now.Store(start.Add(30 * time.Hour).UnixNano())
	inputs, outputs := 0, 0
	db.cfg.Events.Merged = func(i MergeInfo) { inputs, outputs = inputs+i.Inputs, outputs+i.Outputs }
	peak := heapPeak(func() {
		if _, err := db.mergeAll(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Logf("%d segments became %d, the heap grew by %.1f MiB", inputs, outputs, float64(peak)/(1<<20))
	if inputs != segments {
		t.Errorf("%d of %d segments are merged", inputs, segments)
	}
	const encoders = 50 << 20 // their tables, and what is not collected yet on a busy machine
	if most := db.cfg.Memory.Merge + encoders; peak > most {
		t.Errorf("a merge took %d bytes, want %d at most", peak, most)
	}
	most := db.mergeSize()
	for _, s := range db.manifest.Segments {
		if s.InMemory > most.bytes+most.pull+2*spans*text { // what is of one input, and the last block that was pulled
			t.Errorf("segment %d takes %d bytes in memory, and there is room for %d", s.ID, s.InMemory, most.bytes+most.pull)
		}
	}
	if n := countOf(t, db, clew.DefaultTenant); n != segments*spans {
		t.Errorf("%d spans, want %d", n, segments*spans)
	}
}

// TestMergeOfUnevenTexts merges spans of which the first have large texts and the others
// small ones: what is held is what there is, not what there would be were they all large.
func TestMergeOfUnevenTexts(t *testing.T) {
	const perSegment = 60_000
	var now atomic.Int64
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixNano())
	db := mergeStore(t, vfs.NewMem(), &now, Config{Memory: Memory{Merge: 80 << 20, Head: 64 << 20, Heads: 128 << 20}})
	defer db.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	for segment := range 2 {
		var list []clew.Span
		for i := range perSegment {
			value := make([]byte, 20)
			if segment == 0 && i < 8000 { // a block of them
				value = make([]byte, 1500)
			}
			for k := range value {
				value[k] = byte('!' + rng.IntN(90))
			}
			list = append(list, clew.Span{TraceID: clew.MakeTraceID(7, uint64(segment*perSegment+i)), SpanID: 1, Name: "n", Start: storagetest.Epoch, End: storagetest.Epoch + 10,
				Attrs: []clew.Attr{{Key: "stack", Value: clew.StringValue(string(value))}}})
		}
		appendAt(t, db, [][]byte{storagetest.Body(list...)}, start.Add(time.Duration(segment)*time.Second))
		sealNow(t, db)
	}
	list, _ := tenantFor(t, db).unmerged()
	held := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	m := db.newMerger()
	for _, s := range list {
		m.Inputs = append(m.Inputs, s.self)
	}
	before, outputs := held(), 0
	if err := m.Run(t.Context(), func([]byte) error {
		outputs++
		if n := held() - before; n > db.cfg.Memory.Merge {
			t.Errorf("a merge holds %d bytes, want %d at most", n, db.cfg.Memory.Merge)
		}
		return nil
	}); err != nil || outputs != 1 {
		t.Errorf("%d outputs, %v", outputs, err)
	}
	runtime.KeepAlive(m)
}

// TestMergeStopsPulling merges segments whose traces lie in several, where there is no
// room for the rows that the second has: what the third has of the same traces stays
// behind too, so that of two different rows of one identity the first still counts.
func TestMergeStopsPulling(t *testing.T) {
	var now atomic.Int64
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now.Store(start.UnixNano())
	db := mergeStore(t, vfs.NewMem(), &now, Config{Memory: Memory{Merge: 100_000}})
	defer db.Close()
	trace := clew.MakeTraceID(7, 1)
	large := []clew.Attr{{Key: "stack", Value: clew.StringValue(strings.Repeat("x", 30_000))}}
	for i, spans := range [][]clew.Span{
		{{SpanID: 1, Name: "first", Attrs: large}},
		{{SpanID: 2, Name: "first"}, {SpanID: 3, Name: "large", Attrs: large}},
		{{SpanID: 2, Name: "second"}},
	} {
		for k := range spans {
			spans[k].TraceID, spans[k].Start, spans[k].End = trace, storagetest.Epoch, storagetest.Epoch+1
		}
		appendAt(t, db, [][]byte{storagetest.Body(spans...)}, start.Add(time.Duration(i)*time.Second))
		sealNow(t, db)
	}
	now.Store(start.Add(30 * time.Hour).UnixNano())
	var info MergeInfo
	db.cfg.Events.Merged = func(i MergeInfo) { info = i }
	if n, err := db.mergeAll(t.Context()); n != 1 || err != nil || info.Inputs != 3 || info.Outputs != 2 {
		t.Fatalf("%d merges, %v: %+v, want three segments to become two", n, err, info)
	}
	got, err := db.Trace(t.Context(), clew.DefaultTenant, trace)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Free()
	rows := span.NewRows(got.Batch)
	for i := range got.Rows {
		if s := rows.Span(i); s.SpanID == 2 && s.Name != "first" {
			t.Errorf("span 2 is %q, which came second", s.Name)
		}
	}
	if got.Rows != 3 || got.Conflicts != 1 {
		t.Errorf("%d rows, %d conflicts, want 3 and 1", got.Rows, got.Conflicts)
	}
}
