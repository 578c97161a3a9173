package column

import "encoding/binary"

const (
	uuidLen    = 36 // 8-4-4-4-12 digits and four dashes
	ipv4MaxLen = 15 // 255.255.255.255
)

// hexDigits maps a digit's value to the digit.
const hexDigits = "0123456789abcdef"

// notHex is nibble's answer for anything but a lower-case hex digit.
const notHex = 0xff

// nibble returns the value of a lower-case hex digit.
func nibble(c byte) byte {
	if d := c - '0'; d <= 9 {
		return d
	}
	if d := c - 'a'; d <= 5 {
		return d + 10
	}
	return notHex
}

// appendHex appends the bytes that digits stand for, or fails at the first
// character that is not a lower-case hex digit. The length is even.
func appendHex(dst, digits []byte) ([]byte, bool) {
	for i := 0; i+1 < len(digits); i += 2 {
		high, low := nibble(digits[i]), nibble(digits[i+1])
		if high|low == notHex {
			return dst, false
		}
		dst = append(dst, high<<4|low)
	}
	return dst, true
}

// appendDigits is the inverse of appendHex.
func appendDigits(dst, data []byte) []byte {
	for _, b := range data {
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst
}

// uuidGroups are the digits between the dashes of a UUID.
var uuidGroups = [...][2]int{{0, 8}, {9, 13}, {14, 18}, {19, 23}, {24, 36}}

// appendUUIDs appends 16 bytes for each string, all of 36 bytes, or fails.
func appendUUIDs(dst []byte, p *picker) ([]byte, bool) {
	for i := range p.len() {
		v := p.at(i)
		if v[8] != '-' || v[13] != '-' || v[18] != '-' || v[23] != '-' {
			return dst, false
		}
		for _, g := range uuidGroups {
			var ok bool
			if dst, ok = appendHex(dst, v[g[0]:g[1]]); !ok {
				return dst, false
			}
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
	for i := range p.len() {
		v := p.at(i)
		var ok bool
		if dst, ok = appendHex(dst, v); !ok {
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
