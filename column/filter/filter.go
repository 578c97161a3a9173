// Package filter writes small sets of byte strings that answer whether a string is in
// them with no or perhaps: of what is not, one in 256 is let through; what is in the set
// always is. It takes some ten bits for each string.
//
//	+---------+-----------------+-------------------+
//	| seed u8 | part   uvarint  | 3 × part bytes    |
//	+---------+-----------------+-------------------+
//
// It is an xor filter: each string has a place in each of three parts and a fingerprint
// of a byte, and the three bytes at its places, xored, are its fingerprint. A set of
// such bytes exists if strings can be taken out one by one, each as the only one left
// at one of its places; where that fails the next seed is tried. The same set always
// gives the same bytes.
package filter

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/zeebo/xxh3"
)

// maxPart is the most places in a part: a place is told by placeBits bits of a hash.
const (
	placeBits = 21
	maxPart   = 1 << placeBits
)

// MaxValues is the most distinct strings a filter takes.
const MaxValues = 5_000_000

// A set of n strings takes placesPer100·n/100 + extraPlaces places. Below 1.23 for each
// string taking them out fails for large sets, and small ones need some more: with these
// four in five sets take the first seed.
const (
	placesPer100 = 123
	extraPlaces  = 32
)

// maxSeeds bounds how often a set is tried. That none of them does would take strings
// chosen to that end.
const maxSeeds = 64

// A Builder makes filters, one after the other, in the same memory. The zero value is
// ready; one goroutine uses it.
type Builder struct {
	hashes []uint64
	keys   []uint64 // by place: of the strings that have it, xored
	count  []uint32 // by place: how many these are
	queue  []uint32 // places of one string
	taken  []taken
}

// taken is a string that was taken out, and the place where it was the only one.
type taken struct {
	key   uint64
	place uint32
}

// Reset begins with an empty set.
func (b *Builder) Reset() { b.hashes = b.hashes[:0] }

// Add adds a string, which may be in the set already.
func (b *Builder) Add(v []byte) { b.hashes = append(b.hashes, xxh3.Hash(v)) }

// Append appends the filter of the set; false if there is none, since the set is empty,
// too large, or of strings chosen so that no filter is found.
func (b *Builder) Append(dst []byte) ([]byte, bool) {
	if len(b.hashes) == 0 || len(b.hashes) > MaxValues {
		return dst, false
	}
	part := b.part()
	found, seed := b.takeOut(0, part), 0
	if !found {
		// Perhaps for strings that were added twice: sorting takes longer than all else,
		// and mostly there are none.
		slices.Sort(b.hashes)
		n := len(b.hashes)
		if b.hashes = slices.Compact(b.hashes); len(b.hashes) < n {
			part = b.part()
			found = b.takeOut(0, part)
		}
	}
	for !found {
		if seed++; seed == maxSeeds {
			return dst, false
		}
		found = b.takeOut(byte(seed), part)
	}
	dst = binary.AppendUvarint(append(dst, byte(seed)), uint64(part))
	old := len(dst)
	dst = append(dst, make([]byte, 3*part)...)
	b.fill(dst[old:], part)
	return dst, true
}

// part returns how many places each part has.
func (b *Builder) part() uint32 {
	return uint32((len(b.hashes)*placesPer100/100 + extraPlaces + 2) / 3)
}

// takeOut takes all strings out, and reports whether that could be done.
func (b *Builder) takeOut(seed byte, part uint32) bool {
	b.keys, b.count = zeros(b.keys, int(3*part)), zeros(b.count, int(3*part))
	for _, h := range b.hashes {
		k := key(h, seed)
		for _, p := range places(k, part) {
			b.keys[p] ^= k
			b.count[p]++
		}
	}
	b.queue, b.taken = b.queue[:0], b.taken[:0]
	for p, n := range b.count {
		if n == 1 {
			b.queue = append(b.queue, uint32(p))
		}
	}
	for len(b.queue) > 0 {
		p := b.queue[len(b.queue)-1]
		b.queue = b.queue[:len(b.queue)-1]
		if b.count[p] != 1 {
			continue
		}
		k := b.keys[p]
		b.taken = append(b.taken, taken{k, p})
		for _, p := range places(k, part) {
			b.keys[p] ^= k
			if b.count[p]--; b.count[p] == 1 {
				b.queue = append(b.queue, p)
			}
		}
	}
	return len(b.taken) == len(b.hashes)
}

// fill sets the bytes: those of the string taken out last first, since nothing depends
// on its place yet.
func (b *Builder) fill(dst []byte, part uint32) {
	for i := len(b.taken) - 1; i >= 0; i-- {
		t := &b.taken[i]
		p := places(t.key, part)
		dst[t.place] = fingerprint(t.key) ^ dst[p[0]] ^ dst[p[1]] ^ dst[p[2]] // dst[t.place] is 0
	}
}

// zeros returns n zeros in the memory of s, if that is enough.
func zeros[T uint32 | uint64](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	clear(s[:n])
	return s[:n]
}

// key spreads a hash over all bits, differently for each seed.
func key(h uint64, seed byte) uint64 {
	h ^= uint64(seed) * 0x9e3779b97f4a7c15
	h = (h ^ h>>32) * 0xd6e8feb86659fd93
	return h ^ h>>32
}

// places returns the place of a key in each part.
func places(k uint64, part uint32) [3]uint32 {
	at := func(k uint64) uint32 { return uint32(k & (maxPart - 1) * uint64(part) >> placeBits) }
	return [3]uint32{at(k), part + at(k>>placeBits), 2*part + at(k>>(2*placeBits))}
}

// fingerprint returns the fingerprint of a key.
func fingerprint(k uint64) byte {
	high, low := bits.Mul64(k, 0x9e3779b97f4a7c15)
	return byte(high ^ low>>32)
}

// A Filter is a parsed filter: a view into the bytes it was parsed from. It is safe for
// concurrent use.
type Filter struct {
	seed byte
	part uint32
	data []byte
}

// Parse reads the filter at the start of src, and returns the bytes behind it. It
// allocates nothing.
func Parse(src []byte) (f Filter, rest []byte, err error) {
	if len(src) == 0 {
		return f, src, fmt.Errorf("filter of no bytes")
	}
	part, n := binary.Uvarint(src[1:])
	if n <= 0 || part == 0 || part > maxPart {
		return f, src, fmt.Errorf("filter of parts of %d bytes", part)
	}
	data := src[1+n:]
	if uint64(len(data)) < 3*part {
		return f, src, fmt.Errorf("filter of three parts of %d bytes, %d bytes are left", part, len(data))
	}
	return Filter{seed: src[0], part: uint32(part), data: data[:3*part]}, data[3*part:], nil
}

// Has reports whether v may be in the set: true if it is, and by chance if it is not.
func (f *Filter) Has(v []byte) bool {
	k := key(xxh3.Hash(v), f.seed)
	p := places(k, f.part)
	return f.data[p[0]]^f.data[p[1]]^f.data[p[2]] == fingerprint(k)
}
