package foreign

import "encoding/binary"

// The types of Thrift's binary protocol that the formats have.
const (
	thriftStop   = 0
	thriftBool   = 2
	thriftDouble = 4
	thriftI16    = 6
	thriftI32    = 8
	thriftI64    = 10
	thriftString = 11
	thriftStruct = 12
	thriftList   = 15
)

// appendField appends what stands before a field's value.
func appendField(b []byte, kind, id byte) []byte { return append(b, kind, 0, id) }

// appendList appends what stands before a list of structs.
func appendList(b []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(append(b, thriftStruct), uint32(n))
}

func appendThriftI32(b []byte, id byte, v uint32) []byte {
	return binary.BigEndian.AppendUint32(appendField(b, thriftI32, id), v)
}

func appendThriftI64(b []byte, id byte, v uint64) []byte {
	return binary.BigEndian.AppendUint64(appendField(b, thriftI64, id), v)
}

func appendThriftText[T []byte | string](b []byte, id byte, v T) []byte {
	b = binary.BigEndian.AppendUint32(appendField(b, thriftString, id), uint32(len(v)))
	return append(b, v...)
}
