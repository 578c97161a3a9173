// Package hashed hashes and compares short byte strings.
//
// Values of up to MidBytes, which is most of them, are hashed and compared by a few words
// that are read wherever they lie in the value, in steps that hardly depend on its length:
// what a processor cannot foretell costs more than reading a byte twice.
package hashed

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
)

// A Hasher hashes the values of one table. Its keys are random, so that nobody can choose
// values that meet. The zero value is not ready: see Seed.
type Hasher struct {
	keys [6]uint64
	long maphash.Seed
}

// Values are short, of middling length, or long.
const (
	ShortBytes = 16
	MidBytes   = 48
)

// Seed chooses keys.
func (h *Hasher) Seed() {
	for i := range h.keys {
		h.keys[i] = rand.Uint64()
	}
	h.long = maphash.MakeSeed()
}

// Of is never 0.
func (h *Hasher) Of(b []byte) uint64 {
	switch n := len(b); {
	case n <= ShortBytes:
		return h.Short(words(b))
	case n <= MidBytes:
		return h.mid(b)
	}
	return max(1, maphash.Bytes(h.long, b))
}

// Short hashes a value of up to ShortBytes: n bytes, with zeros behind.
func (h *Hasher) Short(w0, w1 uint64, n int) uint64 {
	return max(1, mix(w0^h.keys[0], w1^h.keys[1]+uint64(n)))
}

// mid hashes a value of ShortBytes to MidBytes: its first, middle and last 16 bytes,
// which overlap.
func (h *Hasher) mid(b []byte) uint64 {
	n := len(b)
	first, middle, last := b[:16], b[(n-16)/2:][:16], b[n-16:][:16]
	x := mix(Word(first, 0)^h.keys[0], Word(first, 8)^h.keys[1]+uint64(n))
	x ^= mix(Word(middle, 0)^h.keys[2], Word(middle, 8)^h.keys[3])
	x ^= mix(Word(last, 0)^h.keys[4], Word(last, 8)^h.keys[5])
	return max(1, x)
}

func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}

// Word returns the 8 bytes of b at a place.
func Word(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }

// words reads a value of up to ShortBytes, and says how many bytes those are.
func words(b []byte) (w0, w1 uint64, n int) {
	switch n = len(b); {
	case n >= 8:
		return Word(b, 0), Word(b, n-8) >> (8 * (16 - n)), n
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<(8*(n-4)), 0, n
	case n > 0:
		return uint64(b[0]) | uint64(b[n/2])<<(8*(n/2)) | uint64(b[n-1])<<(8*(n-1)), 0, n
	}
	return 0, 0, 0
}

// Same reports whether two values are equal.
func Same(a, b []byte) bool {
	n := len(b)
	if len(a) != n {
		return false
	}
	if n < 8 || n > MidBytes {
		return string(a) == string(b)
	}
	x := (Word(a, 0) ^ Word(b, 0)) | (Word(a, n-8) ^ Word(b, n-8))
	if n <= ShortBytes {
		return x == 0
	}
	k := (n - 16) / 2
	x |= (Word(a, 8) ^ Word(b, 8)) | (Word(a, n-16) ^ Word(b, n-16))
	x |= (Word(a, k) ^ Word(b, k)) | (Word(a, k+8) ^ Word(b, k+8))
	return x == 0
}

// ShortMasks has, for a value of n bytes, those of it in two words.
var ShortMasks = func() (m [ShortBytes + 1][2]uint64) {
	for n := range m {
		for i := range n {
			m[n][i/8] |= 0xff << (i % 8 * 8)
		}
	}
	return m
}()
