package sketch

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// Sums are those of exact arithmetic, in whatever order and parts they are made.
func TestSum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	edges := []float64{0, 1, -1, 0.1, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 1e-300, 1 << 53, 1e16, -1e-16}
	for round := range 2000 {
		var all, other Sum
		exact := new(big.Float).SetPrec(5000)
		for range 1 + r.IntN(30) {
			s := &all
			if r.IntN(2) == 0 {
				s = &other
			}
			n := uint64(1)
			if r.IntN(2) == 0 {
				n = r.Uint64() >> r.IntN(64)
			}
			v := new(big.Float).SetPrec(5000)
			if round%3 == 0 || r.IntN(3) == 0 {
				x := int64(r.Uint64()) >> r.IntN(64)
				v.SetInt64(x)
				s.AddInt(x, n)
			} else {
				x := edges[r.IntN(len(edges))]
				if r.IntN(2) == 0 {
					x = math.Float64frombits(r.Uint64())
					if math.IsNaN(x) || math.IsInf(x, 0) {
						x = 3
					}
				}
				v.SetFloat64(x)
				s.AddFloat(x, n)
			}
			exact.Add(exact, v.Mul(v, new(big.Float).SetPrec(5000).SetInt(new(big.Int).SetUint64(n))))
		}
		all.Merge(&other)
		for _, shift := range []int{0, 16} {
			want, _ := new(big.Float).SetMantExp(exact, -shift).Float64()
			if got := all.Float64(shift); got != want && math.Abs(want) > 1e-300 {
				t.Fatalf("round %d: sum %g, want %g", round, got, want)
			}
		}
	}
}

func TestSumAsInt(t *testing.T) {
	f := func(want int64, ok bool, vs ...int64) {
		t.Helper()
		var s Sum
		for _, v := range vs {
			s.AddInt(v, 1)
		}
		if got, is := s.Int(); is != ok || ok && got != want {
			t.Errorf("%v sum up to %d, %v, want %d, %v", vs, got, is, want, ok)
		}
	}
	f(0, true)
	f(-3, true, 2, -5)
	f(math.MaxInt64, true, math.MaxInt64, 1, -1)
	f(math.MinInt64, true, math.MinInt64)
	f(0, false, math.MaxInt64, 1)
	f(0, false, math.MinInt64, -1)
	var s Sum
	s.AddFloat(1, 1)
	if _, ok := s.Int(); ok {
		t.Error("a sum of doubles is a whole number")
	}
}

func TestSumOfWhatIsNoNumber(t *testing.T) {
	f := func(want float64, vs ...float64) {
		t.Helper()
		var s Sum
		for _, v := range vs {
			s.AddFloat(v, 2)
		}
		if got := s.Float64(1); got != want && !(got != got && want != want) {
			t.Errorf("%v sum up to %g, want %g", vs, got, want)
		}
	}
	inf := math.Inf(1)
	f(3, 1, 2)
	f(inf, inf, 1)
	f(-inf, -inf, 1)
	f(math.NaN(), inf, -inf)
	f(math.NaN(), math.NaN(), 1)
}

func BenchmarkSum(b *testing.B) {
	var s Sum
	for b.Loop() {
		s.AddFloat(1.234, 1<<16)
	}
}
