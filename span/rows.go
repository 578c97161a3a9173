package span

import (
	"github.com/clew-tracing/clew"
)

// Rows gives a batch row by row: for the edges, where spans are shown or sent.
// It is built in one pass over the columns and safe for concurrent readers.
type Rows struct {
	b      *Batch
	attrs  attrIndex
	events childIndex
	links  childIndex
	eattrs attrIndex
	lattrs attrIndex

	weights Column
}

// NewRows indexes b, which must have all columns.
func NewRows(b *Batch) *Rows {
	return &Rows{
		b:      b,
		attrs:  newAttrIndex(&b.Attrs, b.Rows),
		events: newChildIndex(b.Events.Row, b.Rows),
		links:  newChildIndex(b.Links.Row, b.Rows),
		eattrs: newAttrIndex(&b.Events.Attrs, len(b.Events.Row)),
		lattrs: newAttrIndex(&b.Links.Attrs, len(b.Links.Row)),

		weights: b.Weights(),
	}
}

// Batch returns what the rows are of.
func (r *Rows) Batch() *Batch { return r.b }

// attrIndex lists the values of each row: entries [ends[row-1], ends[row]).
type attrIndex struct {
	a    *Attrs
	ends []uint32
	col  []uint32
	pos  []uint32
}

func newAttrIndex(a *Attrs, rows int) attrIndex {
	x := attrIndex{a: a, ends: make([]uint32, rows+1)}
	total := 0
	for i := range a.Columns {
		for _, r := range a.Columns[i].Rows {
			x.ends[r+1]++
		}
		total += len(a.Columns[i].Rows)
	}
	for i := 1; i <= rows; i++ {
		x.ends[i] += x.ends[i-1]
	}
	x.col, x.pos = make([]uint32, total), make([]uint32, total)
	fill := append([]uint32(nil), x.ends[:rows]...)
	for i := range a.Columns {
		for p, r := range a.Columns[i].Rows {
			x.col[fill[r]], x.pos[fill[r]] = uint32(i), uint32(p)
			fill[r]++
		}
	}
	return x
}

// each calls f for the attributes of a row, in the order in which they came
// where that is known.
func (x *attrIndex) each(row int, f func(key string, v clew.Value)) {
	lo, hi := x.ends[row], x.ends[row+1]
	if x.a.Shape != nil && x.a.Shape[row] != NoCode {
		var buf [64]uint32
		for _, col := range x.a.Shapes.AppendList(buf[:0], x.a.Shape[row]) {
			c := &x.a.Columns[col]
			f(c.Key, c.ValueAt(int(x.pos[x.search(lo, hi, col)])))
		}
		return
	}
	for i := lo; i < hi; i++ {
		c := &x.a.Columns[x.col[i]]
		f(c.Key, c.ValueAt(int(x.pos[i])))
	}
}

// search finds column col among entries [lo, hi), which ascend by column.
func (x *attrIndex) search(lo, hi, col uint32) uint32 {
	for lo < hi {
		m := (lo + hi) / 2
		if x.col[m] < col {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// childIndex lists the children of each row: [ends[row], ends[row+1]).
type childIndex struct{ ends []uint32 }

func newChildIndex(owner []uint32, rows int) childIndex {
	x := childIndex{ends: make([]uint32, rows+1)}
	for _, r := range owner {
		x.ends[r+1]++
	}
	for i := 1; i <= rows; i++ {
		x.ends[i] += x.ends[i-1]
	}
	return x
}

func (x childIndex) of(row int) (lo, hi int) { return int(x.ends[row]), int(x.ends[row+1]) }

// Attrs calls f for each attribute of a span, repeated keys excepted (Extra has
// them). Bytes of values are shared.
func (r *Rows) Attrs(row int, f func(key string, v clew.Value)) { r.attrs.each(row, f) }

// Extra returns the KeyValue messages of repeated keys, each with tag and length.
func (r *Rows) Extra(row int) []byte { return sparseBytes(&r.b.Attrs.Extra, row) }

// Events returns the range of a span's events in Batch.Events.
func (r *Rows) Events(row int) (lo, hi int) { return r.events.of(row) }

// Links returns the range of a span's links in Batch.Links.
func (r *Rows) Links(row int) (lo, hi int) { return r.links.of(row) }

// EventAttrs and LinkAttrs call f for each attribute of an event or link.
func (r *Rows) EventAttrs(event int, f func(key string, v clew.Value)) { r.eattrs.each(event, f) }

// LinkAttrs calls f for each attribute of a link.
func (r *Rows) LinkAttrs(link int, f func(key string, v clew.Value)) { r.lattrs.each(link, f) }

// EventExtra and LinkExtra are what Extra is, of an event or link.
func (r *Rows) EventExtra(event int) []byte { return sparseBytes(&r.b.Events.Attrs.Extra, event) }

// LinkExtra returns the repeated keys of a link.
func (r *Rows) LinkExtra(link int) []byte { return sparseBytes(&r.b.Links.Attrs.Extra, link) }

func sparseBytes(c *Column, row int) []byte {
	if i, ok := c.Find(uint32(row)); ok {
		return c.Strings.At(int(c.Vals[i]))
	}
	return nil
}

func sparseBits(c *Column, row int) uint64 {
	if i, ok := c.Find(uint32(row)); ok {
		return c.Vals[i]
	}
	return 0
}

// Weight returns how many spans a span stands for.
func (r *Rows) Weight(row int) clew.Weight {
	if i, ok := r.weights.Find(uint32(row)); ok {
		return clew.Weight(r.weights.Vals[i])
	}
	return clew.WeightOne
}

// Span builds the object of one row. Attributes of repeated keys are not in it;
// see Extra. Byte slices are shared with the batch.
func (r *Rows) Span(row int) clew.Span {
	b := r.b
	s := clew.Span{
		TraceID: b.TraceIDs[b.Trace[row]], SpanID: clew.SpanID(b.SpanID[row]), ParentID: clew.SpanID(b.ParentID[row]),
		TraceState: string(sparseBytes(&b.TraceState, row)), Flags: b.Flags[row],
		Name: string(b.Names.At(int(b.Name[row]))), Kind: clew.Kind(b.Kind[row]),
		Start: clew.UnixNanos(b.Start[row]), End: b.End(row),
		DroppedAttrs:  uint32(sparseBits(&b.DroppedAttrs, row)),
		DroppedEvents: uint32(sparseBits(&b.DroppedEvents, row)),
		DroppedLinks:  uint32(sparseBits(&b.DroppedLinks, row)),
		Status:        clew.Status(b.Status[row]),
		StatusMessage: string(sparseBytes(&b.StatusMessage, row)),
		Resource:      &b.Resources[b.Resource[row]].Resource,
		Scope:         &b.Scopes[b.Scope[row]].Scope,
	}
	r.Attrs(row, collect(&s.Attrs))
	lo, hi := r.Events(row)
	for i := lo; i < hi; i++ {
		s.Events = append(s.Events, r.event(i))
	}
	lo, hi = r.Links(row)
	for i := lo; i < hi; i++ {
		s.Links = append(s.Links, r.link(i))
	}
	return s
}

func collect(dst *[]clew.Attr) func(string, clew.Value) {
	return func(key string, v clew.Value) { *dst = append(*dst, clew.Attr{Key: key, Value: v}) }
}

func (r *Rows) event(i int) clew.Event {
	e := &r.b.Events
	out := clew.Event{
		Time: clew.UnixNanos(e.Time[i]), Name: string(e.Names.At(int(e.Name[i]))),
		DroppedAttrs: uint32(sparseBits(&e.Dropped, i)),
	}
	r.EventAttrs(i, collect(&out.Attrs))
	return out
}

func (r *Rows) link(i int) clew.Link {
	l := &r.b.Links
	out := clew.Link{
		TraceID: clew.MakeTraceID(l.TraceHigh[i], l.TraceLow[i]), SpanID: clew.SpanID(l.SpanID[i]),
		TraceState: string(sparseBytes(&l.TraceState, i)), Flags: l.Flags[i],
		DroppedAttrs: uint32(sparseBits(&l.Dropped, i)),
	}
	r.LinkAttrs(i, collect(&out.Attrs))
	return out
}
