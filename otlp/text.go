package otlp

import (
	"encoding/base64"
	"math"
	"strconv"

	"github.com/clew-tracing/clew"
)

// ValueText returns v for people: strings bare, numbers in their shortest form,
// and arrays, maps and bytes as plain JSON, ["a",1] and {"k":true}, with bytes
// in base64. The empty value is the empty string. A TypeOther value that is no
// message is "(damaged value)".
func ValueText(v clew.Value) string {
	if v.Type != clew.TypeOther {
		return v.String()
	}
	if len(v.Bytes) == 0 {
		return ""
	}
	w := jsonWriter{}
	if err := w.plain(v.Bytes, 1); err != nil {
		return "(damaged value)"
	}
	return string(w.dst)
}

// AppendPlainJSON appends v as the JSON value that means the same: a string, a
// number, a list, an object, null for the empty value. Bytes and the numbers that
// JSON lacks are strings; integers are numbers of up to 19 digits, which
// JavaScript rounds beyond 2^53. Of a map's repeated keys each is written. A
// TypeOther value that is no message is null.
func AppendPlainJSON(dst []byte, v clew.Value) []byte {
	switch v.Type {
	case clew.TypeString:
		return appendJSONString(dst, v.Bytes)
	case clew.TypeInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case clew.TypeDouble:
		return appendJSONDouble(dst, v.Double())
	case clew.TypeBool:
		return strconv.AppendBool(dst, v.Bool())
	}
	w := jsonWriter{dst: dst}
	if err := w.plain(v.Bytes, 1); err != nil {
		return append(dst, "null"...)
	}
	return w.dst
}

// plain writes an AnyValue message as plain JSON.
func (w *jsonWriter) plain(m []byte, depth int) error {
	if depth > maxDepth {
		return flawAt(m, 0, flawValues)
	}
	var met [maxField + 1]occurrence
	if err := meet(&met, m, msgAnyValue); err != nil {
		return err
	}
	for num := range met {
		o := &met[num]
		if o.count == 0 {
			continue
		}
		f := &o.last
		switch num {
		case anyString:
			w.dst = appendJSONString(w.dst, f.data)
		case anyBool:
			w.dst = strconv.AppendBool(w.dst, f.bits != 0)
		case anyInt:
			w.dst = strconv.AppendInt(w.dst, int64(f.bits), 10)
		case anyDouble:
			w.dst = appendJSONDouble(w.dst, math.Float64frombits(f.bits))
		case anyBytes:
			w.dst = append(w.dst, '"')
			w.dst = base64.StdEncoding.AppendEncode(w.dst, f.data)
			w.dst = append(w.dst, '"')
		case anyArray:
			return w.plainList(m[o.first:], num, depth, '[', ']', w.plain)
		case anyMap:
			return w.plainList(m[o.first:], num, depth, '{', '}', w.plainPair)
		default:
			w.dst = append(w.dst, "null"...)
		}
		return nil
	}
	w.dst = append(w.dst, "null"...)
	return nil
}

// plainList writes the elements of an array or map, of which there may be
// several pieces.
func (w *jsonWriter) plainList(m []byte, num, depth int, open, end byte, element func([]byte, int) error) error {
	w.dst = append(w.dst, open)
	n := 0
	err := eachNested(m, num, func(piece []byte) error {
		return eachNested(piece, 1, func(e []byte) error {
			if n++; n > 1 {
				w.dst = append(w.dst, ',')
			}
			return element(e, depth+1)
		})
	})
	w.dst = append(w.dst, end)
	return err
}

func (w *jsonWriter) plainPair(kv []byte, depth int) error {
	var p pair
	if err := p.split(kv); err != nil {
		return err
	}
	w.dst = appendJSONString(w.dst, p.key)
	w.dst = append(w.dst, ':')
	return w.plain(p.message, depth)
}
