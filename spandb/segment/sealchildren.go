package segment

import (
	"cmp"
	"slices"

	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment/order"
	"github.com/clew-tracing/clew/spandb/segment/shapes"
)

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
func (s *Sealer) childAttrs(family byte, a *span.Attrs, c *childOrder, shapeCol, shapesCol, extraCol, pooledCol string) {
	rare, _ := s.rareColumns(a, len(c.place))
	number := make(map[uint32]uint32)
	var lists [][]uint32
	columns, _ := order.ColumnNumbers(a, rare)
	for _, node := range a.Shape {
		if _, ok := number[node]; ok || node == span.NoCode || len(lists) == cmp.Or(s.order.Shapes, order.MaxShapes) {
			continue
		}
		list := order.ShapeColumns(a, node, columns)
		if slices.Contains(list, span.NoCode) { // pooled columns stand in no list
			number[node] = 0
			continue
		}
		number[node] = uint32(len(lists)) + 1
		lists = append(lists, list)
	}
	s.chunk(s.w.Column(shapesCol), block.WholeSegment, shapes.Append(s.w.Buf(), lists))
	s.field(shapeCol, c, small, func(k uint32, _ int) uint64 { return uint64(number[a.Shape[k]]) })
	for i := range a.Columns {
		if col := &a.Columns[i]; len(col.Rows) > 0 && !rare[i] {
			s.aset.sparse(attrColumn(family, col), col, c.place, c.limits)
		}
	}
	s.pooled(pooledCol, a, rare, c.place, c.limits)
	s.aset.sparse(extraCol, &a.Extra, c.place, c.limits)
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
	s.aset.sparse(colEventDropped, &e.Dropped, c.place, c.limits)
	s.childAttrs(familyEvent, &e.Attrs, &c, colEventShape, colEventShapes, colEventExtra, colEventPooled)
}
