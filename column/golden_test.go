package column

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata")

// golden compares text with testdata/name, or rewrites it under -update.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != text {
		t.Errorf("%s differs (run with -update and review the diff):\n%s", path, text)
	}
}

// section annotates one chunk and demands that the annotator used all of it.
func section[T any](t *testing.T, out *strings.Builder, name string, enc []byte, read func(*annotator) T) T {
	t.Helper()
	a := &annotator{t: t, src: enc}
	fmt.Fprintf(out, "# %s\n", name)
	got := read(a)
	if a.at != len(enc) {
		t.Errorf("%s: %d of %d bytes annotated", name, a.at, len(enc))
	}
	fmt.Fprintf(out, "%s\n", a.out.String())
	return got
}

func TestGoldenInts(t *testing.T) {
	var out strings.Builder
	f := func(name string, o IntOptions, vals ...uint64) {
		t.Helper()
		got := section(t, &out, name, AppendInts(nil, vals, o), func(a *annotator) []uint64 { return a.ints("integers") })
		if !slices.Equal(got, vals) && len(vals) > 0 {
			t.Errorf("%s: annotated %v, want %v", name, got, vals)
		}
	}
	all := IntOptions{Delta: true, Zstd: true}
	repeat := func(n int, vals ...uint64) []uint64 { return slices.Repeat(vals, n) }
	minus := func(v uint64) uint64 { return -v }
	f("no values", all)
	f("one value", all, 300)
	f("constant", all, repeat(1000, 7)...)
	f("bit-packed", IntOptions{}, 200, 200, 404, 200, 500, 201, 200, 200, 204)
	f("64 bits", IntOptions{}, 0, math.MaxUint64, 1<<63)
	f("signed", IntOptions{Signed: true}, minus(3), 4, 0, minus(1))
	f("deltas", all, 1000, 1010, 1019, 1031, 1040, 1050, 1061, 1070)
	f("equal deltas", all, 1000, 1010, 1020, 1030, 1040)
	f("runs", all, slices.Concat(repeat(40, 5), repeat(30, 9), repeat(50, 5))...)
	f("planes", all, repeat(60, 1<<20, 3<<20, 2<<20)...)
	f("delta planes", all, func() []uint64 {
		var vals []uint64
		for i := range uint64(200) {
			vals = append(vals, i*1000+i%3*200)
		}
		return vals
	}()...)
	f("packs", IntOptions{}, func() []uint64 {
		var vals []uint64
		for i := range uint64(70) {
			vals = append(vals, 1000+i%4)
		}
		for i := range uint64(70) {
			vals = append(vals, 500+i%2*300)
		}
		return vals
	}()...)
	golden(t, "ints.txt", out.String())
}

func TestGoldenBitmaps(t *testing.T) {
	var out strings.Builder
	f := func(name string, n int, members ...int) {
		t.Helper()
		got := section(t, &out, name, AppendBitmap(nil, setOf(n, members...), n), (*annotator).bitmap)
		for i, in := range got {
			if in != slices.Contains(members, i) {
				t.Errorf("%s: annotated bit %d is %v", name, i, in)
			}
		}
	}
	span := func(from, to int) (all []int) {
		for i := from; i < to; i++ {
			all = append(all, i)
		}
		return all
	}
	f("no bits", 0)
	f("none", 100)
	f("all", 100, span(0, 100)...)
	f("bits", 20, 0, 3, 4, 9, 11, 14, 15, 19)
	f("members", 1000, 3, 500, 501, 998)
	f("runs", 1000, slices.Concat(span(0, 300), span(600, 1000))...)
	golden(t, "bitmaps.txt", out.String())
}

func TestGoldenDoubles(t *testing.T) {
	var out strings.Builder
	f := func(name string, vals ...float64) {
		t.Helper()
		bits := make([]uint64, len(vals))
		for i, v := range vals {
			bits[i] = math.Float64bits(v)
		}
		got := section(t, &out, name, AppendDoubles(nil, bits, IntOptions{}), (*annotator).doubles)
		if !slices.Equal(got, bits) && len(bits) > 0 {
			t.Errorf("%s: annotated %x, want %x", name, got, bits)
		}
	}
	f("no doubles")
	f("plain", math.Pi, math.E)
	f("decimals", 12.5, -0.25, 3, 99.99, 0.01)
	f("exceptions", slices.Concat(slices.Repeat([]float64{0.1, 0.7}, 10), []float64{math.NaN(), math.Inf(-1)}, slices.Repeat([]float64{0.3}, 10))...)
	golden(t, "doubles.txt", out.String())
}

func TestGoldenStrings(t *testing.T) {
	var out strings.Builder
	f := func(name string, o StringOptions, vals ...string) {
		t.Helper()
		got := section(t, &out, name, AppendStrings(nil, listOf(vals...), o), (*annotator).strings)
		if !slices.Equal(got, vals) && len(vals) > 0 {
			t.Errorf("%s: annotated %q, want %q", name, got, vals)
		}
	}
	uuids := []string{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "00112233-4455-6677-8899-aabbccddeeff"}
	f("none", StringOptions{})
	f("raw, plain", StringOptions{}, "GET", "", "POST", "\x00\x01")
	f("raw, compressed, in blocks", StringOptions{Block: 2}, strings.Repeat("alpha ", 20), "beta", strings.Repeat("gamma ", 20)+"\x00")
	f("equal", StringOptions{}, "prod", "prod", "prod")
	f("uuid", StringOptions{}, uuids...)
	f("ipv4", StringOptions{}, "10.0.0.1", "10.0.0.255", "10.0.1.7")
	f("hex", StringOptions{}, "deadbeef", "00ff00ff")
	f("clp", StringOptions{}, "GET /order/17 took 007 ms", "GET /order/18 took 011 ms", "GET /order/18 took 012 ms", "GET /order/19 took 0 ms",
		"GET /order/20 took 5 ms", "GET /order/21 took 6 ms", "GET /order/21 took 7 ms", "GET /order/25 took 3 ms")
	f("clp, in blocks", StringOptions{Block: 3}, "a1", "a2", "b", "a3", "b", "a4", "b")
	f("mixed", StringOptions{}, slices.Concat(slices.Repeat(uuids, 8), []string{"unknown"}, uuids)...)
	golden(t, "strings.txt", out.String())
}
