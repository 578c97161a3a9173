// Package wire writes OTLP traces as protobuf, field by field: what turns another format
// into OTLP appends to one slice and makes no object. The shape of a request is in the
// comment of package otlp, the numbers of its fields are below.
package wire

import (
	"encoding/binary"
	"math"

	"github.com/clew-tracing/clew"
)

// The wire types of protobuf.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// The fields of the messages of a request.
const (
	RequestResourceSpans = 1

	ResourceSpansResource  = 1
	ResourceSpansScope     = 2
	ResourceSpansSchemaURL = 3

	ResourceAttributes = 1

	ScopeSpansScope     = 1
	ScopeSpansSpans     = 2
	ScopeSpansSchemaURL = 3

	ScopeName       = 1
	ScopeVersion    = 2
	ScopeAttributes = 3

	SpanTraceID       = 1
	SpanSpanID        = 2
	SpanTraceState    = 3
	SpanParentID      = 4
	SpanName          = 5
	SpanKind          = 6
	SpanStart         = 7
	SpanEnd           = 8
	SpanAttributes    = 9
	SpanDroppedAttrs  = 10
	SpanEvents        = 11
	SpanDroppedEvents = 12
	SpanLinks         = 13
	SpanDroppedLinks  = 14
	SpanStatus        = 15
	SpanFlags         = 16

	EventTime         = 1
	EventName         = 2
	EventAttributes   = 3
	EventDroppedAttrs = 4

	LinkTraceID      = 1
	LinkSpanID       = 2
	LinkTraceState   = 3
	LinkAttributes   = 4
	LinkDroppedAttrs = 5
	LinkFlags        = 6

	StatusMessage = 2
	StatusCode    = 3

	PairKey   = 1 // of a KeyValue
	PairValue = 2

	// An AnyValue has one of these; the messages in ValueArray and ValueMap have
	// ListValues, AnyValues or KeyValues.
	ValueString = 1
	ValueBool   = 2
	ValueInt    = 3
	ValueDouble = 4
	ValueArray  = 5
	ValueMap    = 6
	ValueBytes  = 7

	ListValues = 1
)

// AppendVarint appends a field of an integer, a bool or an enum.
func AppendVarint(dst []byte, num int, v uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(num)<<3|wireVarint)
	return binary.AppendUvarint(dst, v)
}

// AppendBytes appends a field of bytes or text, also of none.
func AppendBytes[T []byte | string](dst []byte, num int, v T) []byte {
	dst = binary.AppendUvarint(dst, uint64(num)<<3|wireBytes)
	dst = binary.AppendUvarint(dst, uint64(len(v)))
	return append(dst, v...)
}

// AppendFixed64 appends a field of eight bytes.
func AppendFixed64(dst []byte, num int, v uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(num)<<3|wireFixed64)
	return binary.LittleEndian.AppendUint64(dst, v)
}

// AppendFixed32 appends a field of four bytes.
func AppendFixed32(dst []byte, num int, v uint32) []byte {
	dst = binary.AppendUvarint(dst, uint64(num)<<3|wireFixed32)
	return binary.LittleEndian.AppendUint32(dst, v)
}

// Open starts a field that is a message; Close, with the mark that came back, ends it.
// One byte is kept free for the length, which is enough for most; a longer message moves
// up.
func Open(dst []byte, num int) (out []byte, mark int) {
	dst = binary.AppendUvarint(dst, uint64(num)<<3|wireBytes)
	dst = append(dst, 0)
	return dst, len(dst)
}

// Close ends what Open started.
func Close(dst []byte, mark int) []byte {
	n := len(dst) - mark
	if n < 0x80 {
		dst[mark-1] = byte(n)
		return dst
	}
	var size [binary.MaxVarintLen64]byte
	k := binary.PutUvarint(size[:], uint64(n))
	dst = append(dst, size[1:k]...)
	copy(dst[mark-1+k:], dst[mark:mark+n])
	copy(dst[mark-1:], size[:k])
	return dst
}

// AppendAttr appends a KeyValue as field num.
func AppendAttr[K []byte | string](dst []byte, num int, key K, v clew.Value) []byte {
	dst, pair, value := openPair(dst, num, key)
	return Close(Close(AppendValue(dst, v), value), pair)
}

// AppendTextAttr is AppendAttr for a text.
func AppendTextAttr[K, T []byte | string](dst []byte, num int, key K, v T) []byte {
	dst, pair, value := openPair(dst, num, key)
	return Close(Close(AppendBytes(dst, ValueString, v), value), pair)
}

// AppendBinaryAttr is AppendAttr for bytes that are no text.
func AppendBinaryAttr[K []byte | string](dst []byte, num int, key K, v []byte) []byte {
	dst, pair, value := openPair(dst, num, key)
	return Close(Close(AppendBytes(dst, ValueBytes, v), value), pair)
}

// AppendIntAttr is AppendAttr for an integer.
func AppendIntAttr(dst []byte, num int, key string, v int64) []byte {
	return AppendAttr(dst, num, key, clew.Value{Type: clew.TypeInt, Bits: uint64(v)})
}

// AppendBoolAttr is AppendAttr for a bool.
func AppendBoolAttr(dst []byte, num int, key string, v bool) []byte {
	out := clew.Value{Type: clew.TypeBool}
	if v {
		out.Bits = 1
	}
	return AppendAttr(dst, num, key, out)
}

// AppendDoubleAttr is AppendAttr for a floating-point number.
func AppendDoubleAttr(dst []byte, num int, key string, v float64) []byte {
	return AppendAttr(dst, num, key, clew.Value{Type: clew.TypeDouble, Bits: math.Float64bits(v)})
}

// AppendTextsAttr is AppendAttr for an array of texts.
func AppendTextsAttr(dst []byte, num int, key string, v []string) []byte {
	dst, pair, value := openPair(dst, num, key)
	dst, array := Open(dst, ValueArray)
	for _, text := range v {
		var mark int
		dst, mark = Open(dst, ListValues)
		dst = Close(AppendBytes(dst, ValueString, text), mark)
	}
	return Close(Close(Close(dst, array), value), pair)
}

// openPair begins a KeyValue up to the contents of its value.
func openPair[K []byte | string](dst []byte, num int, key K) (out []byte, pair, value int) {
	dst, pair = Open(dst, num)
	dst = AppendBytes(dst, PairKey, key)
	dst, value = Open(dst, PairValue)
	return dst, pair, value
}

// AppendValue appends the contents of an AnyValue message. Other than in most
// fields, a zero is written: it says which type the value has.
func AppendValue(dst []byte, v clew.Value) []byte {
	switch v.Type {
	case clew.TypeString:
		return AppendBytes(dst, ValueString, v.Bytes)
	case clew.TypeBool:
		return AppendVarint(dst, ValueBool, v.Bits)
	case clew.TypeInt:
		return AppendVarint(dst, ValueInt, v.Bits)
	case clew.TypeDouble:
		return AppendFixed64(dst, ValueDouble, v.Bits)
	}
	return append(dst, v.Bytes...)
}

// AppendText is AppendBytes that leaves out what is empty, as proto3 does.
func AppendText[T []byte | string](dst []byte, num int, v T) []byte {
	if len(v) == 0 {
		return dst
	}
	return AppendBytes(dst, num, v)
}

// AppendCount is AppendVarint that leaves out a zero.
func AppendCount(dst []byte, num int, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return AppendVarint(dst, num, v)
}

// AppendNanos appends a point in time, in nanoseconds since 1970, that is none if zero.
func AppendNanos(dst []byte, num int, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return AppendFixed64(dst, num, v)
}

// AppendSpanID appends an id of eight bytes.
func AppendSpanID(dst []byte, num int, id uint64) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], id)
	return AppendBytes(dst, num, b[:])
}
