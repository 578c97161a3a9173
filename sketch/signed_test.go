package sketch

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Quantiles are off by RelativeError at most, of numbers of any sign and size, and equal
// those of a Histogram where that can hold the numbers.
func TestSigned(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	qs := []float64{0, 0.01, 0.25, 0.5, 0.9, 0.99, 1}
	for range 300 {
		var s, part, whole Signed
		var h Histogram
		var all []float64
		for range 1 + r.IntN(60) {
			v := (r.Float64() - 0.3) * math.Ldexp(1, r.IntN(80)-40)
			if r.IntN(20) == 0 {
				v = 0
			}
			all = append(all, v)
			if r.IntN(2) == 0 {
				s.Add(v, 1)
			} else {
				part.Add(v, 1)
			}
			n := r.Uint64() >> (11 + r.IntN(53)) // one that a double holds
			h.Add(n, 3)
		}
		s.Merge(&part)
		slices.Sort(all)
		for i, got := range s.Quantiles(nil, qs...) {
			want := all[max(0, int(math.Ceil(qs[i]*float64(len(all))))-1)]
			if math.Abs(got-want) > RelativeError*math.Abs(want) {
				t.Fatalf("quantile %v of %v is %v, want %v", qs[i], all, got, want)
			}
		}
		whole.AddHistogram(&h)
		for i, got := range whole.Quantiles(nil, qs...) {
			if want := h.Quantile(qs[i]); got != want {
				t.Fatalf("quantile %v is %v, of the histogram %v", qs[i], got, want)
			}
		}
	}
}

func TestSignedOctaves(t *testing.T) {
	var s Signed
	for _, v := range []float64{-5, -4, -3, -1, 0, 0.3, 0.5, 1, 2, 3, 4, 5, math.Inf(1), math.NaN()} {
		s.Add(v, 1)
	}
	var got []float64
	s.Octaves(func(bound float64, n uint64) { got = append(got, bound, float64(n)) })
	want := []float64{-4, 1, -2, 2, -0.5, 1, 0, 1, 0.5, 2, 1, 1, 2, 1, 4, 2, 8, 1, math.Inf(1), 1}
	if !slices.Equal(got, want) {
		t.Errorf("octaves %v, want %v", got, want)
	}
	if got := new(Signed).Quantiles(nil, 0.5); !math.IsNaN(got[0]) {
		t.Errorf("a quantile of nothing: %v", got)
	}
}
