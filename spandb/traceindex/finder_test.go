package traceindex

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
)

func all(Segment) bool { return true }

// TestFinder asks of the traces of segments whether they are in others: of a trace of one
// block, of two blocks of one segment, and of two segments.
func TestFinder(t *testing.T) {
	l := newLibrary(t, vfs.NewMem())
	first := l.add(1, 700)
	var files []Segment
	for id := uint64(2); id < 2+looseSegments; id++ { // so that there are a file and some in memory
		files = append(files, l.add(id, 700))
	}
	l.Flush()
	l.add(90, 700)
	alone, here := l.traces[first][0], Place{first.ID, 0}
	twice, both := clew.MakeTraceID(7, 7), clew.MakeTraceID(8, 8)
	l.Add(Segment{ID: 91}, []Trace{{twice, 1}, {twice, 2}, {both, 1}})
	l.Add(Segment{ID: 92}, []Trace{{both, 1}})
	at := Place{91, 1}
	without := func(id uint64) func(Segment) bool { return func(s Segment) bool { return s.ID != id } }
	for _, c := range []struct {
		name string
		want func(Segment) bool
		id   clew.TraceID
		than Place
		is   bool
	}{
		{"in a file, alone", all, alone.ID, here, false},
		{"in a file, another segment", all, alone.ID, Place{files[0].ID, 0}, true},
		{"in a file, another block", all, alone.ID, Place{first.ID, 1}, true},
		{"in a file, of no segment", all, alone.ID, Place{Block: -1}, true},
		{"in a file, not wanted", without(first.ID), alone.ID, Place{Block: -1}, false},
		{"nowhere", all, clew.MakeTraceID(9, 9), Place{Block: -1}, false},
		{"two blocks", all, twice, at, true},
		{"two segments", all, both, at, true},
		{"two segments, one wanted", without(92), both, at, false},
	} {
		f := l.Finder(c.want)
		for range 2 { // as it was read, and as it is kept
			if f.Elsewhere(c.id, c.than) != c.is {
				t.Errorf("%s: elsewhere is %t", c.name, !c.is)
			}
		}
		f.Close()
	}

	f := l.Finder(all)
	f.Elsewhere(alone.ID, here)
	files = append(files, first)
	for _, s := range files { // the file goes, but not for who has it
		l.Remove(s)
	}
	for _, tr := range l.traces[first] {
		if f.Elsewhere(tr.ID, Place{first.ID, tr.Block}) || !f.Elsewhere(tr.ID, Place{Block: -1}) {
			t.Fatal("the finder lost a file that is removed")
		}
	}
	f.Close()
	for _, p := range l.packs {
		if n := p.refs.Load(); n != 1 {
			t.Errorf("a pack has %d holders after all finders were closed", n)
		}
	}

	l.List(Segment{ID: 99})
	if f := l.Finder(all); !f.Elsewhere(twice, at) {
		t.Error("nothing is elsewhere, with a segment that nothing is known of")
	}
	if f := l.Finder(without(99)); f.Elsewhere(clew.MakeTraceID(9, 9), at) {
		t.Error("a trace is elsewhere for a segment that is not wanted")
	}
}

// TestFinderOfDamage has a file damaged before it is read: any trace may be in it.
func TestFinderOfDamage(t *testing.T) {
	l := newLibrary(t, vfs.NewMem())
	for id := range uint64(looseSegments) {
		l.add(id+1, 700)
	}
	l.Flush()
	name := l.packs[0].file
	p := l.packs[0]
	p.offsets[0]++ // the first bucket begins where it does not
	f := l.Finder(all)
	defer f.Close()
	if !f.Elsewhere(clew.TraceID{}, Place{Block: -1}) {
		t.Error("nothing is elsewhere, with a damaged file")
	}
	if len(l.troubles) != 1 || len(l.Uncovered()) != looseSegments {
		t.Errorf("of %s %v is told, %d segments are not covered", name, l.troubles, len(l.Uncovered()))
	}
}

// TestFinderOfMany asks of so many traces that all packs are gone through at once.
func TestFinderOfMany(t *testing.T) {
	l := newLibrary(t, vfs.NewMem())
	var ids []clew.TraceID
	where := make(map[clew.TraceID][]Place)
	rng := rand.New(rand.NewPCG(3, 4))
	for id := uint64(1); id <= looseSegments+3; id++ {
		s := Segment{ID: id}
		var traces []Trace
		for i := range 900 {
			tr := Trace{clew.MakeTraceID(rng.Uint64(), rng.Uint64()), i / 300}
			if i%20 == 7 { // one that is elsewhere
				if other := ids[rng.IntN(len(ids))]; !slices.Contains(where[other], Place{id, tr.Block}) {
					tr.ID = other
				}
			}
			if i == 0 { // a prefix of 0
				tr.ID = clew.MakeTraceID(id, 0)
			}
			traces = append(traces, tr)
			ids = append(ids, tr.ID)
			where[tr.ID] = append(where[tr.ID], Place{id, tr.Block})
		}
		l.Add(s, traces)
		l.Flush()
	}
	f := l.Finder(func(s Segment) bool { return s.ID != 5 })
	defer f.Close()
	wrong := 0
	for range 2 {
		for id, at := range where {
			at = slices.DeleteFunc(slices.Clone(at), func(p Place) bool { return p.Segment == 5 })
			for _, p := range at {
				if elsewhere := len(at) > 1; f.Elsewhere(id, p) != elsewhere && id.Low() != 0 {
					wrong++
				}
			}
		}
	}
	if f.twice == nil {
		t.Fatalf("after %d questions about %d traces nobody went through all", f.asked, f.traces)
	}
	if wrong > 0 { // the seed is one of which no hashes are equal
		t.Errorf("%d answers are wrong", wrong)
	}
	if !f.Elsewhere(clew.MakeTraceID(1, 0), Place{1, 0}) || f.Elsewhere(clew.MakeTraceID(1, 1), Place{Block: -1}) {
		t.Error("a hash of 0, or a trace that is nowhere, is not told")
	}
}

// BenchmarkElsewhere asks whether the traces of one segment are in any other.
func BenchmarkElsewhere(b *testing.B) {
	for _, segments := range []uint64{76, 1024} {
		b.Run(strconv.FormatUint(segments, 10), func(b *testing.B) {
			x := Open(vfs.NewMem(), "traces", nil, func(err error) { b.Fatal(err) })
			var ids []clew.TraceID
			for id := range segments {
				rng := rand.New(rand.NewPCG(id, 5))
				traces := make([]Trace, 2700)
				for i := range traces {
					traces[i].ID = clew.MakeTraceID(rng.Uint64(), rng.Uint64())
					if id == 50 {
						ids = append(ids, traces[i].ID)
					}
				}
				x.Add(Segment{ID: id}, traces)
				x.Flush()
			}
			f := x.Finder(all)
			defer f.Close()
			elsewhere := 0 // hashes that happen to be equal
			for b.Loop() {
				for _, id := range ids {
					if f.Elsewhere(id, Place{Segment: 50}) {
						elsewhere++
					}
				}
			}
			if elsewhere > b.N*len(ids)/100 {
				b.Errorf("%d of %d are elsewhere", elsewhere, b.N*len(ids))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(ids)), "ns/trace")
		})
	}
}
