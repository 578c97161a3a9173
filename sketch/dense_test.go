package sketch

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/clew-tracing/clew/column"
)

func appendDense(dst []byte, hs []Histogram) []byte {
	return AppendDense(dst, len(hs), func(i int) *Histogram { return &hs[i] })
}

// histogram returns histogram i of d.
func (d *Dense) histogram(i int) *Histogram {
	var a Accumulator
	h := new(Histogram)
	d.AddTo(&a, i)
	a.Move(h)
	return h
}

func TestDenseRoundTrip(t *testing.T) {
	all := []Histogram{{}}
	for _, values := range distributions(rand.New(rand.NewPCG(13, 14))) {
		h := histogramOf(values)
		weighted := new(Histogram)
		weighted.Merge(h)
		weighted.Scale(65536)
		all = append(all, *h, *weighted)
	}
	all = append(all, *histogramOf([]counted{{math.MaxUint64, math.MaxUint64}, {3, 2}, {0, math.MaxUint64}}),
		*histogramOf([]counted{{1, 1 << 63}, {7, 1 << 63}, {9, 1 << 62}}))
	for len(all)*(maxPlace+1) < 4*maxCounts { // more counts than are kept
		all = append(all, *histogramOf([]counted{{1, 1}, {math.MaxUint64, uint64(len(all))}}))
	}
	var d Dense
	for _, n := range []int{0, 1, 2, 5, len(all) - 1, len(all), 3} {
		hs := all[:n]
		rest, err := d.Parse(append(appendDense(nil, hs), "tail"...), n)
		if err != nil || string(rest) != "tail" || d.Len() != n {
			t.Fatalf("Parse of %d: %d, rest %q, %v", n, d.Len(), rest, err)
		}
		var sum Accumulator
		var got, want Histogram
		for i := range hs {
			if h := d.histogram(i); !same(h, &hs[i]) {
				t.Errorf("histogram %d of %d: %v, want %v", i, n, h, hs[i])
			}
			d.AddTo(&sum, i)
			want.Merge(&hs[i])
		}
		if sum.Move(&got); !same(&got, &want) {
			t.Errorf("%d histograms add up to %v, want %v", n, got, want)
		}
	}
}

// denseFields is one histogram, field by field, so that a test can say what is in it.
type denseFields struct {
	fields [fields]uint64
	counts []uint64
}

func (x *denseFields) bytes() (b []byte) {
	for _, v := range x.fields {
		b = column.AppendInts(b, []uint64{v}, column.IntOptions{})
	}
	return column.AppendInts(b, x.counts, column.IntOptions{})
}

func TestDenseDamage(t *testing.T) {
	five := []uint64{1} // the bucket of 5, once
	within := make([]uint64, 76)
	within[0], within[3], within[75] = 1, 1, 1
	many := make([]uint64, maxPlace+1)
	many[0], many[maxPlace] = 1, 1
	for name, x := range map[string]denseFields{
		"good":                     {[fields]uint64{0, 75, 0, 0, 0, 5, 0}, five},
		"shift of 64":              {[fields]uint64{64, 75, 0, 0, 0, 5, 0}, five},
		"place too high":           {[fields]uint64{0, maxPlace + 1, 0, 0, 0, 5, 0}, five},
		"places too high":          {[fields]uint64{0, 75, 0, 0, 0, 5, 0}, many},
		"bucket without a number":  {[fields]uint64{0, 3, 0, 0, 0, 5, 0}, five},
		"a bucket within without":  {[fields]uint64{0, 0, 0, 0, 0, 5, 0}, within},
		"no first bucket":          {[fields]uint64{0, 74, 0, 0, 0, 5, 0}, []uint64{0, 1}},
		"no last bucket":           {[fields]uint64{0, 75, 0, 0, 0, 5, 0}, []uint64{1, 0}},
		"a first bucket of none":   {[fields]uint64{0, 75, 0, 0, 0, 0, 0}, nil},
		"count shifted out":        {[fields]uint64{2, 75, 0, 0, 0, 5, 0}, []uint64{1 << 62}},
		"zeros shifted out":        {[fields]uint64{1, 0, 1 << 63, 0, 0, 0, 0}, nil},
		"sum shifted out":          {[fields]uint64{1, 75, 0, 0, 0, 5, 1 << 63}, five},
		"least beyond its bucket":  {[fields]uint64{0, 75, 0, 1, 0, 5, 0}, five},
		"greatest beyond":          {[fields]uint64{0, 75, 0, 0, 1, 5, 0}, five},
		"a least value of nothing": {[fields]uint64{0, 0, 0, 1, 0, 0, 0}, nil},
		"a least besides zeros":    {[fields]uint64{0, 319, 1, 1, 0, 1000, 0}, five},
	} {
		var d Dense
		_, err := d.Parse(x.bytes(), 1)
		if (err == nil) != (name == "good") || err != nil && d.Len() != 0 {
			t.Errorf("%s: %d histograms, %v", name, d.Len(), err)
		}
	}
	two := appendDense(nil, []Histogram{{}, {}})
	if _, err := new(Dense).Parse(two, 1); err == nil {
		t.Error("two histograms are read where one is allowed")
	}
	b := appendDense(nil, []Histogram{*histogramOf([]counted{{1000, 3}, {70, 1}})})
	for n := range len(b) {
		if _, err := new(Dense).Parse(b[:n], 1); err == nil {
			t.Errorf("the first %d of %d bytes are taken for all", n, len(b))
		}
	}
}

// FuzzDense reads anything: no panic, and what is read comes back the same.
func FuzzDense(f *testing.F) {
	f.Add(appendDense(nil, nil))
	f.Add(appendDense(nil, []Histogram{*histogramOf([]counted{{0, 1}, {5, 2}, {1e9, 65536}}), {}}))
	f.Add(appendDense(nil, []Histogram{*histogramOf([]counted{{1 << 63, 65536}, {7, 1 << 40}})}))
	f.Fuzz(func(t *testing.T, b []byte) {
		const most = 64
		var d, again Dense
		rest, err := d.Parse(b, most)
		if err != nil {
			return
		}
		hs := make([]Histogram, d.Len())
		for i := range hs {
			hs[i] = *d.histogram(i)
			if h := &hs[i]; h.min > h.max || h.Quantile(0.5) > float64(h.max) {
				t.Fatalf("histogram %d makes no sense: %v", i, h)
			}
		}
		if len(hs) > most || !bytes.HasSuffix(b, rest) {
			t.Fatalf("%d histograms, rest %x", len(hs), rest)
		}
		if _, err := again.Parse(appendDense(nil, hs), most); err != nil || again.Len() != len(hs) {
			t.Fatalf("written again: %v", err)
		}
		for i := range hs {
			if h := again.histogram(i); !same(&hs[i], h) {
				t.Fatalf("histogram %d: %v, written again %v", i, hs[i], h)
			}
		}
	})
}

// BenchmarkDense reads and adds up 20 histograms of 3,277 values each: what services
// did in a segment.
func BenchmarkDense(b *testing.B) {
	const n, each = 20, 3277
	vs, hs := durations(n*each), make([]Histogram, n)
	var a Accumulator
	for i := range hs {
		a.Add(vs[each*i:each*(i+1)], 1<<16)
		a.Move(&hs[i])
	}
	bytes := appendDense(nil, hs)
	var d Dense
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Parse(bytes, n); err != nil {
			b.Fatal(err)
		}
		for i := range n {
			d.AddTo(&a, i)
		}
	}
	b.ReportMetric(float64(len(bytes))/n, "B/histogram")
}
