// Package bitmap is sets of small integers, a bit each.
package bitmap

import (
	"iter"
	"math/bits"
)

// Bitmap is a set of small integers, usually rows: bit i is bit i&63 of word
// i>>6. It does not know its length in bits; the methods that depend on it take
// n, and every bit from n on is kept zero (Not and Fill see to it).
//
// Methods with a Bitmap argument want both of equal length in words. An index
// beyond the words panics, as with a slice. Reading is safe from many
// goroutines, writing from one.
type Bitmap []uint64

// New returns an empty set for n bits.
func New(n int) Bitmap { return make(Bitmap, words(n)) }

func words(n int) int { return (n + 63) >> 6 }

// Reset returns an empty set for n bits in the memory of b, if that is enough.
func (b Bitmap) Reset(n int) Bitmap {
	if w := words(n); w <= cap(b) {
		b = b[:w]
		clear(b)
		return b
	}
	return New(n)
}

// Grow returns b with room for n bits, the set as before.
func (b Bitmap) Grow(n int) Bitmap {
	w := words(n)
	if w <= len(b) {
		return b
	}
	old := len(b)
	for cap(b) < w {
		b = append(b[:cap(b)], 0)
	}
	b = b[:w]
	clear(b[old:])
	return b
}

// Set adds i.
func (b Bitmap) Set(i int) { b[i>>6] |= 1 << (i & 63) }

// Clear removes i.
func (b Bitmap) Clear(i int) { b[i>>6] &^= 1 << (i & 63) }

// Get reports whether i is in the set.
func (b Bitmap) Get(i int) bool { return b[i>>6]>>(i&63)&1 != 0 }

// SetRange adds all of [start, end).
func (b Bitmap) SetRange(start, end int) {
	if start >= end {
		return
	}
	first, last := start>>6, (end-1)>>6
	head := ^uint64(0) << (start & 63)
	tail := ^uint64(0) >> (63 - (end-1)&63)
	if first == last {
		b[first] |= head & tail
		return
	}
	b[first] |= head
	for i := first + 1; i < last; i++ {
		b[i] = ^uint64(0)
	}
	b[last] |= tail
}

// Fill makes b the set of all of [0, n).
func (b Bitmap) Fill(n int) {
	clear(b)
	b.SetRange(0, n)
}

// And keeps what is also in o.
func (b Bitmap) And(o Bitmap) {
	o = o[:len(b)]
	for i := range b {
		b[i] &= o[i]
	}
}

// AndNot removes what is in o.
func (b Bitmap) AndNot(o Bitmap) {
	o = o[:len(b)]
	for i := range b {
		b[i] &^= o[i]
	}
}

// Or adds what is in o.
func (b Bitmap) Or(o Bitmap) {
	o = o[:len(b)]
	for i := range b {
		b[i] |= o[i]
	}
}

// Not makes b its complement within [0, n).
func (b Bitmap) Not(n int) {
	for i := range b {
		b[i] = ^b[i]
	}
	b.trim(n)
}

// trim clears all bits from n on.
func (b Bitmap) trim(n int) {
	w := n >> 6
	if w >= len(b) {
		return
	}
	b[w] &= 1<<(n&63) - 1
	clear(b[w+1:])
}

// Count returns the size of the set.
func (b Bitmap) Count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// Any reports whether the set has a member.
func (b Bitmap) Any() bool {
	for _, w := range b {
		if w != 0 {
			return true
		}
	}
	return false
}

// All reports whether b holds all of [0, n).
func (b Bitmap) All(n int) bool {
	full := n >> 6
	for _, w := range b[:full] {
		if w != ^uint64(0) {
			return false
		}
	}
	rest := uint64(1)<<(n&63) - 1
	return rest == 0 || b[full]&rest == rest
}

// CountRange returns how many members are in [start, end).
func (b Bitmap) CountRange(start, end int) int {
	if start >= end {
		return 0
	}
	first, last := start>>6, (end-1)>>6
	head := ^uint64(0) << (start & 63)
	tail := ^uint64(0) >> (63 - (end-1)&63)
	if first == last {
		return bits.OnesCount64(b[first] & head & tail)
	}
	n := bits.OnesCount64(b[first]&head) + bits.OnesCount64(b[last]&tail)
	for _, w := range b[first+1 : last] {
		n += bits.OnesCount64(w)
	}
	return n
}

// OrRange adds at+i for each member from+i of o with i in [0, n).
func (b Bitmap) OrRange(at int, o Bitmap, from, n int) {
	for n > 0 {
		m := min(n, 64-at&63, 64-from&63)
		word := o[from>>6] >> (from & 63) & (^uint64(0) >> (64 - m))
		b[at>>6] |= word << (at & 63)
		at, from, n = at+m, from+m, n-m
	}
}

// Select returns the member with k members below it, or -1 if there are not so
// many: Select(Rank(i)) is i for a member i.
func (b Bitmap) Select(k int) int {
	if k < 0 {
		return -1
	}
	for i, w := range b {
		c := bits.OnesCount64(w)
		if k >= c {
			k -= c
			continue
		}
		for ; k > 0; k-- {
			w &= w - 1
		}
		return i<<6 + bits.TrailingZeros64(w)
	}
	return -1
}

// AppendRuns appends where members that follow one another begin and end: first member
// and that behind the last, one pair after the other.
func (b Bitmap) AppendRuns(dst []uint64) []uint64 {
	for i := b.Next(0); i >= 0; {
		start := i
		for i < 64*len(b) && b.Get(i) {
			i++
		}
		dst = append(dst, uint64(start), uint64(i))
		i = b.Next(i)
	}
	return dst
}

// Next returns the least member that is i or greater, or -1.
func (b Bitmap) Next(i int) int {
	w := i >> 6
	if w >= len(b) {
		return -1
	}
	if word := b[w] >> (i & 63); word != 0 {
		return i + bits.TrailingZeros64(word)
	}
	for w++; w < len(b); w++ {
		if b[w] != 0 {
			return w<<6 + bits.TrailingZeros64(b[w])
		}
	}
	return -1
}

// Ones yields the members in ascending order. A bit set or cleared by the loop
// body is seen if its word is still ahead.
func (b Bitmap) Ones() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range b {
			for ; w != 0; w &= w - 1 {
				if !yield(i<<6 + bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}

// AppendOnes appends the members to dst in ascending order.
func (b Bitmap) AppendOnes(dst []uint32) []uint32 {
	for i, w := range b {
		for ; w != 0; w &= w - 1 {
			dst = append(dst, uint32(i<<6+bits.TrailingZeros64(w)))
		}
	}
	return dst
}

// Part returns bits [start, end) of b as a set of its own, in the memory of dst if that
// is enough.
func (b Bitmap) Part(dst Bitmap, start, end int) Bitmap {
	n := end - start
	dst = dst.Reset(n)
	shift := uint(start & 63)
	for i := range dst {
		at := start>>6 + i
		dst[i] = b[at] >> shift
		if shift > 0 && at+1 < len(b) {
			dst[i] |= b[at+1] << (64 - shift)
		}
	}
	dst.trim(n)
	return dst
}
