package span

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
)

// ColumnBuilder grows one sparse column.
type ColumnBuilder struct {
	key  string
	typ  clew.Type
	next uint32 // the column that followed this one last time
	rows []uint32
	vals []uint64
	dict column.Dict
}

// PutBits adds the value of an int, double or bool. Rows must not descend.
func (c *ColumnBuilder) PutBits(row uint32, bits uint64) {
	c.rows = append(c.rows, row)
	c.vals = append(c.vals, bits)
}

// PutBytes adds a string or raw value, copying it.
func (c *ColumnBuilder) PutBytes(row uint32, v []byte) {
	code := c.dict.Intern(v)
	c.rows = append(c.rows, row)
	c.vals = append(c.vals, uint64(code))
	if len(c.rows) == rawAfter && c.dict.Len() > rawDistinct {
		c.dict.StopInterning()
	}
}

// has reports whether row already has a value; row is the newest row.
func (c *ColumnBuilder) has(row uint32) bool {
	n := len(c.rows)
	return n > 0 && c.rows[n-1] == row
}

func (c *ColumnBuilder) truncate(row uint32) {
	n := len(c.rows)
	for n > 0 && c.rows[n-1] >= row {
		n--
	}
	c.rows, c.vals = c.rows[:n], c.vals[:n]
}

func (c *ColumnBuilder) reset() {
	c.rows, c.vals, c.next = c.rows[:0], c.vals[:0], NoCode
	c.dict.Reset()
}

func (c *ColumnBuilder) size() int {
	v := c.dict.View()
	return len(c.rows)*12 + len(v.Buf) + len(v.Ends)*4
}

func (c *ColumnBuilder) view() Column {
	return Column{Key: c.key, Type: c.typ, Rows: c.rows, Vals: c.vals, Strings: c.dict.View()}
}

// AttrsBuilder grows the attribute columns of spans, events or links.
//
// Instrumentation writes the attributes of an operation in a fixed order, so the
// builder walks a forest of the orders seen: one root per span name, one node
// per attribute, each with the child that followed last time. Where that child
// is right, finding a column costs one comparison of the key; and the node a
// span ends on is its shape, which keeps the order and clusters rows.
type AttrsBuilder struct {
	cols  []*ColumnBuilder
	spare []*ColumnBuilder // kept by reset, for their memory
	keys  column.Dict
	byKey [][clew.TypeCount]uint32 // column by key code and type, NoCode: none

	parent []uint32
	col    []uint32
	pred   []uint32          // the child that followed last
	child  map[uint64]uint32 // (node, column) to child
	roots  []uint32          // by name code

	shape []uint32
	extra ColumnBuilder
}

func (a *AttrsBuilder) init() {
	a.child = make(map[uint64]uint32)
	a.extra.typ = clew.TypeOther
	a.addNode(NoCode, NoCode) // node 0: the shared root
}

func (a *AttrsBuilder) addNode(parent, col uint32) uint32 {
	a.parent = append(a.parent, parent)
	a.col = append(a.col, col)
	a.pred = append(a.pred, 0)
	return uint32(len(a.parent) - 1)
}

// Root returns the node to start a row at: that of its name (or any other code
// by which orders are told apart).
func (a *AttrsBuilder) Root(name uint32) uint32 {
	if int(name) < len(a.roots) {
		return a.roots[name]
	}
	return a.newRoot(name)
}

func (a *AttrsBuilder) newRoot(name uint32) uint32 {
	if name >= maxShapeRoots {
		return 0
	}
	for len(a.roots) <= int(name) {
		if len(a.parent) >= maxShapeNodes {
			return 0
		}
		a.roots = append(a.roots, a.addNode(NoCode, NoCode))
	}
	return a.roots[name]
}

// Next returns the column of (key, type) and the node it leads to from node at.
// A repeated key is the caller's business: see Duplicate.
func (a *AttrsBuilder) Next(at uint32, key []byte, t clew.Type) (*ColumnBuilder, uint32) {
	if at < uint32(len(a.pred)) {
		if n := a.pred[at]; n != 0 {
			if c := a.cols[a.col[n]]; c.typ == t && c.key == string(key) {
				return c, n
			}
		}
	}
	return a.slow(at, key, t)
}

func (a *AttrsBuilder) slow(at uint32, key []byte, t clew.Type) (*ColumnBuilder, uint32) {
	i := a.column(key, t)
	c := a.cols[i]
	if at == NoCode { // order given up for this row
		return c, NoCode
	}
	edge := uint64(at)<<32 | uint64(i)
	n, ok := a.child[edge]
	if !ok {
		if len(a.parent) >= maxShapeNodes {
			return c, NoCode
		}
		n = a.addNode(at, i)
		a.child[edge] = n
	}
	a.pred[at] = n
	return c, n
}

// column returns the index of the column (key, type), made if need be.
func (a *AttrsBuilder) column(key []byte, t clew.Type) uint32 {
	code := a.keys.Intern(key)
	for int(code) >= len(a.byKey) {
		a.byKey = append(a.byKey, [clew.TypeCount]uint32{NoCode, NoCode, NoCode, NoCode, NoCode})
	}
	if i := a.byKey[code][t]; i != NoCode {
		return i
	}
	var c *ColumnBuilder
	if n := len(a.spare); n > 0 {
		c, a.spare = a.spare[n-1], a.spare[:n-1]
	} else {
		c = new(ColumnBuilder)
	}
	c.key, c.typ = string(key), t
	a.byKey[code][t] = uint32(len(a.cols))
	a.cols = append(a.cols, c)
	return a.byKey[code][t]
}

// Duplicate reports whether row, the newest, already has a value for key under
// any type. It must be asked before a value is put into c, the key's column.
func (a *AttrsBuilder) Duplicate(c *ColumnBuilder, row uint32) bool {
	return c.has(row)
}

// PutExtra keeps KeyValue messages whose keys had occurred before in the row:
// each with its tag and length, back to back.
func (a *AttrsBuilder) PutExtra(row uint32, raw []byte) {
	a.extra.PutBytes(row, raw)
}

// Columns returns how many columns there are.
func (a *AttrsBuilder) Columns() int { return len(a.cols) }

func (a *AttrsBuilder) truncate(row uint32) {
	for _, c := range a.cols {
		c.truncate(row)
	}
	a.extra.truncate(row)
}

func (a *AttrsBuilder) reset() {
	for _, c := range a.cols {
		c.reset()
		a.spare = append(a.spare, c)
	}
	a.cols = a.cols[:0]
	a.keys.Reset()
	a.byKey = a.byKey[:0]
	a.parent, a.col, a.pred = a.parent[:0], a.col[:0], a.pred[:0]
	a.roots = a.roots[:0]
	clear(a.child)
	a.extra.reset()
	a.addNode(NoCode, NoCode)
}

func (a *AttrsBuilder) size() int {
	n := len(a.parent)*12 + len(a.child)*24 + len(a.shape)*4
	for _, c := range a.cols {
		n += c.size()
	}
	return n
}

func (a *AttrsBuilder) view(limit uint32, shapes int) Attrs {
	v := Attrs{
		Columns: make([]Column, 0, len(a.cols)),
		Shape:   a.shape[:shapes],
		Shapes:  Shapes{Parent: a.parent, Column: a.col},
		Extra:   a.extra.view().until(limit),
	}
	for _, c := range a.cols {
		v.Columns = append(v.Columns, c.view().until(limit))
	}
	return v
}
