package build

import (
	"slices"
	"unicode/utf8"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// ColumnBuilder grows one sparse column.
type ColumnBuilder struct {
	// Head is for whoever reads messages into a Draft.
	Head Head

	rows []uint32
	vals []uint64
	key  string
	typ  clew.Type
	bad  bool   // the key is not UTF-8
	twin bool   // there is a column of the same key and another type
	of   uint32 // the key's code
	at   uint32 // the column's index
	dict column.Dict
	odd  []uint32 // codes of strings that are not UTF-8, ascending; of copied rows they are not noted
}

// Type returns the type of c's values.
func (c *ColumnBuilder) Type() clew.Type { return c.typ }

// PutBits adds the value of an int, double or bool. Rows must not descend.
func (c *ColumnBuilder) PutBits(row uint32, bits uint64) {
	c.rows = append(c.rows, row)
	c.vals = append(c.vals, bits)
}

// PutInRoom is PutBits where c has room; it reports whether it had.
func (c *ColumnBuilder) PutInRoom(row uint32, bits uint64) bool {
	n := len(c.vals)
	if n >= cap(c.rows) || n >= cap(c.vals) {
		return false
	}
	c.rows = c.rows[:n+1]
	c.rows[n] = row
	c.vals = c.vals[:n+1]
	c.vals[n] = bits
	return true
}

// PutBytes adds a string or raw value, copying it.
func (c *ColumnBuilder) PutBytes(row uint32, v []byte) {
	code := c.intern(v)
	c.rows = append(c.rows, row)
	c.vals = append(c.vals, uint64(code))
	c.stopInterning()
}

// stopInterning has a column whose values hardly repeat look for equal ones no more.
func (c *ColumnBuilder) stopInterning() {
	if len(c.rows) >= rawAfter && c.dict.Interning() && 2*c.dict.Len() > len(c.rows) {
		c.dict.StopInterning()
	}
}

func (c *ColumnBuilder) intern(v []byte) uint32 {
	known := c.dict.Len()
	code := c.dict.Intern(v)
	c.findOdd(known)
	return code
}

// findOdd notes which of the strings with codes from known on are not UTF-8.
func (c *ColumnBuilder) findOdd(known int) {
	if c.typ != clew.TypeString {
		return
	}
	for code := known; code < c.dict.Len(); code++ {
		if !utf8.Valid(c.dict.At(uint32(code))) {
			c.odd = append(c.odd, uint32(code))
		}
	}
}

// Has reports whether the row being decoded has a value in c.
func (a *AttrsBuilder) Has(c *ColumnBuilder) bool { return c.has(uint32(len(a.shape))) }

// has reports whether row already has a value; row is the newest row.
func (c *ColumnBuilder) has(row uint32) bool {
	n := len(c.rows)
	return n > 0 && c.rows[n-1] == row
}

func (c *ColumnBuilder) truncate(row uint32) {
	n := len(c.rows)
	if row == 0 {
		n = 0
	}
	for n > 0 && c.rows[n-1] >= row {
		n--
	}
	c.rows, c.vals = c.rows[:n], c.vals[:n]
}

func (c *ColumnBuilder) reset() {
	c.rows, c.vals, c.odd = c.rows[:0], c.vals[:0], c.odd[:0]
	c.dict.Reset()
}

func (c *ColumnBuilder) size() int {
	v := c.dict.View()
	return len(c.rows)*12 + len(v.Buf) + len(v.Ends)*4
}

func (c *ColumnBuilder) view() span.Column {
	return span.Column{Key: c.key, Type: c.typ, Rows: c.rows, Vals: c.vals, Strings: c.dict.View()}
}

// AttrsBuilder grows the attribute columns of spans, events or links.
//
// Instrumentation writes the attributes of an operation in a fixed order, so the
// builder walks a forest of the orders seen: one root per span name, one node
// per attribute, each with the child that followed last time. Where that child
// is right, finding a column costs one comparison of the key; and the node a
// span ends on is its shape, which keeps the order and clusters rows.
//
// An operation that has ever other attributes would fill the forest with orders that
// hardly come again. Once there are many branches, it gets new ones only as its rows
// are more; the rest of its rows have no shape (see mayBranch).
type AttrsBuilder struct {
	cols  []*ColumnBuilder  // those between len and cap are kept by reset, for their memory
	were  map[columnKey]int // where in cols what reset kept lies
	keys  column.Dict
	byKey [][clew.TypeCount]uint32 // column by key code and type, NoCode: none
	heads *headTable               // nil until the first column is noted

	parent []uint32
	col    []uint32
	pred   []step    // by node, for those that were left by Next: the child that followed last
	child  edgeTable // (node, column) to child
	odd    []bool    // by node: see Odd

	roots    []root // the shared one, then by name code
	root     int    // of the row being decoded
	branches int    // of all roots

	shape []uint32
	extra ColumnBuilder

	// Columns of the span being decoded, in rows whose order was given up: loose, and
	// those on the way to node looseFrom; and whether the last such row is odd.
	looseFrom uint32
	loose     []uint32
	looseOdd  bool
}

// root is where the orders of rows of one name begin.
type root struct {
	node     uint32
	rows     uint32 // that began there
	branches uint32 // below it: children of nodes that had one
}

// columnKey is what makes a column.
type columnKey struct {
	key string
	typ clew.Type
}

// step is a child of a node and the column that leads there; no column: no child.
type step struct {
	c    *ColumnBuilder
	node uint32
}

func (a *AttrsBuilder) init() {
	a.extra.typ = clew.TypeOther
	a.addRoot() // node 0: the shared root
}

func (a *AttrsBuilder) addRoot() {
	a.roots = append(a.roots, root{node: a.addNode(span.NoCode, span.NoCode)})
}

func (a *AttrsBuilder) addNode(parent, col uint32) uint32 {
	odd := col != span.NoCode && (a.odd[parent] || a.oddColumn(col))
	a.odd = append(a.odd, odd)
	a.parent = append(a.parent, parent)
	a.col = append(a.col, col)
	return uint32(len(a.parent) - 1)
}

// Root returns the node to start a row at: that of its name (or any other code
// by which orders are told apart).
func (a *AttrsBuilder) Root(name uint32) uint32 {
	if a.root = int(name) + 1; a.root >= len(a.roots) {
		a.newRoot(name)
	}
	r := &a.roots[a.root]
	r.rows++
	return r.node
}

func (a *AttrsBuilder) newRoot(name uint32) {
	a.root = 0
	if name >= maxShapeRoots {
		return
	}
	for len(a.roots) <= int(name)+1 {
		if len(a.parent) >= maxShapeNodes {
			return
		}
		a.addRoot()
	}
	a.root = int(name) + 1
}

// Likely returns the column that followed node at last and the node it led to; nil if
// none did. The row being decoded has no value there yet.
func (a *AttrsBuilder) Likely(at uint32) (*ColumnBuilder, uint32) {
	if uint64(at) < uint64(len(a.pred)) {
		p := &a.pred[at]
		return p.c, p.node
	}
	return nil, at
}

// Next returns the column of (key, type) and the node it leads to from node at.
// The column is nil where it would be one too many (maxColumns), and where the row
// being decoded has a value already: the attribute then goes to PutExtra.
func (a *AttrsBuilder) Next(at uint32, key []byte, t clew.Type) (*ColumnBuilder, uint32) {
	if c, n := a.Likely(at); c != nil && c.typ == t && c.key == string(key) {
		return c, n
	}
	if len(a.cols) >= maxColumns && !a.known(key, t) {
		return nil, at
	}
	c := a.cols[a.column(key, t)]
	if c.has(uint32(len(a.shape))) {
		return nil, at
	}
	return c, a.Follow(at, c)
}

// Follow returns the node that column c leads to from node at. The row being decoded had
// no value there.
func (a *AttrsBuilder) Follow(at uint32, c *ColumnBuilder) uint32 {
	n := span.NoCode
	if at != span.NoCode {
		n = a.branch(at, c.at)
	}
	if n == span.NoCode {
		a.giveUp(at, c.at)
		return span.NoCode
	}
	for uint32(len(a.pred)) <= at {
		a.pred = append(a.pred, step{})
	}
	a.pred[at] = step{c, n}
	return n
}

// branch returns the child of node at for column col; NoCode if there is none and it is
// not to be made.
func (a *AttrsBuilder) branch(at, col uint32) uint32 {
	if c, _ := a.Likely(at); c == nil {
		return a.step(at, col)
	}
	n, slot := a.child.find(at, col)
	if n == 0 {
		if len(a.parent) >= maxShapeNodes || !a.mayBranch() {
			return span.NoCode
		}
		n = a.addNode(at, col)
		a.child.put(slot, at, col, n)
		a.roots[a.root].branches++
		a.branches++
	}
	return n
}

// mayBranch reports whether orders of the row's name may differ in one more way.
func (a *AttrsBuilder) mayBranch() bool {
	r := &a.roots[a.root]
	return a.branches < freeBranches || r.branches < keptBranches+r.rows/branchRows
}

// giveUp notes a column of a row whose order is not kept; the order was known up
// to node at.
func (a *AttrsBuilder) giveUp(at, col uint32) {
	if at != span.NoCode {
		if len(a.loose) > 0 { // of another event or link of the same span
			a.loose = span.Shapes{Parent: a.parent, Column: a.col}.AppendList(a.loose, a.looseFrom)
		}
		a.looseFrom, a.looseOdd = at, a.odd[at]
	}
	if c := a.cols[col]; (c.bad || c.twin) && a.oddColumn(col) {
		a.looseOdd = true
	}
	a.loose = append(a.loose, col)
}

// drop takes back the attributes of all rows from row from on, which belong to the
// span being decoded; shape is the node that the row not yet ended has come to.
func (a *AttrsBuilder) drop(from, shape uint32) {
	if len(a.loose) > 0 {
		a.dropPath(from, a.looseFrom)
	}
	for _, i := range a.loose {
		a.cols[i].truncate(from)
	}
	a.loose = a.loose[:0]
	a.dropPath(from, shape)
	for len(a.shape) > int(from) {
		last := len(a.shape) - 1
		a.dropPath(from, a.shape[last])
		a.shape = a.shape[:last]
	}
	a.extra.truncate(from)
}

func (a *AttrsBuilder) dropPath(from, shape uint32) {
	if shape == span.NoCode {
		return
	}
	for n := shape; a.col[n] != span.NoCode; n = a.parent[n] {
		a.cols[a.col[n]].truncate(from)
	}
}

// oddColumn reports whether an attribute in column col makes the row being
// decoded odd.
func (a *AttrsBuilder) oddColumn(col uint32) bool {
	c := a.cols[col]
	if c.bad || !c.twin {
		return c.bad
	}
	for _, i := range a.byKey[c.of] {
		if i != span.NoCode && i != col && a.cols[i].has(uint32(len(a.shape))) {
			return true
		}
	}
	return false
}

// Odd reports whether the row being decoded, which has come to node shape, has a
// key that is not UTF-8 or one under two types. It is asked before the row ends,
// of a Builder into which no rows were copied.
func (a *AttrsBuilder) Odd(shape uint32) bool {
	if shape == span.NoCode {
		return a.looseOdd
	}
	return a.odd[shape]
}

// known reports whether there is a column (key, t).
func (a *AttrsBuilder) known(key []byte, t clew.Type) bool {
	code, ok := a.keys.Lookup(key)
	return ok && a.byKey[code][t] != span.NoCode
}

// column returns the index of the column (key, type), made if need be.
func (a *AttrsBuilder) column(key []byte, t clew.Type) uint32 {
	code := a.keys.Intern(key)
	for int(code) >= len(a.byKey) {
		a.byKey = append(a.byKey, [clew.TypeCount]uint32{span.NoCode, span.NoCode, span.NoCode, span.NoCode, span.NoCode})
	}
	if i := a.byKey[code][t]; i != span.NoCode {
		return i
	}
	i := len(a.cols)
	if i == cap(a.cols) {
		a.cols = slices.Grow(a.cols, 1)
	}
	a.cols = a.cols[:i+1]
	a.recall(i, key, t)
	c := a.cols[i]
	if c == nil {
		c = new(ColumnBuilder)
		a.cols[i] = c
	}
	if c.key != string(key) {
		c.key = string(key)
	}
	c.typ, c.of, c.at, c.bad, c.twin, c.Head.Size = t, code, uint32(i), !utf8.Valid(key), false, 0
	for _, k := range a.byKey[code] {
		if k != span.NoCode {
			a.cols[k].twin, c.twin = true, true
		}
	}
	a.byKey[code][t] = uint32(i)
	return uint32(i)
}

// recall brings what was the column (key, t) before reset to place i of cols: it has the
// memory that such a column needs.
func (a *AttrsBuilder) recall(i int, key []byte, t clew.Type) {
	at, ok := a.were[columnKey{string(key), t}]
	if !ok || at <= i {
		return
	}
	kept := a.cols[:cap(a.cols)]
	if kept[at] == nil || kept[at].typ != t || kept[at].key != string(key) {
		return
	}
	kept[i], kept[at] = kept[at], kept[i]
	if c := kept[at]; c != nil {
		a.were[columnKey{c.key, c.typ}] = at
	}
}

// heldBytes returns the memory of all columns, with those that there were before reset and
// are not now.
func (a *AttrsBuilder) heldBytes() int {
	n := a.extra.heldBytes()
	for _, c := range a.cols[:cap(a.cols)] {
		if c != nil {
			n += columnBytes + c.heldBytes()
		}
	}
	return n
}

func (c *ColumnBuilder) heldBytes() int {
	return 4*cap(c.rows) + 8*cap(c.vals) + 4*cap(c.odd) + c.dict.MemoryBytes()
}

// PutExtra keeps KeyValue messages that found no place in a column: their key and
// type had occurred before in the row, or there were too many columns. Each comes
// with its tag and length, back to back.
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
	a.loose = a.loose[:0]
}

func (a *AttrsBuilder) reset() {
	if a.were == nil {
		a.were = make(map[columnKey]int)
	}
	clear(a.were)
	for i, c := range a.cols {
		c.reset()
		a.were[columnKey{c.key, c.typ}] = i
	}
	a.cols = a.cols[:0]
	a.keys.Reset()
	a.byKey = a.byKey[:0]
	if a.heads != nil {
		clear(a.heads[:])
	}
	a.parent, a.col, a.pred, a.odd = a.parent[:0], a.col[:0], a.pred[:0], a.odd[:0]
	a.roots, a.root, a.branches = a.roots[:0], 0, 0
	a.child.reset()
	a.extra.reset()
	a.addRoot()
}

func (a *AttrsBuilder) size() int {
	n := len(a.parent)*13 + len(a.child.slots)*12 + len(a.shape)*4
	n += a.keys.SizeBytes() + len(a.byKey)*4*clew.TypeCount
	n += a.extra.size() + len(a.cols)*columnBytes
	for _, c := range a.cols {
		n += c.size()
	}
	return n
}

func (a *AttrsBuilder) view(limit uint32, shapes int) span.Attrs {
	v := span.Attrs{
		Columns: make([]span.Column, 0, len(a.cols)),
		Shape:   a.shape[:shapes],
		Shapes:  span.Shapes{Parent: a.parent, Column: a.col},
		Extra:   a.extra.view().Until(limit),
	}
	for _, c := range a.cols {
		v.Columns = append(v.Columns, c.view().Until(limit))
	}
	return v
}
