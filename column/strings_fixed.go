package column

import (
	"encoding/binary"

	"github.com/clew-tracing/clew/column/clp"
	"github.com/clew-tracing/clew/column/digits"
)

// appendUUIDs appends 16 bytes for each string, all of 36 bytes, or fails.
func appendUUIDs(dst []byte, p *picker) ([]byte, bool) {
	old := len(dst)
	dst = grow(dst, 16*p.len())
	for i := range p.len() {
		if !digits.PutUUID((*[16]byte)(dst[old+16*i:]), p.at(i)) {
			return dst[:old], false
		}
	}
	return dst, true
}

// appendHexes appends the digits' length and half of it in bytes for each
// string, all of one even length, or fails. It leaves strings without any
// letter to CLP, which stores numbers by their range.
func appendHexes(dst []byte, p *picker) ([]byte, bool) {
	size := len(p.at(0))
	dst = binary.AppendUvarint(dst, uint64(size))
	letters := size > clp.MaxDigits
	old := len(dst)
	dst = grow(dst, size/2*p.len())
	for i := range p.len() {
		v := p.at(i)
		if !digits.PutHex(dst[old+size/2*i:][:size/2], v) {
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
		addr, ok := digits.ParseIPv4(p.at(i))
		if !ok {
			return dst, false
		}
		s.vals = append(s.vals, uint64(addr))
	}
	return AppendInts(dst, s.vals, IntOptions{}), true
}
