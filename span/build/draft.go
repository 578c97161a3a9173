package build

import (
	"slices"
	"sync/atomic"
	"unicode/utf8"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// A Draft is the spans of one message, read and judged, before a Builder has them.
// Reading takes most of the time that a request costs and needs no Builder: so many
// drafts are made at once, and a Builder takes one after the other, column by column.
//
// Strings stay where they are, in the message: a draft's columns hold their places.
// What messages have in common (names, resources, the order of attributes) a draft
// knows from one to the next. The zero value is not ready to use: see NewDraft. A
// Draft is used by one goroutine at a time.
type Draft struct {
	table
	refs      column.Refs
	traceHigh []uint64
	traceLow  []uint64
	odd       []bool // by row
	oddNames  []bool // by code: the name is not UTF-8

	to draftMap
}

// draftMap is where the codes, columns and orders of a draft went in a Builder.
type draftMap struct {
	id                uint64 // of the Builder
	names, eventNames codeMap
	resources, scopes codeMap

	attrs, eventAttrs, linkAttrs shapeMap
}

// builderIDs numbers the Builders, anew after each Reset.
var builderIDs atomic.Uint64

// NewDraft returns an empty Draft.
func NewDraft() *Draft {
	d := new(Draft)
	d.init(0)
	return d
}

// Begin empties d for the spans of body, which must stay as it is until a Builder has
// them.
func (d *Draft) Begin(body []byte) {
	d.refs.Body, d.refs.More = body, d.refs.More[:0]
	d.truncate(0)
	d.traceHigh, d.traceLow, d.odd = d.traceHigh[:0], d.traceLow[:0], d.odd[:0]
	if d.knowsTooMuch() {
		d.reset()
		d.oddNames = d.oddNames[:0]
		d.to.id = 0
	}
}

// Forget lets go of the message; d is of no use until Begin. What an unusual message
// took is given back.
func (d *Draft) Forget() {
	d.refs.Body = nil
	if max(cap(d.spanID), cap(d.Events.row), cap(d.Links.row)) > maxDraftRows || cap(d.refs.More) > maxDraftBytes {
		*d = *NewDraft()
	}
}

// knowsTooMuch reports whether what d keeps from one message to the next has grown
// beyond what real traffic asks for.
func (d *Draft) knowsTooMuch() bool {
	for _, a := range []*AttrsBuilder{&d.Attrs, &d.Events.Attrs, &d.Links.Attrs} {
		if len(a.cols) > maxDraftColumns || len(a.parent) >= maxShapeNodes || a.branches >= maxDraftBranches || a.keys.SizeBytes() > maxDraftBytes {
			return true
		}
	}
	for _, dict := range []*column.Dict{&d.names, &d.Events.names, &d.resources.raw, &d.scopes.raw} {
		if dict.Len() > maxDraftNames || dict.SizeBytes() > maxDraftBytes {
			return true
		}
	}
	return false
}

// Name returns the code of a span's name, and whether it is not UTF-8.
func (d *Draft) Name(name []byte) (code uint32, odd bool) {
	code = d.InternName(name)
	if int(code) == len(d.oddNames) {
		d.oddNames = append(d.oddNames, !utf8.Valid(name))
	}
	return code, d.oddNames[code]
}

// Place returns where in the message m lies, a slice of it whose capacity nobody has cut.
func (d *Draft) Place(m []byte) int { return cap(d.refs.Body) - cap(m) }

// PutText adds a string or raw value of row to a column of d. v is a slice of the
// message whose capacity nobody has cut: that says where in the message it lies.
func (d *Draft) PutText(c *ColumnBuilder, row uint32, v []byte) {
	c.PutBits(row, uint64(cap(d.refs.Body)-cap(v))<<32|uint64(uint32(len(v))))
}

// PutOwn is PutText for bytes that do not lie in the message; it copies them.
func (d *Draft) PutOwn(c *ColumnBuilder, row uint32, v []byte) {
	at := len(d.refs.More)
	d.refs.More = append(d.refs.More, v...)
	c.PutBits(row, uint64(at|column.InMore)<<32|uint64(uint32(len(v))))
}

// PutExtra is AttrsBuilder.PutExtra for the attributes of a draft.
func (d *Draft) PutExtra(a *AttrsBuilder, row uint32, raw []byte) { d.PutOwn(&a.extra, row, raw) }

// EndSpan is Builder.EndSpan. odd says that something is odd about the span; text
// that is not UTF-8 in its attributes is found later.
func (d *Draft) EndSpan(f *Fixed, odd bool) {
	d.traceHigh = append(d.traceHigh, f.TraceHigh)
	d.traceLow = append(d.traceLow, f.TraceLow)
	d.odd = append(d.odd, odd)
	d.end(f)
}

// EndLink completes a link of the span being drafted, as LinksBuilder.End does.
func (d *Draft) EndLink(f *LinkFixed) {
	if len(f.TraceState) != 0 {
		d.PutText(&d.Links.traceState, d.Links.Next(), f.TraceState)
		f.TraceState = nil
	}
	d.Links.End(uint32(d.rows), f)
}

// MarkOdd marks rows from row from on.
func (d *Draft) MarkOdd(from int) {
	for i := range d.odd[from:] {
		d.odd[from+i] = true
	}
}

// Append adds the rows of d, in their order, and returns how many are odd. more
// writes an attribute that finds no column as PutExtra wants it. Nothing of d or of
// its message is kept but the parsed resources and scopes.
func (b *Builder) Append(d *Draft, more func(dst []byte, table Table, key string, v clew.Value) []byte) (odd int) {
	m := d.mapTo(b)
	base := uint32(b.rows)
	for i, high := range d.traceHigh {
		ord, prev := b.traces.add(high, d.traceLow[i], base+uint32(i))
		b.trace = append(b.trace, ord)
		b.prev = append(b.prev, prev)
	}
	b.fixed(d, m)
	for _, c := range [...]struct{ dst, src *ColumnBuilder }{
		{&b.StatusMessage, &d.StatusMessage}, {&b.TraceState, &d.TraceState}, {&b.DroppedAttrs, &d.DroppedAttrs},
		{&b.DroppedEvents, &d.DroppedEvents}, {&b.DroppedLinks, &d.DroppedLinks}, {&b.Weight, &d.Weight},
	} {
		d.column(c.dst, c.src, base, nil)
	}
	d.attrs(&b.Attrs, &d.Attrs, &m.attrs, base, nil, more)
	d.events(b, m, base, more)
	d.links(b, m, base, more)
	b.rows += d.rows
	for _, x := range d.odd {
		if x {
			odd++
		}
	}
	return odd
}

// A Table is one of the three that have attributes.
type Table uint8

const (
	SpanTable Table = iota
	EventTable
	LinkTable
)

// mapTo returns the maps to b: those of the last time, if that was b too.
func (d *Draft) mapTo(b *Builder) *draftMap {
	m := &d.to
	if m.id != b.id {
		m.id = b.id
		for _, c := range []*codeMap{&m.names, &m.eventNames, &m.resources, &m.scopes} {
			c.reset(0)
		}
		for _, s := range []*shapeMap{&m.attrs, &m.eventAttrs, &m.linkAttrs} {
			s.reset()
		}
	}
	m.names.grow(d.names.Len())
	m.eventNames.grow(d.Events.names.Len())
	m.resources.grow(len(d.resources.parsed))
	m.scopes.grow(len(d.scopes.parsed))
	return m
}

// grow makes room for the codes below n.
func (c *codeMap) grow(n int) {
	for len(*c) < n {
		*c = append(*c, span.NoCode)
	}
}

// fixed appends what every span has.
func (b *Builder) fixed(d *Draft, m *draftMap) {
	b.spanID = append(b.spanID, d.spanID...)
	b.parentID = append(b.parentID, d.parentID...)
	b.start = append(b.start, d.start...)
	b.duration = append(b.duration, d.duration...)
	b.kind = append(b.kind, d.kind...)
	b.status = append(b.status, d.status...)
	b.flags = append(b.flags, d.flags...)
	b.name = m.names.carry(b.name, d.name, &b.names, &d.names)
	b.resource = b.resources.carryAll(b.resource, m.resources, d.resource, d.resources.parsed, func(e *span.ResourceEntry) []byte { return e.Raw })
	b.scope = b.scopes.carryAll(b.scope, m.scopes, d.scope, d.scopes.parsed, func(e *span.ScopeEntry) []byte { return e.Raw })
}

// carry appends codes of src as codes of to.
func (c codeMap) carry(dst, codes []uint32, to, src *column.Dict) []uint32 {
	n := len(dst)
	dst = slices.Grow(dst, len(codes))[:n+len(codes)]
	for i, code := range codes {
		if c[code] == span.NoCode {
			c[code] = to.Intern(src.At(code))
		}
		dst[n+i] = c[code]
	}
	return dst
}

// column appends a column of d; row r becomes base + r. owner says which span a row
// belongs to; nil: the row is the span.
func (d *Draft) column(dst, src *ColumnBuilder, base uint32, owner []uint32) {
	if len(src.rows) == 0 {
		return
	}
	n := len(dst.rows)
	dst.rows = slices.Grow(dst.rows, len(src.rows))[:n+len(src.rows)]
	shift(dst.rows[n:], src.rows, base)
	dst.vals = append(dst.vals, src.vals...)
	if src.typ != clew.TypeString && src.typ != clew.TypeOther {
		return
	}
	known := dst.dict.Len()
	dst.dict.InternRefs(&d.refs, dst.vals[n:])
	dst.findOdd(known)
	if len(dst.odd) > 0 {
		for i, code := range dst.vals[n:] {
			if _, found := slices.BinarySearch(dst.odd, uint32(code)); found {
				row := src.rows[i]
				if owner != nil {
					row = owner[row]
				}
				d.odd[row] = true
			}
		}
	}
	dst.stopInterning()
}

// attrs appends the attributes of one table.
func (d *Draft) attrs(dst, src *AttrsBuilder, m *shapeMap, base uint32, owner []uint32, more func([]byte, Table, string, clew.Value) []byte) {
	for len(m.cols) < len(src.cols) {
		m.cols = append(m.cols, span.NoCode)
	}
	for len(m.node) < len(src.parent) {
		m.node = append(m.node, unmapped)
	}
	var tooMany []*ColumnBuilder
	for i, c := range src.cols {
		if len(c.rows) == 0 {
			continue
		}
		if m.cols[i] == span.NoCode {
			if len(dst.cols) >= maxColumns && !dst.known([]byte(c.key), c.typ) {
				tooMany = append(tooMany, c)
				continue
			}
			m.cols[i] = dst.column([]byte(c.key), c.typ)
		}
		d.column(dst.cols[m.cols[i]], c, base, owner)
	}
	if len(tooMany) > 0 {
		d.overflow(src, tooMany, owner, more)
	}
	d.column(&dst.extra, &src.extra, base, owner)
	for _, n := range src.shape {
		dst.shape = append(dst.shape, m.carry(dst, src, n))
	}
}

// unmapped marks nodes that have not been carried over yet.
const unmapped = span.NoCode - 1

// carry returns the node of dst for a node of src. An attribute that found no column
// has no place in the order.
func (m *shapeMap) carry(dst, src *AttrsBuilder, n uint32) uint32 {
	if n == span.NoCode {
		return span.NoCode
	}
	if to := m.node[n]; to != unmapped {
		return to
	}
	m.list = append(m.list[:0], n)
	for src.parent[n] != span.NoCode && m.node[src.parent[n]] == unmapped {
		n = src.parent[n]
		m.list = append(m.list, n)
	}
	for i := len(m.list) - 1; i >= 0; i-- {
		n = m.list[i]
		at := uint32(0)
		if p := src.parent[n]; p != span.NoCode {
			at = m.node[p]
			if col := m.cols[src.col[n]]; at != span.NoCode && col != span.NoCode {
				at = dst.step(at, col)
			}
		}
		m.node[n] = at
	}
	return m.node[n]
}

// overflow turns the values of columns into extra attributes of their rows.
func (d *Draft) overflow(a *AttrsBuilder, cols []*ColumnBuilder, owner []uint32, more func([]byte, Table, string, clew.Value) []byte) {
	table := SpanTable
	switch a {
	case &d.Events.Attrs:
		table = EventTable
	case &d.Links.Attrs:
		table = LinkTable
	}
	raw := make(map[uint32][]byte)
	for i, row := range a.extra.rows {
		raw[row] = slices.Clone(d.refs.At(a.extra.vals[i]))
	}
	for _, c := range cols {
		for i, row := range c.rows {
			v := clew.Value{Type: c.typ, Bits: c.vals[i]}
			if c.typ == clew.TypeString || c.typ == clew.TypeOther {
				v.Bits, v.Bytes = 0, d.refs.At(c.vals[i])
			}
			raw[row] = more(raw[row], table, c.key, v)
			if owner != nil {
				row = owner[row]
			}
			d.odd[row] = true
		}
	}
	rows := make([]uint32, 0, len(raw))
	for row := range raw {
		rows = append(rows, row)
	}
	slices.Sort(rows)
	a.extra.truncate(0)
	for _, row := range rows {
		d.PutOwn(&a.extra, row, raw[row])
	}
}

func (d *Draft) events(b *Builder, m *draftMap, base uint32, more func([]byte, Table, string, clew.Value) []byte) {
	e, src := &b.Events, &d.Events
	if len(src.row) == 0 {
		return
	}
	first := e.Next()
	for _, row := range src.row {
		e.row = append(e.row, base+row)
	}
	e.time = append(e.time, src.time...)
	e.name = m.eventNames.carry(e.name, src.name, &e.names, &src.names)
	d.column(&e.dropped, &src.dropped, first, src.row)
	d.attrs(&e.Attrs, &src.Attrs, &m.eventAttrs, first, src.row, more)
}

func (d *Draft) links(b *Builder, m *draftMap, base uint32, more func([]byte, Table, string, clew.Value) []byte) {
	l, src := &b.Links, &d.Links
	if len(src.row) == 0 {
		return
	}
	first := l.Next()
	for _, row := range src.row {
		l.row = append(l.row, base+row)
	}
	l.traceHigh = append(l.traceHigh, src.traceHigh...)
	l.traceLow = append(l.traceLow, src.traceLow...)
	l.spanID = append(l.spanID, src.spanID...)
	l.flags = append(l.flags, src.flags...)
	d.column(&l.traceState, &src.traceState, first, src.row)
	d.column(&l.dropped, &src.dropped, first, src.row)
	d.attrs(&l.Attrs, &src.Attrs, &m.linkAttrs, first, src.row, more)
}
