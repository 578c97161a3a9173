package column

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// doubleVectors names, for each vector, whether it is stored as decimals.
func doubleVectors() map[string][]float64 {
	rng := rand.New(rand.NewPCG(3, 1))
	vector := func(n int, f func(i int) float64) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = f(i)
		}
		return v
	}
	special := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), math.SmallestNonzeroFloat64,
		math.MaxFloat64, math.Float64frombits(0xfff8000000001234), math.Float64frombits(0x7ff0000000000001)}
	return map[string][]float64{
		"plain: none":       {},
		"plain: random":     vector(500, func(int) float64 { return rng.Float64() }),
		"plain: special":    special,
		"plain: one":        {0.1},
		"decimal: scores":   vector(3000, func(int) float64 { return float64(rng.IntN(10000)) / 100 }),
		"decimal: signed":   vector(3000, func(int) float64 { return float64(rng.IntN(2000)-1000) / 1000 }),
		"decimal: integers": vector(3000, func(int) float64 { return float64(rng.IntN(1 << 30)) }),
		"decimal: 14":       vector(300, func(i int) float64 { return float64(i*7+1) / 1e14 }),
		"decimal: mostly": vector(3000, func(i int) float64 {
			if i%50 == 0 {
				return special[i/50%len(special)]
			}
			return float64(rng.IntN(1000)) / 10
		}),
		"decimal: special first": vector(1000, func(i int) float64 {
			if i < 3 {
				return special[i]
			}
			return 1e9 + float64(i)/4
		}),
		"plain: constant": vector(1000, func(int) float64 { return math.Pi }),
	}
}

func TestDoublesRoundTrip(t *testing.T) {
	for name, v := range doubleVectors() {
		bits := make([]uint64, len(v))
		for i := range v {
			bits[i] = math.Float64bits(v[i])
		}
		for _, o := range []IntOptions{{}, {Zstd: true}} {
			enc := AppendDoubles([]byte("before"), bits, o)[len("before"):]
			if want := map[byte]byte{'p': doublePlain, 'd': doubleDecimal}[name[0]]; enc[0] != want {
				t.Errorf("%s is encoded as kind %d", name, enc[0])
			}
			src := append(slices.Clone(enc), "rest"...)
			got, rest, err := DecodeDoubles([]uint64{9}, src, len(v))
			if err != nil || string(rest) != "rest" || !slices.Equal(got[1:], bits) {
				t.Fatalf("%s %+v: decode differs, rest %q, %v", name, o, rest, err)
			}
			x, _, err := ParseDoubles(src, len(v))
			if err != nil || x.Len() != len(v) {
				t.Fatalf("%s: %d values, %v", name, x.Len(), err)
			}
			for i := range bits {
				if x.RandomAccess() && x.At(i) != bits[i] {
					t.Fatalf("%s: At(%d) = %x, want %x", name, i, x.At(i), bits[i])
				}
			}
			start, end := len(v)/3, len(v)-len(v)/5
			if got, err := x.DecodeRange(nil, start, end); err != nil || !slices.Equal(got, bits[start:end]) {
				t.Fatalf("%s: range differs: %v", name, err)
			}
			for cut := range min(len(enc), 60) {
				if _, _, err := DecodeDoubles(nil, enc[:cut], len(v)); err == nil {
					t.Fatalf("%s: %d bytes of %d decode", name, cut, len(enc))
				}
			}
			if _, _, err := DecodeDoubles(nil, enc, len(v)-1); err == nil && len(v) > 0 {
				t.Fatalf("%s passes a limit below its length", name)
			}
		}
	}
}
