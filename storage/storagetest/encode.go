package storagetest

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
)

// Body encodes spans as one OTLP request, in their order: a new ResourceSpans
// where the Resource pointer changes, a new ScopeSpans where the Scope pointer
// does. A nil Resource or Scope leaves its message out. Strings are written
// byte by byte, valid UTF-8 or not; ids as they are, zeros too.
func Body(spans ...clew.Span) []byte {
	var body []byte
	for len(spans) > 0 {
		n := 1
		for n < len(spans) && spans[n].Resource == spans[0].Resource {
			n++
		}
		body = message(body, 1, encodeResourceSpans(spans[:n]))
		spans = spans[n:]
	}
	return body
}

func encodeResourceSpans(spans []clew.Span) (b []byte) {
	if r := spans[0].Resource; r != nil {
		m := encodeAttrs(nil, 1, r.Attrs)
		b = message(b, 1, number(m, 2, uint64(r.DroppedAttrs)))
		b = text(b, 3, r.SchemaURL)
	}
	for len(spans) > 0 {
		n := 1
		for n < len(spans) && spans[n].Scope == spans[0].Scope {
			n++
		}
		b = message(b, 2, encodeScopeSpans(spans[:n]))
		spans = spans[n:]
	}
	return b
}

func encodeScopeSpans(spans []clew.Span) (b []byte) {
	if s := spans[0].Scope; s != nil {
		m := text(text(nil, 1, s.Name), 2, s.Version)
		m = encodeAttrs(m, 3, s.Attrs)
		b = message(b, 1, number(m, 4, uint64(s.DroppedAttrs)))
		b = text(b, 3, s.SchemaURL)
	}
	for i := range spans {
		b = message(b, 2, encodeSpan(&spans[i]))
	}
	return b
}

func encodeSpan(s *clew.Span) (b []byte) {
	b = message(b, 1, s.TraceID[:])
	b = message(b, 2, binary.BigEndian.AppendUint64(nil, uint64(s.SpanID)))
	b = text(b, 3, s.TraceState)
	if s.ParentID != 0 {
		b = message(b, 4, binary.BigEndian.AppendUint64(nil, uint64(s.ParentID)))
	}
	b = text(b, 5, s.Name)
	b = number(b, 6, uint64(s.Kind))
	b = nanos(b, 7, s.Start)
	b = nanos(b, 8, s.End)
	b = encodeAttrs(b, 9, s.Attrs)
	b = number(b, 10, uint64(s.DroppedAttrs))
	for _, e := range s.Events {
		m := nanos(nil, 1, e.Time)
		m = text(m, 2, e.Name)
		m = encodeAttrs(m, 3, e.Attrs)
		b = message(b, 11, number(m, 4, uint64(e.DroppedAttrs)))
	}
	b = number(b, 12, uint64(s.DroppedEvents))
	for _, l := range s.Links {
		m := message(nil, 1, l.TraceID[:])
		m = message(m, 2, binary.BigEndian.AppendUint64(nil, uint64(l.SpanID)))
		m = text(m, 3, l.TraceState)
		m = encodeAttrs(m, 4, l.Attrs)
		m = number(m, 5, uint64(l.DroppedAttrs))
		b = message(b, 13, flags(m, 6, l.Flags))
	}
	b = number(b, 14, uint64(s.DroppedLinks))
	if s.Status != clew.StatusUnset || s.StatusMessage != "" {
		b = message(b, 15, number(text(nil, 2, s.StatusMessage), 3, uint64(s.Status)))
	}
	return flags(b, 16, s.Flags)
}

func encodeAttrs(b []byte, num protowire.Number, attrs []clew.Attr) []byte {
	for _, a := range attrs {
		kv := message(nil, 1, []byte(a.Key))
		b = message(b, num, message(kv, 2, encodeValue(a.Value)))
	}
	return b
}

func encodeValue(v clew.Value) []byte {
	switch v.Type {
	case clew.TypeString:
		return message(nil, 1, v.Bytes)
	case clew.TypeBool:
		return protowire.AppendVarint(protowire.AppendTag(nil, 2, varint), v.Bits)
	case clew.TypeInt:
		return protowire.AppendVarint(protowire.AppendTag(nil, 3, varint), v.Bits)
	case clew.TypeDouble:
		return protowire.AppendFixed64(protowire.AppendTag(nil, 4, fixed64), v.Bits)
	}
	return v.Bytes
}

// message appends a length-delimited field, empty or not.
func message(b []byte, num protowire.Number, data []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, bytesT), data)
}

// text, number, nanos and flags append a field unless it has its default.
func text(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return message(b, num, []byte(s))
}

func number(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, varint), v)
}

func nanos(b []byte, num protowire.Number, v clew.UnixNanos) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, num, fixed64), uint64(v))
}

func flags(b []byte, num protowire.Number, v uint32) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendFixed32(protowire.AppendTag(b, num, fixed32), v)
}

// ArrayValue returns the AnyValue of an array, as a value of TypeOther.
func ArrayValue(values ...clew.Value) clew.Value {
	var list []byte
	for _, v := range values {
		list = message(list, 1, encodeValue(v))
	}
	return clew.Value{Type: clew.TypeOther, Bytes: message(nil, 5, list)}
}

// Elements returns what is in an array, by the plainest reading of the protocol; nothing of
// a value that is none.
func Elements(v clew.Value) (out []clew.Value) {
	if v.Type != clew.TypeOther {
		return nil
	}
	err := fields(v.Bytes, func(x field) error {
		if !x.is(5, bytesT) {
			return nil
		}
		return fields(x.data, func(x field) error {
			if !x.is(1, bytesT) {
				return nil
			}
			e, err := decodeValue(x.data)
			out = append(out, e)
			return err
		})
	})
	if err != nil {
		return nil
	}
	return out
}

// BytesValue returns the AnyValue of a byte string, as a value of TypeOther.
func BytesValue(data []byte) clew.Value {
	return clew.Value{Type: clew.TypeOther, Bytes: message(nil, 7, data)}
}
