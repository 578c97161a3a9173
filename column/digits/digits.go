// Package digits reads and writes the texts of ids and addresses: hex digits, UUIDs, IPv4
// addresses, decimal numbers. It reads each in the one form that it writes, so that
// what is read comes back byte by byte.
package digits

import (
	"math/bits"
	"slices"
)

const (
	UUIDLen    = 36 // 8-4-4-4-12 digits and four dashes
	IPv4MaxLen = 15 // 255.255.255.255
)

// hex maps a digit's value to the digit.
const hex = "0123456789abcdef"

// isHex marks the valid entries of nibbles.
const isHex = 0x10

// nibbles maps a lower-case hex digit to its value, with isHex set, and any
// other byte to 0.
var nibbles = [256]byte{
	'0': isHex, '1': isHex | 1, '2': isHex | 2, '3': isHex | 3, '4': isHex | 4, '5': isHex | 5,
	'6': isHex | 6, '7': isHex | 7, '8': isHex | 8, '9': isHex | 9, 'a': isHex | 10, 'b': isHex | 11,
	'c': isHex | 12, 'd': isHex | 13, 'e': isHex | 14, 'f': isHex | 15,
}

// Hex reports whether v is lower-case hex digits only.
func Hex(v []byte) bool {
	all := byte(isHex)
	for _, c := range v {
		all &= nibbles[c]
	}
	return all != 0
}

// PutHex sets out, half as long as digits, to the bytes that digits stand for,
// and reports whether all of them are lower-case hex digits.
func PutHex(out, digits []byte) bool {
	all := byte(isHex)
	digits = digits[:2*len(out)]
	for i := range out {
		high, low := nibbles[digits[2*i]], nibbles[digits[2*i+1]]
		all &= high & low
		out[i] = high<<4 | low&15
	}
	return all != 0
}

// AppendHex appends two digits for each byte.
func AppendHex(dst, data []byte) []byte {
	for _, b := range data {
		dst = append(dst, hex[b>>4], hex[b&15])
	}
	return dst
}

// PutUUID sets id from a text of 36 bytes, or fails.
func PutUUID(id *[16]byte, v []byte) bool {
	v = v[:UUIDLen]
	return v[8] == '-' && v[13] == '-' && v[18] == '-' && v[23] == '-' &&
		PutHex(id[:4], v) && PutHex(id[4:6], v[9:]) && PutHex(id[6:8], v[14:]) &&
		PutHex(id[8:10], v[19:]) && PutHex(id[10:], v[24:])
}

// AppendUUID appends the text of 16 bytes.
func AppendUUID(dst, id []byte) []byte {
	dst = append(AppendHex(dst, id[:4]), '-')
	dst = append(AppendHex(dst, id[4:6]), '-')
	dst = append(AppendHex(dst, id[6:8]), '-')
	dst = append(AppendHex(dst, id[8:10]), '-')
	return AppendHex(dst, id[10:16])
}

// ParseIPv4 reads a dotted quad in the one form that AppendIPv4 writes.
func ParseIPv4(v []byte) (addr uint32, ok bool) {
	i := 0
	for part := range 4 {
		if part > 0 {
			if i >= len(v) || v[i] != '.' {
				return 0, false
			}
			i++
		}
		start, n := i, uint32(0)
		for i < len(v) && i < start+3 && v[i]-'0' <= 9 {
			n = n*10 + uint32(v[i]-'0')
			i++
		}
		if i == start || n > 255 || v[start] == '0' && i > start+1 {
			return 0, false
		}
		addr = addr<<8 | n
	}
	return addr, i == len(v)
}

func AppendIPv4(dst []byte, addr uint32) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		dst = AppendNumber(dst, uint64(addr>>shift&255), 0)
		if shift > 0 {
			dst = append(dst, '.')
		}
	}
	return dst
}

// AppendNumber appends v in decimal, padded with zeros to width digits.
func AppendNumber(dst []byte, v uint64, width int) []byte {
	n := max(width, digitsOf(v))
	dst = slices.Grow(dst, n)
	dst = dst[:len(dst)+n]
	for i := len(dst) - 1; n > 0; n-- {
		q := v / 10
		dst[i] = byte('0' + v - q*10)
		v = q
		i--
	}
	return dst
}

// digitsOf returns how many digits v has.
func digitsOf(v uint64) int {
	v |= 1                          // which 0 has one digit for
	n := bits.Len64(v) * 1233 >> 12 // log10(2) ≈ 1233/4096: the number of digits, or one less
	if v >= powers[n] {
		n++
	}
	return n
}

// powers are those of ten.
var powers = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()
