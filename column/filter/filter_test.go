package filter

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/clew-tracing/clew/column"
)

// setOf returns n strings and their filter.
func setOf(t testing.TB, n int) ([][]byte, []byte) {
	t.Helper()
	var b Builder
	vals := make([][]byte, n)
	for i := range vals {
		vals[i] = fmt.Appendf(nil, "ord-%08d", i*7919)
		b.Add(vals[i])
	}
	src, ok := b.Append(nil)
	if !ok {
		t.Fatalf("no filter of %d strings", n)
	}
	return vals, src
}

func parse(t testing.TB, src []byte) Filter {
	t.Helper()
	f, rest, err := Parse(append(bytes.Clone(src), "rest"...))
	if err != nil || string(rest) != "rest" {
		t.Fatalf("Parse: %v, %q is left", err, rest)
	}
	return f
}

// TestFilter looks up all that is in sets of many sizes, and as much that is not.
func TestFilter(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 100, 257, 300, 500, 1000, 2378, 5223, 65536, 200_000} {
		vals, src := setOf(t, n)
		f := parse(t, src)
		for _, v := range vals {
			if !f.Has(v) {
				t.Fatalf("%q is in the set of %d, and the filter says no", v, n)
			}
		}
		if bits := 8 * float64(len(src)) / float64(n); n > 256 && bits > 11 {
			t.Errorf("%d strings take %.2f bits each", n, bits)
		}
		const others = 100_000
		through := 0
		for i := range others {
			if f.Has(fmt.Appendf(nil, "ord-%08d", i*7919+1)) {
				through++
			}
		}
		if n > 256 && (through < others/256/2 || through > others/256*2) {
			t.Errorf("of %d strings that are not in the set of %d, %d are let through", others, n, through)
		}
	}
}

// TestSameBytes makes one filter of a set in many orders.
func TestSameBytes(t *testing.T) {
	vals, want := setOf(t, 1000)
	var b Builder
	for range 5 {
		rand.Shuffle(len(vals), func(i, k int) { vals[i], vals[k] = vals[k], vals[i] })
		b.Reset()
		for _, v := range vals {
			b.Add(v)
		}
		if got, _ := b.Append([]byte("before")); string(got) != "before"+string(want) {
			t.Fatal("the order of strings changes the filter")
		}
	}
	b.Reset()
	for i, v := range vals {
		for range 1 + i%2*3 {
			b.Add(v)
		}
	}
	if got, _ := b.Append(nil); string(got) != string(want) {
		t.Error("strings added again change the filter")
	}
}

func TestNoFilter(t *testing.T) {
	var b Builder
	if got, ok := b.Append([]byte("x")); ok || string(got) != "x" {
		t.Errorf("filter of nothing: %x", got)
	}
	for _, src := range []string{"", "\x00", "\x00\x00", "\x00\x02", "\x00\x02abcde", "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x00\x81\x80\x80\x01"} {
		if f, _, err := Parse([]byte(src)); err == nil {
			t.Errorf("Parse(%q) = %+v", src, f)
		}
	}
}

// TestGolden holds the bytes of a small filter: those of a store's files.
func TestGolden(t *testing.T) {
	var b Builder
	for _, v := range []string{"ord-1", "ord-2", "ord-3"} {
		b.Add([]byte(v))
	}
	src, _ := b.Append(nil)
	const want = "000c00000000000000000000000000000000000000000000000000007b00a50000c200000000"
	if got := fmt.Sprintf("%x", src); got != want {
		t.Errorf("the filter of three strings is %s, want %s", got, want)
	}
}

func TestIdentifiers(t *testing.T) {
	f := func(v string, want bool) {
		t.Helper()
		if got := isIdentifier([]byte(v)); got != want {
			t.Errorf("isIdentifier(%q) = %v, want %v", v, got, want)
		}
	}
	f("01890a5d-ac96-774b-bcce-b302099a8057", true)
	f("4bf92f3577b34da6a3ce929d0e0e4736", true)
	f("ord-123456", true)
	f("user_4711", true)
	f("sess0038523826315497", true)
	f("4711", true)
	f("01ARZ3NDEKTSV4RRFFQ69G5FAV", true)
	f("pi_3MtwBwLkdIwHu7ix28a3tqPa", true)
	f("V1StGXR8Z5jdHi6BmyT3x", true)

	f("", false)
	f("decade", false)
	f("checkout", false)
	f("checkout-worker-2", false)
	f("internationalization", false)
	f("10.20.30.40", false)
	f("0.125", false)
	f("/cart/4711", false)
	f("http://cart/4711", false)
	f("order 4711 paid", false)
	f("a@example.com1", false)

	for _, c := range []struct {
		others int // of 100
		want   bool
	}{{0, true}, {10, true}, {20, false}, {100, false}} {
		var s column.Strings
		for i := range 1000 {
			if i*37%100 < c.others {
				s.Append(fmt.Appendf(nil, "/cart/%d", i))
			} else {
				s.Append(fmt.Appendf(nil, "cart-%d", i))
			}
		}
		if got := Identifiers(&s); got != c.want {
			t.Errorf("%d others of 100: %v, want %v", c.others, got, c.want)
		}
	}
	if Identifiers(&column.Strings{}) {
		t.Error("no strings are identifiers")
	}
}

// FuzzParse asks filters of any bytes.
func FuzzParse(f *testing.F) {
	var b Builder
	for i := range 300 {
		b.Add([]byte{byte(i), byte(i >> 8)})
	}
	src, _ := b.Append(nil)
	f.Add(src, []byte("a"))
	f.Fuzz(func(t *testing.T, src, v []byte) {
		if x, rest, err := Parse(src); err == nil {
			x.Has(v)
			if len(rest)+len(x.data) >= len(src) {
				t.Fatalf("%d bytes hold %d, and %d are left", len(src), len(x.data), len(rest))
			}
		}
	})
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{300, 2400, 5200, 65536} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			vals, _ := setOf(b, n)
			var x Builder
			var out []byte
			for b.Loop() {
				x.Reset()
				for _, v := range vals {
					x.Add(v)
				}
				out, _ = x.Append(out[:0])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/value")
			b.ReportMetric(8*float64(len(out))/float64(n), "bits/value")
		})
	}
}

func BenchmarkHas(b *testing.B) {
	_, src := setOf(b, 5200)
	f := parse(b, src)
	v := []byte("ord-00000001")
	for b.Loop() {
		f.Has(v)
	}
}
