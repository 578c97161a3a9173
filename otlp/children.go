package otlp

import (
	"unicode/utf8"

	"github.com/clew-tracing/clew/span/build"
)

// Tags of the attributes of Span.Event and Span.Link.
const (
	tagEventAttr = 3<<3 | wireBytes
	tagLinkAttr  = 4<<3 | wireBytes
)

// event takes one Span.Event message into the event table.
func (d *Decoder) event(m []byte) error {
	e, l := &d.b.Events, &d.events
	l.begin(e.Next(), 0)
	var (
		f       field
		time    uint64
		name    []byte
		named   bool
		code    uint32
		dropped uint32
	)
	for i := 0; i < len(m); {
		end, err := f.next(m, i)
		if err != nil {
			return err
		}
		switch {
		case f.is(3, wireBytes):
			if err := d.attr(l, f.data); err != nil {
				return err
			}
		case f.is(1, wireFixed64):
			time = f.bits
		case f.is(2, wireBytes):
			name, named = f.data, true
			code = e.InternName(name)
			if l.empty {
				l.at = e.Attrs.Root(code)
			}
		case f.is(4, wireVarint):
			dropped = uint32(f.bits)
		default:
			d.res.UnknownFields++
		}
		i = end
	}
	if !named {
		code = e.InternName(nil)
	}
	shape := l.end()
	if l.odd || !utf8.Valid(name) {
		d.s.odd = true
	}
	e.End(uint32(d.b.Rows()), time, code, shape, uint64(dropped))
	return nil
}

// link takes one Span.Link message into the link table.
func (d *Decoder) link(m []byte) error {
	t, l := &d.b.Links, &d.links
	l.begin(t.Next(), 0)
	var (
		f        field
		fixed    build.LinkFixed
		traceLen int
		spanLen  int
	)
	for i := 0; i < len(m); {
		end, err := f.next(m, i)
		if err != nil {
			return err
		}
		switch {
		case f.is(1, wireBytes):
			traceLen = len(f.data)
			fixed.TraceHigh, fixed.TraceLow = traceID(f.data)
		case f.is(2, wireBytes):
			spanLen = len(f.data)
			fixed.SpanID = spanID(f.data)
		case f.is(3, wireBytes):
			fixed.TraceState = f.data
		case f.is(4, wireBytes):
			if err := d.attr(l, f.data); err != nil {
				return err
			}
		case f.is(5, wireVarint):
			fixed.DroppedAttrs = uint64(uint32(f.bits))
		case f.is(6, wireFixed32):
			fixed.Flags = uint32(f.bits)
		default:
			d.res.UnknownFields++
		}
		i = end
	}
	if d.s.linkFlaw == kept {
		if traceLen != 0 && traceLen != 16 {
			d.s.linkFlaw = linkTraceIDSize
		} else if spanLen != 0 && spanLen != 8 {
			d.s.linkFlaw = linkSpanIDSize
		}
	}
	fixed.Shape = l.end()
	if l.odd {
		d.s.odd = true
	}
	d.b.EndLink(&fixed)
	return nil
}
