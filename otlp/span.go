package otlp

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/clew-tracing/clew/span/build"
)

// Tags of Span's fields as one byte; flags have two.
const (
	tagTraceID    = 1<<3 | wireBytes
	tagSpanID     = 2<<3 | wireBytes
	tagTraceState = 3<<3 | wireBytes
	tagParentID   = 4<<3 | wireBytes
	tagName       = 5<<3 | wireBytes
	tagKind       = 6<<3 | wireVarint
	tagStart      = 7<<3 | wireFixed64
	tagEnd        = 8<<3 | wireFixed64
	tagSpanAttr   = 9<<3 | wireBytes
	tagEvent      = 11<<3 | wireBytes
	tagLink       = 13<<3 | wireBytes
	tagStatus     = 15<<3 | wireBytes
	tagFlags      = 0x85 // 16<<3|wireFixed32, first byte; the second is 0x01
)

// spanFields is what is known of the span being decoded. Of a field that comes
// twice the last counts; so nothing is judged before the span's end.
type spanFields struct {
	build.Fixed
	name, traceState, message                      []byte
	traceIDSize, spanIDSize, parentSize            int
	kind, status                                   uint32
	droppedAttributes, droppedEvents, droppedLinks uint32
	named                                          bool
	linkFlaw                                       refusal
	odd, oddName                                   bool
}

// span decodes one Span message: a row, or a refusal.
func (d *Decoder) span(m []byte) error {
	if len(d.refuse) > 0 && int(d.refuse[0]) == d.ordinal {
		d.refuse = d.refuse[1:]
		d.refused = append(d.refused, uint32(d.ordinal))
		return nil
	}
	d.s = spanFields{}
	d.attrs.begin(uint32(d.b.Rows()), 0)
	if err := d.fields(m); err != nil {
		return err
	}
	if d.replay {
		d.endSpan()
		return nil
	}
	if why := d.s.judge(); why != kept {
		d.refuseSpan(why)
		return nil
	}
	d.endSpan()
	return nil
}

// fields reads the fields of a span. Tags and lengths as encoders write them
// are read here; whatever else is legal goes through otherField.
func (d *Decoder) fields(m []byte) error {
	for i := d.s.ids(m); i < len(m); {
		tag := m[i]
		if tag == tagSpanAttr {
			if k := d.attrs.expected(m, i); k != i {
				i = k
				continue
			}
		}
		if tag&7 == wireBytes && tag < 0x80 {
			if from, to := shortMessage(m, i); to > 0 {
				if err := d.bytesField(tag, m[from:to]); err != nil {
					return err
				}
				i = to
				continue
			}
		} else if len(m)-i > 8 {
			switch {
			case tag == tagKind && len(m)-i > 19 && m[i+1] < 0x80 && m[i+2] == tagStart && m[i+11] == tagEnd:
				d.s.kind = uint32(m[i+1])
				d.s.Start = binary.LittleEndian.Uint64(m[i+3:])
				d.s.End = binary.LittleEndian.Uint64(m[i+12:])
				i += 20
				continue
			case tag == tagStart:
				d.s.Start = binary.LittleEndian.Uint64(m[i+1:])
				i += 9
				continue
			case tag == tagEnd:
				d.s.End = binary.LittleEndian.Uint64(m[i+1:])
				i += 9
				continue
			case tag == tagKind && m[i+1] < 0x80:
				d.s.kind = uint32(m[i+1])
				i += 2
				continue
			case tag == tagFlags && m[i+1] == 1:
				d.s.Flags = binary.LittleEndian.Uint32(m[i+2:])
				i += 6
				continue
			}
		} else if tag == tagFlags && len(m)-i >= 6 && m[i+1] == 1 {
			d.s.Flags = binary.LittleEndian.Uint32(m[i+2:])
			i += 6
			continue
		}
		end, err := d.otherField(m, i)
		if err != nil {
			return err
		}
		i = end
	}
	return nil
}

// ids reads the ids that encoders begin a span with. It returns where they end.
func (s *spanFields) ids(m []byte) int {
	if len(m) < 38 || m[0] != tagTraceID || m[1] != 16 || m[18] != tagSpanID || m[19] != 8 {
		return 0
	}
	s.traceIDSize, s.spanIDSize = 16, 8
	s.TraceHigh, s.TraceLow = binary.BigEndian.Uint64(m[2:]), binary.BigEndian.Uint64(m[10:])
	s.SpanID = binary.BigEndian.Uint64(m[20:])
	if m[28] != tagParentID || m[29] != 8 {
		return 28
	}
	s.parentSize, s.ParentID = 8, binary.BigEndian.Uint64(m[30:])
	return 38
}

// bytesField takes a length-delimited field of a span.
func (d *Decoder) bytesField(tag byte, v []byte) error {
	s := &d.s
	switch tag {
	case tagSpanAttr:
		return d.attr(&d.attrs, v)
	case tagTraceID:
		s.traceIDSize = len(v)
		s.TraceHigh, s.TraceLow = traceID(v)
	case tagSpanID:
		s.spanIDSize = len(v)
		s.SpanID = spanID(v)
	case tagParentID:
		s.parentSize = len(v)
		s.ParentID = spanID(v)
	case tagName:
		s.name, s.named = v, true
		s.Name, s.oddName = d.b.Name(v)
		if d.attrs.empty {
			d.attrs.at = d.b.Attrs.Root(s.Name)
		}
	case tagTraceState:
		s.traceState = v
	case tagEvent:
		return d.event(v)
	case tagLink:
		return d.link(v)
	case tagStatus:
		return d.status(v)
	default:
		d.res.UnknownFields++
	}
	return nil
}

// otherField reads the field of a span at m[i] the general way.
func (d *Decoder) otherField(m []byte, i int) (int, error) {
	var f field
	end, err := f.next(m, i)
	if err != nil {
		return 0, err
	}
	s := &d.s
	switch {
	case f.wire == wireBytes && f.num < 16:
		err = d.bytesField(byte(f.num<<3|wireBytes), f.data)
	case f.is(6, wireVarint):
		s.kind = uint32(f.bits)
	case f.is(7, wireFixed64):
		s.Start = f.bits
	case f.is(8, wireFixed64):
		s.End = f.bits
	case f.is(10, wireVarint):
		s.droppedAttributes = uint32(f.bits)
	case f.is(12, wireVarint):
		s.droppedEvents = uint32(f.bits)
	case f.is(14, wireVarint):
		s.droppedLinks = uint32(f.bits)
	case f.is(16, wireFixed32):
		s.Flags = uint32(f.bits)
	default:
		d.res.UnknownFields++
	}
	return end, err
}

// status merges a Status message into the span: fields that it lacks stay.
func (d *Decoder) status(m []byte) error {
	if len(m) == 2 && m[0] == 3<<3|wireVarint && m[1] < 0x80 {
		d.s.status = uint32(m[1])
		return nil
	}
	var f field
	for i := 0; i < len(m); {
		end, err := f.next(m, i)
		if err != nil {
			return err
		}
		switch {
		case f.is(2, wireBytes):
			d.s.message = f.data
		case f.is(3, wireVarint):
			d.s.status = uint32(f.bits)
		default:
			d.res.UnknownFields++
		}
		i = end
	}
	return nil
}

func traceID(v []byte) (high, low uint64) {
	if len(v) != 16 {
		return 0, 0
	}
	return binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:])
}

func spanID(v []byte) uint64 {
	if len(v) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

// endSpan completes the row.
func (d *Decoder) endSpan() {
	s, b := &d.s, d.b
	row := uint32(b.Rows())
	if !s.named {
		s.Name, s.oddName = b.Name(nil)
	}
	if len(s.traceState) != 0 {
		b.PutText(&b.TraceState, row, s.traceState)
	}
	if len(s.message) != 0 {
		b.PutText(&b.StatusMessage, row, s.message)
	}
	if s.droppedAttributes|s.droppedEvents|s.droppedLinks != 0 {
		putCount(&b.DroppedAttrs, row, s.droppedAttributes)
		putCount(&b.DroppedEvents, row, s.droppedEvents)
		putCount(&b.DroppedLinks, row, s.droppedLinks)
	}
	s.Shape = d.attrs.end()
	s.Kind, s.Status = uint8(s.kind), uint8(s.status)
	odd := s.odd || d.attrs.odd || s.End < s.Start || s.oddName
	b.EndSpan(&s.Fixed, odd)
}

func putCount(c *build.ColumnBuilder, row, count uint32) {
	if count != 0 {
		c.PutBits(row, uint64(count))
	}
}

// refusal is why a span is not kept.
type refusal uint8

const (
	kept refusal = iota
	traceIDSize
	traceIDZero
	spanIDSize
	spanIDZero
	parentIDSize
	kindRange
	statusRange
	linkTraceIDSize
	linkSpanIDSize
)

var refusalCodes = [...]string{"", "trace_id_length", "trace_id_zero", "span_id_length", "span_id_zero",
	"parent_span_id_length", "kind_range", "status_range", "link_trace_id_length", "link_span_id_length"}

// judge returns the first reason not to keep a span.
func (s *spanFields) judge() refusal {
	switch {
	case s.traceIDSize != 16:
		return traceIDSize
	case s.TraceHigh|s.TraceLow == 0:
		return traceIDZero
	case s.spanIDSize != 8:
		return spanIDSize
	case s.SpanID == 0:
		return spanIDZero
	case s.parentSize != 8 && s.parentSize != 0:
		return parentIDSize
	case s.kind > 255:
		return kindRange
	case s.status > 255:
		return statusRange
	}
	return s.linkFlaw
}

// reason says what is wrong with a span, for people.
func (s *spanFields) reason(why refusal) string {
	const unread = " is missing, or cannot be read; send " // dialects leave out what is none of theirs
	switch why {
	case traceIDSize:
		if s.traceIDSize == 0 {
			return "the trace id" + unread + "16 bytes, 32 hexadecimal digits"
		}
		return "trace_id has " + strconv.Itoa(s.traceIDSize) + " bytes; send 16"
	case traceIDZero:
		return "trace_id is all zeros; send a valid one"
	case spanIDSize:
		if s.spanIDSize == 0 {
			return "the span id" + unread + "8 bytes, 16 hexadecimal digits"
		}
		return "span_id has " + strconv.Itoa(s.spanIDSize) + " bytes; send 8"
	case spanIDZero:
		return "span_id is all zeros; send a valid one"
	case parentIDSize:
		return "parent_span_id has " + strconv.Itoa(s.parentSize) + " bytes; send 8, or none for a root"
	case kindRange:
		return "kind " + strconv.Itoa(int(int32(s.kind))) + " is none of SpanKind; send 0 to 5"
	case statusRange:
		return "status code " + strconv.Itoa(int(int32(s.status))) + " is none of StatusCode; send 0 to 2"
	case linkTraceIDSize:
		return "the trace_id of a link is not 16 bytes long; send 16, or none"
	}
	return "the span_id of a link is not 8 bytes long; send 8, or none"
}

// refuseSpan takes the row being decoded back and notes why.
func (d *Decoder) refuseSpan(why refusal) {
	d.b.DropRow(d.attrs.at)
	d.refused = append(d.refused, uint32(d.ordinal))
	if len(d.res.Refusals) == MaxRefusals {
		return
	}
	if d.res.Refusals == nil {
		d.res.Refusals = make([]Refusal, 0, MaxRefusals)
	}
	d.res.Refusals = append(d.res.Refusals, Refusal{
		Span: d.ordinal, Name: shortName(d.s.name), Reason: d.s.reason(why), Code: refusalCodes[why],
	})
}

// shortName is a span name fit for a reply.
func shortName(name []byte) string {
	short := name
	if len(name) > maxNameBytes {
		short = name[:maxNameBytes]
		for k := 0; k < utf8.UTFMax && len(short) > 0 && !utf8.RuneStart(name[len(short)]); k++ {
			short = short[:len(short)-1]
		}
		short = append(slices.Clone(short), "…"...)
	}
	return strings.ToValidUTF8(string(short), "\uFFFD")
}
