package api

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// AppendMessage appends a field of bytes, empty or not.
func AppendMessage(dst []byte, num protowire.Number, body []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(dst, num, protowire.BytesType), body)
}

// AppendText and AppendNumber append a field unless it has the value of one left out.
func AppendText(dst []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return dst
	}
	return protowire.AppendString(protowire.AppendTag(dst, num, protowire.BytesType), s)
}

// AppendNumber appends a varint, or nothing for 0.
func AppendNumber(dst []byte, num protowire.Number, n uint64) []byte {
	if n == 0 {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, num, protowire.VarintType), n)
}

// AppendDouble appends a double, 0 too.
func AppendDouble(dst []byte, num protowire.Number, d float64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(dst, num, protowire.Fixed64Type), math.Float64bits(d))
}
