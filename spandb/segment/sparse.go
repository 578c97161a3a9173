package segment

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// readSparse reads the sparse columns that are no attributes.
func (r *BlockReader) readSparse() error {
	b := &r.batch
	r.received = span.Column{}
	for _, c := range []struct {
		name   string
		typ    clew.Type
		wanted bool
		dst    *span.Column
	}{
		{colStatusMessage, clew.TypeString, r.need.anyOf(span.StatusMessage), &b.StatusMessage},
		{colTraceState, clew.TypeString, r.need.anyOf(span.TraceState), &b.TraceState},
		{colDroppedAttrs, clew.TypeInt, r.need.All, &b.DroppedAttrs},
		{colDroppedEvents, clew.TypeInt, r.need.All, &b.DroppedEvents},
		{colDroppedLinks, clew.TypeInt, r.need.All, &b.DroppedLinks},
		{colExtra, clew.TypeOther, r.need.All, &b.Attrs.Extra},
		{colReceived, clew.TypeInt, r.need.All, &r.received},
		{colWeight, clew.TypeInt, r.need.All, &b.Weight},
	} {
		c.dst.Type = c.typ
		col, ok := r.seg.blocks.Column(c.name)
		if !ok || !c.wanted {
			continue
		}
		if err := r.column(c.dst, col, r.rows, nil); err != nil {
			return err
		}
	}
	return nil
}

// column reads one sparse column of n possible rows. rows, where not nil, are
// the rows that have a value; otherwise the chunk says.
func (r *BlockReader) column(dst *span.Column, col, n int, rows []uint32) error {
	b, err := r.chunkAt(col)
	if err != nil || b == nil {
		return err
	}
	if rows == nil {
		var bits int
		if r.pres, bits, b, err = column.DecodeBitmap(r.pres, b, n); err != nil {
			return r.seg.corrupt(col, r.blk, err)
		}
		if bits != n {
			return r.bad(col, "presence of %d rows, want %d", bits, n)
		}
		rows = r.pres.AppendOnes(nil)
	}
	dst.Rows = rows
	if err := r.values(dst, col, b, len(rows)); err != nil {
		return err
	}
	if len(dst.Vals) != len(rows) {
		return r.bad(col, "%d values for %d rows", len(dst.Vals), len(rows))
	}
	return nil
}

// values reads up to n values of a sparse column.
func (r *BlockReader) values(dst *span.Column, col int, b []byte, n int) (err error) {
	if !isText(dst.Type) {
		if dst.Type == clew.TypeDouble {
			dst.Vals, _, err = column.DecodeDoubles(nil, b, n)
		} else {
			dst.Vals, _, err = column.DecodeInts[uint64](nil, b, n)
		}
		if err != nil {
			return r.seg.corrupt(col, r.blk, err)
		}
		return nil
	}
	d, ok, err := r.Cache.dict(r.seg, r.t, col)
	if err != nil {
		return err
	}
	if !ok {
		if err := decodeStrings(&dst.Strings, b, n); err != nil {
			return r.seg.corrupt(col, r.blk, err)
		}
		dst.Vals = make([]uint64, dst.Strings.Len())
		for i := range dst.Vals {
			dst.Vals[i] = uint64(i)
		}
		return nil
	}
	if dst.Vals, _, err = column.DecodeInts[uint64](nil, b, n); err != nil {
		return r.seg.corrupt(col, r.blk, err)
	}
	dst.Strings, dst.DictID = d.values, d.id
	for _, v := range dst.Vals {
		if v >= uint64(d.values.Len()) {
			return r.bad(col, "code %d points outside a dictionary of %d", v, d.values.Len())
		}
	}
	return nil
}

// readAttrs reads the wanted attribute columns of spans. In all-mode every column
// gets its place, with or without values, since shapes count them.
func (r *BlockReader) readAttrs() error {
	for i := range r.t.attrs {
		info := &r.t.attrs[i]
		wanted := r.need.All || r.need.attrs[attrNeed{familySpan, info.key}]
		if !wanted {
			continue
		}
		c := span.Column{Key: info.key, Type: info.typ}
		var rows []uint32
		if !r.seg.meta.Explicit {
			if rows = r.shapeRows(uint32(i)); len(rows) == 0 {
				if r.need.All {
					r.batch.Attrs.Columns = append(r.batch.Attrs.Columns, c)
				}
				continue
			}
		}
		if err := r.column(&c, info.col, r.rows, rows); err != nil {
			return err
		}
		r.batch.Attrs.Columns = append(r.batch.Attrs.Columns, c)
	}
	return nil
}

// shapeRows lists the rows whose shape has column col.
func (r *BlockReader) shapeRows(col uint32) []uint32 {
	var rows []uint32
	for _, run := range r.runs {
		if r.t.shapes.has(r.t.templates[run.template].shape, col) {
			for i := run.start; i < run.end; i++ {
				rows = append(rows, i)
			}
		}
	}
	return rows
}
