package sketch

import (
	"math"
	"math/rand/v2"
	"testing"
)

// durations are some nanoseconds of a service.
func durations(n int) []uint64 {
	r := rand.New(rand.NewPCG(1, 1))
	vs := make([]uint64, n)
	for i := range vs {
		vs[i] = uint64(math.Exp(r.NormFloat64()*0.6 + 14))
	}
	return vs
}

// BenchmarkAdd is what each span costs at seal; of 160 spans, what a series of a
// minute has, with the way into the histogram.
func BenchmarkAdd(b *testing.B) {
	vs := durations(160)
	var a Accumulator
	var h Histogram
	b.ReportAllocs()
	for b.Loop() {
		a.Add(vs, 1)
		a.Move(&h)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(vs)), "ns/value")
}

func BenchmarkIndex(b *testing.B) {
	vs := durations(4096)
	sum := 0
	for b.Loop() {
		for _, v := range vs {
			sum += Index(v)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(vs)), "ns/value")
}

func BenchmarkMerge(b *testing.B) {
	var a Accumulator
	var one, all Histogram
	a.Add(durations(160), 1)
	a.Move(&one)
	b.Run("histogram", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			all.Merge(&one)
		}
	})
	b.Run("accumulator", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			a.Merge(&one)
		}
	})
}

// BenchmarkCodec encodes and decodes 500 series of 160 values.
func BenchmarkCodec(b *testing.B) {
	vs := durations(160 * 500)
	hs := make([]Histogram, 500)
	var a Accumulator
	for i := range hs {
		a.Add(vs[160*i:160*(i+1)], 1)
		a.Move(&hs[i])
	}
	var bytes []byte
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			bytes = appendAll(bytes[:0], hs)
		}
		b.ReportMetric(float64(len(bytes))/float64(len(hs)), "B/series")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := Decode(bytes, len(hs), len(vs)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
