package segment

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// children are the events or links that are read: n of a block, or those of them in
// pick.
type children struct {
	n    int
	rows []uint32 // of the batch, by child
	pick []uint32 // of the n; nil: all
}

// children reads which rows the children of a block belong to, and finds those of
// the wanted rows.
func (r *BlockReader) children(name string) (c children, err error) {
	b, col, err := r.chunk(name)
	if err != nil || b == nil {
		return c, err
	}
	owners, _, err := column.DecodeInts[uint32](nil, b, maxChildren)
	if err != nil {
		return c, r.seg.corrupt(col, r.blk, err)
	}
	last := uint32(0)
	for i, v := range owners {
		if v < last || int(v) >= r.rows {
			return c, r.bad(col, "child %d belongs to row %d", i, v)
		}
		last = v
	}
	c.n, c.rows = len(owners), owners
	if r.pick == nil {
		return c, nil
	}
	c.rows, c.pick = nil, []uint32{}
	at := 0
	for i, row := range r.pick {
		for at < len(owners) && owners[at] < row {
			at++
		}
		for ; at < len(owners) && owners[at] == row; at++ {
			c.rows, c.pick = append(c.rows, uint32(i)), append(c.pick, uint32(at))
		}
	}
	return c, nil
}

// field reads one dense column of children.
func field[T column.Uint](r *BlockReader, name string, c *children) ([]T, error) {
	vals, _, err := denseOf[T](r, nil, name, c.n, c.pick)
	return vals, err
}

// childAttrs reads the attribute columns of events or links.
func (r *BlockReader) childAttrs(dst *span.Attrs, family byte, infos []Attr, c *children, shapes *Shapes, shapeCol, extraCol string, rare *pooledTable) error {
	for i := range infos {
		if !r.need.Attr(family, infos[i].Key) {
			continue
		}
		x := span.Column{Key: infos[i].Key, Type: infos[i].Type}
		if err := r.column(&x, infos[i].Column, c.n, c.pick); err != nil {
			return err
		}
		dst.Columns = append(dst.Columns, x)
	}
	if err := r.pooled(dst, rare, family, c.n, c.pick); err != nil {
		return err
	}
	if !r.need.All {
		return nil
	}
	dst.Extra.Type = clew.TypeOther
	if col, ok := r.seg.blocks.Column(extraCol); ok {
		if err := r.column(&dst.Extra, col, c.n, c.pick); err != nil {
			return err
		}
	}
	codes, err := field[uint32](r, shapeCol, c)
	if err != nil {
		return err
	}
	col, _ := r.seg.blocks.Column(shapeCol)
	for i, c := range codes {
		switch {
		case c == 0:
			codes[i] = span.NoCode
		case int(c) > len(shapes.Node):
			return r.bad(col, "shape %d of %d", c, len(shapes.Node))
		default:
			codes[i] = shapes.Node[c-1]
		}
	}
	dst.Shape, dst.Shapes = codes, shapes.Forest
	return nil
}

func (r *BlockReader) readEvents() error {
	if !r.need.Family(familyEvent) && !r.need.Any(span.EventName, span.EventTimeSinceStart) {
		return nil
	}
	c, err := r.children(colEventRow)
	if err != nil || len(c.rows) == 0 {
		return err
	}
	e := &r.batch.Events
	e.Row = c.rows
	if e.Time, err = field[uint64](r, colEventTime, &c); err != nil {
		return err
	}
	for i := range e.Time {
		e.Time[i] += r.batch.Start[e.Row[i]]
	}
	if e.Name, err = field[uint32](r, colEventName, &c); err != nil {
		return err
	}
	e.Names = r.t.eventNames
	for i, c := range e.Name {
		if int(c) >= e.Names.Len() {
			col, _ := r.seg.blocks.Column(colEventName)
			return r.bad(col, "event %d points outside the names", i)
		}
	}
	e.Dropped.Type = clew.TypeInt
	if col, ok := r.seg.blocks.Column(colEventDropped); ok && r.need.All {
		if err := r.column(&e.Dropped, col, c.n, c.pick); err != nil {
			return err
		}
	}
	return r.childAttrs(&e.Attrs, familyEvent, r.t.EventAttrs, &c, &r.t.eventShapes, colEventShape, colEventExtra, &r.t.eventPooled)
}

func (r *BlockReader) readLinks() error {
	if !r.need.Family(familyLink) && !r.need.Any(span.LinkTraceID, span.LinkSpanID) {
		return nil
	}
	c, err := r.children(colLinkRow)
	if err != nil || len(c.rows) == 0 {
		return err
	}
	l := &r.batch.Links
	l.Row = c.rows
	if err := r.linkTargets(l, &c); err != nil {
		return err
	}
	if l.Flags, err = field[uint32](r, colLinkFlags, &c); err != nil {
		return err
	}
	l.TraceState.Type, l.Dropped.Type = clew.TypeString, clew.TypeInt
	if r.need.All {
		for _, f := range []struct {
			name string
			dst  *span.Column
		}{{colLinkState, &l.TraceState}, {colLinkDropped, &l.Dropped}} {
			if col, ok := r.seg.blocks.Column(f.name); ok {
				if err := r.column(f.dst, col, c.n, c.pick); err != nil {
					return err
				}
			}
		}
	}
	return r.childAttrs(&l.Attrs, familyLink, r.t.LinkAttrs, &c, &r.t.linkShapes, colLinkShape, colLinkExtra, &r.t.linkPooled)
}
