package column

import "encoding/binary"

const (
	uuidLen    = 36 // 8-4-4-4-12 digits and four dashes
	ipv4MaxLen = 15 // 255.255.255.255
)

// hexDigits maps a digit's value to the digit.
const hexDigits = "0123456789abcdef"

// isDigit marks the valid entries of nibbles.
const isDigit = 0x10

// nibbles maps a lower-case hex digit to its value, with isDigit set, and any
// other byte to 0.
var nibbles = [256]byte{
	'0': isDigit, '1': isDigit | 1, '2': isDigit | 2, '3': isDigit | 3, '4': isDigit | 4, '5': isDigit | 5,
	'6': isDigit | 6, '7': isDigit | 7, '8': isDigit | 8, '9': isDigit | 9, 'a': isDigit | 10, 'b': isDigit | 11,
	'c': isDigit | 12, 'd': isDigit | 13, 'e': isDigit | 14, 'f': isDigit | 15,
}

// putHex sets out, half as long as digits, to the bytes that digits stand for,
// and reports whether all of them are lower-case hex digits.
func putHex(out, digits []byte) bool {
	all := byte(isDigit)
	digits = digits[:2*len(out)]
	for i := range out {
		high, low := nibbles[digits[2*i]], nibbles[digits[2*i+1]]
		all &= high & low
		out[i] = high<<4 | low&15
	}
	return all != 0
}

// appendDigits appends two digits for each byte.
func appendDigits(dst, data []byte) []byte {
	for _, b := range data {
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}

// putUUID sets id from a text of 36 bytes, or fails.
func putUUID(id *[16]byte, v []byte) bool {
	v = v[:uuidLen]
	return v[8] == '-' && v[13] == '-' && v[18] == '-' && v[23] == '-' &&
		putHex(id[:4], v) && putHex(id[4:6], v[9:]) && putHex(id[6:8], v[14:]) &&
		putHex(id[8:10], v[19:]) && putHex(id[10:], v[24:])
}

// appendUUIDs appends 16 bytes for each string, all of 36 bytes, or fails.
func appendUUIDs(dst []byte, p *picker) ([]byte, bool) {
	old := len(dst)
	dst = grow(dst, 16*p.len())
	for i := range p.len() {
		if !putUUID((*[16]byte)(dst[old+16*i:]), p.at(i)) {
			return dst[:old], false
		}
	}
	return dst, true
}

// appendUUID appends the text of 16 bytes.
func appendUUID(dst, id []byte) []byte {
	dst = append(appendDigits(dst, id[:4]), '-')
	dst = append(appendDigits(dst, id[4:6]), '-')
	dst = append(appendDigits(dst, id[6:8]), '-')
	dst = append(appendDigits(dst, id[8:10]), '-')
	return appendDigits(dst, id[10:16])
}

// appendHexes appends the digits' length and half of it in bytes for each
// string, all of one even length, or fails. It leaves strings without any
// letter to CLP, which stores numbers by their range.
func appendHexes(dst []byte, p *picker) ([]byte, bool) {
	size := len(p.at(0))
	dst = binary.AppendUvarint(dst, uint64(size))
	letters := size > clpMaxDigits
	old := len(dst)
	dst = grow(dst, size/2*p.len())
	for i := range p.len() {
		v := p.at(i)
		if !putHex(dst[old+size/2*i:][:size/2], v) {
			return dst, false
		}
		for j := 0; !letters && j < len(v); j++ {
			letters = v[j] >= 'a'
		}
	}
	return dst, letters
}

// appendIPv4s appends addresses as integers, or fails.
func appendIPv4s(dst []byte, p *picker) ([]byte, bool) {
	s := getScratch()
	defer s.put()
	s.vals = s.vals[:0]
	for i := range p.len() {
		addr, ok := parseIPv4(p.at(i))
		if !ok {
			return dst, false
		}
		s.vals = append(s.vals, uint64(addr))
	}
	return AppendInts(dst, s.vals, IntOptions{}), true
}

// parseIPv4 reads a dotted quad in the one form that appendIPv4 writes.
func parseIPv4(v []byte) (addr uint32, ok bool) {
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

func appendIPv4(dst []byte, addr uint32) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		dst = appendNumber(dst, uint64(addr>>shift&255), 0)
		if shift > 0 {
			dst = append(dst, '.')
		}
	}
	return dst
}

// appendNumber appends v in decimal, padded with zeros to width digits.
func appendNumber(dst []byte, v uint64, width int) []byte {
	var buf [20]byte
	i := len(buf)
	for v >= 10 {
		i--
		q := v / 10
		buf[i] = byte('0' + v - q*10)
		v = q
	}
	i--
	buf[i] = byte('0' + v)
	for len(buf)-i < width {
		i--
		buf[i] = '0'
	}
	return append(dst, buf[i:]...)
}
