package segment

import (
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment/pooled"
)

// pooledTable is the pooled columns of spans, events or links. Their col is that of
// all of them.
type pooledTable struct {
	name    string
	columns []Attr
}

func (t *pooledTable) read(s *Reader, name string) error {
	t.name = name
	b, col, err := s.whole(name)
	if err != nil || b == nil {
		return err
	}
	var names column.Strings
	if err := decodeStrings(&names, b, maxPooled); err != nil {
		return s.corrupt(col, block.WholeSegment, err)
	}
	for i := range names.Len() {
		n := names.At(i)
		if len(n) == 0 || n[0] < '0' || n[0] >= '0'+clew.TypeCount {
			return s.bad(col, "column %q has no type", n)
		}
		t.columns = append(t.columns, Attr{Key: string(n[1:]), Type: clew.Type(n[0] - '0'), Column: col})
	}
	return nil
}

func (t *pooledTable) typeOf(col uint32) clew.Type { return t.columns[col].Type }

// Pooled reports whether pooled columns of spans, events or links have a key.
func (t *Tables) Pooled(scope span.Scope, key string) bool {
	of := &t.pooled
	switch scope {
	case span.ScopeEvent:
		of = &t.eventPooled
	case span.ScopeLink:
		of = &t.linkPooled
	}
	return slices.ContainsFunc(of.columns, func(a Attr) bool { return a.Key == key })
}

// has reports whether there are columns that n wants.
func (t *pooledTable) has(family byte, n *Need) bool {
	return slices.ContainsFunc(t.columns, func(a Attr) bool { return n.Attr(family, a.Key) })
}

// pooled reads the wanted pooled columns of n rows, or of those in pick.
func (r *BlockReader) pooled(dst *span.Attrs, t *pooledTable, family byte, n int, pick []uint32) error {
	if !t.has(family, r.need) {
		return nil
	}
	b, col, err := r.chunk(t.name)
	if err != nil || b == nil {
		return err
	}
	chunk, err := pooled.Parse(b, pooled.Limits{Columns: len(t.columns), Rows: n, Values: maxChildren, Text: maxText}, t.typeOf)
	if err != nil {
		return r.seg.corrupt(col, r.blk, err)
	}
	for _, i := range chunk.Columns() {
		info := &t.columns[i]
		if !r.need.Attr(family, info.Key) {
			continue
		}
		c := span.Column{Key: info.Key, Type: info.Type}
		rows := chunk.Rows(i)
		at := picked(&c, rows, pick)
		if len(c.Rows) == 0 {
			continue
		}
		vals, texts, err := chunk.Values(i)
		if err != nil {
			return r.seg.corrupt(col, r.blk, err)
		}
		for _, k := range at {
			if isText(c.Type) {
				c.Vals = append(c.Vals, uint64(k))
			} else {
				c.Vals = append(c.Vals, vals[k])
			}
		}
		c.Strings = texts
		dst.Columns = append(dst.Columns, c)
	}
	return nil
}

// picked sets c.Rows to the wanted ones of rows, and returns which they are.
func picked(c *span.Column, rows, pick []uint32) (at []uint32) {
	if pick == nil {
		c.Rows = append([]uint32(nil), rows...)
		for i := range rows {
			at = append(at, uint32(i))
		}
		return at
	}
	next := 0
	for i, row := range pick {
		for next < len(rows) && rows[next] < row {
			next++
		}
		if next < len(rows) && rows[next] == row {
			c.Rows, at = append(c.Rows, uint32(i)), append(at, uint32(next))
		}
	}
	return at
}
