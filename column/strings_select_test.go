package column

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/column/clp"
)

// nearMisses are strings that differ little from v, and some that any chunk might take
// for one of its own.
func nearMisses(v string) []string {
	out := []string{
		v, v + "0", v + "1", v + "\x01", "0" + v, " " + v, v + v, strings.ToUpper(v), strings.ToLower(v),
		"", "0", "00", "007", "unknown", "10.0.0.1", "10.0.0.01", "\x01", "\x02\x03", "12345678901234567890", "000000000000000000000",
	}
	if len(v) > 0 {
		out = append(out, v[1:], v[:len(v)-1], v[:len(v)/2]+v[len(v)/2+1:])
	}
	for i := range len(v) {
		if len(v) > 60 && i%11 != 3 && i < len(v)-8 {
			continue
		}
		if v[i]-'0' <= 9 { // another number, one with a zero before it, one more or less
			out = append(out, v[:i]+"0"+v[i:], v[:i]+"9"+v[i+1:], v[:i]+v[i+1:], v[:i]+"x"+v[i:])
		}
		out = append(out, v[:i]+string([]byte{v[i] ^ 1})+v[i+1:])
	}
	return out
}

// checkEqual compares SelectEqual and Index with a comparison of what a chunk decodes to.
func checkEqual(t *testing.T, name string, c *StringsChunk, s *Strings, v string) {
	t.Helper()
	const at = 3
	got, want := NewBitmap(at+c.Len()), NewBitmap(at+c.Len())
	got.Set(1)
	want.Set(1)
	for i := range s.Len() {
		if string(s.At(i)) == v {
			want.Set(at + i)
		}
	}
	if err := c.SelectEqual(got, at, []byte(v)); err != nil || !slices.Equal(got, want) {
		t.Fatalf("%s: SelectEqual(%q) of a chunk of %v finds %d strings, %v; want %d", name, v, c.Kind(), got.Count()-1, err, want.Count()-1)
	}
	first := max(want.Next(at)-at, -1)
	if i := s.Index([]byte(v)); i != first {
		t.Fatalf("%s: Strings.Index(%q) = %d, want %d", name, v, i, first)
	}
	if i, err := c.Index([]byte(v)); err != nil || i != first {
		t.Fatalf("%s: Index(%q) of a chunk of %v = %d, %v, want %d", name, v, c.Kind(), i, err, first)
	}
}

func TestSelectEqual(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 2))
	for name, s := range stringLists() {
		var values []string
		for range 4 {
			if s.Len() == 0 {
				break
			}
			if v := string(s.At(rng.IntN(s.Len()))); len(v) < 1000 {
				values = append(values, nearMisses(v)...)
			} else {
				values = append(values, v, v[1:], v[:len(v)-1]+"?")
			}
		}
		values = append(values, nearMisses("GET /order/17")...)
		for _, o := range stringOptions() {
			c, _, err := ParseStrings(AppendStrings(nil, s, o), s.Len(), len(s.Buf))
			if err != nil {
				t.Fatal(name, err)
			}
			for _, v := range values {
				checkEqual(t, name, &c, &s, v)
			}
		}
	}
}

// TestSelectEqualTemplates has templates that agree in their fingerprints, and strings with
// more and fewer numbers among one another.
func TestSelectEqualTemplates(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	var alike []string // beginnings of templates of two numbers
	for i := 0; len(alike) < 6; i++ {
		name := "t" + strings.Map(func(r rune) rune { return r - '0' + 'a' }, fmt.Sprint(i)) + "/"
		if clp.Fingerprint([]byte(name+"\x01/\x01")) == 7 {
			alike = append(alike, name)
		}
	}
	for _, templates := range []int{2, 6, 40} {
		var s Strings
		for i := range 3000 {
			k := rng.IntN(templates)
			v := alike[k%len(alike)] + fmt.Sprintf("%d/%d", rng.IntN(20), rng.IntN(1+i%50))
			if k%3 == 1 && templates > 2 {
				v = string(rune('A'+k%26)) + strings.Repeat(fmt.Sprintf("/%0*d", k%4, rng.IntN(30)), k%5)
			}
			s.Append([]byte(v))
		}
		for _, o := range []StringOptions{{}, {Block: 256}, {Block: 64, Plain: true}} {
			c, _, err := ParseStrings(AppendStrings(nil, s, o), s.Len(), len(s.Buf))
			if err != nil || c.Kind() != StringCLP {
				t.Fatalf("%d templates: a chunk of %v, %v", templates, c.Kind(), err)
			}
			for range 60 {
				v := string(s.At(rng.IntN(s.Len())))
				name := fmt.Sprintf("%d templates, %+v", templates, o)
				checkEqual(t, name, &c, &s, v)
				checkEqual(t, name, &c, &s, strings.Replace(v, "/1", "/2", 1))
				checkEqual(t, name, &c, &s, alike[rng.IntN(6)]+v[strings.IndexByte(v, '/')+1:])
			}
		}
	}
}

// checkDamagedEqual searches a chunk of any bytes: what is found must be what the chunk
// decodes to, if it decodes.
func checkDamagedEqual(t *testing.T, c *StringsChunk, s *Strings, err error, v []byte) {
	t.Helper()
	found := NewBitmap(c.Len())
	if c.SelectEqual(found, 0, v) != nil || err != nil {
		return
	}
	for i := range found.Ones() {
		if !bytes.Equal(s.At(i), v) {
			t.Fatalf("SelectEqual(%q) finds string %d, which Decode says is %q", v, i, s.At(i))
		}
	}
}

func FuzzSelectEqual(f *testing.F) {
	f.Add([]byte("GET /a/1,GET /a/2,POST /b/003,,GET /a/4"), byte(','), uint16(2), true, []byte("GET /a/01"))
	f.Add([]byte("10.0.0.1 10.0.0.2 255.255.255.255"), byte(' '), uint16(0), false, []byte("10.0.0.2"))
	f.Add([]byte("6ba7b810-9dad-11d1-80b4-00c04fd430c8 6ba7b811-9dad-11d1-80b4-00c04fd430c8"), byte(' '), uint16(0), false, []byte("6BA7b810-9dad-11d1-80b4-00c04fd430c8"))
	f.Add([]byte("deadbeef 00ff00ff 12345678"), byte(' '), uint16(1), true, []byte("00ff00ff"))
	f.Add(bytes.Repeat([]byte("host-17 took 005 ms|"), 40), byte('|'), uint16(64), true, []byte("host-17 took 5 ms"))
	f.Add(bytes.Repeat([]byte("ord-000123|ord-0124|12345678901234567890123|"), 30), byte('|'), uint16(64), true, []byte("12345678901234567890123"))
	f.Fuzz(func(t *testing.T, data []byte, separator byte, block uint16, plain bool, v []byte) {
		s := fuzzStrings(data, separator)
		c, _, err := ParseStrings(AppendStrings(nil, s, StringOptions{Block: int(block), Plain: plain}), s.Len(), len(s.Buf))
		if err != nil {
			t.Fatal(err)
		}
		checkEqual(t, "fuzz", &c, &s, string(v))
		for i := 0; i < s.Len(); i += 1 + s.Len()/2 {
			for _, v := range nearMisses(string(s.At(i)[:min(20, len(s.At(i)))])) {
				checkEqual(t, "fuzz", &c, &s, v)
			}
			checkEqual(t, "fuzz", &c, &s, string(s.At(i)))
		}
	})
}

func BenchmarkSelectEqual(b *testing.B) {
	for name, s := range benchLists() {
		c, _, err := ParseStrings(AppendStrings(nil, s, StringOptions{Block: RawBlock}), s.Len(), len(s.Buf))
		if err != nil {
			b.Fatal(err)
		}
		dst := NewBitmap(s.Len())
		v := s.At(s.Len() / 2)
		b.Run(name+"/"+c.Kind().String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.SelectEqual(dst, 0, v); err != nil || !dst.Get(s.Len()/2) {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(s.Len()), "ns/value")
		})
	}
}
