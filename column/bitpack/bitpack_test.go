package bitpack_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clew-tracing/clew/column/bitpack"
)

// TestWidths packs values of every width, and reads them one by one and as ranges from
// every place, from a stream that ends with them and from one that does not.
func TestWidths(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for w := uint(1); w <= 64; w++ {
		const base = 1000
		vals := make([]uint64, 37)
		for i := range vals {
			vals[i] = base + r.Uint64()&bitpack.Mask(w)
		}
		exact := bitpack.Append(nil, vals, base, w)
		if len(exact) != bitpack.Size(len(vals), w) {
			t.Fatalf("width %d: %d bytes, Size says %d", w, len(exact), bitpack.Size(len(vals), w))
		}
		exact = exact[:len(exact):len(exact)]
		longer := append(append([]byte(nil), exact...), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
		for name, src := range map[string][]byte{"exact": exact, "longer": longer} {
			for from := range vals {
				if got := base + bitpack.At(src, from, w); got != vals[from] {
					t.Fatalf("width %d, %s: value %d is %d, want %d", w, name, from, got, vals[from])
				}
				got := make([]uint64, len(vals)-from)
				bitpack.Unpack(got, src, from, w, base)
				for i, v := range got {
					if v != vals[from+i] {
						t.Fatalf("width %d, %s: value %d unpacked from %d on is %d, want %d", w, name, from+i, from, v, vals[from+i])
					}
				}
			}
		}
	}
}

// TestNoWidth reads values of no bits: they are 0, whatever the stream has.
func TestNoWidth(t *testing.T) {
	for _, src := range [][]byte{{}, {0xff}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}} {
		for _, i := range []int{0, 1, 1000} {
			if got := bitpack.At(src, i, 0); got != 0 {
				t.Errorf("value %d of %d bytes is %d", i, len(src), got)
			}
		}
	}
}

// TestHas looks for values that are there and for their neighbours, in streams of every
// length up to some loads.
func TestHas(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for w := uint(1); w <= bitpack.HasWidth; w++ {
		for n := range 70 {
			vals := make([]uint64, n)
			for i := range vals {
				vals[i] = r.Uint64() & bitpack.Mask(w) >> (i % int(w))
			}
			src := bitpack.Append(nil, vals, 0, w)
			for _, src := range [][]byte{src[:len(src):len(src)], append(src, 0, 0, 0, 0, 0, 0, 0, 0)} {
				for range 8 {
					v := r.Uint64() & bitpack.Mask(w) >> r.IntN(int(w))
					if n > 0 {
						v = (vals[r.IntN(n)] + uint64(r.IntN(3)) - 1) & bitpack.Mask(w)
					}
					if got, want := bitpack.Has(src, n, w, v), slices.Contains(vals, v); got != want {
						t.Fatalf("width %d: Has(%d) of %d = %v, want %v", w, v, vals, got, want)
					}
				}
			}
		}
	}
}

// TestNarrow packs bytes and reads them as bytes.
func TestNarrow(t *testing.T) {
	vals := []uint8{7, 0, 255, 3, 4, 5, 6, 7, 8, 9}
	enc := bitpack.Append(nil, vals, 0, 8)
	got := make([]uint8, len(vals))
	bitpack.Unpack(got, enc, 0, 8, 0)
	if string(got) != string(vals) {
		t.Fatalf("unpacked %v, want %v", got, vals)
	}
	if enc := bitpack.Append(nil, make([]uint8, 5), 0, 0); len(enc) != 0 {
		t.Fatalf("values of no bits take %d bytes", len(enc))
	}
}

// TestDeltaWidth compares the width of differences with that of all of them, where they
// pay and where they do not, which shows at the first, the last, or never.
func TestDeltaWidth(t *testing.T) {
	const n = 1000
	for _, c := range []struct {
		name  string
		at    func(i int) uint64
		least uint64
		width uint
	}{
		{"steps", func(i int) uint64 { return uint64(7 * i) }, 14, 0},
		{"down", func(i int) uint64 { return uint64(-3 * i) }, 5, 0},
		{"two steps", func(i int) uint64 { return uint64(i / 2 * 9) }, 0, 5},
		{"last", func(i int) uint64 { return uint64(i / (n - 1) << 20) }, 0, 22},
		{"first", func(i int) uint64 { return uint64(min(i, 1) << 20) }, 0, 22},
	} {
		vals := make([]uint64, n)
		for i := range vals {
			vals[i] = c.at(i)
		}
		size := 10 * bitpack.Size(n-1, c.width)
		if least, width, ok := bitpack.DeltaWidth(vals, size+1); !ok || least != c.least || width != c.width {
			t.Errorf("%s: from %d, %d bits, %v, want %d and %d", c.name, least, width, ok, c.least, c.width)
		}
		if _, _, ok := bitpack.DeltaWidth(vals, size); ok {
			t.Errorf("%s: differences pay below %d", c.name, size)
		}
	}
	if _, _, ok := bitpack.DeltaWidth([]uint64{1}, 1000); ok {
		t.Error("one value has differences")
	}
}

// TestBounds measures vectors of all small lengths.
func TestBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 40 {
		for _, bias := range []uint64{0, 1 << 63} {
			vals := make([]uint64, n)
			prev, low, high, changes := r.Uint64N(3)-1, ^uint64(0), uint64(0), 0
			for i := range vals {
				vals[i] = r.Uint64N(3) - 1
				low, high = min(low, vals[i]^bias), max(high, vals[i]^bias)
				if i == 0 && vals[i] != prev || i > 0 && vals[i] != vals[i-1] {
					changes++
				}
			}
			if l, h, c := bitpack.Bounds(vals, prev, bias); l != low || h != high || c != changes {
				t.Errorf("Bounds(%d behind %d, %#x) = %d, %d, %d, want %d, %d, %d", vals, prev, bias, l, h, c, low, high, changes)
			}
		}
	}
}
