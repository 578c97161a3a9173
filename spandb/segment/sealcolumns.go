package segment

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
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
	strs   column.Strings

	slots slots
}

// slots are the candidates of the attributes of spans. Runs are numbered through all
// blocks.
type slots struct {
	run   []uint32 // by row of the head: its run
	start []uint32 // by run: its first position
	end   []uint32
	block []int    // by run
	first []uint32 // by column: its first entry in runs; one more at the end
	runs  []uint32 // the runs whose list has the column
	base  []uint32 // of one column, by run: its first candidate less its first position
}

// build finds the runs and those of each column.
func (l *slots) build(s *Sealer) {
	o := &s.order
	l.run = resize(l.run, len(o.Perm))
	l.start, l.end, l.block = l.start[:0], l.end[:0], l.block[:0]
	l.first = resize(l.first, len(s.shapes.partial)+1)
	clear(l.first)
	total := uint32(0)
	lists := func(f func(run uint32, columns []uint32)) {
		run := uint32(0)
		for i := range o.Blocks {
			for _, r := range o.Blocks[i].Runs {
				f(run, s.shapes.lists[s.shapes.of[r.Template]])
				run++
			}
		}
	}
	for i := range o.Blocks {
		blk := &o.Blocks[i]
		for _, r := range blk.Runs {
			run := uint32(len(l.start))
			l.start, l.end, l.block = append(l.start, uint32(blk.Start)+r.Start), append(l.end, uint32(blk.Start)+r.End), append(l.block, i)
			for _, row := range o.Perm[uint32(blk.Start)+r.Start : uint32(blk.Start)+r.End] {
				l.run[row] = run
			}
		}
	}
	lists(func(_ uint32, columns []uint32) {
		for _, c := range columns {
			l.first[c+1]++
		}
		total += uint32(len(columns))
	})
	for c := 1; c < len(l.first); c++ {
		l.first[c] += l.first[c-1]
	}
	l.runs, l.base = resize(l.runs, int(total)), resize(l.base, len(l.start))
	lists(func(run uint32, columns []uint32) {
		for _, c := range columns {
			l.runs[l.first[c]] = run
			l.first[c]++
		}
	})
	copy(l.first[1:], l.first) // each was moved to the beginning of the next
	l.first[0] = 0
}

// of sets base for a column, appends the end of each block's candidates to limits, and
// returns how many there are.
func (l *slots) of(c uint32, limits []int, blocks int) ([]int, int) {
	at := uint32(0)
	for _, run := range l.runs[l.first[c]:l.first[c+1]] {
		for len(limits) < l.block[run] {
			limits = append(limits, int(at))
		}
		l.base[run] = at - l.start[run]
		at += l.end[run] - l.start[run]
	}
	for len(limits) < blocks {
		limits = append(limits, int(at))
	}
	return limits, int(at)
}

// spans writes the attribute columns of spans.
func (a *attrSealer) spans() {
	a.slots.build(a.s)
	inv, n := a.s.order.Inv, uint32(0)
	for i := range a.s.b.Attrs.Columns {
		c := &a.s.b.Attrs.Columns[i]
		if len(c.Rows) == 0 {
			continue
		}
		l := &a.slots
		var total int
		a.limits, total = l.of(n, a.limits[:0], len(a.s.order.Blocks))
		a.vals = resize(a.vals, total)
		partial := a.s.shapes.partial[n]
		if partial {
			a.taken = a.taken.Reset(total)
		}
		for k, r := range c.Rows {
			p := l.base[l.run[r]] + inv[r]
			a.vals[p] = c.Vals[k]
			if partial {
				a.taken.Set(int(p))
			}
		}
		a.column(attrColumn(familySpan, c), c, partial)
		n++
	}
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
func (a *attrSealer) column(name string, c *span.Column, presence bool) {
	col := a.s.w.Column(name)
	a.ends = append(a.ends[:0], a.limits...)
	if presence {
		a.close()
	}
	dict := isText(c.Type) && a.dictionary(col, c)
	start, first := 0, 0
	for blk, end := range a.ends {
		if end > first {
			buf := a.s.w.Buf()
			if presence {
				a.pres = a.taken.Part(a.pres, start, a.limits[blk])
				buf = column.AppendBitmap(buf, a.pres, a.limits[blk]-start)
			}
			a.chunk(col, blk, c, buf, a.vals[first:end], dict)
		}
		start, first = a.limits[blk], end
	}
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
	if n > dictValues || n > smallDict && n*dictShare > len(c.Rows) {
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
	lo, hi := uint64(0), ^uint64(0)
	switch {
	case c.Type == clew.TypeDouble:
		buf = column.AppendDoubles(buf, vals, small)
	case c.Type == clew.TypeInt:
		lo, hi = bounds(vals, true)
		buf = column.AppendInts(buf, vals, smallInts)
	case dict, c.Type == clew.TypeBool:
		lo, hi = bounds(vals, false)
		buf = column.AppendInts(buf, vals, small)
	default:
		a.strs.Reset()
		for _, code := range vals {
			a.strs.Append(c.Strings.At(int(code)))
		}
		buf = column.AppendStrings(buf, a.strs, column.StringOptions{Block: rawMini})
	}
	a.s.w.Chunk(col, blk, buf, lo, hi)
}

// attribute column names: family, type, key.
func attrColumn(family byte, c *span.Column) string {
	return string([]byte{family, '0' + byte(c.Type)}) + c.Key
}

func isText(t clew.Type) bool { return t == clew.TypeString || t == clew.TypeOther }
