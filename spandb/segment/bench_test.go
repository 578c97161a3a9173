package segment

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/clew-tracing/clew/internal/corpus"
)

// benchRows is the size of a full head.
const benchRows = 65536

// perSpan measures f: its CPU time, which other work on the machine hardly
// changes, by span.
func perSpan(b *testing.B, spans int, f func()) {
	b.Helper()
	b.ReportAllocs()
	before := cpuTime()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64((cpuTime()-before).Nanoseconds())/float64(b.N)/float64(spans), "cpu-ns/span")
}

// cpuTime is what this process has used of all processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSeal is the cost of turning a full head into a segment.
func BenchmarkSeal(b *testing.B) {
	for _, name := range []corpus.Name{corpus.Shop, corpus.Wide, corpus.Huge} {
		b.Run(string(name), func(b *testing.B) {
			head := decode(b, corpus.Requests(name, 1, benchRows, 500))
			view := head.View(head.Rows())
			var s Sealer
			size := 0
			perSpan(b, view.Rows, func() { size = len(s.Seal(view, Meta{Tenant: "x"}, nil)) })
			b.ReportMetric(float64(size)/float64(view.Rows), "B/span")
		})
	}
}

// BenchmarkSealStep is what each step of a seal takes of it.
func BenchmarkSealStep(b *testing.B) {
	for _, name := range []corpus.Name{corpus.Shop, corpus.Wide} {
		head := decode(b, corpus.Requests(name, 1, benchRows, 500))
		view := head.View(head.Rows())
		var s Sealer
		s.Seal(view, Meta{Tenant: "x"}, nil)
		s.b = view
		for _, step := range []struct {
			name string
			do   func()
		}{
			{"order", func() { s.order.Build(view) }}, {"tables", s.tables}, {"traces", s.traces}, {"spans", s.spans},
			{"intrinsics", s.intrinsics}, {"received", s.received}, {"attributes", s.aset.spans}, {"events", s.events}, {"links", s.links},
		} {
			b.Run(string(name)+"/"+step.name, func(b *testing.B) {
				perSpan(b, view.Rows, func() {
					s.w.Reset()
					step.do()
				})
			})
		}
	}
}

// BenchmarkReadBlock is the cost of reading all columns of a block, as a trace
// lookup does.
func BenchmarkReadBlock(b *testing.B) {
	for _, name := range []corpus.Name{corpus.Shop, corpus.Wide} {
		b.Run(string(name), func(b *testing.B) {
			r := open(b, seal(decode(b, corpus.Requests(name, 1, benchRows, 500))))
			reader, all := BlockReader{Cache: new(Cache)}, Need{All: true}
			perSpan(b, r.meta.BlockRows[1], func() {
				if _, err := reader.Read(r, 1, &all); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkReadTrace is the cost of reading one trace out of a block, as a trace
// lookup does: with what the cache keeps by then, and cold, as the first lookup after a
// start does, which opens the segment and reads its tables.
func BenchmarkReadTrace(b *testing.B) {
	for _, name := range []corpus.Name{corpus.Shop, corpus.Wide} {
		data := seal(decode(b, corpus.Requests(name, 1, benchRows, 500)))
		r := open(b, data)
		reader := BlockReader{Cache: new(Cache)}
		batch, err := reader.Read(r, 1, &Need{})
		if err != nil {
			b.Fatal(err)
		}
		ids := slices.Clone(batch.TraceIDs)
		for _, cold := range []bool{false, true} {
			run := string(name)
			if cold {
				run += " cold"
			}
			b.Run(run, func(b *testing.B) {
				rows, i := 0, 0
				b.ReportAllocs()
				began := cpuTime()
				for b.Loop() {
					if cold {
						r, reader = open(b, data), BlockReader{Cache: new(Cache)}
					}
					batch, err := reader.ReadTrace(r, 1, ids[i%len(ids)], &Need{All: true})
					if err != nil {
						b.Fatal(err)
					}
					rows += batch.Rows
					i++
				}
				b.ReportMetric(float64((cpuTime()-began).Microseconds())/float64(b.N), "cpu-µs")
				b.ReportMetric(float64(rows)/float64(b.N), "spans")
			})
		}
	}
}

// BenchmarkRollup is what of BenchmarkSeal goes into counting rows and writing the
// sums; also of a head that took 11 minutes to fill, so that its series are of few
// rows.
func BenchmarkRollup(b *testing.B) {
	for _, c := range []struct {
		name corpus.Name
		pace float64
	}{{corpus.Shop, 0}, {corpus.Shop, 100}, {corpus.Wide, 0}, {corpus.Huge, 0}} {
		name := string(c.name)
		gen, err := corpus.New(c.name, 1, benchRows)
		if err != nil {
			b.Fatal(err)
		}
		if c.pace > 0 {
			gen.SpansPerSecond = c.pace
			name += " slow"
		}
		var bodies [][]byte
		for body, n := gen.Next(nil); n > 0; body, n = gen.Next(nil) {
			bodies = append(bodies, body)
		}
		b.Run(name, func(b *testing.B) {
			head := decode(b, bodies)
			view := head.View(head.Rows())
			var s Sealer
			s.Seal(view, Meta{Tenant: "x"}, nil)
			s.b = view
			size := 0
			perSpan(b, view.Rows, func() {
				s.w.Reset()
				s.rollup()
				size = s.w.Size()
			})
			b.ReportMetric(float64(size)/float64(view.Rows), "B/span")
			b.ReportMetric(float64(len(s.count().Operations)+len(s.count().Edges)), "series")
		})
	}
}
