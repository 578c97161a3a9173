package otlp

import (
	"strconv"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// A Decoder decodes requests into span.Builders, one at a time. It owns scratch
// memory, so that once that has grown a span costs no allocation; what is
// allocated is the parsed form of resources and scopes that the Builder has not
// seen. The zero value is ready to use, by one goroutine at a time.
type Decoder struct {
	b       *span.Builder
	res     Result
	ordinal int // of the span being decoded
	replay  bool
	refuse  []uint32 // what is left of Options.Refuse
	refused []uint32

	s      spanFields
	attrs  attrList // of the span being decoded
	events attrList
	links  attrList

	resourceKey []byte
	scopeKey    []byte
	message     []byte // an AnyValue put together from pieces
}

// Decode appends the spans of body, a request in protobuf, to b, in their order.
// body is not kept. The caller is b's writer.
//
// Spans that cannot be kept are refused one by one: the others stay. An error
// means that nothing was kept and b has the rows it had before; it is of kind
// Invalid, naming byte offset and flaw, or TooLarge. What the request left in
// b's dictionaries counts in b.SizeBytes, by which heads have to be bounded.
func (d *Decoder) Decode(b *span.Builder, body []byte, o Options) (Result, error) {
	if len(body) > maxBodyBytes {
		return Result{}, clew.Errorf(clew.TooLarge, flawBodySize)
	}
	start := b.Rows()
	d.b, d.res, d.ordinal = b, Result{}, 0
	d.replay, d.refuse, d.refused = o.Replay, o.Refuse, d.refused[:0]
	d.attrs.open(&b.Attrs, tagSpanAttr)
	d.events.open(&b.Events.Attrs, tagEventAttr)
	d.links.open(&b.Links.Attrs, tagLinkAttr)
	err := d.request(body)
	d.b, d.refuse, d.s = nil, nil, spanFields{}
	d.attrs.a, d.events.a, d.links.a = nil, nil, nil
	if err != nil {
		b.Truncate(start)
		return Result{}, located(body, err)
	}
	d.res.Accepted = b.Rows() - start
	d.res.Refused = len(d.refused)
	d.res.RefusedSpans = d.refused
	return d.res, nil
}

func (d *Decoder) request(m []byte) error {
	var f field
	for i := 0; i < len(m); {
		end, err := f.next(m, i)
		if err != nil {
			return err
		}
		if f.is(1, wireBytes) {
			if err := d.resourceSpans(f.data); err != nil {
				return err
			}
		} else {
			d.res.UnknownFields++
		}
		i = end
	}
	return nil
}

// pieces gathers what of a message is not its long repeated field: usually one
// slice of it, or two, which are put together in scratch memory.
type pieces struct {
	m          []byte
	from, upTo int // the one slice so far
	scratch    []byte
	split      bool
}

func (p *pieces) add(from, upTo int) {
	switch {
	case p.split:
		p.scratch = append(p.scratch, p.m[from:upTo]...)
	case p.upTo == from:
		p.upTo = upTo
	case p.from == p.upTo:
		p.from, p.upTo = from, upTo
	default:
		p.scratch = append(p.scratch[:0], p.m[p.from:p.upTo]...)
		p.scratch = append(p.scratch, p.m[from:upTo]...)
		p.split = true
	}
}

func (p *pieces) bytes() []byte {
	if p.split {
		return p.scratch
	}
	return p.m[p.from:p.upTo]
}

// resourceSpans decodes one ResourceSpans message.
func (d *Decoder) resourceSpans(m []byte) error {
	first, flagged := d.b.Rows(), d.res.Flagged
	key := pieces{m: m, scratch: d.resourceKey}
	var f field
	for i := 0; i < len(m); {
		end, err := f.next(m, i)
		if err != nil {
			return err
		}
		if f.is(2, wireBytes) {
			if err := d.scopeSpans(f.data); err != nil {
				return err
			}
		} else {
			key.add(i, end)
		}
		i = end
	}
	d.resourceKey = key.scratch
	if d.b.Rows() == first {
		return nil
	}
	code, fresh := d.b.InternResource(key.bytes())
	if fresh {
		own := append([]byte(nil), key.bytes()...)
		r, unknown, err := parseResource(own)
		if err != nil {
			return within(m, own, "resource", err)
		}
		d.res.UnknownFields += unknown
		d.b.SetResource(code, r)
	}
	d.b.SetResourceRange(first, code)
	if d.b.Resource(code).Odd {
		d.res.Flagged = flagged + d.b.Rows() - first
	}
	return nil
}

// scopeSpans decodes one ScopeSpans message.
func (d *Decoder) scopeSpans(m []byte) error {
	first, flagged := d.b.Rows(), d.res.Flagged
	key := pieces{m: m, scratch: d.scopeKey}
	var f field
	for i := 0; i < len(m); {
		end, err := f.next(m, i)
		if err != nil {
			return err
		}
		if f.is(2, wireBytes) {
			if err := d.span(f.data); err != nil {
				return err
			}
			d.ordinal++
		} else {
			key.add(i, end)
		}
		i = end
	}
	d.scopeKey = key.scratch
	if d.b.Rows() == first {
		return nil
	}
	code, fresh := d.b.InternScope(key.bytes())
	if fresh {
		own := append([]byte(nil), key.bytes()...)
		s, unknown, err := parseScope(own)
		if err != nil {
			return within(m, own, "scope", err)
		}
		d.res.UnknownFields += unknown
		d.b.SetScope(code, s)
	}
	d.b.SetScopeRange(first, code)
	if d.b.Scope(code).Odd {
		d.res.Flagged = flagged + d.b.Rows() - first
	}
	return nil
}

// within places a flaw found in own, which was put together from pieces of m: at
// m, with the offset in own in the text.
func within(m, own []byte, what string, err error) error {
	e, ok := err.(*wireError)
	if !ok {
		return err
	}
	return flawAt(m, 0, what+": "+e.what+" (byte "+strconv.Itoa(cap(own)-e.fromEnd)+" of it)")
}
