package segment

import (
	"encoding/binary"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// childAttrs reads the attribute columns of n events or links.
func (r *BlockReader) childAttrs(dst *span.Attrs, family byte, infos []attrColumnInfo, n int, shapes *shapeTable, shapeCol, extraCol string) error {
	for i := range infos {
		if !r.need.All && !r.need.attrs[attrNeed{family, infos[i].key}] {
			continue
		}
		c := span.Column{Key: infos[i].key, Type: infos[i].typ}
		if err := r.column(&c, infos[i].col, n, nil); err != nil {
			return err
		}
		dst.Columns = append(dst.Columns, c)
	}
	if !r.need.All {
		return nil
	}
	dst.Extra.Type = clew.TypeOther
	if col, ok := r.seg.blocks.Column(extraCol); ok {
		if err := r.column(&dst.Extra, col, n, nil); err != nil {
			return err
		}
	}
	codes, _, err := exactly[uint32](r, nil, shapeCol, n)
	if err != nil {
		return err
	}
	col, _ := r.seg.blocks.Column(shapeCol)
	for i, c := range codes {
		switch {
		case c == 0:
			codes[i] = span.NoCode
		case int(c) > len(shapes.node):
			return r.bad(col, "shape %d of %d", c, len(shapes.node))
		default:
			codes[i] = shapes.node[c-1]
		}
	}
	dst.Shape, dst.Shapes = codes, shapes.forest
	return nil
}

func (r *BlockReader) readEvents() error {
	if !r.need.family(familyEvent) && !r.need.anyOf(span.EventName, span.EventTimeSinceStart) {
		return nil
	}
	e := &r.batch.Events
	owners, err := r.owners(colEventRow)
	if err != nil || len(owners) == 0 {
		return err
	}
	e.Row = owners
	n := len(owners)
	if e.Time, _, err = exactly[uint64](r, nil, colEventTime, n); err != nil {
		return err
	}
	for i := range e.Time {
		e.Time[i] += r.batch.Start[owners[i]]
	}
	if e.Name, _, err = exactly[uint32](r, nil, colEventName, n); err != nil {
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
		if err := r.column(&e.Dropped, col, n, nil); err != nil {
			return err
		}
	}
	return r.childAttrs(&e.Attrs, familyEvent, r.t.eventAttrs, n, &r.t.eventShapes, colEventShape, colEventExtra)
}

// owners reads the rows of a block's children; none if it has no children.
func (r *BlockReader) owners(name string) ([]uint32, error) {
	b, col, err := r.chunk(name)
	if err != nil || b == nil {
		return nil, err
	}
	rows, _, err := column.DecodeInts[uint32](nil, b, maxChildren)
	if err != nil {
		return nil, r.seg.corrupt(col, r.blk, err)
	}
	last := uint32(0)
	for i, v := range rows {
		if v < last || int(v) >= r.rows {
			return nil, r.bad(col, "child %d belongs to row %d", i, v)
		}
		last = v
	}
	return rows, nil
}

func (r *BlockReader) readLinks() error {
	if !r.need.family(familyLink) && !r.need.anyOf(span.LinkTraceID, span.LinkSpanID) {
		return nil
	}
	l := &r.batch.Links
	owners, err := r.owners(colLinkRow)
	if err != nil || len(owners) == 0 {
		return err
	}
	l.Row = owners
	n := len(owners)
	b, col, err := r.chunk(colLinkTrace)
	if err != nil {
		return err
	}
	if len(b) != 16*n {
		return r.bad(col, "%d bytes are not %d trace ids", len(b), n)
	}
	l.TraceHigh, l.TraceLow = make([]uint64, n), make([]uint64, n)
	for i := range n {
		l.TraceHigh[i], l.TraceLow[i] = binary.BigEndian.Uint64(b[16*i:]), binary.BigEndian.Uint64(b[16*i+8:])
	}
	if b, col, err = r.chunk(colLinkSpan); err != nil {
		return err
	}
	if len(b) != 8*n {
		return r.bad(col, "%d bytes are not %d span ids", len(b), n)
	}
	l.SpanID = make([]uint64, n)
	for i := range n {
		l.SpanID[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	if l.Flags, _, err = exactly[uint32](r, nil, colLinkFlags, n); err != nil {
		return err
	}
	l.TraceState.Type, l.Dropped.Type = clew.TypeString, clew.TypeInt
	if r.need.All {
		for _, c := range []struct {
			name string
			dst  *span.Column
		}{{colLinkState, &l.TraceState}, {colLinkDropped, &l.Dropped}} {
			if col, ok := r.seg.blocks.Column(c.name); ok {
				if err := r.column(c.dst, col, n, nil); err != nil {
					return err
				}
			}
		}
	}
	return r.childAttrs(&l.Attrs, familyLink, r.t.linkAttrs, n, &r.t.linkShapes, colLinkShape, colLinkExtra)
}
