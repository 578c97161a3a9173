package gunzip

import "math/bits"

// What the format allows.
const (
	maxCodeBits  = 15
	maxLiterals  = 288 // literals, the end of a block, lengths; the fixed codes have two that mean nothing
	maxDistances = 32
	maxMatch     = 258
	endOfBlock   = 256
)

// A table finds the symbol that a word of bits begins with. The first bits of the word
// are the index of an entry; codes that are longer have an entry there that says where
// their own table is, and how many bits are its index.
//
//	entry   bit  0      all bits of the symbol: code and extra ones
//	             8      bits of the code; in a link, of the index of the table
//	            12      1: a link to another table
//	            13      1: the end of a block, or no code at all
//	            14      1: a literal
//	            16      the literal, the smallest length or distance, where the table is
type table [tableSize]uint32

// Sizes of tables. With so many bits an index finds nearly all symbols of requests, and
// the table is still made quickly: there is one of each for every few ten thousand
// bytes. A complete code of 288 symbols takes 2,342 entries where 11 bits are looked at
// first, one of 32 symbols 400 at 8: less than tableSize, so that indexes that are cut
// to tableSize-1 need no check.
const (
	sizeBits     = 7
	literalBits  = 11
	distanceBits = 8
	tableSize    = 4096
)

const (
	linkFlag    = 1 << 12
	endFlag     = 1 << 13
	literalFlag = 1 << 14
)

// invalid is the entry of bits that are no code.
const invalid = endFlag | maxMatch<<16

// linked returns the entry that e, found for bits, links to, or e if it is none.
func (t *table) linked(e uint32, bits uint64) uint32 {
	if e&linkFlag == 0 {
		return e
	}
	return t[(uint64(e>>16)+bits>>(e&63)&(1<<(e>>8&15)-1))&(tableSize-1)]
}

// make makes t the table of the codes with the given lengths; symbols are the entries
// without the code's bits, looked up by the first index bits. It reports whether these
// are codes: complete, but for a single one of one bit, and for none at all, which a
// block without matches has.
func (t *table) make(lengths []uint8, symbols []uint32, index uint) bool {
	var count, first [maxCodeBits + 1]uint16 // codes of a length, and their place among the sorted
	for _, l := range lengths {
		count[l&15]++
	}
	count[0] = 0
	longest, codes, space := uint(0), uint16(0), uint32(0)
	for l := uint(1); l <= maxCodeBits; l++ {
		first[l] = codes
		codes += count[l]
		space += uint32(count[l]) << (maxCodeBits - l)
		if count[l] != 0 {
			longest = l
		}
	}
	switch {
	case space == 1<<maxCodeBits:
	case codes == 0 || codes == 1 && longest == 1:
		for i := range t[:1<<index] {
			t[i] = invalid
		}
	default:
		return false
	}
	var sorted [maxLiterals]uint16 // symbols by the length of their codes
	for s, l := range lengths {
		if l != 0 {
			sorted[first[l&15]] = uint16(s)
			first[l&15]++
		}
	}
	t.fill(sorted[:codes], symbols, &count, index)
	return true
}

// fill writes the entries of symbols sorted by the lengths of their codes.
func (t *table) fill(sorted []uint16, symbols []uint32, count *[maxCodeBits + 1]uint16, index uint) {
	code := uint32(0)
	free, prefix, part, width := 1<<index, -1, []uint32(nil), uint(0)
	for n := uint(1); len(sorted) > 0; n++ {
		for left := count[n]; left > 0; left-- {
			e := symbols[sorted[0]] + uint32(n) + uint32(n)<<8
			sorted = sorted[1:]
			at := int(bits.Reverse32(code) >> (32 - n))
			code++
			if n <= index {
				for i := at; i < 1<<index; i += 1 << n {
					t[i] = e
				}
				continue
			}
			if p := at & (1<<index - 1); p != prefix {
				prefix, width = p, n-index
				for space := int(left); space < 1<<width; {
					width++
					space = space<<1 + int(count[index+width])
				}
				t[p] = uint32(index) | uint32(width)<<8 | linkFlag | uint32(free)<<16
				part = t[free:][:1<<width]
				free += 1 << width
			}
			for i := at >> index; i < 1<<width; i += 1 << (n - index) {
				part[i] = e
			}
		}
		code <<= 1
	}
}
