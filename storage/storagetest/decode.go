package storagetest

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
)

// row is one span as the model keeps it: the object, the messages around it,
// and the attributes that stand apart because their key and type came before.
type row struct {
	span       clew.Span
	resource   []byte // ResourceSpans without its scope_spans
	scope      []byte // ScopeSpans without its spans
	extra      []byte // KeyValues with tag and length, as span.Attrs.Extra
	eventExtra [][]byte
	linkExtra  [][]byte
	tenant     clew.Tenant
	received   clew.UnixNanos
	refused    string // why it is not kept, "" if it is
}

// field is one field of a protobuf message.
type field struct {
	num  protowire.Number
	typ  protowire.Type
	bits uint64 // varint, fixed64, fixed32
	data []byte // length-delimited
	raw  []byte // the whole field with its tag
}

// fields calls f for each field of a message.
func fields(b []byte, f func(field) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		x := field{num: num, typ: typ}
		m := protowire.ConsumeFieldValue(num, typ, b[n:])
		if m < 0 {
			return protowire.ParseError(m)
		}
		switch typ {
		case protowire.VarintType:
			x.bits, _ = protowire.ConsumeVarint(b[n:])
		case protowire.Fixed64Type:
			x.bits, _ = protowire.ConsumeFixed64(b[n:])
		case protowire.Fixed32Type:
			v, _ := protowire.ConsumeFixed32(b[n:])
			x.bits = uint64(v)
		case protowire.BytesType:
			x.data, _ = protowire.ConsumeBytes(b[n:])
		}
		x.raw = b[:n+m]
		if err := f(x); err != nil {
			return err
		}
		b = b[n+m:]
	}
	return nil
}

// is reports whether the field is number num of a wire type that fits.
func (x field) is(num protowire.Number, typ protowire.Type) bool { return x.num == num && x.typ == typ }

const (
	varint  = protowire.VarintType
	fixed64 = protowire.Fixed64Type
	fixed32 = protowire.Fixed32Type
	bytesT  = protowire.BytesType
)

// decode reads a request into rows, the refused ones included.
func decode(body []byte) (rows []row, err error) {
	err = fields(body, func(x field) error {
		if !x.is(1, bytesT) {
			return nil
		}
		return decodeResourceSpans(x.data, &rows)
	})
	if err != nil {
		return nil, clew.Errorf(clew.Invalid, "storagetest: decode OTLP: %w", err)
	}
	return rows, nil
}

func decodeResourceSpans(b []byte, rows *[]row) error {
	from, res := len(*rows), new(clew.Resource)
	var raw []byte
	err := fields(b, func(x field) error {
		switch {
		case x.is(2, bytesT):
			return decodeScopeSpans(x.data, rows)
		case x.is(1, bytesT):
			attrs, dropped, err := decodeHolder(x.data, 1, 2, nil)
			res.Attrs, res.DroppedAttrs = append(res.Attrs, attrs...), dropped
			raw = append(raw, x.raw...)
			return err
		case x.is(3, bytesT):
			res.SchemaURL = string(x.data)
		}
		raw = append(raw, x.raw...)
		return nil
	})
	for i := from; i < len(*rows); i++ {
		(*rows)[i].resource, (*rows)[i].span.Resource = raw, res
	}
	return err
}

func decodeScopeSpans(b []byte, rows *[]row) error {
	from, scp := len(*rows), new(clew.Scope)
	var raw []byte
	err := fields(b, func(x field) error {
		switch {
		case x.is(2, bytesT):
			r, err := decodeSpan(x.data)
			*rows = append(*rows, r)
			return err
		case x.is(1, bytesT):
			attrs, dropped, err := decodeHolder(x.data, 3, 4, scp)
			scp.Attrs, scp.DroppedAttrs = append(scp.Attrs, attrs...), dropped
			raw = append(raw, x.raw...)
			return err
		case x.is(3, bytesT):
			scp.SchemaURL = string(x.data)
		}
		raw = append(raw, x.raw...)
		return nil
	})
	for i := from; i < len(*rows); i++ {
		(*rows)[i].scope, (*rows)[i].span.Scope = raw, scp
	}
	return err
}

// decodeHolder reads a Resource or, with scope not nil, an InstrumentationScope.
func decodeHolder(b []byte, attr, drop protowire.Number, scope *clew.Scope) (attrs []clew.Attr, dropped uint32, err error) {
	err = fields(b, func(x field) error {
		switch {
		case x.is(attr, bytesT):
			a, err := decodeAttr(x.data)
			attrs = append(attrs, a)
			return err
		case x.is(drop, varint):
			dropped = uint32(x.bits)
		case scope != nil && x.is(1, bytesT):
			scope.Name = string(x.data)
		case scope != nil && x.is(2, bytesT):
			scope.Version = string(x.data)
		}
		return nil
	})
	return attrs, dropped, err
}

func decodeSpan(b []byte) (r row, err error) {
	s := &r.span
	var traceID, spanID, parentID []byte
	var own columns
	err = fields(b, func(x field) error {
		switch {
		case x.is(1, bytesT):
			traceID = x.data
		case x.is(2, bytesT):
			spanID = x.data
		case x.is(3, bytesT):
			s.TraceState = string(x.data)
		case x.is(4, bytesT):
			parentID = x.data
		case x.is(5, bytesT):
			s.Name = string(x.data)
		case x.is(6, varint):
			s.Kind = clew.Kind(x.bits)
		case x.is(7, fixed64):
			s.Start = clew.UnixNanos(x.bits)
		case x.is(8, fixed64):
			s.End = clew.UnixNanos(x.bits)
		case x.is(9, bytesT):
			return own.add(x)
		case x.is(10, varint):
			s.DroppedAttrs = uint32(x.bits)
		case x.is(11, bytesT):
			e, extra, err := decodeEvent(x.data)
			s.Events, r.eventExtra = append(s.Events, e), append(r.eventExtra, extra)
			return err
		case x.is(12, varint):
			s.DroppedEvents = uint32(x.bits)
		case x.is(13, bytesT):
			l, extra, err := decodeLink(x.data)
			s.Links, r.linkExtra = append(s.Links, l), append(r.linkExtra, extra)
			return err
		case x.is(14, varint):
			s.DroppedLinks = uint32(x.bits)
		case x.is(15, bytesT):
			return decodeStatus(x.data, s)
		case x.is(16, fixed32):
			s.Flags = uint32(x.bits)
		}
		return nil
	})
	s.Attrs, r.extra = own.first, own.extra
	r.refused = refusal(traceID, spanID, parentID)
	if r.refused == "" {
		s.TraceID, s.SpanID = clew.TraceID(traceID), clew.SpanID(binary.BigEndian.Uint64(spanID))
		if len(parentID) > 0 {
			s.ParentID = clew.SpanID(binary.BigEndian.Uint64(parentID))
		}
	}
	return r, err
}

// refusal says why a span of these ids cannot be kept, "" if it can.
func refusal(traceID, spanID, parentID []byte) string {
	switch {
	case len(traceID) != 16:
		return fmt.Sprintf("the trace id has %d bytes, not 16", len(traceID))
	case clew.TraceID(traceID).IsZero():
		return "the trace id is all zeros"
	case len(spanID) != 8:
		return fmt.Sprintf("the span id has %d bytes, not 8", len(spanID))
	case binary.BigEndian.Uint64(spanID) == 0:
		return "the span id is all zeros"
	case len(parentID) != 0 && len(parentID) != 8:
		return fmt.Sprintf("the parent span id has %d bytes, not 8", len(parentID))
	}
	return ""
}

func decodeStatus(b []byte, s *clew.Span) error {
	return fields(b, func(x field) error {
		switch {
		case x.is(2, bytesT):
			s.StatusMessage = string(x.data)
		case x.is(3, varint):
			s.Status = clew.Status(x.bits)
		}
		return nil
	})
}

func decodeEvent(b []byte) (e clew.Event, extra []byte, err error) {
	var own columns
	err = fields(b, func(x field) error {
		switch {
		case x.is(1, fixed64):
			e.Time = clew.UnixNanos(x.bits)
		case x.is(2, bytesT):
			e.Name = string(x.data)
		case x.is(3, bytesT):
			return own.add(x)
		case x.is(4, varint):
			e.DroppedAttrs = uint32(x.bits)
		}
		return nil
	})
	e.Attrs = own.first
	return e, own.extra, err
}

func decodeLink(b []byte) (l clew.Link, extra []byte, err error) {
	var own columns
	err = fields(b, func(x field) error {
		switch {
		case x.is(1, bytesT):
			copy(l.TraceID[:], x.data)
		case x.is(2, bytesT):
			if len(x.data) == 8 {
				l.SpanID = clew.SpanID(binary.BigEndian.Uint64(x.data))
			}
		case x.is(3, bytesT):
			l.TraceState = string(x.data)
		case x.is(4, bytesT):
			return own.add(x)
		case x.is(5, varint):
			l.DroppedAttrs = uint32(x.bits)
		case x.is(6, fixed32):
			l.Flags = uint32(x.bits)
		}
		return nil
	})
	l.Attrs = own.first
	return l, own.extra, err
}

// columns splits attributes into the first of each (key, type) and the rest.
type columns struct {
	first []clew.Attr
	extra []byte
}

func (c *columns) add(x field) error {
	a, err := decodeAttr(x.data)
	if err != nil {
		return err
	}
	for _, f := range c.first {
		if f.Key == a.Key && f.Value.Type == a.Value.Type {
			c.extra = append(c.extra, x.raw...)
			return nil
		}
	}
	c.first = append(c.first, a)
	return nil
}

func decodeAttr(b []byte) (a clew.Attr, err error) {
	a.Value.Type = clew.TypeOther
	err = fields(b, func(x field) error {
		switch {
		case x.is(1, bytesT):
			a.Key = string(x.data)
		case x.is(2, bytesT):
			v, err := decodeValue(x.data)
			a.Value = v
			return err
		}
		return nil
	})
	return a, err
}

func decodeValue(b []byte) (v clew.Value, err error) {
	v = clew.Value{Type: clew.TypeOther, Bytes: b}
	err = fields(b, func(x field) error {
		switch {
		case x.is(1, bytesT):
			v = clew.Value{Type: clew.TypeString, Bytes: x.data}
		case x.is(2, varint):
			v = clew.BoolValue(x.bits != 0)
		case x.is(3, varint):
			v = clew.IntValue(int64(x.bits))
		case x.is(4, fixed64):
			v = clew.DoubleValue(math.Float64frombits(x.bits))
		}
		return nil
	})
	return v, err
}

// refuse counts a refused row into a Result.
func refuse(res *storage.Result, ordinal int, r *row) {
	res.Refused++
	if len(res.Refusals) < storage.MaxRefusals {
		res.Refusals = append(res.Refusals, storage.Refusal{Span: ordinal, Name: r.span.Name, Reason: r.refused, Code: "id"})
	}
}
