package column

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clew-tracing/clew/column/bitpack"
)

// TestRange tests what a range has, and what it says of all values of a width.
func TestRange(t *testing.T) {
	signed := func(a, b int64) Range { return Range{uint64(a), uint64(b - a)} }
	for _, c := range []struct {
		r    Range
		v    int64
		want bool
	}{
		{Range{}, 0, true}, {Range{}, 1, false}, {Range{}, -1, false},
		{signed(3, 5), 2, false}, {signed(3, 5), 3, true}, {signed(3, 5), 5, true}, {signed(3, 5), 6, false},
		{signed(-2, 1), -3, false}, {signed(-2, 1), -2, true}, {signed(-2, 1), 0, true}, {signed(-2, 1), 2, false},
		{signed(-1<<63, 1<<63-1), 7, true},
	} {
		if got := c.r.Has(uint64(c.v)); got != c.want {
			t.Errorf("%v.Has(%d) = %v, want %v", c.r, c.v, got, c.want)
		}
	}
	for _, base := range []uint64{0, 5, ^uint64(0) - 3, 1 << 63} {
		for w := range uint(4) {
			for low := range uint64(24) {
				for span := range uint64(24) {
					r := Range{base + low - 12, span}
					all, none := true, true
					for p := range uint64(1) << w {
						if r.Has(base + p) {
							none = false
						} else {
							all = false
						}
					}
					if a, n := r.within(base, w); a != all || n != none {
						t.Fatalf("%v.within(%d, %d) = %v, %v, want %v, %v", r, base, w, a, n, all, none)
					}
				}
			}
		}
	}
}

// selectVectors are vectors of every kind, of all widths, as encoded chunks.
func selectVectors(r *rand.Rand) (chunks [][]byte) {
	for w := range uint(65) {
		for _, n := range []int{1, 7, 64, 65, 300} {
			base := r.Uint64() >> w
			vals := make([]uint64, n)
			for i := range vals {
				vals[i] = base + r.Uint64()&bitpack.Mask(w)
			}
			chunks = append(chunks, AppendInts(nil, vals, IntOptions{}), AppendInts(nil, vals, IntOptions{Signed: true}))
			slices.Sort(vals)
			chunks = append(chunks, AppendInts(nil, vals, IntOptions{Delta: true}))
			for i := range vals {
				vals[i] = vals[i/20*20]
			}
			chunks = append(chunks, AppendInts(nil, vals, IntOptions{}), AppendInts(nil, vals, IntOptions{Delta: true, Zstd: true}))
			sum := base
			sums := make([]uint64, n)
			for i := range vals {
				vals[i] = base + uint64(i*i%7)<<(w/2)
				sums[i], sum = sum, sum+uint64(1+i%3*900)
			}
			chunks = append(chunks, AppendInts(nil, vals, IntOptions{Zstd: true}), AppendInts(nil, sums, IntOptions{Delta: true, Zstd: true}))
		}
	}
	return chunks
}

// TestSelect compares Select, SelectCodes and Gather with decoding everything, on
// parts of vectors of every kind.
func TestSelect(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	kinds := make(map[IntKind]int)
	for _, chunk := range selectVectors(r) {
		for _, padding := range []int{0, 3, 64} { // behind the chunk, as in a file
			src := append(slices.Clone(chunk), make([]byte, padding)...)
			x, _, err := ParseInts(src[:len(chunk)+padding], 1000)
			if err != nil {
				t.Fatal(err)
			}
			kinds[x.Kind()]++
			vals, err := x.Decode(nil)
			if err != nil {
				t.Fatal(err)
			}
			start := r.IntN(x.n + 1)
			end := start + r.IntN(x.n-start+1)
			at := r.IntN(70)
			a, b := vals[r.IntN(len(vals))], vals[r.IntN(len(vals))]
			checkSelect(t, &x, vals, at, start, end, Range{a, b - a})
			checkSelect(t, &x, vals, at, start, end, Range{a, 0})
			checkSelect(t, &x, vals, 0, 0, x.n, Range{a + 1, b - a})
			checkGather(t, &x, vals, r)
			checkRepack(t, src, &x, vals)
		}
	}
	for k := range intKinds {
		if kinds[k] == 0 {
			t.Errorf("no vector of kind %v", k)
		}
	}
}

func checkSelect(t *testing.T, x *Ints, vals []uint64, at, start, end int, r Range) {
	t.Helper()
	const bits = 500
	want, got := NewBitmap(bits), NewBitmap(bits)
	for _, b := range []Bitmap{want, got} { // what is there stays
		b.Set(2)
		b.Set(bits - 1)
	}
	codes, gotCodes, small := slices.Clone(want), slices.Clone(want), true
	set := NewBitmap(400)
	for i := start; i < end; i++ {
		if r.Has(vals[i]) {
			want.Set(at + i - start)
		}
		if small = small && vals[i] < 400; small && vals[i]%3 == 0 {
			set.Set(int(vals[i]))
			codes.Set(at + i - start)
		}
	}
	name := fmt.Sprintf("%v of %d values of %d bits, [%d, %d) to %d, %v", x.kind, x.n, x.width, start, end, at, r)
	if err := x.Select(got, at, start, end, r); err != nil || !slices.Equal(got, want) {
		t.Fatalf("%s: %x, %v, want %x", name, got, err, want)
	}
	if !small {
		return
	}
	if err := x.SelectCodes(gotCodes, at, start, end, set); err != nil || !slices.Equal(gotCodes, codes) {
		t.Fatalf("%s: codes %x, %v, want %x", name, gotCodes, err, codes)
	}
}

func checkGather(t *testing.T, x *Ints, vals []uint64, r *rand.Rand) {
	t.Helper()
	var indexes []uint32
	want := []uint64{7}
	for i := range vals {
		if r.IntN(3) == 0 {
			indexes = append(indexes, uint32(i))
			want = append(want, vals[i])
		}
	}
	if got, err := Gather([]uint64{7}, x, indexes); err != nil || !slices.Equal(got, want) {
		t.Fatalf("Gather of %v = %v, %v, want %v", indexes, got, err, want)
	}
	narrow := slices.Max(want) < 1<<16
	if got, err := Gather([]uint16{7}, x, indexes); (err == nil) != narrow || !narrow && len(got) != 1 {
		t.Fatalf("Gather of %v as 16 bits = %v, %v", want, got, err)
	}
}

func checkRepack(t *testing.T, src []byte, x *Ints, vals []uint64) {
	t.Helper()
	_, rest, err := ParseInts(src, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, signed := range []bool{false, true} {
		packed, err := Repack(src, 1000, signed)
		if err != nil {
			t.Fatal(err)
		}
		got, behind, err := DecodeInts[uint64](nil, packed, 1000)
		if err != nil || !slices.Equal(got, vals) || !slices.Equal(behind, rest) {
			t.Fatalf("%v repacked: %v, %v, %v, want %v, %v", x.kind, got, behind, err, vals, rest)
		}
		if again, err := Repack(packed, 1000, signed); err != nil || &again[0] != &packed[0] {
			t.Fatalf("%v repacked is packed again", x.kind)
		}
		if _, err := Repack(src, len(vals)-1, signed); err == nil {
			t.Fatal("more values than allowed are taken")
		}
	}
}

// TestSelectWord tests 64 values at a time, of every width and from every bit of a byte.
func TestSelectWord(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	src := make([]byte, 64*8)
	for i := range src {
		src[i] = byte(r.Uint32())
	}
	for w := uint(1); w <= 56; w++ {
		most := uint64(1)<<w - 1
		for start := range 9 {
			vals := make([]uint64, 64)
			for i := range vals {
				vals[i] = bitpack.At(src, start+i, w)
			}
			a, b := vals[r.IntN(64)], vals[r.IntN(64)]
			for _, in := range []Range{{a, 0}, {a, b - a}, {a + 1, b - a}, {0, most / 2}, {most, 1 << 60}, {most + 1, ^most - 1}, {0, ^uint64(0)}} {
				want := uint64(0)
				for i, v := range vals {
					if in.Has(v) {
						want |= 1 << i
					}
				}
				if got := selectWord(src, uint64(start)*uint64(w), w, in); got != want {
					t.Fatalf("%v of values of %d bits from %d on: %064b, want %064b", in, w, start, got, want)
				}
			}
		}
	}
}

// TestSelectDamage selects from chunks that are not what they say.
func TestSelectDamage(t *testing.T) {
	codes := AppendInts(nil, []uint64{1, 2, 900, 3, 77, 12, 5, 900}, IntOptions{})
	x, _, err := ParseInts(codes, 8)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.SelectCodes(NewBitmap(8), 0, 0, 8, NewBitmap(800)); err == nil {
		t.Error("a code beyond the set is taken")
	}
	vals := make([]uint64, 2000)
	for i := range vals {
		vals[i] = uint64(i / 50 * 7919 % 64)
	}
	runs := AppendInts(nil, vals, IntOptions{})
	x, _, err = ParseInts(runs, len(vals))
	if err != nil || x.kind != IntRuns {
		t.Fatal(x.kind, err)
	}
	for _, n := range []int{1990, 3000} {
		x.n = n
		if err := x.Select(NewBitmap(n), 0, 0, n, Range{}); err == nil {
			t.Errorf("runs of %d values are taken for %d", len(vals), n)
		}
	}
}

// BenchmarkSelect is the cost of a comparison with bit-packed values.
func BenchmarkSelect(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	vals := make([]uint64, 8192)
	for _, w := range []uint{4, 9, 16, 30, 50} {
		b.Run(fmt.Sprint(w), func(b *testing.B) {
			for i := range vals {
				vals[i] = 1000 + r.Uint64()&bitpack.Mask(w)
			}
			x, _, err := ParseInts(append(AppendInts(nil, vals, IntOptions{}), make([]byte, 8)...), len(vals))
			if err != nil {
				b.Fatal(err)
			}
			dst := NewBitmap(len(vals))
			for b.Loop() {
				if err := x.Select(dst, 0, 0, len(vals), Range{1000, bitpack.Mask(w) / 3}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(vals)), "ns/value")
		})
	}
}
