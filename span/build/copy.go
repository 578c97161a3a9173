package build

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// AppendRows appends rows of src, in the order given, which must be ascending.
// src must have all columns. Values are copied: b keeps nothing of src but the
// parsed resources and scopes.
func (b *Builder) AppendRows(src *span.Batch, rows []uint32) {
	NewCopier(b).Append(src, rows)
}

// A Copier appends rows of many batches to one Builder. Batches that share their
// tables, as blocks of one segment do, are copied code by code: each value of a
// dictionary is looked at once. One goroutine; nobody else may write to the
// Builder meanwhile.
type Copier struct {
	b     *Builder
	table *tableMap           // of the batch before
	dicts map[uint64]*codeMap // by DictID
	plain codeMap             // of a dictionary that no other batch shares
	m     rowMap
	child rowMap

	fresh, of []uint64    // scratch: codes of a source that are new, and what they become
	refs      column.Refs // into the strings of a source
	ordinals  codeMap     // by trace of a batch
	expect    int         // rows
	have      int         // rows, with those that are being appended
}

// NewCopier returns a Copier into b.
func NewCopier(b *Builder) *Copier {
	return &Copier{b: b, dicts: make(map[uint64]*codeMap)}
}

// codeMap is where the codes of one table went, NoCode where they have not yet.
type codeMap []uint32

func (c *codeMap) reset(n int) {
	if cap(*c) < n {
		*c = make(codeMap, n)
	}
	*c = (*c)[:n]
	for i := range *c {
		(*c)[i] = span.NoCode
	}
}

// tableMap is where the tables of a batch went.
type tableMap struct {
	names, eventNames codeMap
	resources, scopes codeMap
	attrs             shapeMap
	eventAttrs        shapeMap
	linkAttrs         shapeMap

	namesID uint64 // of the batches it is for; 0: of one batch only
}

// of returns the maps for a batch: those of the one before if both have the same
// tables.
func (c *Copier) tables(src *span.Batch) *tableMap {
	if c.table != nil && src.NamesDictID != 0 && c.table.namesID == src.NamesDictID {
		return c.table
	}
	t := c.table
	if t == nil {
		t = new(tableMap)
	}
	t.namesID = src.NamesDictID
	t.names.reset(src.Names.Len())
	t.eventNames.reset(src.Events.Names.Len())
	t.resources.reset(len(src.Resources))
	t.scopes.reset(len(src.Scopes))
	t.attrs.reset()
	t.eventAttrs.reset()
	t.linkAttrs.reset()
	c.table = t
	return t
}

// Append appends rows of src as Builder.AppendRows does. Of the dense columns those may be
// missing that are not ids, start or kind: nobody may then ask for what the copies have
// there. Batches of equal NamesDictID, where that is not 0, must have the same tables and
// the same attribute columns in the same places.
func (c *Copier) Append(src *span.Batch, rows []uint32) {
	if len(rows) == 0 {
		return
	}
	b, t := c.b, c.tables(src)
	c.m.reset(rows, src.Rows, uint32(b.rows))
	c.have = b.rows + len(rows)
	c.attrs(&b.Attrs, &t.attrs, &src.Attrs, &c.m)
	c.fixed(t, src)
	for _, s := range []struct {
		dst *ColumnBuilder
		src *span.Column
	}{
		{&b.StatusMessage, &src.StatusMessage}, {&b.TraceState, &src.TraceState}, {&b.DroppedAttrs, &src.DroppedAttrs},
		{&b.DroppedEvents, &src.DroppedEvents}, {&b.DroppedLinks, &src.DroppedLinks},
		{&b.Weight, &src.Weight}, {&b.moved, &src.Moved},
	} {
		c.column(s.dst, s.src, &c.m)
	}
	c.events(t, &src.Events)
	c.links(t, &src.Links)
}

// rowMap maps chosen rows of a source to their new numbers, base and up.
type rowMap struct {
	rows  []uint32
	base  uint32
	all   bool     // rows are all there are: row r becomes base + r
	table []uint32 // by source row; of no use if all, or if few
	few   bool     // rows are searched in each column
}

// fewRows is the number of rows up to which finding each in a column by bisection
// beats a table over all rows.
const fewRows = 256

func (m *rowMap) reset(rows []uint32, total int, base uint32) {
	m.rows, m.base = rows, base
	m.all, m.few = len(rows) == total, len(rows) <= fewRows
	if m.all || m.few {
		return
	}
	if cap(m.table) < total {
		m.table = make([]uint32, total)
	}
	m.table = m.table[:total]
	for i := range m.table {
		m.table[i] = span.NoCode
	}
	for i, r := range rows {
		m.table[r] = base + uint32(i)
	}
}

// put adds the chosen rows of src to c, with their values as they are in src, and
// returns those values, to be changed where they are.
func (m *rowMap) put(c *ColumnBuilder, src *span.Column) (vals []uint64) {
	n := len(c.vals)
	switch {
	case m.all:
		c.rows = c.rows[:n+len(src.Rows)]
		shift(c.rows[n:], src.Rows, m.base)
		c.vals = append(c.vals, src.Vals...)
	case m.few:
		for k, r := range m.rows {
			if i, ok := src.Find(r); ok {
				c.rows, c.vals = append(c.rows, m.base+uint32(k)), append(c.vals, src.Vals[i])
			}
		}
	default:
		for i, r := range src.Rows {
			if to := m.table[r]; to != span.NoCode {
				c.rows, c.vals = append(c.rows, to), append(c.vals, src.Vals[i])
			}
		}
	}
	return c.vals[n:]
}

// meets reports whether any chosen row has a value in src.
func (m *rowMap) meets(src *span.Column) bool {
	switch {
	case m.all:
		return len(src.Rows) > 0
	case m.few:
		for _, r := range m.rows {
			if _, ok := src.Find(r); ok {
				return true
			}
		}
		return false
	}
	for _, r := range src.Rows {
		if m.table[r] != span.NoCode {
			return true
		}
	}
	return false
}

// column copies the chosen rows of a column.
func (c *Copier) column(dst *ColumnBuilder, src *span.Column, m *rowMap) {
	if len(src.Rows) == 0 {
		return
	}
	if n := min(len(src.Rows), len(m.rows)); c.expect > 0 || m.all {
		dst.rows, dst.vals = grow(c, dst.rows, n), grow(c, dst.vals, n)
	}
	vals := m.put(dst, src)
	if src.Type != clew.TypeString && src.Type != clew.TypeOther {
		return
	}
	if codes := c.codes(src); codes == nil {
		c.intern(&dst.dict, &src.Strings, vals)
	} else {
		c.translate(&dst.dict, &src.Strings, codes, vals)
	}
	dst.stopInterning()
}

// pending marks a code that is being mapped.
const pending = span.NoCode - 1

// translate puts in the place of codes of src those that codes says, and gives it those
// that it lacks.
func (c *Copier) translate(dst *column.Dict, src *column.Strings, codes codeMap, vals []uint64) {
	c.fresh = c.fresh[:0]
	for _, v := range vals {
		if codes[v] == span.NoCode {
			codes[v] = pending
			c.fresh = append(c.fresh, v)
		}
	}
	if len(c.fresh) > 0 {
		c.of = append(c.of[:0], c.fresh...)
		c.intern(dst, src, c.of)
		for i, v := range c.fresh {
			codes[v] = uint32(c.of[i])
		}
	}
	for i, v := range vals {
		vals[i] = uint64(codes[v])
	}
}

// intern puts in the place of codes of src those of dst. It looks many up together.
func (c *Copier) intern(dst *column.Dict, src *column.Strings, vals []uint64) {
	if len(src.Buf) >= column.InMore {
		for i, v := range vals {
			vals[i] = uint64(dst.Intern(src.At(int(v))))
		}
		return
	}
	c.refs.Body = src.Buf
	for i, v := range vals {
		vals[i] = src.Ref(int(v))
	}
	dst.InternRefs(&c.refs, vals)
	c.refs.Body = nil
}

// codes returns where the codes of a column's dictionary went; nil where the
// strings are not a dictionary but one for each value.
func (c *Copier) codes(src *span.Column) codeMap {
	if src.DictID != 0 {
		m := c.dicts[src.DictID]
		if m == nil {
			m = new(codeMap)
			m.reset(src.Strings.Len())
			c.dicts[src.DictID] = m
		}
		return *m
	}
	if src.Strings.Len() >= len(src.Rows) {
		return nil // a string for each value, or a head's dictionary of which few are wanted
	}
	c.plain.reset(src.Strings.Len())
	return c.plain
}

// shapeMap carries attribute orders from one forest to another.
type shapeMap struct {
	cols []uint32 // by source column
	node codeMap  // by source node, shifted by one: NoCode has none
	list []uint32
}

func (s *shapeMap) reset() { s.cols, s.node = s.cols[:0], s.node[:0] }

// grow makes room for the columns and nodes of src.
func (s *shapeMap) grow(src *span.Attrs) {
	for len(s.cols) < len(src.Columns) {
		s.cols = append(s.cols, span.NoCode)
	}
	for len(s.node) < len(src.Shapes.Parent) {
		s.node = append(s.node, span.NoCode)
	}
}

func (c *Copier) attrs(dst *AttrsBuilder, s *shapeMap, src *span.Attrs, m *rowMap) {
	s.grow(src)
	for i := range src.Columns {
		col := &src.Columns[i]
		if len(col.Rows) == 0 {
			continue
		}
		if to := s.cols[i]; to == span.NoCode || dst.cols[to].typ != col.Type || dst.cols[to].key != col.Key {
			// Met for the first time; or a column that stands in no shape, whose place
			// another batch of these tables gives to another.
			if !m.meets(col) {
				continue
			}
			s.cols[i] = dst.column([]byte(col.Key), col.Type)
		}
		c.column(dst.cols[s.cols[i]], col, m)
	}
	c.column(&dst.extra, &src.Extra, m)
}

// of returns the node in a of an order that has another in src.
func (s *shapeMap) of(a *AttrsBuilder, src *span.Attrs, from uint32) uint32 {
	if from == span.NoCode {
		return span.NoCode
	}
	if to := s.node[from]; to != span.NoCode {
		return to
	}
	s.list = src.Shapes.AppendList(s.list[:0], from)
	at := uint32(0)
	for _, col := range s.list {
		if at = a.step(at, s.cols[col]); at == span.NoCode {
			break
		}
	}
	s.node[from] = at
	return at
}

// at is of for the order of a row.
func (s *shapeMap) at(a *AttrsBuilder, src *span.Attrs, row uint32) uint32 {
	if src.Shape == nil {
		return span.NoCode
	}
	return s.of(a, src, src.Shape[row])
}

// step returns the child of node at for column col, made if there is room.
func (a *AttrsBuilder) step(at, col uint32) uint32 {
	n, slot := a.child.find(at, col)
	if n == 0 {
		if len(a.parent) >= maxShapeNodes {
			return span.NoCode
		}
		n = a.addNode(at, col)
		a.child.put(slot, at, col, n)
	}
	return n
}

// childRows returns the children of the chosen spans and their new owners. Rows
// ascend in both tables, so children of one span stay together and in order.
func childRows(owner []uint32, m *rowMap) (children, owners []uint32) {
	switch {
	case m.all:
		for i, r := range owner {
			children, owners = append(children, uint32(i)), append(owners, m.base+r)
		}
	case m.few:
		for k, r := range m.rows {
			for i := childLimit(owner, r); i < len(owner) && owner[i] == r; i++ {
				children, owners = append(children, uint32(i)), append(owners, m.base+uint32(k))
			}
		}
	default:
		for i, r := range owner {
			if to := m.table[r]; to != span.NoCode {
				children, owners = append(children, uint32(i)), append(owners, to)
			}
		}
	}
	return children, owners
}

func (c *Copier) events(t *tableMap, src *span.Events) {
	children, owners := childRows(src.Row, &c.m)
	if len(children) == 0 {
		return
	}
	e := &c.b.Events
	if len(t.eventNames) < src.Names.Len() {
		t.eventNames.reset(src.Names.Len()) // the first batch of these tables that has events
	}
	c.child.reset(children, len(src.Row), e.Next())
	c.attrs(&e.Attrs, &t.eventAttrs, &src.Attrs, &c.child)
	c.column(&e.dropped, &src.Dropped, &c.child)
	for i, k := range children {
		name := t.eventNames[src.Name[k]]
		if name == span.NoCode {
			name = e.InternName(src.Names.At(int(src.Name[k])))
			t.eventNames[src.Name[k]] = name
		}
		e.End(owners[i], src.Time[k], name, t.eventAttrs.at(&e.Attrs, &src.Attrs, k), 0)
	}
}

func (c *Copier) links(t *tableMap, src *span.Links) {
	children, owners := childRows(src.Row, &c.m)
	if len(children) == 0 {
		return
	}
	l := &c.b.Links
	c.child.reset(children, len(src.Row), l.Next())
	c.attrs(&l.Attrs, &t.linkAttrs, &src.Attrs, &c.child)
	c.column(&l.dropped, &src.Dropped, &c.child)
	c.column(&l.traceState, &src.TraceState, &c.child)
	for i, k := range children {
		l.End(owners[i], &LinkFixed{
			TraceHigh: src.TraceHigh[k], TraceLow: src.TraceLow[k], SpanID: src.SpanID[k],
			Flags: src.Flags[k], Shape: t.linkAttrs.at(&l.Attrs, &src.Attrs, k),
		})
	}
}
