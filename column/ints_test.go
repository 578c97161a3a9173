package column

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clew-tracing/clew/column/bitpack"
)

// intVectors are shapes that meet each kind and each border of width.
func intVectors() map[string][]uint64 {
	rng := rand.New(rand.NewPCG(7, 7))
	vector := func(n int, f func(i int) uint64) []uint64 {
		v := make([]uint64, n)
		for i := range v {
			v[i] = f(i)
		}
		return v
	}
	walk := uint64(1 << 60)
	m := map[string][]uint64{
		"empty":     {},
		"one":       {42},
		"one max":   {math.MaxUint64},
		"two":       {5, 4},
		"constant":  vector(1000, func(int) uint64 { return 1 << 50 }),
		"ascending": vector(777, func(i int) uint64 { return uint64(i) * 10 }),
		"down":      vector(777, func(i int) uint64 { return -uint64(i) * 1000 }),
		"extremes":  vector(300, func(i int) uint64 { return -uint64(i & 1) }),
		"runs":      vector(5000, func(i int) uint64 { return uint64(i / 100 * 7919 % 64) }),
		"one spike": vector(5000, func(i int) uint64 { return uint64(i / 4999 * 1e9) }),
		"walk":      vector(4096, func(int) uint64 { walk += rng.Uint64N(1000) - 300; return walk }),
		"few":       vector(4096, func(int) uint64 { return []uint64{200, 404, 500}[rng.IntN(3)] << 30 }),
		"pulse":     vector(4096, func(i int) uint64 { return uint64(i)*1000 + uint64(i%2)<<50 }),
		"stretches": vector(3001, func(i int) uint64 { return rng.Uint64N(1 << (i / 300 * 7 % 30)) }),
		"plateaus":  vector(1000, func(i int) uint64 { return uint64(i/128) << 61 }),
		"around 0":  vector(1000, func(i int) uint64 { return rng.Uint64N(1<<(i/300*9)) - 1<<(i/300*8) }),
		"signed":    vector(512, func(int) uint64 { return uint64(int64(rng.IntN(100)) - 50) }),
	}
	for w := range 65 {
		m[fmt.Sprint("width ", w)] = vector(1+w*7, func(int) uint64 {
			return 3 + rng.Uint64()&bitpack.Mask(uint(w))
		})
	}
	return m
}

func intOptions() []IntOptions {
	var all []IntOptions
	for i := range 8 {
		all = append(all, IntOptions{Delta: i&1 != 0, Zstd: i&2 != 0, Signed: i&4 != 0})
	}
	return all
}

func TestIntsRoundTrip(t *testing.T) {
	kinds := map[IntKind]int{}
	for name, vals := range intVectors() {
		for _, o := range intOptions() {
			enc := AppendInts([]byte("before"), vals, o)[len("before"):]
			// With bytes behind the chunk and with none, on an exact slice.
			for _, tail := range []string{"", "behind the chunk"} {
				src := slices.Clip(append(slices.Clone(enc), tail...))
				x, rest, err := ParseInts(src, len(vals))
				if err != nil || string(rest) != tail {
					t.Fatalf("%s %+v: ParseInts: rest %q, %v", name, o, rest, err)
				}
				kinds[x.Kind()]++
				checkInts(t, name, &x, vals)
			}
			if _, _, err := ParseInts(enc, len(vals)-1); err == nil && len(vals) > 0 {
				t.Fatalf("%s: a chunk of %d values passes a limit below it", name, len(vals))
			}
			for cut := range min(len(enc), 80) {
				if _, _, err := DecodeInts([]uint64(nil), slices.Clip(enc[:cut]), len(vals)); err == nil {
					t.Fatalf("%s %+v: %d of %d bytes decode", name, o, cut, len(enc))
				}
			}
		}
	}
	for k := range intKinds {
		if kinds[k] == 0 {
			t.Errorf("no vector is encoded as %v", k)
		}
	}
}

func checkInts(t *testing.T, name string, x *Ints, vals []uint64) {
	t.Helper()
	if x.Len() != len(vals) {
		t.Fatalf("%s: Len() = %d, want %d", name, x.Len(), len(vals))
	}
	got, err := x.Decode([]uint64{99})
	if err != nil || got[0] != 99 || !slices.Equal(got[1:], vals) {
		t.Fatalf("%s (%v): Decode differs: %v", name, x.Kind(), err)
	}
	if x.RandomAccess() {
		for i, v := range vals {
			if x.At(i) != v {
				t.Fatalf("%s: At(%d) = %d, want %d", name, i, x.At(i), v)
			}
			if x.Constant() && v != x.Min() {
				t.Fatalf("%s: Min() = %d of a constant %d", name, x.Min(), v)
			}
		}
	}
	n := len(vals)
	for _, r := range [][2]int{{0, 0}, {0, min(n, 1)}, {n / 3, n}, {min(n, 5), min(n, 300)}, {n, n}, {max(0, n-9), n}} {
		got, err := x.DecodeRange(nil, r[0], r[1])
		if err != nil || !slices.Equal(got, vals[r[0]:r[1]]) {
			t.Fatalf("%s (%v): DecodeRange(%d, %d) differs: %v", name, x.Kind(), r[0], r[1], err)
		}
	}
	checkNarrow[uint8](t, name, x, vals)
	checkNarrow[uint16](t, name, x, vals)
	checkNarrow[uint32](t, name, x, vals)
}

// checkNarrow decodes into T, which must fail exactly if a value does not fit.
func checkNarrow[T Uint](t *testing.T, name string, x *Ints, vals []uint64) {
	t.Helper()
	want, fit := make([]T, len(vals)), true
	for i, v := range vals {
		want[i] = T(v)
		fit = fit && uint64(want[i]) == v
	}
	got, err := DecodeRange([]T(nil), x, 0, x.Len())
	if fit != (err == nil) || fit && !slices.Equal(got, want) {
		t.Fatalf("%s (%v): decode to %T: %v, values fit: %v", name, x.Kind(), want, err, fit)
	}
}

func TestIntsFromNarrowVectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	vals := make([]uint32, 3000)
	for i := range vals {
		vals[i] = rng.Uint32N(1<<20) + uint32(i)
	}
	for _, o := range intOptions()[:4] {
		enc := AppendInts(nil, vals, o)
		got, rest, err := DecodeInts([]uint32(nil), enc, len(vals))
		if err != nil || len(rest) != 0 || !slices.Equal(got, vals) {
			t.Fatalf("%+v: uint32 round trip: %v", o, err)
		}
	}
}
