package xray

import (
	"encoding/base64"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/wire"
)

// appendJSON appends a value as JSON. Bytes are in base64, and what cannot be read is null.
func appendJSON(dst []byte, v clew.Value) []byte {
	switch v.Type {
	case clew.TypeString:
		return appendString(dst, v.Bytes)
	case clew.TypeInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case clew.TypeDouble:
		return appendDouble(dst, v.Double())
	case clew.TypeBool:
		return strconv.AppendBool(dst, v.Bool())
	}
	return appendAny(dst, v.Bytes, 0)
}

// eachField calls f for the fields of a message that are as protobuf has them.
func eachField(msg []byte, f func(num protowire.Number, bits uint64, bytes []byte)) {
	for len(msg) > 0 {
		num, kind, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return
		}
		msg = msg[n:]
		var bits uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			bits, n = protowire.ConsumeVarint(msg)
		case protowire.Fixed64Type:
			bits, n = protowire.ConsumeFixed64(msg)
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(msg)
		default:
			n = protowire.ConsumeFieldValue(num, kind, msg)
		}
		if n < 0 {
			return
		}
		msg = msg[n:]
		f(num, bits, bytes)
	}
}

// appendAny appends an AnyValue message as JSON.
func appendAny(dst, msg []byte, depth int) []byte {
	at := len(dst)
	if depth > maxValueDepth {
		return append(dst, "null"...)
	}
	eachField(msg, func(num protowire.Number, bits uint64, bytes []byte) {
		dst = dst[:at] // of several the last counts
		switch num {
		case wire.ValueString:
			dst = appendString(dst, bytes)
		case wire.ValueBool:
			dst = strconv.AppendBool(dst, bits != 0)
		case wire.ValueInt:
			dst = strconv.AppendInt(dst, int64(bits), 10)
		case wire.ValueDouble:
			dst = appendDouble(dst, math.Float64frombits(bits))
		case wire.ValueArray:
			dst = appendArray(dst, bytes, depth)
		case wire.ValueMap:
			dst = appendMap(dst, bytes, depth)
		case wire.ValueBytes:
			dst = append(dst, '"')
			dst = base64.StdEncoding.AppendEncode(dst, bytes)
			dst = append(dst, '"')
		}
	})
	if len(dst) == at {
		dst = append(dst, "null"...)
	}
	return dst
}

func appendArray(dst, msg []byte, depth int) []byte {
	dst = append(dst, '[')
	first := true
	eachField(msg, func(num protowire.Number, _ uint64, bytes []byte) {
		if num != wire.ListValues {
			return
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendAny(dst, bytes, depth+1)
	})
	return append(dst, ']')
}

func appendMap(dst, msg []byte, depth int) []byte {
	dst = append(dst, '{')
	first := true
	eachField(msg, func(num protowire.Number, _ uint64, bytes []byte) {
		if num != wire.ListValues {
			return
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		key, value := readPair(bytes)
		dst = append(appendString(dst, key), ':')
		dst = appendAny(dst, value, depth+1)
	})
	return append(dst, '}')
}

func readPair(msg []byte) (key, value []byte) {
	eachField(msg, func(num protowire.Number, _ uint64, bytes []byte) {
		switch num {
		case wire.PairKey:
			key = bytes
		case wire.PairValue:
			value = bytes
		}
	})
	return key, value
}

// Texts are the texts of a list.
func Texts(v clew.Value) []string {
	if v.Type != clew.TypeOther {
		return nil
	}
	return texts(appendJSON(nil, v))
}

// eachPair calls f for KeyValue messages that stand one after the other, each with its tag.
func eachPair(pairs []byte, f func(key string, v clew.Value)) {
	eachField(pairs, func(_ protowire.Number, _ uint64, bytes []byte) {
		key, value := readPair(bytes)
		f(string(key), valueOf(value))
	})
}

// valueOf reads an AnyValue message.
func valueOf(msg []byte) clew.Value {
	out := clew.Value{Type: clew.TypeOther, Bytes: msg}
	eachField(msg, func(num protowire.Number, bits uint64, bytes []byte) {
		switch num {
		case wire.ValueString:
			out = clew.Value{Type: clew.TypeString, Bytes: bytes}
		case wire.ValueBool:
			out = clew.BoolValue(bits != 0)
		case wire.ValueInt:
			out = clew.Value{Type: clew.TypeInt, Bits: bits}
		case wire.ValueDouble:
			out = clew.Value{Type: clew.TypeDouble, Bits: bits}
		default:
			out = clew.Value{Type: clew.TypeOther, Bytes: msg}
		}
	})
	return out
}
