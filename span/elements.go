package span

import (
	"iter"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
)

// The fields of OTLP's AnyValue and ArrayValue (common.proto), each as its tag: number
// and wire type.
const (
	anyString = 1<<3 | uint64(protowire.BytesType)
	anyBool   = 2<<3 | uint64(protowire.VarintType)
	anyInt    = 3<<3 | uint64(protowire.VarintType)
	anyDouble = 4<<3 | uint64(protowire.Fixed64Type)
	anyArray  = 5<<3 | uint64(protowire.BytesType)
	anyMap    = 6<<3 | uint64(protowire.BytesType)
	anyBytes  = 7<<3 | uint64(protowire.BytesType)
	arrayItem = 1<<3 | uint64(protowire.BytesType)
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
			number, kind, n := protowire.ConsumeTag(m)
			if n < 0 {
				return
			}
			size := protowire.ConsumeFieldValue(number, kind, m[n:])
			if size < 0 {
				return
			}
			var f wireField
			switch value := m[n : n+size]; kind {
			case protowire.VarintType:
				f.bits, _ = protowire.ConsumeVarint(value)
			case protowire.Fixed64Type:
				f.bits, _ = protowire.ConsumeFixed64(value)
			case protowire.BytesType:
				f.data, _ = protowire.ConsumeBytes(value)
			}
			if m = m[n+size:]; !yield(protowire.EncodeTag(number, kind), f) {
				return
			}
		}
	}
}
