package segment

import (
	"bytes"
	"cmp"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/column/filter"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment/order"
)

// attrSealer writes sparse columns. The values of a column are put into the order of
// the segment's candidates: the rows that may have one. A table says where the
// candidates of each run begin; so the values of rows whose shape is exact come to
// lie in order, without gaps, and those of others are moved together.
type attrSealer struct {
	s      *Sealer
	vals   []uint64      // by candidate, then without gaps
	taken  column.Bitmap // candidates that have a value; only if they may lack one
	limits []int         // by block: the end of its candidates
	ends   []int         // by block: the end of its values
	pres   column.Bitmap
	codes  []uint32 // by code in the head: that in the dictionary
	list   []uint32

	slots  order.Slots
	values filter.Builder

	// Of a column by trace:
	first     []uint32      // by trace of the head: 1 + its first value
	rank      []uint32      // by trace of the head: its place among those of all blocks
	rows      column.Bitmap // candidates that have a value; only if they may lack one
	rowLimits []int         // by block: the end of its candidates
}

// spans writes the attribute columns of spans.
func (a *attrSealer) spans() {
	a.slots.Build(&a.s.order, &a.s.shapes)
	a.rankTraces()
	n := uint32(0)
	for i := range a.s.b.Attrs.Columns {
		c := &a.s.b.Attrs.Columns[i]
		if len(c.Rows) == 0 || a.s.rare[i] {
			continue
		}
		l := &a.slots
		var total int
		a.limits, total = l.Column(n, a.limits[:0], len(a.s.order.Blocks))
		partial := a.s.shapes.Partial[n]
		n++
		if partial {
			a.taken = a.taken.Reset(total)
		}
		dict := false
		if a.sameInTraces(c) {
			dict = a.byTrace(c, partial)
		} else {
			a.vals = resize(a.vals, total)
			a.place(c, partial)
			dict = a.column(attrColumn(familySpan, c), c, partial)
		}
		if c.Type == clew.TypeString && !dict {
			a.filter(c)
		}
	}
}

// filter writes which values a column has, if they are many identifiers: who looks for
// one of them need not read the column where it is not. A dictionary says as much.
func (a *attrSealer) filter(c *span.Column) {
	n := c.Strings.Len()
	if n < cmp.Or(a.s.Filters, filterValues) || !filter.Identifiers(&c.Strings) {
		return
	}
	a.values.Reset()
	for i := range n {
		a.values.Add(c.Strings.At(i))
	}
	if buf, ok := a.values.Append(a.s.w.Buf()); ok {
		a.s.chunk(a.s.w.Column(attrColumn(familyFilter, c)), block.WholeSegment, buf)
	}
}

// place puts the values of a column where its candidates are.
func (a *attrSealer) place(c *span.Column, partial bool) {
	slots, vals := a.slots, a.vals
	from := c.Vals[:len(c.Rows)]
	if !partial {
		for k, r := range c.Rows {
			vals[slots.Of(r)] = from[k]
		}
		return
	}
	for k, r := range c.Rows {
		p := slots.Of(r)
		vals[p] = from[k]
		a.taken.Set(int(p))
	}
}

// rankTraces numbers the traces of all blocks.
func (a *attrSealer) rankTraces() {
	a.rank = resize(a.rank, len(a.s.b.TraceIDs))
	for i, t := range a.s.order.Traces {
		a.rank[t] = uint32(i)
	}
}

// sameInTraces reports whether the values of a column are the same in all rows of a
// trace that have one, differ between traces, and are several in a trace: a user, a
// session, an address.
func (a *attrSealer) sameInTraces(c *span.Column) bool {
	values := cmp.Or(a.s.ByTrace, byTraceValues)
	if len(c.Rows) < cmp.Or(a.s.ByTrace, byTraceRows) || isText(c.Type) && c.Strings.Len() < values {
		return false
	}
	trace := a.s.b.Trace
	a.first = resize(a.first, len(a.s.b.TraceIDs))
	clear(a.first)
	traces, differ := 0, uint64(0)
	for k, r := range c.Rows {
		first := &a.first[trace[r]]
		if *first == 0 {
			*first = uint32(k) + 1
			traces++
			differ |= c.Vals[k] ^ c.Vals[0]
			continue
		}
		if v := c.Vals[*first-1]; v != c.Vals[k] && !(isText(c.Type) && bytes.Equal(c.Strings.At(int(v)), c.Strings.At(int(c.Vals[k])))) {
			return false
		}
	}
	return traces*byTraceShare < len(c.Rows)*2 && differ >= uint64(values)
}

// byTrace writes a column with a value for each trace of a block: which traces have
// one stands before the values, as presence does for rows.
func (a *attrSealer) byTrace(c *span.Column, partial bool) (dict bool) {
	o, trace := &a.s.order, a.s.b.Trace
	if a.rowLimits = a.rowLimits[:0]; partial {
		for _, r := range c.Rows {
			a.taken.Set(int(a.slots.Of(r)))
		}
		a.rows, a.taken = a.taken, a.rows
		a.rowLimits = append(a.rowLimits, a.limits...)
	}
	a.limits = a.limits[:0]
	for i := range o.Blocks {
		a.limits = append(a.limits, o.Blocks[i].TraceEnd)
	}
	a.vals, a.taken = resize(a.vals, len(o.Traces)), a.taken.Reset(len(o.Traces))
	for k, r := range c.Rows {
		p := a.rank[trace[r]]
		a.vals[p] = c.Vals[k]
		a.taken.Set(int(p))
	}
	dict = a.column(attrColumn(familyTrace, c), c, true)
	a.rowLimits = a.rowLimits[:0]
	return dict
}

// sparse writes a sparse column any row may have, presence included. place says where
// rows go, limits where the blocks end.
func (a *attrSealer) sparse(name string, c *span.Column, place []uint32, limits []int) {
	if len(c.Rows) == 0 {
		return
	}
	a.limits = append(a.limits[:0], limits...)
	total := limits[len(limits)-1]
	a.vals, a.taken = resize(a.vals, total), a.taken.Reset(total)
	for i, r := range c.Rows {
		p := place[r]
		a.vals[p] = c.Vals[i]
		a.taken.Set(int(p))
	}
	a.column(name, c, true)
}

// column writes one column whose values are in place: a chunk per block that has
// values, each with its presence if that is stored, and the dictionary if it has one.
func (a *attrSealer) column(name string, c *span.Column, presence bool) (dict bool) {
	col := a.s.w.Column(name)
	a.ends = append(a.ends[:0], a.limits...)
	if presence {
		a.close()
	}
	dict = isText(c.Type) && a.dictionary(col, c)
	start, first, row := 0, 0, 0
	for blk, end := range a.ends {
		if end > first {
			buf := a.s.w.Buf()
			if len(a.rowLimits) > 0 {
				a.pres = a.rows.Part(a.pres, row, a.rowLimits[blk])
				buf = column.AppendBitmap(buf, a.pres, a.rowLimits[blk]-row)
			}
			if presence {
				a.pres = a.taken.Part(a.pres, start, a.limits[blk])
				buf = column.AppendBitmap(buf, a.pres, a.limits[blk]-start)
			}
			a.chunk(col, blk, c, buf, a.vals[first:end], dict)
		}
		start, first = a.limits[blk], end
		if len(a.rowLimits) > 0 {
			row = a.rowLimits[blk]
		}
	}
	return dict
}

// close moves the values together.
func (a *attrSealer) close() {
	n, start := 0, 0
	for blk, end := range a.limits {
		for p := a.taken.Next(start); p >= 0 && p < end; p = a.taken.Next(p + 1) {
			a.vals[n] = a.vals[p]
			n++
		}
		a.ends[blk], start = n, end
	}
}

// dictionary writes the column's dictionary if it has few enough distinct values, in
// the order of their first use, and turns the values into its codes.
func (a *attrSealer) dictionary(col int, c *span.Column) bool {
	n := c.Strings.Len()
	if n > dictValues || n > cmp.Or(a.s.Filters, smallDict) && n*dictShare > len(c.Rows) {
		return false
	}
	a.codes = resize(a.codes, n)
	for i := range a.codes {
		a.codes[i] = span.NoCode
	}
	a.list = a.list[:0]
	vals := a.vals[:a.ends[len(a.ends)-1]]
	for i, v := range vals {
		code := a.codes[v]
		if code == span.NoCode {
			code = uint32(len(a.list))
			a.codes[v] = code
			a.list = append(a.list, uint32(v))
		}
		vals[i] = uint64(code)
	}
	a.s.dictionary(col, c.Strings, a.list)
	return true
}

// chunk writes the values of a block behind what is in buf already.
func (a *attrSealer) chunk(col, blk int, c *span.Column, buf []byte, vals []uint64, dict bool) {
	switch {
	case c.Type == clew.TypeDouble:
		a.s.chunk(col, blk, column.AppendDoubles(buf, vals, small))
	case c.Type == clew.TypeInt:
		a.s.ints(col, blk, buf, vals, smallInts)
	case dict, c.Type == clew.TypeBool:
		a.s.ints(col, blk, buf, vals, small)
	default:
		a.list = a.list[:0]
		for _, code := range vals {
			a.list = append(a.list, uint32(code))
		}
		a.s.chunk(col, blk, column.AppendStringsAt(buf, c.Strings, a.list, column.StringOptions{Block: rawMini}))
	}
}

// attribute column names: family, type, key.
func attrColumn(family byte, c *span.Column) string {
	return string([]byte{family, '0' + byte(c.Type)}) + c.Key
}

func isText(t clew.Type) bool { return t == clew.TypeString || t == clew.TypeOther }
