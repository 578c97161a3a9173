package otlp

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/wire"
	"github.com/clew-tracing/clew/span"
)

// AppendJSON appends body, a request in protobuf, as OTLP JSON: an object with
// resourceSpans. Names are lowerCamelCase, ids hexadecimal, enums numbers, 64-bit
// integers decimal in strings, bytes base64, and the doubles that JSON lacks the
// strings NaN, Infinity and -Infinity. JSON cannot carry bytes that are not UTF-8:
// each becomes the four characters \xNN. Unknown fields are left out. Errors are of
// kind Invalid, with dst as it was.
func AppendJSON(dst, body []byte) ([]byte, error) {
	w := jsonWriter{dst: dst}
	if err := w.message(body, msgRequest, 0); err != nil {
		return dst, located(body, err)
	}
	return w.dst, nil
}

// AppendProtoJSON is AppendJSON in the mapping that protobuf has for every message:
// ids are base64, enums names, "SPAN_KIND_SERVER"; an enum without a name is a number.
func AppendProtoJSON(dst, body []byte) ([]byte, error) {
	w := jsonWriter{dst: dst, proto: true}
	if err := w.message(body, msgRequest, 0); err != nil {
		return dst, located(body, err)
	}
	return w.dst, nil
}

// AppendTracesJSON appends rows of r as AppendTraces orders them and AppendJSON
// writes them. An error means that an entry or value of r's batch is damaged.
func AppendTracesJSON(dst []byte, r *span.Rows, rows []uint32) ([]byte, error) {
	return AppendJSON(dst, AppendTraces(nil, r, rows))
}

// AppendAnyValueJSON appends v as the JSON of an AnyValue message, {"intValue":"7"}.
// A TypeOther value that is no message comes out as {}.
func AppendAnyValueJSON(dst []byte, v clew.Value) []byte {
	raw := v.Bytes
	if v.Type != clew.TypeOther {
		raw = wire.AppendValue(nil, v)
	}
	w := jsonWriter{dst: dst}
	if err := w.message(raw, msgAnyValue, 1); err != nil {
		return append(dst, "{}"...)
	}
	return w.dst
}

// jsonWriter writes messages as JSON.
type jsonWriter struct {
	dst   []byte
	proto bool // ids and enums as AppendProtoJSON says
}

// occurrence is where a field was met in a message.
type occurrence struct {
	count int
	first int   // offset of the first one
	last  field // the last one
}

// message writes m, of type t. depth counts the AnyValues around and including it.
func (w *jsonWriter) message(m []byte, t message, depth int) error {
	if t == msgAnyValue && depth > maxDepth {
		return flawAt(m, 0, flawValues)
	}
	var met [maxField + 1]occurrence
	if err := meet(&met, m, t); err != nil {
		return err
	}
	w.dst = append(w.dst, '{')
	comma := false
	for k := range schema[t] {
		def := &schema[t][k]
		o := &met[def.num]
		if o.count == 0 {
			continue
		}
		if comma {
			w.dst = append(w.dst, ',')
		}
		comma = true
		w.dst = append(w.dst, '"')
		w.dst = append(w.dst, def.json...)
		w.dst = append(w.dst, '"', ':')
		if err := w.field(m, def, o, depth); err != nil {
			return err
		}
	}
	w.dst = append(w.dst, '}')
	return nil
}

// meet notes where the known fields of m are. Of an AnyValue only the last field
// is left, of which there may be several pieces.
func meet(met *[maxField + 1]occurrence, m []byte, t message) error {
	var (
		f   field
		num int
	)
	for i := 0; i < len(m); {
		end, err := f.next(m, i)
		if err != nil {
			return err
		}
		if def := definition(t, f.num); def != nil && def.kind.wire() == f.wire {
			if t == msgAnyValue && f.num != num {
				met[num].count, num = 0, f.num
				met[num].count = 0
			}
			o := &met[f.num]
			if o.count == 0 {
				o.first = i
			}
			o.count++
			o.last = f
		}
		i = end
	}
	return nil
}

func definition(t message, num int) *fieldDef {
	for k := range schema[t] {
		if schema[t][k].num == num {
			return &schema[t][k]
		}
	}
	return nil
}

// field writes the value of a field of m that was met.
func (w *jsonWriter) field(m []byte, def *fieldDef, o *occurrence, depth int) error {
	if def.repeated {
		return w.list(m, def, o, depth)
	}
	if def.kind == kindMessage && o.count > 1 {
		var all []byte
		err := eachNested(m[o.first:], def.num, func(piece []byte) error {
			all = append(all, piece...)
			return nil
		})
		if err != nil {
			return err
		}
		if err := w.value(def, &field{data: all}, depth); err != nil {
			return within(m, all, def.json, err)
		}
		return nil
	}
	return w.value(def, &o.last, depth)
}

func (w *jsonWriter) list(m []byte, def *fieldDef, o *occurrence, depth int) error {
	w.dst = append(w.dst, '[')
	var f field
	i := o.first
	for n := 0; n < o.count; {
		end, err := f.next(m, i)
		if err != nil {
			return err
		}
		if f.is(def.num, wireBytes) {
			if n > 0 {
				w.dst = append(w.dst, ',')
			}
			if err := w.value(def, &f, depth); err != nil {
				return err
			}
			n++
		}
		i = end
	}
	w.dst = append(w.dst, ']')
	return nil
}

func (w *jsonWriter) value(def *fieldDef, f *field, depth int) error {
	kind := def.kind
	if kind == kindID && w.proto {
		kind = kindBytes
	}
	switch kind {
	case kindMessage:
		if def.msg == msgAnyValue {
			depth++
		}
		return w.message(f.data, def.msg, depth)
	case kindText:
		w.dst = appendJSONString(w.dst, f.data)
	case kindBytes:
		w.dst = append(w.dst, '"')
		w.dst = base64.StdEncoding.AppendEncode(w.dst, f.data)
		w.dst = append(w.dst, '"')
	case kindID:
		w.dst = append(w.dst, '"')
		w.dst = hex.AppendEncode(w.dst, f.data)
		w.dst = append(w.dst, '"')
	case kindBool:
		w.dst = strconv.AppendBool(w.dst, f.bits != 0)
	case kindInt64:
		w.dst = append(w.dst, '"')
		w.dst = strconv.AppendInt(w.dst, int64(f.bits), 10)
		w.dst = append(w.dst, '"')
	case kindFixed64:
		w.dst = append(w.dst, '"')
		w.dst = strconv.AppendUint(w.dst, f.bits, 10)
		w.dst = append(w.dst, '"')
	case kindEnum:
		if n := int32(f.bits); w.proto && n >= 0 && int(n) < len(def.names) {
			w.dst = append(append(append(w.dst, '"'), def.names[n]...), '"')
			break
		}
		w.dst = strconv.AppendInt(w.dst, int64(int32(f.bits)), 10)
	case kindInt32:
		w.dst = strconv.AppendInt(w.dst, int64(int32(f.bits)), 10)
	case kindUint32, kindFixed32:
		w.dst = strconv.AppendUint(w.dst, uint64(uint32(f.bits)), 10)
	case kindDouble:
		w.dst = appendJSONDouble(w.dst, math.Float64frombits(f.bits))
	}
	return nil
}

// appendJSONDouble writes the shortest number that reads back as v.
func appendJSONDouble(dst []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(dst, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(dst, `"-Infinity"`...)
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, v, format, -1, 64)
}

// appendJSONString writes s in quotes, bytes that are not UTF-8 as \xNN. U+2028
// and U+2029 are escaped, since not everything that calls itself JSON allows them.
func appendJSONString(dst, s []byte) []byte {
	const hexDigits = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[from:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			from = i
			continue
		}
		r, size := utf8.DecodeRune(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(append(dst, s[from:i]...), '\\', '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
			from = i + 1
		case r == '\u2028' || r == '\u2029':
			dst = append(append(dst, s[from:i]...), `\u202`...)
			dst = append(dst, hexDigits[r&15])
			from = i + size
		}
		i += size
	}
	return append(append(dst, s[from:]...), '"')
}
