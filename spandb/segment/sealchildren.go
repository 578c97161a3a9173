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

// field writes one dense column of children.
func (s *Sealer) field(name string, c *order.Children, opt column.IntOptions, at func(child uint32, blk int) uint64) {
	col := s.w.Column(name)
	c.Each(func(blk int, children []uint32) {
		s.u64 = resize(s.u64, len(children))
		for i, k := range children {
			s.u64[i] = at(k, blk)
		}
		s.chunk(col, blk, column.AppendInts(s.w.Buf(), s.u64, opt))
	})
}

// owners writes each child's row in its block.
func (s *Sealer) owners(name string, c *order.Children, owner []uint32) {
	s.field(name, c, small, func(k uint32, blk int) uint64 {
		return uint64(s.order.Inv[owner[k]]) - uint64(s.order.Blocks[blk].Start)
	})
}

// childAttrs writes the attribute columns of children: their presence always,
// and the shapes that give the order where there are few.
func (s *Sealer) childAttrs(family byte, a *span.Attrs, c *order.Children, shapeCol, shapesCol, extraCol, pooledCol string) {
	rare, _ := s.pooledColumns(a, len(c.Place))
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
			s.aset.sparse(attrColumn(family, col), col, c.Place, c.Limits)
		}
	}
	s.pooled(pooledCol, a, rare, c.Place, c.Limits)
	s.aset.sparse(extraCol, &a.Extra, c.Place, c.Limits)
}

// events writes the event table.
func (s *Sealer) events() {
	e := &s.b.Events
	if len(e.Row) == 0 {
		return
	}
	c := &s.children
	c.Build(&s.order, e.Row)
	s.owners(colEventRow, c, e.Row)
	s.field(colEventTime, c, smallInts, func(k uint32, _ int) uint64 { return e.Time[k] - s.b.Start[e.Row[k]] })
	list, remap := s.used(e.Name, e.Names.Len())
	s.field(colEventName, c, small, func(k uint32, _ int) uint64 { return uint64(remap[e.Name[k]]) })
	s.dictionary(s.w.Column(colEventName+"s"), e.Names, list)
	s.aset.sparse(colEventDropped, &e.Dropped, c.Place, c.Limits)
	s.childAttrs(familyEvent, &e.Attrs, c, colEventShape, colEventShapes, colEventExtra, colEventPooled)
}
