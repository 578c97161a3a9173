package corpus

import (
	"encoding/binary"
	"math"
)

// Field tags of OTLP's trace.proto, common.proto and resource.proto, as bytes:
// field number << 3 | wire type.
const (
	tagResourceSpans  = 0x0a // TracesData.resource_spans
	tagResource       = 0x0a // ResourceSpans.resource
	tagScopeSpans     = 0x12 // ResourceSpans.scope_spans
	tagResourceSchema = 0x1a // ResourceSpans.schema_url
	tagScope          = 0x0a // ScopeSpans.scope
	tagSpan           = 0x12 // ScopeSpans.spans

	tagTraceID   = 0x0a // Span.trace_id
	tagSpanID    = 0x12
	tagParentID  = 0x22
	tagName      = 0x2a
	tagKind      = 0x30
	tagStart     = 0x39
	tagEnd       = 0x41
	tagAttr      = 0x4a
	tagEvent     = 0x5a
	tagLink      = 0x6a
	tagStatus    = 0x7a
	tagFlagsByte = 0x85 // Span.flags is field 16: two tag bytes, 0x85 0x01
)

// sizeVarint returns how many bytes v takes as a varint.
func sizeVarint(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// sizeField returns the size of a length-delimited field of n bytes with a
// one-byte tag.
func sizeField(n int) int { return 1 + sizeVarint(uint64(n)) + n }

func appendField(b []byte, tag byte, v string) []byte {
	b = append(b, tag)
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

// attrHead writes all of a KeyValue up to its AnyValue's content, which takes
// valueSize bytes. outer is the tag of the repeated KeyValue field.
func attrHead(b []byte, outer byte, key string, valueSize int) []byte {
	b = append(b, outer)
	b = binary.AppendUvarint(b, uint64(sizeField(len(key))+sizeField(valueSize)))
	b = appendField(b, 0x0a, key)
	b = append(b, 0x12)
	return binary.AppendUvarint(b, uint64(valueSize))
}

func attrString(b []byte, outer byte, key, v string) []byte {
	b = attrHead(b, outer, key, sizeField(len(v)))
	return appendField(b, 0x0a, v)
}

func attrBytes(b []byte, outer byte, key string, v []byte) []byte {
	b = attrHead(b, outer, key, sizeField(len(v)))
	b = append(b, 0x0a)
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

func attrInt(b []byte, outer byte, key string, v int64) []byte {
	b = attrHead(b, outer, key, 1+sizeVarint(uint64(v)))
	b = append(b, 0x18)
	return binary.AppendUvarint(b, uint64(v))
}

func attrDouble(b []byte, outer byte, key string, v float64) []byte {
	b = attrHead(b, outer, key, 9)
	b = append(b, 0x21)
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
}

func attrBool(b []byte, outer byte, key string, v bool) []byte {
	b = attrHead(b, outer, key, 2)
	if v {
		return append(b, 0x10, 1)
	}
	return append(b, 0x10, 0)
}

const hexDigits = "0123456789abcdef"

// appendUUID writes a version 4 uuid made of two random words.
func appendUUID(b []byte, hi, lo uint64) []byte {
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 1<<63
	for i := 15; i >= 0; i-- {
		b = append(b, hexDigits[hi>>(4*i)&15])
		if i == 8 || i == 4 {
			b = append(b, '-')
		}
	}
	b = append(b, '-')
	for i := 15; i >= 0; i-- {
		b = append(b, hexDigits[lo>>(4*i)&15])
		if i == 12 {
			b = append(b, '-')
		}
	}
	return b
}

// appendPadded writes v in decimal, zero-padded to width digits.
func appendPadded(b []byte, v uint64, width int) []byte {
	for range width {
		b = append(b, '0')
	}
	for i := len(b) - 1; v > 0 && width > 0; i, width, v = i-1, width-1, v/10 {
		b[i] = byte('0' + v%10)
	}
	return b
}
