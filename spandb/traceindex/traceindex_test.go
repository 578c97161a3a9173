package traceindex

import (
	"bytes"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
)

// library is an index and what it should know.
type library struct {
	*testing.T
	*Index
	disk     vfs.FS
	traces   map[Segment][]Trace
	troubles []error
}

func newLibrary(t *testing.T, disk vfs.FS) *library {
	l := &library{T: t, disk: disk, traces: make(map[Segment][]Trace)}
	l.open()
	return l
}

func (l *library) open() {
	l.Index = Open(l.disk, "data/traces", slices.Collect(maps.Keys(l.traces)), func(err error) { l.troubles = append(l.troubles, err) })
}

// add adds a segment of n random traces in blocks of 300.
func (l *library) add(id uint64, n int) Segment {
	rng := rand.New(rand.NewPCG(id, 5))
	traces := make([]Trace, n)
	for i := range traces {
		traces[i] = Trace{clew.MakeTraceID(rng.Uint64(), rng.Uint64()), i / 300}
	}
	s := Segment{id, uint32(id * 7)}
	l.Add(s, traces)
	l.traces[s] = traces
	return s
}

func (l *library) forget(s Segment) {
	l.Remove(s)
	delete(l.traces, s)
}

// check looks up traces of every segment, and others.
func (l *library) check() {
	l.Helper()
	if list := l.Uncovered(); len(list) > 0 {
		l.Fatalf("segments %v are not covered", list)
	}
	for s, traces := range l.traces {
		for i := 0; i < len(traces); i += 1 + len(traces)/20 {
			places, unknown := l.Find(nil, traces[i].ID)
			if len(unknown) > 0 || !slices.Contains(places, Place{s.ID, traces[i].Block}) {
				l.Fatalf("trace %d of segment %d is at %v, unknown are %v", i, s.ID, places, unknown)
			}
		}
	}
	found := 0
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		places, _ := l.Find(nil, clew.MakeTraceID(rng.Uint64(), rng.Uint64()))
		found += len(places)
	}
	if found > 20 {
		l.Errorf("%d of 2000 other traces are somewhere", found)
	}
	if len(l.troubles) > 0 {
		l.Errorf("troubles: %v", l.troubles)
	}
}

func (l *library) fileNames() []string {
	names, _ := l.disk.List("data/traces")
	return names
}

// TestLife adds segments one by one, forgets some, and opens the index again: all
// that is there is found, in few files.
func TestLife(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	l := newLibrary(t, vfs.NewMem())
	l.check()
	most := 0
	for id := uint64(1); id <= 300; id++ {
		n := 50
		if id%10 == 0 {
			n = 3000
		}
		l.add(id, n)
		if l.Due() {
			l.Flush()
		}
		most = max(most, len(l.fileNames()))
		if id%75 == 0 {
			l.check()
			l.Close()
			l.open()
			l.check()
		}
		if id%3 == 0 {
			l.forget(Segment{id / 3, uint32(id / 3 * 7)})
		}
	}
	if most > 6 {
		t.Errorf("%d files of 300 segments", most)
	}
	l.check()
	for s := range l.traces {
		l.forget(s)
	}
	if names := l.fileNames(); len(names) != 0 {
		t.Errorf("files %v of no segments", names)
	}
	l.Close()
}

// TestSize measures what a trace takes in a file of many segments.
func TestSize(t *testing.T) {
	disk := vfs.NewMem()
	l := newLibrary(t, disk)
	total := 0
	for id := range uint64(64) {
		l.add(id+1, 2700)
		total += 2700
		l.Flush()
	}
	l.Close()
	size, damage := Verify(disk, "data/traces")
	if perTrace := float64(size) / float64(total); perTrace > 4 || damage != nil {
		t.Errorf("%.2f bytes a trace, damage %v", perTrace, damage)
	}
}

// TestOneTraceEverywhere has a trace in many blocks of many segments, and another
// of the same low half.
func TestOneTraceEverywhere(t *testing.T) {
	l := newLibrary(t, vfs.NewMem())
	var want []Place
	for id := range uint64(40) {
		var traces []Trace
		for blk := range 5 {
			traces = append(traces, Trace{clew.MakeTraceID(id, 7), blk})
			want = append(want, Place{id, blk})
		}
		l.Add(Segment{ID: id}, traces)
		l.Flush()
	}
	got, unknown := l.Find(nil, clew.MakeTraceID(0, 7))
	slices.SortFunc(got, func(a, b Place) int { return int(a.Segment)*10 + a.Block - int(b.Segment)*10 - b.Block })
	if !slices.Equal(got, want) || unknown != nil {
		t.Errorf("%d places, unknown %v, want all %d", len(got), unknown, len(want))
	}
}

// TestOtherContent has the id of a segment come again with other content: what the
// index knows of the first is not taken for the second.
func TestOtherContent(t *testing.T) {
	disk := vfs.NewMem()
	l := newLibrary(t, disk)
	s := l.add(1, 10)
	l.Close()
	other := Segment{1, s.Sum + 1}
	l.traces = map[Segment][]Trace{other: {}}
	l.open()
	if list := l.Uncovered(); !slices.Equal(list, []Segment{other}) {
		t.Errorf("%v are not covered, want %v", list, other)
	}
}

// TestOtherContentInOneFile has a file with a segment that was never listed, beside
// one that is: the id of the first comes again, and its entries are nobody's.
func TestOtherContentInOneFile(t *testing.T) {
	disk := vfs.NewMem()
	l := newLibrary(t, disk)
	lost := l.add(1, 2000)
	l.add(2, 10)
	l.Close()
	lostTraces := l.traces[lost]
	delete(l.traces, lost)
	l.open() // the store lists the other one alone
	again := Segment{1, lost.Sum + 1}
	l.traces[again] = []Trace{{clew.MakeTraceID(9, 9), 0}}
	l.Add(again, l.traces[again])
	l.check()
	for _, trace := range lostTraces {
		if places, _ := l.Find(nil, trace.ID); len(places) > 0 {
			t.Fatalf("a trace of a segment that is not listed is at %v", places)
		}
	}
}

// TestDamage flips every byte of a file in turn: an index never misses a trace that
// it covers, and says which segments it cannot tell of.
func TestDamage(t *testing.T) {
	disk := vfs.NewMem()
	l := newLibrary(t, disk)
	segments := []Segment{l.add(1, 300), l.add(2, 1200)}
	l.Close()
	name := "data/traces/" + l.fileNames()[0]
	good, err := vfs.ReadFile(disk, name, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for off := range good {
		bad := slices.Clone(good)
		bad[off] ^= 0x10
		if err := vfs.Replace(disk, name, bad); err != nil {
			t.Fatal(err)
		}
		if _, damage := Verify(disk, "data/traces"); len(damage) == 0 {
			t.Fatalf("byte %d of %d: no damage is found", off, len(good))
		}
		l.troubles = nil
		l.open()
		for _, s := range segments {
			for _, tr := range []Trace{l.traces[s][0], l.traces[s][len(l.traces[s])-1]} {
				places, unknown := l.Find(nil, tr.ID)
				if !slices.Contains(unknown, s) && !slices.Contains(places, Place{s.ID, tr.Block}) {
					t.Fatalf("byte %d of %d: a trace is missed", off, len(good))
				}
				if len(unknown) > 0 && (len(l.troubles) == 0 || len(l.Uncovered()) == 0) {
					t.Fatalf("byte %d of %d: segments are unknown, and nobody is told", off, len(good))
				}
			}
		}
	}
}

// TestFaults fails every file operation of a run in turn: the index answers for what
// it covers all the same, also when it is opened again.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	for _, plan := range []vfs.Plan{{Err: syscall.EIO}, {Err: syscall.ENOSPC, ShortWrite: true}, {Err: syscall.EIO, Sticky: true}} {
		for n := 1; ; n++ {
			plan.FailAt = n
			disk := vfs.NewMem()
			fs := vfs.NewFault(disk, plan)
			l := newLibrary(t, fs)
			for id := range uint64(40) {
				l.add(id+1, 20)
				l.Flush()
				l.covers(n)
			}
			l.Close()
			l.disk = disk
			l.open()
			l.covers(n)
			l.Close()
			if fs.Ops() < n {
				break
			}
		}
	}
}

// covers checks that all that is known is found.
func (l *library) covers(n int) {
	l.Helper()
	for s, traces := range l.traces {
		places, unknown := l.Find(nil, traces[3].ID)
		if !slices.Contains(unknown, s) && !slices.Contains(places, Place{s.ID, traces[3].Block}) {
			l.Fatalf("operation %d fails: a trace of segment %d is missed", n, s.ID)
		}
	}
}

// TestTooManyLoose keeps files from being written: memory is bounded, and what is
// not taken is not covered.
func TestTooManyLoose(t *testing.T) {
	fs := vfs.NewFault(vfs.NewMem(), vfs.Plan{FailAt: 1, Sticky: true, Err: syscall.ENOSPC})
	l := newLibrary(t, fs)
	for id := range uint64(maxLoose + 10) {
		l.Add(Segment{ID: id}, []Trace{{ID: clew.MakeTraceID(1, id)}})
		l.Flush()
	}
	_, unknown := l.Find(nil, clew.MakeTraceID(1, 1))
	if len(l.packs) != maxLoose || len(unknown) != 10 || len(l.Uncovered()) != 10 {
		t.Errorf("%d segments are taken and %d unknown, want %d and 10", len(l.packs), len(unknown), maxLoose)
	}
	if len(l.troubles) == 0 {
		t.Error("no trouble is told")
	}
}

// TestConcurrentSafe looks traces up while segments come, go and are written.
func TestConcurrentSafe(t *testing.T) {
	l := newLibrary(t, vfs.NewMem())
	var kept []Segment
	for id := range uint64(20) {
		kept = append(kept, l.add(1000+id, 40))
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				s := kept[(i+w)%len(kept)]
				tr := l.traces[s][i%40]
				if places, unknown := l.Find(nil, tr.ID); unknown != nil || !slices.Contains(places, Place{s.ID, tr.Block}) {
					t.Errorf("a trace of segment %d is missed", s.ID)
					return
				}
			}
		})
	}
	for id := range uint64(200) {
		l.Add(Segment{ID: id}, []Trace{{ID: clew.MakeTraceID(1, id)}})
		if id >= 50 {
			l.Remove(Segment{ID: id - 50})
		}
		l.Flush()
	}
	close(stop)
	wg.Wait()
	l.Close()
	if _, unknown := l.Find(nil, clew.MakeTraceID(1, 1)); len(unknown) == 0 {
		t.Error("a closed index answers")
	}
}

// FuzzPack reads any bytes as a pack: entries or an error.
func FuzzPack(f *testing.F) {
	for _, n := range []int{1, 50, 3000} {
		var b bytes.Buffer
		w := newWriter(&b, []packSegment{{Segment{ID: 1}, n}}, 3)
		rng := rand.New(rand.NewPCG(1, 1))
		var entries []entry
		for range n {
			entries = append(entries, entry(rng.Uint64()>>32<<32|rng.Uint64N(8)))
		}
		slices.Sort(entries)
		for _, e := range entries {
			w.add(e)
		}
		if err := w.finish(); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes(), uint32(9), []byte{1})
	}
	f.Fuzz(func(t *testing.T, b []byte, at uint32, with []byte) {
		if len(b) > headSize+tailSize { // reach what the checksums guard
			i := headSize + int(at)%(len(b)-headSize-tailSize)
			copy(b[i:len(b)-tailSize], with)
			mend(b)
		}
		p, err := openPack(bytes.NewReader(b), int64(len(b)), "x")
		if err != nil {
			return
		}
		for i := range uint64(50) {
			places, _ := p.find(nil, uint32(i*0x5555555), func(Segment) bool { return true })
			for _, place := range places {
				if place.Block >= 1<<p.blockBits {
					t.Fatalf("block %d", place.Block)
				}
			}
		}
		_ = merge(new(bytes.Buffer), []*pack{p}, func(*pack, Segment) bool { return true })
	})
}

// mend sets the checksums of the directory and, if it can be read, of the buckets.
func mend(b []byte) {
	tail := b[len(b)-tailSize:]
	off, n := binary.LittleEndian.Uint64(tail), uint64(binary.LittleEndian.Uint32(tail[8:]))
	if off > uint64(len(b)-tailSize) || n != uint64(len(b)-tailSize)-off {
		return
	}
	binary.LittleEndian.PutUint32(tail[12:], checksum(b[off:off+n], tail[:12]))
	p, err := openPack(bytes.NewReader(b), int64(len(b)), "x")
	if err != nil {
		return
	}
	for i := range len(p.offsets) - 1 {
		if from, to := p.offsets[i], p.offsets[i+1]; to-from >= 4 {
			binary.LittleEndian.PutUint32(b[from:], bucketSum(i, b[from+4:to]))
		}
	}
}

// BenchmarkFind looks a trace up among 1,024 segments of 2,700 traces on disk.
func BenchmarkFind(b *testing.B) {
	x := Open(vfs.OS(), b.TempDir(), nil, func(err error) { b.Fatal(err) })
	var ids []clew.TraceID
	for id := range uint64(1024) {
		rng := rand.New(rand.NewPCG(id, 5))
		traces := make([]Trace, 2700)
		for i := range traces {
			traces[i] = Trace{clew.MakeTraceID(rng.Uint64(), rng.Uint64()), i / 340}
		}
		ids = append(ids, traces[id].ID)
		x.Add(Segment{ID: id}, traces)
		x.Flush()
	}
	var places []Place
	i := 0
	for b.Loop() {
		places, _ = x.Find(places[:0], ids[i%len(ids)])
		if len(places) == 0 {
			b.Fatal("missed")
		}
		i++
	}
	b.ReportMetric(float64(x.files), "files")
	b.ReportMetric(float64(len(x.packs)-x.files), "loose")
}
