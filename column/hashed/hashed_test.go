package hashed

import (
	"bytes"
	"testing"
)

// value returns n bytes, all of them different from their neighbours.
func value(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + 1)
	}
	return b
}

// TestEveryByteCounts changes each byte of values of each length, and their length.
func TestEveryByteCounts(t *testing.T) {
	var h Hasher
	h.Seed()
	for n := range 2 * MidBytes {
		v := value(n)
		if !Same(v, bytes.Clone(v)) || h.Of(v) != h.Of(bytes.Clone(v)) {
			t.Errorf("%d bytes: a value is not the same as its copy", n)
		}
		if longer := append(bytes.Clone(v), 0); Same(v, longer) || Same(longer, v) || h.Of(v) == h.Of(longer) {
			t.Errorf("%d bytes: a zero behind makes no difference", n)
		}
		for i := range v {
			other := bytes.Clone(v)
			other[i] ^= 0x80
			if Same(v, other) || Same(other, v) || h.Of(v) == h.Of(other) {
				t.Errorf("%d bytes: byte %d makes no difference", n, i)
			}
		}
	}
}

// TestShort reads short values out of what is around them: their hash is the same.
func TestShort(t *testing.T) {
	var h Hasher
	h.Seed()
	for n := range ShortBytes + 1 {
		around := append(value(n), bytes.Repeat([]byte{0xff}, ShortBytes)...)
		m := ShortMasks[n]
		if got, want := h.Short(Word(around, 0)&m[0], Word(around, 8)&m[1], n), h.Of(value(n)); got != want {
			t.Errorf("%d bytes: Short is %#x, Of is %#x", n, got, want)
		}
	}
}

// TestKeys makes sure that hashes cannot be foretold.
func TestKeys(t *testing.T) {
	var a, b Hasher
	a.Seed()
	b.Seed()
	for _, n := range []int{0, 3, 8, ShortBytes, ShortBytes + 1, MidBytes, MidBytes + 1} {
		if a.Of(value(n)) == b.Of(value(n)) {
			t.Errorf("%d bytes: two hashers agree", n)
		}
	}
}
