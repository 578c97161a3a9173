package propagation

import (
	"math/bits"

	"github.com/clew-tracing/clew"
)

// notHex marks bytes that are no hex digits in the tables below.
const notHex = 0xff

// anyHex has the value of each hex digit of either case, lowerHex those of lower case only.
var anyHex, lowerHex = func() (all, lower [256]byte) {
	for i := range all {
		all[i], lower[i] = notHex, notHex
	}
	for i := range byte(10) {
		all['0'+i], lower['0'+i] = i, i
	}
	for i := range byte(6) {
		all['A'+i], all['a'+i], lower['a'+i] = 10+i, 10+i, 10+i
	}
	return all, lower
}()

// readHex reads 1 to 16 digits.
func readHex(s string, digits *[256]byte) (n uint64, ok bool) {
	if len(s) == 0 || len(s) > 16 {
		return 0, false
	}
	var bad byte
	for i := range len(s) {
		d := digits[s[i]]
		bad |= d
		n = n<<4 | uint64(d&15)
	}
	return n, bad&0xf0 == 0
}

// readTraceID reads 32 digits, or 1 to 16 as the low half.
func readTraceID(s string, digits *[256]byte) (clew.TraceID, bool) {
	var high uint64
	ok := true
	if len(s) > 16 {
		high, ok = readHex(s[:len(s)-16], digits)
		s = s[len(s)-16:]
	}
	low, fine := readHex(s, digits)
	return clew.MakeTraceID(high, low), ok && fine && high|low != 0
}

const hexDigits = "0123456789abcdef"

// appendHex appends 16 digits.
func appendHex(dst []byte, n uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[n>>shift&15])
	}
	return dst
}

// appendByte appends 2 digits.
func appendByte(dst []byte, b byte) []byte {
	return append(dst, hexDigits[b>>4], hexDigits[b&15])
}

// appendTraceID appends 32 digits, or 16 if the high half is zero and short is allowed.
func appendTraceID(dst []byte, id clew.TraceID, short bool) []byte {
	if high := id.High(); high != 0 || !short {
		dst = appendHex(dst, high)
	}
	return appendHex(dst, id.Low())
}

// readDecimal reads a number of 64 bits without sign.
func readDecimal(s string) (n uint64, ok bool) {
	if len(s) == 0 || len(s) > 20 {
		return 0, false
	}
	for i := range len(s) {
		d := uint64(s[i] - '0')
		high, low := bits.Mul64(n, 10)
		sum, carry := bits.Add64(low, d, 0)
		if d > 9 || high != 0 || carry != 0 {
			return 0, false
		}
		n = sum
	}
	return n, true
}

// trim cuts spaces and tabs off both ends.
func trim(s string) string {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// foldEqual compares s in any case with lower, which is in lower case, in ASCII.
func foldEqual(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
