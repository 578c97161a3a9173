package segment

import (
	"cmp"
	"slices"

	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment/pooled"
)

// pooledColumns tells which columns are pooled, of so many rows.
func (s *Sealer) pooledColumns(a *span.Attrs, rows int) (rare []bool, some bool) {
	most := pooled.Rule{Rows: pooledRows, Share: cmp.Or(s.PooledShare, pooledShare), Own: cmp.Or(s.OwnColumns, ownColumns)}
	return most.Rare(a, rows)
}

// pooledValue is one value of a pooled column.
type pooledValue struct {
	place uint32 // in the order of the segment
	col   uint32 // among the pooled ones
	from  *span.Column
	i     int // among its values
}

// pooled writes the pooled columns: their names and a chunk per block. place says where
// rows go, limits where blocks end.
func (s *Sealer) pooled(name string, a *span.Attrs, rare []bool, place []uint32, limits []int) {
	var values []pooledValue
	s.strs.Reset()
	n := uint32(0)
	for i := range a.Columns {
		c := &a.Columns[i]
		if len(c.Rows) == 0 || !rare[i] {
			continue
		}
		s.strs.Append([]byte(attrColumn(familySpan, c)[1:]))
		for k, r := range c.Rows {
			values = append(values, pooledValue{place[r], n, c, k})
		}
		n++
	}
	if n == 0 {
		return
	}
	col := s.w.Column(name)
	s.chunk(col, block.WholeSegment, column.AppendStrings(s.w.Buf(), s.strs, column.StringOptions{Block: dictChunk}))
	slices.SortFunc(values, func(x, y pooledValue) int { return cmp.Compare(x.place, y.place) })
	start := 0
	for blk, end := range limits {
		n := 0
		for n < len(values) && int(values[n].place) < end {
			n++
		}
		part := values[:n]
		values = values[n:]
		slices.SortFunc(part, func(x, y pooledValue) int {
			return cmp.Or(cmp.Compare(x.col, y.col), cmp.Compare(x.place, y.place))
		})
		s.pool.Reset()
		for i := range part {
			s.pool.Add(part[i].col, part[i].place-uint32(start), part[i].from.ValueAt(part[i].i))
		}
		if n > 0 {
			s.chunk(col, blk, s.pool.Append(s.w.Buf()))
		}
		start = end
	}
}
