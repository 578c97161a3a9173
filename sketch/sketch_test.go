package sketch

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// exactPlace finds the place of v by the definition: the least p with
// v <= 2^(p/32), that is v^32 <= 2^p.
func exactPlace(v uint64) int {
	power := new(big.Int).Exp(new(big.Int).SetUint64(v), big.NewInt(subs), nil)
	p := power.BitLen() - 1
	if power.Cmp(new(big.Int).Lsh(big.NewInt(1), uint(p))) > 0 {
		p++
	}
	return p
}

func TestPlace(t *testing.T) {
	check := func(v uint64) {
		if v == 0 {
			return
		}
		if got, want := place(v), exactPlace(v); got != want {
			t.Errorf("place(%d) = %d, want %d", v, got, want)
		}
		if p := place(v); v < lowest(p) || v > highest(p) {
			t.Errorf("%d lies outside its place %d: %d to %d", v, p, lowest(p), highest(p))
		}
	}
	for v := range uint64(5000) {
		check(v)
	}
	for p := range maxPlace + 1 {
		if hollow := lowest(p) > highest(p); isHollow(uint64(p)) != hollow {
			t.Errorf("place %d is hollow: %v, want %v", p, !hollow, hollow)
		}
		for _, v := range []uint64{lowest(p) - 1, lowest(p), lowest(p) + 1, highest(p) - 1, highest(p), highest(p) + 1} {
			check(v)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		check(r.Uint64() >> r.IntN(64))
	}
	check(math.MaxUint64)
	for v, want := range map[uint64]int{1: -1, 2: 31, 3: 50, 4: 63, 5: 74, 1000: 318, 1e9: 956, math.MaxUint64: 2047} {
		if got := Index(v); got != want {
			t.Errorf("Index(%d) = %d, want %d", v, got, want)
		}
	}
}

// counted is a value and how often it occurred.
type counted struct{ v, n uint64 }

// distributions are lists of values of different nature.
func distributions(r *rand.Rand) map[string][]counted {
	list := func(n int, f func() counted) (out []counted) {
		for range n {
			out = append(out, f())
		}
		return out
	}
	return map[string][]counted{
		"log-normal":   list(3000, func() counted { return counted{uint64(math.Exp(r.NormFloat64()*1.5 + 15)), 1} }),
		"all sizes":    list(3000, func() counted { return counted{r.Uint64() >> r.IntN(64), 1} }),
		"small":        list(500, func() counted { return counted{r.Uint64N(200), 1} }),
		"few":          list(3, func() counted { return counted{r.Uint64N(1e9), 1} }),
		"one":          {{123456789, 1}},
		"zeros":        {{0, 7}},
		"equal":        {{5000, 40}},
		"zero and one": {{0, 1}, {1, 1}},
		"weighted":     list(800, func() counted { return counted{uint64(math.Exp(r.NormFloat64() + 12)), 1 + r.Uint64N(1<<20)} }),
		"greatest":     {{math.MaxUint64, 1}, {1, 1}},
	}
}

func histogramOf(values []counted) *Histogram {
	h := new(Histogram)
	for _, x := range values {
		h.Add(x.v, x.n)
	}
	return h
}

// exactQuantile is the value of rank ceil(q·count).
func exactQuantile(values []counted, q float64) float64 {
	sorted := slices.Clone(values)
	slices.SortFunc(sorted, func(a, b counted) int {
		if a.v < b.v {
			return -1
		}
		return 1
	})
	total := uint64(0)
	for _, x := range sorted {
		total += x.n
	}
	rank := max(1, uint64(math.Ceil(q*float64(total))))
	for _, x := range sorted {
		if rank <= x.n {
			return float64(x.v)
		}
		rank -= x.n
	}
	return float64(sorted[len(sorted)-1].v)
}

func TestQuantileError(t *testing.T) {
	for name, values := range distributions(rand.New(rand.NewPCG(3, 4))) {
		h := histogramOf(values)
		for _, q := range []float64{0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1} {
			got, want := h.Quantile(q), exactQuantile(values, q)
			if math.Abs(got-want) > RelativeError*want {
				t.Errorf("%s: Quantile(%v) = %v, want %v: off by %v", name, q, got, want, math.Abs(got-want)/want)
			}
		}
		if lo, hi := h.Quantile(0), h.Quantile(1); lo != float64(h.Min()) || hi != float64(h.Max()) {
			t.Errorf("%s: Quantile(0) = %v and Quantile(1) = %v, want %d and %d", name, lo, hi, h.Min(), h.Max())
		}
	}
	if q := new(Histogram).Quantile(0.5); q != 0 {
		t.Errorf("Quantile of nothing = %v", q)
	}
}

// TestExactNumbers compares what is exact with plain loops.
func TestExactNumbers(t *testing.T) {
	for name, values := range distributions(rand.New(rand.NewPCG(5, 6))) {
		h := histogramOf(values)
		sum, count, least, greatest := new(big.Int), uint64(0), uint64(math.MaxUint64), uint64(0)
		for _, x := range values {
			sum.Add(sum, new(big.Int).Mul(new(big.Int).SetUint64(x.v), new(big.Int).SetUint64(x.n)))
			count += x.n
			least, greatest = min(least, x.v), max(greatest, x.v)
		}
		got := new(big.Int).Or(new(big.Int).Lsh(new(big.Int).SetUint64(h.Sum().Hi), 64), new(big.Int).SetUint64(h.Sum().Lo))
		if got.Cmp(sum) != 0 || h.Count() != count || h.Min() != least || h.Max() != greatest {
			t.Errorf("%s: sum %v, count %d, %d to %d; want %v, %d, %d to %d", name, got, h.Count(), h.Min(), h.Max(), sum, count, least, greatest)
		}
		total, last := h.Zero(), -2
		for i, n := range h.Buckets() {
			if i <= last || n == 0 {
				t.Fatalf("%s: bucket %d of %d behind %d", name, i, n, last)
			}
			total, last = total+n, i
		}
		if total != count {
			t.Errorf("%s: buckets hold %d of %d", name, total, count)
		}
	}
}

// TestMergeOrder merges parts of the same values in any order and grouping; the
// results are equal to the last number.
func TestMergeOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	all := distributions(r)
	huge := []counted{{math.MaxUint64, math.MaxUint64}, {1 << 40, math.MaxUint64 - 5}, {0, math.MaxUint64 - 1}, {1 << 40, 6}, {7, 1}}
	all["overflow"] = huge
	for name, values := range all {
		want := histogramOf(values)
		for round := range 20 {
			parts := make([]*Histogram, 1+r.IntN(6))
			for i := range parts {
				parts[i] = new(Histogram)
			}
			for _, x := range values {
				parts[r.IntN(len(parts))].Add(x.v, x.n)
			}
			for len(parts) > 1 {
				i := r.IntN(len(parts) - 1)
				j := i + 1 + r.IntN(len(parts)-i-1)
				a, b := parts[i], parts[j]
				if r.IntN(2) == 0 {
					a, b = b, a
				}
				a.Merge(b)
				parts[i] = a
				parts = slices.Delete(parts, j, j+1)
			}
			if !same(parts[0], want) {
				t.Fatalf("%s, round %d: merged %v, want %v", name, round, parts[0], want)
			}
		}
	}
}

// same compares histograms, of which empty ones may have memory.
func same(a, b *Histogram) bool {
	x, y := *a, *b
	x.place, x.n, y.place, y.n = nil, nil, nil, nil
	return reflect.DeepEqual(x, y) && slices.Equal(a.place, b.place) && slices.Equal(a.n, b.n)
}

func TestAccumulator(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	var a Accumulator
	var got Histogram
	for name, values := range distributions(r) {
		half := len(values) / 2
		for _, x := range values[:half] {
			a.Add([]uint64{x.v}, x.n)
		}
		a.Merge(histogramOf(values[half:]))
		a.Merge(new(Histogram))
		if a.Move(&got); !same(&got, histogramOf(values)) {
			t.Errorf("%s: accumulated %v, want %v", name, got, histogramOf(values))
		}
	}
	var room Room
	all, kept := distributions(r), make(map[string]*Histogram)
	for name, values := range all { // all in one memory, which none takes from another
		h := new(Histogram)
		a.Merge(histogramOf(values))
		a.MoveTo(h, &room)
		h.Merge(histogramOf([]counted{{1 << 40, 1}, {77, 1}}))
		kept[name] = h
	}
	for name, values := range all {
		want := histogramOf(append(slices.Clone(values), counted{1 << 40, 1}, counted{77, 1}))
		if !same(kept[name], want) {
			t.Errorf("%s: in common memory %v, want %v", name, kept[name], want)
		}
	}
	a.Add([]uint64{0, 5, 5, 1 << 50, 0}, 3)
	want := histogramOf([]counted{{0, 6}, {5, 6}, {1 << 50, 3}})
	if a.Move(&got); !same(&got, want) {
		t.Errorf("accumulated %v, want %v", got, want)
	}
	if a.Move(&got); !same(&got, new(Histogram)) {
		t.Errorf("an empty accumulator gives %v", got)
	}
}

func TestScale(t *testing.T) {
	values := []counted{{0, 2}, {7, 3}, {1e9, 1}}
	h := histogramOf(values)
	h.Scale(65536)
	for i := range values {
		values[i].n *= 65536
	}
	if want := histogramOf(values); !same(h, want) {
		t.Errorf("scaled %v, want %v", h, want)
	}
	if m := h.Mean(); math.Abs(m-(21+1e9)/6.0) > 1e-3 {
		t.Errorf("Mean = %v", m)
	}
	if m := new(Histogram).Mean(); m != 0 {
		t.Errorf("Mean of nothing = %v", m)
	}
}

// TestSmall holds that a histogram of few values is small, in memory and encoded.
func TestSmall(t *testing.T) {
	h := histogramOf([]counted{{100, 1}, {1e6, 1}, {1e12, 1}})
	if c := cap(h.place) + cap(h.n); c > 16 {
		t.Errorf("three values take room for %d buckets", c/2)
	}
	hs := make([]Histogram, 1000)
	for i := range hs {
		hs[i].Add(uint64(1000+i*37), 65536)
	}
	if n := len(appendAll(nil, hs)); n > 8*len(hs) {
		t.Errorf("%d histograms of one value are encoded in %d bytes", len(hs), n)
	}
	var a Accumulator
	vs := []uint64{1, 2, 3, 1e9, 1e6}
	if n := testing.AllocsPerRun(100, func() { a.Add(vs, 1); a.Move(h) }); n > 0 {
		t.Errorf("accumulating allocates %v times", n)
	}
}

func ExampleHistogram_Quantile() {
	var h Histogram
	for ms := range uint64(1000) {
		h.Add(ms*1e6, 1)
	}
	fmt.Printf("p99 about %.0f ms, exactly 989 ms; p100 exactly %.0f ms\n", h.Quantile(0.99)/1e6, h.Quantile(1)/1e6)
	// Output: p99 about 995 ms, exactly 989 ms; p100 exactly 999 ms
}

// TestQuantileFromEitherEnd compares each rank with the value that stands there, in the
// order of the buckets, whichever end it is looked for from.
func TestQuantileFromEitherEnd(t *testing.T) {
	var h Histogram
	var sorted []float64
	for i, n := range []uint64{3, 1, 2, 5, 1, 1, 4} {
		v := uint64(i) * 1000
		h.Add(v, n)
		for range n {
			sorted = append(sorted, float64(v))
		}
	}
	for rank := 1; rank <= len(sorted); rank++ {
		want, got := sorted[rank-1], h.Quantile(float64(rank)/float64(len(sorted)))
		if math.Abs(got-want) > want*RelativeError {
			t.Errorf("rank %d of %d: %v, want about %v", rank, len(sorted), got, want)
		}
	}
}
