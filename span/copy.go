package span

import "github.com/clew-tracing/clew"

// AppendRows appends rows of src, in the order given, which must be ascending.
// src must have all columns. Values are copied: b keeps nothing of src but the
// parsed resources and scopes.
func (b *Builder) AppendRows(src *Batch, rows []uint32) {
	if len(rows) == 0 {
		return
	}
	base := uint32(b.rows)
	names := make(map[uint32]uint32)
	resources, scopes := make(map[uint32]uint32), make(map[uint32]uint32)
	spans := newRowMap(rows, src.Rows, base)
	shapes := b.Attrs.copyColumns(&src.Attrs, spans)
	for _, r := range rows {
		name, ok := names[src.Name[r]]
		if !ok {
			name = b.InternName(src.Names.At(int(src.Name[r])))
			names[src.Name[r]] = name
		}
		id := src.TraceIDs[src.Trace[r]]
		b.EndSpan(&Fixed{
			TraceHigh: id.High(), TraceLow: id.Low(), SpanID: src.SpanID[r], ParentID: src.ParentID[r],
			Start: src.Start[r], End: src.Start[r] + src.Duration[r], Name: name,
			Shape: shapes.of(&b.Attrs, &src.Attrs, r), Flags: src.Flags[r], Kind: src.Kind[r], Status: src.Status[r],
		})
		b.resource[b.rows-1] = b.copyResource(resources, src, src.Resource[r])
		b.scope[b.rows-1] = b.copyScope(scopes, src, src.Scope[r])
	}
	for _, c := range []struct {
		dst *ColumnBuilder
		src *Column
	}{
		{&b.StatusMessage, &src.StatusMessage}, {&b.TraceState, &src.TraceState}, {&b.DroppedAttrs, &src.DroppedAttrs},
		{&b.DroppedEvents, &src.DroppedEvents}, {&b.DroppedLinks, &src.DroppedLinks},
		{&b.Weight, &src.Weight},
	} {
		c.dst.copyRows(c.src, spans)
	}
	b.Events.copyRows(&src.Events, spans)
	b.Links.copyRows(&src.Links, spans)
}

func (b *Builder) copyResource(seen map[uint32]uint32, src *Batch, code uint32) uint32 {
	if to, ok := seen[code]; ok {
		return to
	}
	to, fresh := b.InternResource(src.Resources[code].Raw)
	if fresh {
		b.resEntry[to] = src.Resources[code]
	}
	seen[code] = to
	return to
}

func (b *Builder) copyScope(seen map[uint32]uint32, src *Batch, code uint32) uint32 {
	if to, ok := seen[code]; ok {
		return to
	}
	to, fresh := b.InternScope(src.Scopes[code].Raw)
	if fresh {
		b.scpEntry[to] = src.Scopes[code]
	}
	seen[code] = to
	return to
}

// rowMap maps chosen rows of a source to their new numbers, base and up.
type rowMap struct {
	rows []uint32
	base uint32
	to   []uint32 // by source row; nil where rows are few and are searched
}

// fewRows is the number of rows up to which finding each in a column by bisection
// beats a table over all rows.
const fewRows = 256

func newRowMap(rows []uint32, total int, base uint32) *rowMap {
	m := &rowMap{rows: rows, base: base}
	if len(rows) <= fewRows {
		return m
	}
	m.to = make([]uint32, total)
	for i := range m.to {
		m.to[i] = NoCode
	}
	for i, r := range rows {
		m.to[r] = base + uint32(i)
	}
	return m
}

// each calls f with (position in c, new row) for the present values of c.
func (m *rowMap) each(c *Column, f func(i int, row uint32)) {
	if m.to != nil {
		for i, r := range c.Rows {
			if to := m.to[r]; to != NoCode {
				f(i, to)
			}
		}
		return
	}
	for k, r := range m.rows {
		if i, ok := c.Find(r); ok {
			f(i, m.base+uint32(k))
		}
	}
}

func (c *ColumnBuilder) copyRows(src *Column, m *rowMap) {
	if src.Type == clew.TypeString || src.Type == clew.TypeOther {
		m.each(src, func(i int, row uint32) { c.PutBytes(row, src.Strings.At(int(src.Vals[i]))) })
		return
	}
	m.each(src, func(i int, row uint32) { c.PutBits(row, src.Vals[i]) })
}

// shapeMap carries attribute orders from one forest to another.
type shapeMap struct {
	cols []uint32 // by source column
	node map[uint32]uint32
	list []uint32
}

func (a *AttrsBuilder) copyColumns(src *Attrs, m *rowMap) *shapeMap {
	s := &shapeMap{cols: make([]uint32, len(src.Columns)), node: make(map[uint32]uint32)}
	for i := range src.Columns {
		c := &src.Columns[i]
		s.cols[i] = NoCode
		m.each(c, func(at int, row uint32) {
			if s.cols[i] == NoCode {
				s.cols[i] = a.column([]byte(c.Key), c.Type)
			}
			to := a.cols[s.cols[i]]
			if c.Type == clew.TypeString || c.Type == clew.TypeOther {
				to.PutBytes(row, c.Strings.At(int(c.Vals[at])))
			} else {
				to.PutBits(row, c.Vals[at])
			}
		})
	}
	a.extra.copyRows(&src.Extra, m)
	return s
}

// of returns the node of a row's order in a.
func (s *shapeMap) of(a *AttrsBuilder, src *Attrs, row uint32) uint32 {
	if src.Shape == nil || src.Shape[row] == NoCode {
		return NoCode
	}
	from := src.Shape[row]
	if to, ok := s.node[from]; ok {
		return to
	}
	s.list = src.Shapes.AppendList(s.list[:0], from)
	at := uint32(0)
	for _, col := range s.list {
		if at = a.step(at, s.cols[col]); at == NoCode {
			break
		}
	}
	s.node[from] = at
	return at
}

// step returns the child of node at for column col, made if there is room.
func (a *AttrsBuilder) step(at, col uint32) uint32 {
	edge := uint64(at)<<32 | uint64(col)
	n, ok := a.child[edge]
	if !ok {
		if len(a.parent) >= maxShapeNodes {
			return NoCode
		}
		n = a.addNode(at, col)
		a.child[edge] = n
	}
	return n
}

// childRows returns the children of the chosen spans and their new owners. Rows
// ascend in both tables, so children of one span stay together and in order.
func childRows(owner []uint32, m *rowMap) (children, owners []uint32) {
	if m.to != nil {
		for i, r := range owner {
			if to := m.to[r]; to != NoCode {
				children, owners = append(children, uint32(i)), append(owners, to)
			}
		}
		return children, owners
	}
	for k, r := range m.rows {
		for i := childLimit(owner, r); i < len(owner) && owner[i] == r; i++ {
			children, owners = append(children, uint32(i)), append(owners, m.base+uint32(k))
		}
	}
	return children, owners
}

func (e *EventsBuilder) copyRows(src *Events, spans *rowMap) {
	children, owners := childRows(src.Row, spans)
	if len(children) == 0 {
		return
	}
	m := newRowMap(children, len(src.Row), e.Next())
	shapes := e.Attrs.copyColumns(&src.Attrs, m)
	e.dropped.copyRows(&src.Dropped, m)
	for i, c := range children {
		name := e.InternName(src.Names.At(int(src.Name[c])))
		e.End(owners[i], src.Time[c], name, shapes.of(&e.Attrs, &src.Attrs, c), 0)
	}
}

func (l *LinksBuilder) copyRows(src *Links, spans *rowMap) {
	children, owners := childRows(src.Row, spans)
	if len(children) == 0 {
		return
	}
	m := newRowMap(children, len(src.Row), l.Next())
	shapes := l.Attrs.copyColumns(&src.Attrs, m)
	l.dropped.copyRows(&src.Dropped, m)
	l.traceState.copyRows(&src.TraceState, m)
	for i, c := range children {
		l.End(owners[i], &LinkFixed{
			TraceHigh: src.TraceHigh[c], TraceLow: src.TraceLow[c], SpanID: src.SpanID[c],
			Flags: src.Flags[c], Shape: shapes.of(&l.Attrs, &src.Attrs, c),
		})
	}
}
