package column

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func listOf(values ...string) Strings {
	var s Strings
	for _, v := range values {
		s.Append([]byte(v))
	}
	return s
}

// stringLists are one or more lists for each kind, and hard ones.
func stringLists() map[string]Strings {
	rng := rand.New(rand.NewPCG(11, 1))
	list := func(n int, f func(i int) string) Strings {
		var s Strings
		for i := range n {
			s.Append([]byte(f(i)))
		}
		return s
	}
	hexOf := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "0123456789abcdef"[rng.IntN(16)]
		}
		return string(b)
	}
	uuid := func(int) string {
		return hexOf(8) + "-" + hexOf(4) + "-" + hexOf(4) + "-" + hexOf(4) + "-" + hexOf(12)
	}
	return map[string]Strings{
		"raw: empty list":      listOf(),
		"equal: one empty":     listOf(""),
		"equal: many empty":    listOf("", "", ""),
		"equal: one":           listOf("GET"),
		"equal: many":          list(1000, func(int) string { return "production" }),
		"equal: 1 MB":          listOf(strings.Repeat("x", 1<<20)),
		"raw: bytes 0 to 2":    listOf("\x00\x01\x02", "\x01", "\x02\x05", "17\x01"),
		"raw: 1 MB":            listOf("", strings.Repeat("long \x00", 1<<18), "b"),
		"raw: words":           list(2000, func(i int) string { return strings.Repeat(string(rune('a'+rng.IntN(26))), i%7) + hexOf(3) }),
		"raw: upper-case uuid": listOf(strings.ToUpper(uuid(0)), strings.ToUpper(uuid(1)), strings.ToUpper(uuid(2)), strings.ToUpper(uuid(3)), strings.ToUpper(uuid(4)), strings.ToUpper(uuid(5))),
		"raw: invalid UTF-8":   listOf("\xff\xfe", "\xff\xfe1", "\x80", "\xc0\xaf9"),
		"uuid: random":         list(600, uuid),
		"raw: uuid, one bad":   listOf("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-00000000000A"),
		"ipv4: random":         list(600, func(int) string { return fmt.Sprintf("10.%d.%d.%d", rng.IntN(256), rng.IntN(256), rng.IntN(256)) }),
		"raw: almost ipv4":     listOf("10.0.0.1", "10.0.0.01", "10.0.0.256", "10.0.0", "10.0.0.1.", "1.2.3.4.5", "10.0..1"),
		"mixed: uuid, some bad": list(300, func(i int) string {
			if i%40 == 3 {
				return "unknown-" + hexOf(i/40)
			}
			return uuid(i)
		}),
		"mixed: ipv6 among ipv4": list(300, func(i int) string {
			if i%50 == 7 {
				return "fe80::" + hexOf(4)
			}
			return fmt.Sprintf("10.1.%d.%d", rng.IntN(256), rng.IntN(256))
		}),
		"mixed: hex, some empty": list(300, func(i int) string {
			if i%50 == 7 || i == 299 {
				return ""
			}
			return hexOf(32)
		}),
		"mixed: others mixed too": list(1000, func(i int) string {
			switch {
			case i%10 != 3:
				return uuid(i)
			case i%200 == 13:
				return "unknown"
			}
			return fmt.Sprintf("10.1.%d.%d", rng.IntN(256), rng.IntN(256))
		}),
		"raw: half uuids": list(300, func(i int) string {
			if i%2 == 0 {
				return "x" + hexOf(9) + "zz"
			}
			return uuid(i)
		}),
		"hex: span ids":    list(600, func(int) string { return hexOf(16) }),
		"hex: long":        list(20, func(int) string { return hexOf(64) }),
		"raw: odd hex":     list(200, func(int) string { return "a" + hexOf(30) }),
		"clp: digits only": list(600, func(i int) string { return fmt.Sprintf("%08d", i*37) }),
		"clp: urls": list(2000, func(int) string {
			return fmt.Sprintf("https://shop/api/orders/%d/items/%d", rng.IntN(1e6), rng.IntN(10))
		}),
		"clp: padded": list(700, func(i int) string { return fmt.Sprintf("u%07d took %03dms, 0 or 00 or %d", i*31, i%200, i) }),
		"clp: mixed shapes": list(1500, func(i int) string {
			return []string{fmt.Sprint("a", i), fmt.Sprint("b ", i, " of ", i*3), "no number", fmt.Sprintf("c%d-%02d-%d", i, i%100, i*7)}[rng.IntN(4)]
		}),
		"raw: many numbers":  list(300, func(i int) string { return strings.Repeat(fmt.Sprint(i, " "), 20) }),
		"clp: some numbers":  list(300, func(i int) string { return strings.Repeat(fmt.Sprint(i, " "), 16) + "1 2 3 4" }),
		"clp: long runs":     list(300, func(i int) string { return fmt.Sprintf("12345678901234567890 %018d 0 %d", i, i) }),
		"clp: largest":       list(10, func(i int) string { return fmt.Sprint("x", 999999999999999999-i) }),
		"clp: sixteen zeros": list(300, func(i int) string { return strings.Repeat("0", i%20) + "x" }),
	}
}

func stringOptions() []StringOptions {
	return []StringOptions{{}, {Plain: true}, {Block: 256}, {Block: 256, Plain: true}, {Block: 7}, {Block: 1 << 20, Plain: true}}
}

func TestStringsRoundTrip(t *testing.T) {
	for name, s := range stringLists() {
		want, _, _ := strings.Cut(name, ":")
		for _, o := range stringOptions() {
			enc := AppendStrings([]byte("before"), s, o)[len("before"):]
			c, rest, err := ParseStrings(append(slices.Clone(enc), "rest"...), s.Len(), len(s.Buf))
			if err != nil || string(rest) != "rest" {
				t.Fatalf("%s %+v: ParseStrings: rest %.40q, %v", name, o, rest, err)
			}
			if got := c.Kind().String(); got != want {
				t.Errorf("%s is encoded as %s", name, got)
			}
			checkStrings(t, name, &c, s)
			if s.Len() == 0 {
				continue
			}
			if _, _, err := ParseStrings(enc, s.Len()-1, len(s.Buf)); err == nil {
				t.Errorf("%s: %d strings pass a limit below", name, s.Len())
			}
			if _, _, err := ParseStrings(enc, s.Len(), len(s.Buf)-1); err == nil && len(s.Buf) > 0 {
				t.Errorf("%s: %d bytes pass a limit below", name, len(s.Buf))
			}
		}
	}
}

func checkStrings(t *testing.T, name string, c *StringsChunk, want Strings) {
	t.Helper()
	got := listOf("kept")
	if err := c.Decode(&got); err != nil {
		t.Fatalf("%s: Decode: %v", name, err)
	}
	if c.Len() != want.Len() || c.SizeBytes() != len(want.Buf) || got.Len() != 1+want.Len() || string(got.At(0)) != "kept" {
		t.Fatalf("%s: %d strings, %d bytes, want %d, %d", name, c.Len(), c.SizeBytes(), want.Len(), len(want.Buf))
	}
	var one []byte
	for i := range want.Len() {
		if !bytes.Equal(got.At(1+i), want.At(i)) {
			t.Fatalf("%s: string %d = %q, want %q", name, i, got.At(1+i), want.At(i))
		}
		if i%17 == 0 || i == want.Len()-1 {
			var err error
			if one, err = c.At(append(one[:0], '>'), i); err != nil || !bytes.Equal(one[1:], want.At(i)) {
				t.Fatalf("%s: At(%d) = %q, %v, want %q", name, i, one, err, want.At(i))
			}
		}
	}
	checkGathered(t, c, &want, nil)
}

func TestStringsAtCodes(t *testing.T) {
	s := listOf("zero 0", "one 1", "two 2")
	codes := []uint32{2, 2, 0, 1, 2}
	enc := AppendStringsAt(nil, s, codes, StringOptions{})
	c, _, err := ParseStrings(enc, 5, 100)
	if err != nil {
		t.Fatal(err)
	}
	checkStrings(t, "codes", &c, listOf("two 2", "two 2", "zero 0", "one 1", "two 2"))
	if c, _, err := ParseStrings(AppendStringsAt(nil, s, nil, StringOptions{}), 5, 100); err != nil || c.Len() != 0 {
		t.Errorf("no codes: %d strings, %v", c.Len(), err)
	}
}

// TestStringsDamage cuts chunks short and flips bits: whatever comes out must
// keep to the limits.
func TestStringsDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for name, s := range stringLists() {
		if len(s.Buf) > 1<<19 {
			continue
		}
		for _, o := range stringOptions()[1:4] {
			enc := AppendStrings(nil, s, o)
			for range 60 {
				bad := slices.Clone(enc)
				if rng.IntN(2) == 0 {
					bad = slices.Clip(bad[:rng.IntN(len(bad))])
					if _, err := readStrings(t, bad, s.Len(), len(s.Buf)); err == nil {
						t.Fatalf("%s: %d bytes of %d decode", name, len(bad), len(enc))
					}
					continue
				}
				bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
				readStrings(t, bad, s.Len(), len(s.Buf))
			}
		}
	}
}

// readStrings reads all of a chunk, whole and one by one, and checks the limits
// and that both ways agree.
func readStrings(t *testing.T, src []byte, maxStrings, maxBytes int) (Strings, error) {
	t.Helper()
	c, _, err := ParseStrings(src, maxStrings, maxBytes)
	if err != nil {
		return Strings{}, err
	}
	var s Strings
	err = c.Decode(&s)
	if s.Len() > maxStrings || len(s.Buf) > maxBytes || cap(s.Buf) > 2*maxBytes+64 {
		t.Fatalf("%d strings, %d bytes, capacity %d beyond limits of %d, %d", s.Len(), len(s.Buf), cap(s.Buf), maxStrings, maxBytes)
	}
	for i := 0; i < c.Len(); i += 1 + c.Len()/20 {
		v, oneErr := c.At(nil, i)
		if err == nil && (oneErr != nil || !bytes.Equal(v, s.At(i))) {
			t.Fatalf("At(%d) = %q, %v, but Decode gives %q", i, v, oneErr, s.At(i))
		}
	}
	checkGathered(t, &c, &s, err)
	for _, v := range []string{"", "GET /order/17", "10.0.0.1"} {
		checkDamagedEqual(t, &c, &s, err, []byte(v))
	}
	if s.Len() > 0 {
		checkDamagedEqual(t, &c, &s, err, s.At(s.Len()/2))
	}
	return s, err
}

// checkGathered gathers some strings of a chunk, and checks them against s, which is what
// it decodes to unless that fails.
func checkGathered(t *testing.T, c *StringsChunk, s *Strings, err error) {
	t.Helper()
	for _, step := range []int{1, 2, 3 + c.Len()/7, 1 + c.Len()/2} {
		var at []uint32
		for i := step / 2; i < c.Len(); i += step {
			at = append(at, uint32(i))
		}
		got := Strings{Buf: []byte("kept"), Ends: []uint32{4}}
		gatherErr := c.Gather(&got, at)
		if gatherErr != nil {
			if err == nil || got.Len() != 1 || len(got.Buf) != 4 {
				t.Fatalf("Gather(every %d) fails with %v, leaving %d strings; Decode with %v", step, gatherErr, got.Len(), err)
			}
			continue
		}
		if got.Len() != 1+len(at) || len(got.Buf) > 4+c.SizeBytes() {
			t.Fatalf("Gather(every %d) gives %d strings of %d bytes, want %d of at most %d", step, got.Len()-1, len(got.Buf)-4, len(at), c.SizeBytes())
		}
		for k, i := range at {
			if err == nil && !bytes.Equal(got.At(1+k), s.At(int(i))) {
				t.Fatalf("Gather of string %d = %q, but Decode gives %q", i, got.At(1+k), s.At(int(i)))
			}
		}
	}
}
