package column

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBitmapCodec(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var used Bitmap
	kinds := map[byte]int{}
	for _, n := range []int{0, 1, 7, 63, 64, 65, 128, 1000, 8192, 65536} {
		for _, density := range []float64{0, 0.001, 0.02, 0.5, 0.99, 1} {
			for _, clustered := range []bool{false, true} {
				b := NewBitmap(n)
				in := rng.Float64() < density
				for i := range n {
					if !clustered || rng.IntN(200) == 0 {
						in = rng.Float64() < density
					}
					if in {
						b.Set(i)
					}
				}
				enc := AppendBitmap(nil, b, n)
				if limit := (n+7)/8 + 4; len(enc) > limit {
					t.Errorf("n %d: %d bytes, want at most %d", n, len(enc), limit)
				}
				kinds[enc[0]]++
				got, bits, rest, err := DecodeBitmap(used, append(slices.Clone(enc), "rest"...), n)
				if err != nil || bits != n || string(rest) != "rest" || !slices.Equal(got, b) {
					t.Fatalf("n %d density %v kind %d: decode: %d bits, rest %q, %v", n, density, enc[0], bits, rest, err)
				}
				used = got
				if _, _, _, err := DecodeBitmap(nil, enc, n-1); err == nil && n > 0 {
					t.Errorf("n %d passes a limit below it", n)
				}
				for cut := range min(len(enc), 40) {
					if _, _, _, err := DecodeBitmap(nil, enc[:cut], n); err == nil {
						t.Fatalf("n %d kind %d: %d bytes of %d decode", n, enc[0], cut, len(enc))
					}
				}
			}
		}
	}
	for k := range bitmapKinds {
		if kinds[byte(k)] == 0 {
			t.Errorf("no bitmap is encoded as kind %d", k)
		}
	}
}

func TestBitmapShape(t *testing.T) {
	f := func(n int, members []int, wantRuns ...uint64) {
		t.Helper()
		b := setOf(n, members...)
		got := appendBitmapRuns(b, nil, n)
		count, runs := bitmapShape(b, n)
		if !slices.Equal(got, wantRuns) || runs != len(wantRuns) || count != len(members) {
			t.Errorf("%v of %d: %d runs, %v, want %v", members, n, runs, got, wantRuns)
		}
	}
	f(3, nil, 3)
	f(3, []int{0}, 0, 1, 2)
	f(3, []int{2}, 2, 1)
	f(64, []int{63}, 63, 1)
	f(65, []int{63, 64}, 63, 2)
	f(130, []int{0, 1, 64, 128}, 0, 2, 62, 1, 63, 1, 1)
}

// setOf builds a Bitmap for n bits from its members.
func setOf(n int, members ...int) Bitmap {
	b := NewBitmap(n)
	for _, i := range members {
		b.Set(i)
	}
	return b
}
