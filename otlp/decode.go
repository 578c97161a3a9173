package otlp

import (
	"strconv"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/wire"
	"github.com/clew-tracing/clew/span/build"
)

// A Decoder decodes requests into span.Builders, one at a time. It owns scratch
// memory and knows from one request to the next what they have in common, so that
// once that has grown a span costs no allocation. The zero value is ready to use, by
// one goroutine at a time.
type Decoder struct {
	b       *build.Draft
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

// Decode appends the spans of body, a request in protobuf, to b, in their order: it
// is Parse, then Append. An error means that b has the rows it had before.
func (d *Decoder) Decode(b *build.Builder, body []byte, o Options) (Result, error) {
	if err := d.Parse(body, o); err != nil {
		return Result{}, err
	}
	return d.Append(b), nil
}

// Parse reads body, a request in protobuf, and decides which of its spans are kept.
// It needs no Builder: requests may be parsed at once, by a Decoder each. body must
// stay as it is until Append has returned.
//
// Spans that cannot be kept are refused one by one: the others stay. An error is
// about the whole request; it is of kind Invalid, naming byte offset and flaw, or
// TooLarge.
func (d *Decoder) Parse(body []byte, o Options) error {
	if len(body) > maxBodyBytes {
		return clew.Errorf(clew.TooLarge, flawBodySize)
	}
	if d.b == nil {
		d.b = build.NewDraft()
	}
	d.b.Begin(body)
	d.res, d.ordinal = Result{}, 0
	d.replay, d.refuse, d.refused = o.Replay, o.Refuse, d.refused[:0]
	d.attrs.open(d.b, &d.b.Attrs, tagSpanAttr, body)
	d.events.open(d.b, &d.b.Events.Attrs, tagEventAttr, body)
	d.links.open(d.b, &d.b.Links.Attrs, tagLinkAttr, body)
	err := d.request(body)
	d.refuse, d.s = nil, spanFields{}
	if err != nil {
		d.Forget()
		return located(body, err)
	}
	return nil
}

// Parsed returns how many spans of the request that was parsed are kept.
func (d *Decoder) Parsed() int { return d.b.Rows() }

// Append appends the spans of the request that was parsed to b, in their order, and
// forgets the request. The caller is b's writer. What b takes of the request counts in
// b.SizeBytes, by which heads have to be bounded.
func (d *Decoder) Append(b *build.Builder) Result {
	res := d.res
	res.Accepted = d.b.Rows()
	res.Refused = len(d.refused)
	res.RefusedSpans = d.refused
	res.Flagged = b.Append(d.b, appendExtra)
	d.Forget()
	return res
}

// Forget drops the request that was parsed. Append does so too; doing it again costs
// nothing.
func (d *Decoder) Forget() { d.b.Forget() }

// appendExtra writes an attribute for which a Builder has no column.
func appendExtra(dst []byte, table build.Table, key string, v clew.Value) []byte {
	field := [...]int{build.SpanTable: tagSpanAttr >> 3, build.EventTable: tagEventAttr >> 3, build.LinkTable: tagLinkAttr >> 3}[table]
	return wire.AppendAttr(dst, field, key, v)
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
	first := d.b.Rows()
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
		d.b.MarkOdd(first)
	}
	return nil
}

// tagSpans is the tag of ScopeSpans.spans.
const tagSpans = 2<<3 | wireBytes

// scopeSpans decodes one ScopeSpans message.
func (d *Decoder) scopeSpans(m []byte) error {
	first := d.b.Rows()
	key := pieces{m: m, scratch: d.scopeKey}
	var f field
	for i := 0; i < len(m); {
		if from, to := shortMessage(m, i); to > 0 && m[i] == tagSpans {
			if err := d.span(m[from:to]); err != nil {
				return err
			}
			d.ordinal++
			i = to
			continue
		}
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
		d.b.MarkOdd(first)
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
