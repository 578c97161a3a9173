package jaeger

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew/otlp/jsonread"
)

// The model's JSON as its protobuf has it (jsonpb): a span is written as protobuf, and then
// read as such, so that either form means the same.

// formatJSON is what errors call it.
const formatJSON = "jaeger JSON"

// jsonKind is the type of a field.
type jsonKind uint8

const (
	jsonText     jsonKind = iota
	jsonBytes             // base64
	jsonInteger           // a number, also in a string
	jsonTruth             // true or false
	jsonDouble            // a number, NaN and infinities in strings
	jsonEnum              // a name or a number
	jsonTime              // RFC 3339, of a Timestamp
	jsonDuration          // seconds with an s behind, of a Duration
	jsonMessage
)

// jsonField is a field of a message.
type jsonField struct {
	num   protowire.Number
	kind  jsonKind
	many  bool
	names []string   // of the values of an enum
	of    jsonFields // of a message
}

// jsonFields are the fields of a message by their names in lowerCamelCase.
type jsonFields map[string]jsonField

var jsonTag = jsonFields{
	"key":      {num: 1},
	"vType":    {num: 2, kind: jsonEnum, names: []string{"STRING", "BOOL", "INT64", "FLOAT64", "BINARY"}},
	"vStr":     {num: 3},
	"vBool":    {num: 4, kind: jsonTruth},
	"vInt64":   {num: 5, kind: jsonInteger},
	"vFloat64": {num: 6, kind: jsonDouble},
	"vBinary":  {num: 7, kind: jsonBytes},
}

var jsonSpan = jsonFields{
	"traceId":       {num: 1, kind: jsonBytes},
	"spanId":        {num: 2, kind: jsonBytes},
	"operationName": {num: 3},
	"references": {num: 4, kind: jsonMessage, many: true, of: jsonFields{
		"traceId": {num: 1, kind: jsonBytes},
		"spanId":  {num: 2, kind: jsonBytes},
		"refType": {num: 3, kind: jsonEnum, names: []string{"CHILD_OF", "FOLLOWS_FROM"}},
	}},
	"flags":     {num: 5, kind: jsonInteger},
	"startTime": {num: 6, kind: jsonTime},
	"duration":  {num: 7, kind: jsonDuration},
	"tags":      {num: 8, kind: jsonMessage, many: true, of: jsonTag},
	"logs": {num: 9, kind: jsonMessage, many: true, of: jsonFields{
		"timestamp": {num: 1, kind: jsonTime},
		"fields":    {num: 2, kind: jsonMessage, many: true, of: jsonTag},
	}},
	"process": {num: 10, kind: jsonMessage, of: jsonFields{
		"serviceName": {num: 1},
		"tags":        {num: 2, kind: jsonMessage, many: true, of: jsonTag},
	}},
	"processId": {num: 11},
	"warnings":  {num: 12, many: true},
}

// camel writes the name of a field of protobuf as JSON does: start_time is startTime.
func camel(name []byte) string {
	out := make([]byte, 0, len(name))
	for i := 0; i < len(name); i++ {
		if c := name[i]; c == '_' && i+1 < len(name) && 'a' <= name[i+1] && name[i+1] <= 'z' {
			i++
			out = append(out, name[i]-'a'+'A')
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}

// jsonReader writes what it reads as protobuf.
type jsonReader struct {
	jsonread.Reader
	unknown int
}

// spanJSON translates a Span in JSON.
func (w *writer) spanJSON(body []byte) error {
	r := jsonReader{Reader: jsonread.Reader{Src: body}}
	msg, err := r.message(nil, jsonSpan)
	if err != nil {
		return jsonread.Place(formatJSON, err)
	}
	if r.Peek(); r.I < len(body) {
		return jsonread.Place(formatJSON, r.Unexpected("nothing behind the span"))
	}
	w.unknown += r.unknown
	return w.spanProto(msg, []byte{})
}

// message appends the fields of an object.
func (r *jsonReader) message(dst []byte, fields jsonFields) ([]byte, error) {
	if err := r.Take('{'); err != nil {
		return dst, err
	}
	for first := true; ; first = false {
		more, err := r.More(first, '}')
		if err != nil || !more {
			return dst, err
		}
		key, err := r.Text()
		if err != nil {
			return dst, err
		}
		name := camel(key)
		f, known := fields[name]
		if err := r.Take(':'); err != nil {
			return dst, err
		}
		if !known {
			r.unknown++
			if err := r.Skip(); err != nil {
				return dst, jsonread.Under("."+name, err)
			}
			continue
		}
		if dst, err = r.field(dst, &f); err != nil {
			return dst, jsonread.Under("."+name, err)
		}
	}
}

// field appends a field with its value, or each of its values. null is none.
func (r *jsonReader) field(dst []byte, f *jsonField) (_ []byte, err error) {
	if r.Peek() == 'n' && r.Word("null") {
		return dst, nil
	}
	if !f.many {
		return r.value(dst, f)
	}
	if err := r.Take('['); err != nil {
		return dst, err
	}
	for first := true; ; first = false {
		more, err := r.More(first, ']')
		if err != nil || !more {
			return dst, err
		}
		if dst, err = r.value(dst, f); err != nil {
			return dst, err
		}
	}
}

// value appends one value with its tag.
func (r *jsonReader) value(dst []byte, f *jsonField) ([]byte, error) {
	at := r.I
	wrong := func(want string) error {
		r.I = at
		r.Peek()
		return r.Unexpected(want)
	}
	switch f.kind {
	case jsonMessage:
		msg, err := r.message(nil, f.of)
		return protowire.AppendBytes(protowire.AppendTag(dst, f.num, protowire.BytesType), msg), err
	case jsonTruth:
		truth := r.Peek() == 't'
		if !r.Word("true") && !r.Word("false") {
			return dst, wrong("true or false")
		}
		return protowire.AppendVarint(protowire.AppendTag(dst, f.num, protowire.VarintType), protowire.EncodeBool(truth)), nil
	}
	text, err := r.scalar(f.kind)
	if err != nil {
		return dst, err
	}
	switch f.kind {
	case jsonText:
		return protowire.AppendBytes(protowire.AppendTag(dst, f.num, protowire.BytesType), text), nil
	case jsonBytes:
		b, ok := fromBase64(text)
		if !ok {
			return dst, wrong("base64")
		}
		return protowire.AppendBytes(protowire.AppendTag(dst, f.num, protowire.BytesType), b), nil
	case jsonInteger:
		negative, n, ok := jsonread.ParseInteger(text)
		if !ok || n > math.MaxInt64 {
			return dst, wrong("a whole number")
		}
		if negative {
			n = -n
		}
		return protowire.AppendVarint(protowire.AppendTag(dst, f.num, protowire.VarintType), n), nil
	case jsonDouble:
		v, err := strconv.ParseFloat(string(text), 64)
		if err != nil {
			return dst, wrong("a number")
		}
		return protowire.AppendFixed64(protowire.AppendTag(dst, f.num, protowire.Fixed64Type), math.Float64bits(v)), nil
	case jsonEnum:
		n, ok := f.enum(text)
		if !ok {
			return dst, wrong("the name of a type")
		}
		return protowire.AppendVarint(protowire.AppendTag(dst, f.num, protowire.VarintType), n), nil
	}
	seconds, nanos, ok := moment(f.kind, string(text))
	if !ok {
		return dst, wrong("a time as 2006-01-02T15:04:05Z, a duration as 1.5s")
	}
	msg := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(seconds))
	msg = protowire.AppendVarint(protowire.AppendTag(msg, 2, protowire.VarintType), uint64(nanos))
	return protowire.AppendBytes(protowire.AppendTag(dst, f.num, protowire.BytesType), msg), nil
}

// scalar reads a string, or a number where one may be.
func (r *jsonReader) scalar(kind jsonKind) ([]byte, error) {
	if c := r.Peek(); c != '"' && (kind == jsonInteger || kind == jsonDouble || kind == jsonEnum) {
		return r.Number()
	}
	return r.Text()
}

// enum returns the value that a text names.
func (f *jsonField) enum(text []byte) (uint64, bool) {
	for i, name := range f.names {
		if name == string(text) {
			return uint64(i), true
		}
	}
	negative, n, ok := jsonread.ParseInteger(text)
	return n, ok && !negative && n <= math.MaxInt32
}

// fromBase64 reads base64 in either alphabet, padded or not.
func fromBase64(text []byte) ([]byte, bool) {
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := e.AppendDecode(nil, text); err == nil {
			return b, true
		}
	}
	return nil, false
}

// moment reads a time since 1970, or a duration.
func moment(kind jsonKind, text string) (seconds, nanos int64, ok bool) {
	if kind == jsonTime {
		t, err := time.Parse(time.RFC3339Nano, text)
		return t.Unix(), int64(t.Nanosecond()), err == nil
	}
	if len(text) < 2 || text[len(text)-1] != 's' || jsonread.NumberSize([]byte(text[:len(text)-1])) != len(text)-1 {
		return 0, 0, false
	}
	d, err := time.ParseDuration(text)
	return int64(d / time.Second), int64(d % time.Second), err == nil
}
