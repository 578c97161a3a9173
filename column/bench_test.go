package column

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// benchRows is the rows of a block.
const benchRows = 4096

// perValue reports ns for each of n values beside what b measures.
func perValue(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/value")
	b.ReportMetric(0, "ns/op")
}

// benchVectors are columns as spans have them.
func benchVectors() map[string][]uint64 {
	rng := rand.New(rand.NewPCG(1, 2))
	v := map[string][]uint64{}
	add := func(name string, f func(i int) uint64) {
		vals := make([]uint64, benchRows)
		for i := range vals {
			vals[i] = f(i)
		}
		v[name] = vals
	}
	start := uint64(1_700_000_000_000_000_000)
	add("bits4", func(int) uint64 { return rng.Uint64N(16) })
	add("bits13", func(int) uint64 { return rng.Uint64N(1 << 13) })
	add("bits29", func(int) uint64 { return rng.Uint64N(1 << 29) })
	add("runs", func(i int) uint64 { return uint64(i / 200 * 31 % 17) })
	add("start", func(int) uint64 { start += rng.Uint64N(400_000); return start })
	add("duration", func(int) uint64 { return uint64(math.Exp(14 + 1.5*rng.NormFloat64())) })
	add("status", func(int) uint64 { return []uint64{200, 200, 200, 200, 200, 201, 404, 500}[rng.IntN(8)] })
	return v
}

var benchNames = []string{"bits4", "bits13", "bits29", "runs", "start", "duration", "status"}

func BenchmarkAppendInts(b *testing.B) {
	vectors := benchVectors()
	for _, name := range benchNames {
		for _, o := range []IntOptions{{}, {Delta: true}, {Delta: true, Zstd: true}} {
			b.Run(fmt.Sprintf("%s/delta=%v,zstd=%v", name, o.Delta, o.Zstd), func(b *testing.B) {
				vals := vectors[name]
				var dst []byte
				b.ReportAllocs()
				b.SetBytes(8 * benchRows)
				for b.Loop() {
					dst = AppendInts(dst[:0], vals, o)
				}
				perValue(b, benchRows)
				b.ReportMetric(float64(len(dst))*8/benchRows, "bits/value")
			})
		}
	}
}

func BenchmarkDecodeInts(b *testing.B) {
	vectors := benchVectors()
	for _, name := range benchNames {
		for _, o := range []IntOptions{{}, {Delta: true}, {Delta: true, Zstd: true}} {
			enc := AppendInts(nil, vectors[name], o)
			b.Run(fmt.Sprintf("%s/%v", name, IntKind(enc[0])), func(b *testing.B) {
				benchDecode[uint64](b, enc)
			})
			if vectors[name][0] < 1<<30 && o == (IntOptions{}) {
				b.Run(name+"/to32", func(b *testing.B) { benchDecode[uint32](b, enc) })
			}
		}
	}
}

func benchDecode[T Uint](b *testing.B, enc []byte) {
	var dst []T
	b.ReportAllocs()
	b.SetBytes(8 * benchRows)
	for b.Loop() {
		var err error
		if dst, _, err = DecodeInts(dst[:0], enc, benchRows); err != nil {
			b.Fatal(err)
		}
	}
	perValue(b, benchRows)
}

func BenchmarkIntsAt(b *testing.B) {
	x, _, err := ParseInts(AppendInts(nil, benchVectors()["bits13"], IntOptions{}), benchRows)
	if err != nil {
		b.Fatal(err)
	}
	i, sum := 0, uint64(0)
	for b.Loop() {
		sum += x.At(i & (benchRows - 1))
		i += 977
	}
}

func benchDoubles() []uint64 {
	rng := rand.New(rand.NewPCG(1, 2))
	vals := make([]uint64, benchRows)
	for i := range vals {
		vals[i] = math.Float64bits(float64(rng.IntN(100_000)) / 1000)
	}
	return vals
}

func BenchmarkAppendDoubles(b *testing.B) {
	vals := benchDoubles()
	var dst []byte
	b.ReportAllocs()
	b.SetBytes(8 * benchRows)
	for b.Loop() {
		dst = AppendDoubles(dst[:0], vals, IntOptions{})
	}
	perValue(b, benchRows)
	b.ReportMetric(float64(len(dst))*8/benchRows, "bits/value")
}

func BenchmarkDecodeDoubles(b *testing.B) {
	enc := AppendDoubles(nil, benchDoubles(), IntOptions{})
	var dst []uint64
	b.ReportAllocs()
	b.SetBytes(8 * benchRows)
	for b.Loop() {
		dst, _, _ = DecodeDoubles(dst[:0], enc, benchRows)
	}
	perValue(b, benchRows)
}

// benchLists are columns of strings as spans have them, and all distinct.
func benchLists() map[string]Strings {
	rng := rand.New(rand.NewPCG(1, 2))
	lists := map[string]Strings{}
	add := func(name string, f func() string) {
		var s Strings
		for range benchRows {
			s.Append([]byte(f()))
		}
		lists[name] = s
	}
	words := []string{"alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"}
	add("url", func() string {
		return fmt.Sprintf("https://shop.example/api/v1/%s/%d/items/%d?page=%d", words[rng.IntN(8)], rng.IntN(1e6), rng.IntN(1e4), rng.IntN(30))
	})
	add("uuid", func() string {
		return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", rng.Uint32(), rng.IntN(1<<16), rng.IntN(1<<16), rng.IntN(1<<16), rng.Uint64()>>16)
	})
	add("ipv4", func() string { return fmt.Sprintf("10.%d.%d.%d", rng.IntN(256), rng.IntN(256), rng.IntN(256)) })
	add("hex", func() string { return fmt.Sprintf("%016x", rng.Uint64()) })
	add("text", func() string {
		return words[rng.IntN(8)] + " " + words[rng.IntN(8)] + fmt.Sprintf(" %x ", rng.IntN(1<<30)) + words[rng.IntN(8)] + " " + words[rng.IntN(8)]
	})
	return lists
}

var benchListNames = []string{"url", "uuid", "ipv4", "hex", "text"}

func BenchmarkAppendStrings(b *testing.B) {
	lists := benchLists()
	for _, name := range benchListNames {
		for _, block := range []int{0, RawBlock} {
			b.Run(fmt.Sprintf("%s/block=%d", name, block), func(b *testing.B) {
				s := lists[name]
				var dst []byte
				b.ReportAllocs()
				b.SetBytes(int64(len(s.Buf)))
				for b.Loop() {
					dst = AppendStrings(dst[:0], s, StringOptions{Block: block})
				}
				perValue(b, benchRows)
				b.ReportMetric(float64(len(dst))/benchRows, "B/value")
			})
		}
	}
}

func BenchmarkDecodeStrings(b *testing.B) {
	lists := benchLists()
	for _, name := range benchListNames {
		s := lists[name]
		for _, block := range []int{0, RawBlock} {
			enc := AppendStrings(nil, s, StringOptions{Block: block})
			b.Run(fmt.Sprintf("%s/block=%d", name, block), func(b *testing.B) {
				var dst Strings
				b.ReportAllocs()
				b.SetBytes(int64(len(s.Buf)))
				for b.Loop() {
					dst.Reset()
					c, _, err := ParseStrings(enc, benchRows, len(s.Buf))
					if err == nil {
						err = c.Decode(&dst)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
				perValue(b, benchRows)
			})
		}
	}
}

// BenchmarkStringsAt reads one string of a chunk in blocks of RawBlock.
func BenchmarkStringsAt(b *testing.B) {
	lists := benchLists()
	for _, name := range benchListNames {
		enc := AppendStrings(nil, lists[name], StringOptions{Block: RawBlock})
		c, _, err := ParseStrings(enc, benchRows, 1<<30)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			var dst []byte
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if dst, err = c.At(dst[:0], i&(benchRows-1)); err != nil {
					b.Fatal(err)
				}
				i += 977
			}
		})
	}
}

func BenchmarkBitmapCodec(b *testing.B) {
	sparse, dense, runs := NewBitmap(benchRows), NewBitmap(benchRows), NewBitmap(benchRows)
	for i := range benchRows {
		if i%97 == 0 {
			sparse.Set(i)
		}
		if i*2654435761>>7&1 == 0 {
			dense.Set(i)
		}
		if i/300%2 == 0 {
			runs.Set(i)
		}
	}
	for i, set := range []Bitmap{sparse, dense, runs} {
		enc := AppendBitmap(nil, set, benchRows)
		b.Run([]string{"append/sparse", "append/dense", "append/runs"}[i], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				enc = AppendBitmap(enc[:0], set, benchRows)
			}
			b.ReportMetric(float64(len(enc)), "bytes")
		})
		b.Run([]string{"decode/sparse", "decode/dense", "decode/runs"}[i], func(b *testing.B) {
			var got Bitmap
			b.ReportAllocs()
			for b.Loop() {
				got, _, _, _ = DecodeBitmap(got, enc, benchRows)
			}
		})
	}
}
