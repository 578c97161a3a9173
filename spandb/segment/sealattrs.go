package segment

import (
	"cmp"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment/order"
)

// attrSealer writes sparse columns. The rows of a column are placed in segment
// order through a table of values by new position and a bitmap of positions
// taken; each block then reads its part of both in order.
type attrSealer struct {
	s     *Sealer
	vals  []uint64
	taken column.Bitmap
	pos   []uint32
	dense []uint64
	remap []uint32
	list  []uint32
	pres  column.Bitmap
	strs  column.Strings
}

// spans writes the attribute columns of spans.
func (a *attrSealer) spans() {
	o := &a.s.order
	limits, place := o.Limits()
	for i := range a.s.b.Attrs.Columns {
		if c := &a.s.b.Attrs.Columns[i]; len(c.Rows) > 0 {
			a.column(attrColumn(familySpan, c), c, place, limits, o.Explicit)
		}
	}
}

// sparse writes an intrinsic sparse column, presence included.
func (a *attrSealer) sparse(name string, c *span.Column, place func(uint32) uint32, limits []int) {
	if len(c.Rows) > 0 {
		a.column(name, c, place, limits, true)
	}
}

// column writes one column: a chunk per block that has values, each with its
// presence if presence is stored, and the dictionary if it has one.
func (a *attrSealer) column(name string, c *span.Column, place func(uint32) uint32, limits []int, presence bool) {
	total := 0
	if len(limits) > 0 {
		total = limits[len(limits)-1]
	}
	col := a.s.w.Column(name)
	a.vals = resize(a.vals, total)
	a.taken = a.taken.Reset(total)
	for i, r := range c.Rows {
		p := place(r)
		a.taken.Set(int(p))
		a.vals[p] = c.Vals[i]
	}
	dict := isText(c.Type) && a.dictionary(col, c)
	next, start := 0, 0
	a.pos = a.taken.AppendOnes(a.pos[:0])
	for blk, end := range limits {
		first := next
		for next < len(a.pos) && int(a.pos[next]) < end {
			next++
		}
		if next > first {
			a.block(col, blk, c, a.pos[first:next], start, end, presence, dict)
		}
		start = end
	}
}

// dictionary writes the column's dictionary if it has few enough distinct values
// and turns a.vals into its codes.
func (a *attrSealer) dictionary(col int, c *span.Column) bool {
	n := c.Strings.Len()
	if n > dictValues || n > smallDict && n*dictShare > len(c.Rows) {
		return false
	}
	a.remap = resize(a.remap, n)
	clear(a.remap)
	for _, v := range c.Vals {
		a.remap[v] = 1
	}
	a.list = a.list[:0]
	for code, v := range a.remap {
		if v != 0 {
			a.remap[code] = uint32(len(a.list))
			a.list = append(a.list, uint32(code))
		}
	}
	a.s.dictionary(col, c.Strings, a.list)
	for _, p := range a.taken.AppendOnes(a.pos[:0]) {
		a.vals[p] = uint64(a.remap[a.vals[p]])
	}
	return true
}

// block writes the values at the given positions, which lie in [start, end).
func (a *attrSealer) block(col, blk int, c *span.Column, pos []uint32, start, end int, presence, dict bool) {
	a.dense = a.dense[:0]
	for _, p := range pos {
		a.dense = append(a.dense, a.vals[p])
	}
	buf := a.s.w.Buf()
	if presence {
		a.pres = a.pres.Reset(end - start)
		for _, p := range pos {
			a.pres.Set(int(p) - start)
		}
		buf = column.AppendBitmap(buf, a.pres, end-start)
	}
	lo, hi := uint64(0), ^uint64(0)
	switch {
	case c.Type == clew.TypeDouble:
		buf = column.AppendDoubles(buf, a.dense, small)
	case c.Type == clew.TypeInt:
		lo, hi = bounds(a.dense, true)
		buf = column.AppendInts(buf, a.dense, smallInts)
	case dict, c.Type == clew.TypeBool:
		lo, hi = bounds(a.dense, false)
		buf = column.AppendInts(buf, a.dense, small)
	default:
		a.strs.Reset()
		for _, code := range a.dense {
			a.strs.Append(c.Strings.At(int(code)))
		}
		buf = column.AppendStrings(buf, a.strs, column.StringOptions{Block: rawMini})
	}
	a.s.w.Chunk(col, blk, buf, lo, hi)
}

// childOrder places events or links in the order of their spans.
type childOrder struct {
	place  []uint32 // child → new index
	perm   []uint32 // new index → child
	limits []int    // by block: end of its children
}

func (s *Sealer) childOrder(owner []uint32) childOrder {
	o := &s.order
	count := make([]uint32, len(o.Perm)+1)
	for _, r := range owner {
		count[o.Inv[r]+1]++
	}
	for i := 1; i < len(count); i++ {
		count[i] += count[i-1]
	}
	c := childOrder{place: make([]uint32, len(owner)), perm: make([]uint32, len(owner))}
	for _, blk := range o.Blocks {
		c.limits = append(c.limits, int(count[blk.End]))
	}
	for i, r := range owner {
		p := o.Inv[r]
		c.place[i] = count[p]
		c.perm[count[p]] = uint32(i)
		count[p]++
	}
	return c
}

// each calls f for every block that has children, with their old numbers.
func (c *childOrder) each(f func(blk int, children []uint32)) {
	start := 0
	for blk, end := range c.limits {
		if end > start {
			f(blk, c.perm[start:end])
		}
		start = end
	}
}

// field writes one dense column of children.
func (s *Sealer) field(name string, c *childOrder, opt column.IntOptions, at func(child uint32, blk int) uint64) {
	col := s.w.Column(name)
	c.each(func(blk int, children []uint32) {
		s.u64 = resize(s.u64, len(children))
		for i, k := range children {
			s.u64[i] = at(k, blk)
		}
		s.chunk(col, blk, column.AppendInts(s.w.Buf(), s.u64, opt))
	})
}

// owners writes each child's row in its block.
func (s *Sealer) owners(name string, c *childOrder, owner []uint32) {
	s.field(name, c, small, func(k uint32, blk int) uint64 {
		return uint64(s.order.Inv[owner[k]]) - uint64(s.order.Blocks[blk].Start)
	})
}

// childAttrs writes the attribute columns of children: their presence always,
// and the shapes that give the order where there are few.
func (s *Sealer) childAttrs(family byte, a *span.Attrs, c *childOrder, shapeCol, shapesCol, extraCol string) {
	place := func(child uint32) uint32 { return c.place[child] }
	number := make(map[uint32]uint32)
	var lists [][]uint32
	columns := columnNumbers(a)
	for _, node := range a.Shape {
		if _, ok := number[node]; !ok && node != span.NoCode && len(lists) < cmp.Or(s.order.Shapes, order.MaxShapes) {
			number[node] = uint32(len(lists)) + 1
			lists = append(lists, shapeColumns(a, node, columns))
		}
	}
	s.chunk(s.w.Column(shapesCol), block.WholeSegment, appendLists(s.w.Buf(), lists))
	s.field(shapeCol, c, small, func(k uint32, _ int) uint64 { return uint64(number[a.Shape[k]]) })
	for i := range a.Columns {
		if col := &a.Columns[i]; len(col.Rows) > 0 {
			s.aset.column(attrColumn(family, col), col, place, c.limits, true)
		}
	}
	s.aset.sparse(extraCol, &a.Extra, place, c.limits)
}

// columnNumbers numbers the columns that have values, as they will stand in the
// segment.
func columnNumbers(a *span.Attrs) []uint32 {
	numbers := make([]uint32, len(a.Columns))
	n := uint32(0)
	for i := range a.Columns {
		numbers[i] = span.NoCode
		if len(a.Columns[i].Rows) > 0 {
			numbers[i] = n
			n++
		}
	}
	return numbers
}

func shapeColumns(a *span.Attrs, node uint32, numbers []uint32) []uint32 {
	list := a.Shapes.AppendList(nil, node)
	for i, c := range list {
		list[i] = numbers[c]
	}
	return list
}

// events writes the event table.
func (s *Sealer) events() {
	e := &s.b.Events
	if len(e.Row) == 0 {
		return
	}
	c := s.childOrder(e.Row)
	s.owners(colEventRow, &c, e.Row)
	s.field(colEventTime, &c, smallInts, func(k uint32, _ int) uint64 { return e.Time[k] - s.b.Start[e.Row[k]] })
	list, remap := s.used(e.Name, e.Names.Len())
	s.field(colEventName, &c, small, func(k uint32, _ int) uint64 { return uint64(remap[e.Name[k]]) })
	s.dictionary(s.w.Column(colEventName+"s"), e.Names, list)
	s.aset.sparse(colEventDropped, &e.Dropped, func(k uint32) uint32 { return c.place[k] }, c.limits)
	s.childAttrs(familyEvent, &e.Attrs, &c, colEventShape, colEventShapes, colEventExtra)
}
