package otlp

import (
	"encoding/binary"

	"github.com/clew-tracing/clew"
)

// Wire types of protobuf.
const (
	wireVarint     = 0
	wireFixed64    = 1
	wireBytes      = 2
	wireGroupStart = 3
	wireGroupEnd   = 4
	wireFixed32    = 5
)

// A wireError is a flaw of a message. Its place is the number of bytes from the
// flaw to the end of the buffer that the message is a slice of, which a slice
// knows (its capacity) without knowing the buffer. So no decoder here may cut a
// slice's capacity.
type wireError struct {
	fromEnd int
	what    string
}

func (e *wireError) Error() string { return e.what }

// flawAt makes the error for a flaw at m[i].
func flawAt(m []byte, i int, what string) error {
	return &wireError{fromEnd: cap(m) - i, what: what}
}

// located turns a wireError into an error of kind Invalid with the byte offset
// in body.
func located(body []byte, err error) error {
	if e, ok := err.(*wireError); ok {
		return clew.Errorf(clew.Invalid, "OTLP protobuf: offset %d: %s", cap(body)-e.fromEnd, e.what)
	}
	return err
}

// What can be wrong with the bytes of a message.
const (
	flawEnd      = "the message ends within a field"
	flawLength   = "a field claims more bytes than the message has"
	flawVarint   = "a varint is longer than 10 bytes or 64 bits"
	flawTag      = "a field number is 0 or too large, or a wire type is unknown"
	flawGroup    = "a group is not closed, or not where it was opened"
	flawGroups   = "groups are nested too deep (limit 64)"
	flawValues   = "attribute values are nested too deep (limit 64)"
	flawBodySize = "the request is longer than 1 GiB"
)

// field is one field of a message.
type field struct {
	num  int
	wire byte
	bits uint64 // varint, fixed64, fixed32
	data []byte // length-delimited
}

// is reports whether f is field num with the given wire type. One with another
// type counts as unknown.
func (f *field) is(num int, wire byte) bool { return f.num == num && f.wire == wire }

// next reads the field of m at i and returns where the following one starts.
func (f *field) next(m []byte, i int) (int, error) {
	tag, j := uvarint(m, i)
	if j < 0 {
		return 0, varintFlaw(m, i)
	}
	f.num, f.wire = int(tag>>3), byte(tag&7)
	if tag>>3 == 0 || tag>>3 >= 1<<29 {
		return 0, flawAt(m, i, flawTag)
	}
	switch f.wire {
	case wireVarint:
		var k int
		if f.bits, k = uvarint(m, j); k < 0 {
			return 0, varintFlaw(m, j)
		}
		return k, nil
	case wireBytes:
		n, k := uvarint(m, j)
		if k < 0 {
			return 0, varintFlaw(m, j)
		}
		if n > uint64(len(m)-k) {
			return 0, flawAt(m, j, flawLength)
		}
		end := k + int(n)
		f.data = m[k:end]
		return end, nil
	case wireFixed64:
		if len(m)-j < 8 {
			return 0, flawAt(m, j, flawEnd)
		}
		f.bits = binary.LittleEndian.Uint64(m[j:])
		return j + 8, nil
	case wireFixed32:
		if len(m)-j < 4 {
			return 0, flawAt(m, j, flawEnd)
		}
		f.bits = uint64(binary.LittleEndian.Uint32(m[j:]))
		return j + 4, nil
	case wireGroupStart:
		return skipGroup(m, j, f.num)
	}
	return 0, flawAt(m, i, flawTag)
}

// uvarint reads a varint of m at i; the second result is where it ends, negative
// if it is cut short or too long.
func uvarint(m []byte, i int) (uint64, int) {
	if i < len(m) && m[i] < 0x80 {
		return uint64(m[i]), i + 1
	}
	var v uint64
	for shift := 0; i < len(m) && shift < 64; shift += 7 {
		c := m[i]
		i++
		if c < 0x80 {
			if shift == 63 && c > 1 {
				return 0, -1
			}
			return v | uint64(c)<<shift, i
		}
		v |= uint64(c&0x7f) << shift
	}
	return 0, -1
}

// shortMessage returns where the contents of the length-delimited field of m at i lie,
// if its tag is one byte and its length one or two; else it ends at 0.
func shortMessage(m []byte, i int) (from, to int) {
	if len(m)-i < 3 {
		return 0, 0
	}
	n := int(m[i+1])
	from = i + 2
	if n >= 0x80 {
		if m[i+2] >= 0x80 {
			return 0, 0
		}
		n, from = n&0x7f|int(m[i+2])<<7, i+3
	}
	if n > len(m)-from {
		return 0, 0
	}
	return from, from + n
}

// shortVarint reads a varint that is all of v, if it is at most 4 bytes long.
func shortVarint(v []byte) (uint64, bool) {
	var x uint64
	last := len(v) - 1
	if uint(last) > 3 || v[last] >= 0x80 {
		return 0, false
	}
	for i, c := range v[:last] {
		if c < 0x80 {
			return 0, false
		}
		x |= uint64(c&0x7f) << (7 * i)
	}
	return x | uint64(v[last])<<(7*last), true
}

// varintFlaw says what is wrong with the varint of m at i.
func varintFlaw(m []byte, i int) error {
	for k := i; k < len(m) && k < i+binary.MaxVarintLen64; k++ {
		if m[k] < 0x80 {
			return flawAt(m, i, flawVarint)
		}
	}
	if len(m)-i >= binary.MaxVarintLen64 {
		return flawAt(m, i, flawVarint)
	}
	return flawAt(m, i, flawEnd)
}

// skipGroup returns where the group num, whose contents start at i, ends.
func skipGroup(m []byte, i, num int) (int, error) {
	var open [maxGroupDepth]int
	open[0] = num
	depth := 1
	for depth > 0 {
		if i >= len(m) {
			return 0, flawAt(m, i, flawGroup)
		}
		tag, j := uvarint(m, i)
		if j < 0 {
			return 0, varintFlaw(m, i)
		}
		switch tag & 7 {
		case wireGroupStart:
			if depth == maxGroupDepth {
				return 0, flawAt(m, i, flawGroups)
			}
			open[depth] = int(tag >> 3)
			depth++
			i = j
		case wireGroupEnd:
			depth--
			if int(tag>>3) != open[depth] {
				return 0, flawAt(m, i, flawGroup)
			}
			i = j
		default:
			var f field
			end, err := f.next(m, i)
			if err != nil {
				return 0, err
			}
			i = end
		}
	}
	return i, nil
}
