// Package clp cuts strings into templates and numbers, for columns of text that varies
// in its numbers. Every digit run becomes a mark in the template:
//
//	0x01        a number without leading zeros, or a lone 0
//	0x02 width  a number of width digits, the first of them 0
//
// so "GET /order/17 took 007 ms" is "GET /order/\x01 took \x02\x03 ms", 17, 7.
// Runs of more than MaxDigits digits, and those after the MaxNumbers-th number, stay
// text. A string has one template and one list of numbers, and no other string has both.
package clp

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// The marks of a template.
const (
	Number = 0x01
	Padded = 0x02
)

const (
	// MaxNumbers is how many numbers a string may have: an address with a port, a
	// date with time and a few counters. It bounds a coder's vectors.
	MaxNumbers = 16

	// MaxDigits keeps a number below 10^18, which fits 64 bits.
	MaxDigits = 18
)

// Split appends the template of v to dst and sets the first n numbers. It fails where v
// contains a byte up to Padded: such a string has no template.
func Split(dst []byte, numbers *[MaxNumbers]uint64, v []byte) (template []byte, n int, ok bool) {
	literal := 0
	for i := 0; i < len(v); {
		if i+8 <= len(v) {
			plain := plainBytes(binary.LittleEndian.Uint64(v[i:]))
			if i += plain; plain == 8 {
				continue
			}
		}
		b := v[i]
		if b-'0' > 9 {
			if b <= Padded {
				return dst, 0, false
			}
			i++
			continue
		}
		start, value := i, uint64(0)
		for i < len(v) && v[i]-'0' <= 9 {
			value = value*10 + uint64(v[i]-'0') // may wrap, and is then not used
			i++
		}
		digits := i - start
		if digits > MaxDigits || n == MaxNumbers {
			continue
		}
		dst = append(dst, v[literal:start]...)
		literal = i
		if b == '0' && digits > 1 {
			dst = append(dst, Padded, byte(digits))
		} else {
			dst = append(dst, Number)
		}
		numbers[n] = value
		n++
	}
	return append(dst, v[literal:]...), n, true
}

// plainBytes returns how many of eight bytes, from the lowest, stand before the first
// digit or byte up to Padded.
func plainBytes(x uint64) int {
	const each, high = 0x0101010101010101, 0x8080808080808080
	// In each byte the highest bit says that it is none: adding carries into it, never
	// beyond.
	digit := x ^ '0'*each
	noDigit := digit&^high + (0x80-10)*each | digit
	noMark := x&^high + (0x80-Padded-1)*each | x
	return bits.TrailingZeros64(^(noDigit&noMark)&high) / 8
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Fingerprint is eight bits by which most templates differ: the lowest of their crc32c.
func Fingerprint(template []byte) uint8 {
	return uint8(crc32.Checksum(template, castagnoli))
}
