package span

import (
	"encoding/binary"
	"iter"
	"math"

	"github.com/clew-tracing/clew"
)

// The fields of OTLP's AnyValue and ArrayValue (common.proto), each as its tag: number
// and wire type.
const (
	anyString = 1<<3 | wireBytes
	anyBool   = 2<<3 | wireVarint
	anyInt    = 3<<3 | wireVarint
	anyDouble = 4<<3 | wireFixed64
	anyArray  = 5<<3 | wireBytes
	anyMap    = 6<<3 | wireBytes
	anyBytes  = 7<<3 | wireBytes
	arrayItem = 1<<3 | wireBytes
)

const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// Elements yields what is in an array, in order: nothing of a value that is none. What is
// no scalar itself, as an array in the array, is yielded as TypeOther. The values share the
// memory of v.
func Elements(v clew.Value) iter.Seq[clew.Value] {
	return func(yield func(clew.Value) bool) {
		if v.Type != clew.TypeOther {
			return
		}
		array := false
		for tag := range wireFields(v.Bytes) {
			if array = array || tag == anyArray; tag == anyBytes {
				return // package otlp shows such a value as bytes
			}
		}
		if !array {
			return
		}
		for tag, list := range wireFields(v.Bytes) {
			if tag != anyArray {
				continue
			}
			for tag, item := range wireFields(list.data) {
				if tag == arrayItem && !yield(element(item.data)) {
					return
				}
			}
		}
	}
}

// element reads an AnyValue. Of several of its fields the last one counts.
func element(m []byte) clew.Value {
	v := clew.Value{Type: clew.TypeOther, Bytes: m}
	for tag, f := range wireFields(m) {
		switch tag {
		case anyString:
			v = clew.Value{Type: clew.TypeString, Bytes: f.data}
		case anyBool:
			v = clew.BoolValue(f.bits != 0)
		case anyInt:
			v = clew.Value{Type: clew.TypeInt, Bits: f.bits}
		case anyDouble:
			v = clew.Value{Type: clew.TypeDouble, Bits: f.bits}
		case anyArray, anyMap, anyBytes:
			v = clew.Value{Type: clew.TypeOther, Bytes: m}
		}
	}
	return v
}

// wireField is the content of a field: bits of a number, else data.
type wireField struct {
	bits uint64
	data []byte
}

// wireFields yields the fields of a message, by tag. It ends where the message does not
// go on as one; package otlp takes no such values in.
func wireFields(m []byte) iter.Seq2[uint64, wireField] {
	return func(yield func(uint64, wireField) bool) {
		for len(m) > 0 {
			tag, n := binary.Uvarint(m)
			if n <= 0 {
				return
			}
			m = m[n:]
			var f wireField
			switch tag & 7 {
			case wireVarint:
				if f.bits, n = binary.Uvarint(m); n <= 0 {
					return
				}
			case wireFixed64:
				if n = 8; len(m) < n {
					return
				}
				f.bits = binary.LittleEndian.Uint64(m)
			case wireFixed32:
				if n = 4; len(m) < n {
					return
				}
			case wireBytes:
				size, head := binary.Uvarint(m)
				if head <= 0 || size > math.MaxInt32 || int(size) > len(m)-head {
					return
				}
				f.data, n = m[head:head+int(size)], head+int(size)
			default:
				return
			}
			if m = m[n:]; !yield(tag, f) {
				return
			}
		}
	}
}
