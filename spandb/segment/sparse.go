package segment

import (
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// readSparse reads the sparse columns that are no attributes.
func (r *BlockReader) readSparse() error {
	b := &r.batch
	r.received = emptied(&r.received)
	for _, c := range []struct {
		name   string
		typ    clew.Type
		wanted bool
		dst    *span.Column
	}{
		{colStatusMessage, clew.TypeString, r.need.Any(span.StatusMessage), &b.StatusMessage},
		{colTraceState, clew.TypeString, r.need.Any(span.TraceState), &b.TraceState},
		{colDroppedAttrs, clew.TypeInt, r.need.All, &b.DroppedAttrs},
		{colDroppedEvents, clew.TypeInt, r.need.All, &b.DroppedEvents},
		{colDroppedLinks, clew.TypeInt, r.need.All, &b.DroppedLinks},
		{colExtra, clew.TypeOther, r.need.All, &b.Attrs.Extra},
		{colReceived, clew.TypeInt, r.need.All || r.need.Received, &r.received},
		{colWeight, clew.TypeInt, r.need.All || r.need.Weights, &b.Weight},
		{colMoved, clew.TypeInt, r.need.All, &b.Moved},
	} {
		c.dst.Type = c.typ
		col, ok := r.seg.blocks.Column(c.name)
		if !ok || !c.wanted {
			continue
		}
		if err := r.column(c.dst, col, r.rows, r.pick); err != nil {
			return err
		}
	}
	return nil
}

// valuePlaces says where the wanted values of a sparse column are.
type valuePlaces struct {
	rows  []uint32 // of the batch, that have one
	at    []uint32 // which of the chunk's values each has; nil: all, in order
	total int      // values in the chunk
}

// column reads a sparse column of n possible rows whose presence is in the chunk, or
// of those in pick.
func (r *BlockReader) column(dst *span.Column, col, n int, pick []uint32) error {
	b, err := r.chunkAt(col)
	if err != nil || b == nil {
		return err
	}
	var bits int
	if r.pres, bits, b, err = column.DecodeBitmap(r.pres, b, n); err != nil {
		return r.seg.corrupt(col, r.blk, err)
	}
	if bits != n {
		return r.bad(col, "presence of %d rows, want %d", bits, n)
	}
	p := valuePlaces{total: r.pres.Count()}
	if pick == nil {
		p.rows = r.pres.AppendOnes(dst.Rows)
		return r.values(dst, col, b, &p)
	}
	passed, before := 0, 0
	for i, row := range pick {
		if r.pres.Get(int(row)) {
			before += r.pres.CountRange(passed, int(row))
			passed = int(row)
			p.rows, p.at = append(p.rows, uint32(i)), append(p.at, uint32(before))
		}
	}
	if len(p.rows) == 0 {
		return nil
	}
	return r.values(dst, col, b, &p)
}

// values reads the values of a sparse column behind its presence.
func (r *BlockReader) values(dst *span.Column, col int, b []byte, p *valuePlaces) (err error) {
	dst.Rows = p.rows
	_, coded := r.seg.blocks.Number(col, block.WholeSegment)
	coded = coded && isText(dst.Type)
	n := 0
	switch {
	case dst.Type == clew.TypeDouble:
		n, err = r.doubles(dst, b, p)
	case isText(dst.Type) && !coded:
		n, err = r.strings(dst, b, p)
	default:
		n, err = r.ints(dst, b, p)
	}
	if err != nil {
		return r.seg.corrupt(col, r.blk, err)
	}
	if n != p.total {
		return r.bad(col, "%d values for %d rows", n, p.total)
	}
	if coded {
		return r.decode(dst, col, p.at != nil)
	}
	return nil
}

// decode sets the strings that the codes of dst mean, which are some of a block's or
// all.
func (r *BlockReader) decode(dst *span.Column, col int, some bool) error {
	if some && r.t.mayPick(col) {
		if picked, err := r.pickValues(dst, col); picked || err != nil {
			return err
		}
	}
	dict, _, err := r.Cache.dict(r.seg, r.t, col)
	if err != nil {
		return err
	}
	dst.Strings, dst.DictID = dict.values, dict.id
	for _, v := range dst.Vals {
		if v >= uint64(dict.values.Len()) {
			return r.beyond(col, v, dict.values.Len())
		}
	}
	return nil
}

func (r *BlockReader) beyond(col int, code uint64, values int) error {
	return r.bad(col, "code %d points outside a dictionary of %d", code, values)
}

// pickValues reads the values that the codes of dst mean out of a large dictionary, and
// leaves the others alone: a few of thousands cost a tenth of all. It reports whether
// that pays.
func (r *BlockReader) pickValues(dst *span.Column, col int) (picked bool, err error) {
	if r.dict, err = r.seg.blocks.Chunk(r.dict[:0], col, block.WholeSegment); err != nil {
		return false, err
	}
	x, err := ParseStrings(r.dict, dictValues)
	if err != nil {
		return false, r.seg.corrupt(col, block.WholeSegment, err)
	}
	if len(dst.Vals)*pickedShare > x.Len() {
		return false, nil
	}
	r.codes = r.codes[:0]
	for _, v := range dst.Vals {
		if v >= uint64(x.Len()) {
			return false, r.beyond(col, v, x.Len())
		}
		r.codes = append(r.codes, uint32(v))
	}
	slices.Sort(r.codes)
	r.codes = slices.Compact(r.codes)
	if err := x.Gather(&dst.Strings, r.codes); err != nil {
		return false, r.seg.corrupt(col, block.WholeSegment, err)
	}
	for i, v := range dst.Vals {
		at, _ := slices.BinarySearch(r.codes, uint32(v))
		dst.Vals[i] = uint64(at)
	}
	return true, nil
}

// ints reads integers, and returns how many the chunk has: where that is not what
// was expected, there is nothing in dst.
func (r *BlockReader) ints(dst *span.Column, b []byte, p *valuePlaces) (int, error) {
	x, _, err := column.ParseInts(b, p.total)
	if err != nil || x.Len() != p.total {
		return x.Len(), err
	}
	if p.at == nil {
		dst.Vals, err = x.Decode(dst.Vals[:0])
	} else {
		dst.Vals, err = column.Gather(slices.Grow(dst.Vals[:0], len(p.at)), &x, p.at)
	}
	return x.Len(), err
}

// doubles is ints for doubles.
func (r *BlockReader) doubles(dst *span.Column, b []byte, p *valuePlaces) (int, error) {
	x, _, err := column.ParseDoubles(b, p.total)
	if err != nil || x.Len() != p.total {
		return x.Len(), err
	}
	if p.at != nil && x.RandomAccess() {
		for _, i := range p.at {
			dst.Vals = append(dst.Vals, x.At(int(i)))
		}
		return x.Len(), nil
	}
	if p.at == nil {
		dst.Vals, err = x.Decode(dst.Vals[:0])
		return x.Len(), err
	}
	all, err := x.Decode(nil)
	if err != nil {
		return x.Len(), err
	}
	for _, i := range p.at {
		dst.Vals = append(dst.Vals, all[i])
	}
	return x.Len(), nil
}

// strings is ints for strings without a dictionary.
func (r *BlockReader) strings(dst *span.Column, b []byte, p *valuePlaces) (int, error) {
	c, _, err := column.ParseStrings(b, p.total, maxText)
	if err != nil || c.Len() != p.total {
		return c.Len(), err
	}
	n := len(p.at)
	if p.at == nil {
		n = p.total
	}
	dst.Vals = resize(dst.Vals, n)
	for i := range dst.Vals {
		dst.Vals[i] = uint64(i)
	}
	if p.at == nil {
		return c.Len(), c.Decode(&dst.Strings)
	}
	return c.Len(), c.Gather(&dst.Strings, p.at)
}

// attrPlaces finds the candidates of attributes: the rows whose shapes list them. They
// are the rows that have a value, unless a list is loose: see BlockReader.present.
type attrPlaces struct {
	t      *Tables
	need   *Need
	wanted []bool        // by attribute column
	of     []valuePlaces // likewise, of the wanted ones
	rows   []uint32      // 0 and up: copied where all rows of a run are wanted
}

// find goes over the runs of a block.
func (a *attrPlaces) find(r *BlockReader) {
	if a.t != r.t || a.need != r.need {
		a.t, a.need = r.t, r.need
		a.wanted = a.wanted[:0]
		for i := range r.t.Attrs {
			a.wanted = append(a.wanted, r.need.Attr(familySpan, r.t.Attrs[i].Key))
		}
	}
	a.of = resize(a.of, len(a.wanted))
	for i := range a.of {
		p := &a.of[i]
		p.rows, p.at, p.total = p.rows[:0], p.at[:0], 0
	}
	if r.pick == nil {
		for len(a.rows) < r.rows {
			a.rows = append(a.rows, uint32(len(a.rows)))
		}
	}
	next := 0 // of the wanted rows
	for i, k := range r.runs.Template {
		start, end := r.runs.Start[i], r.runs.Start[i+1]
		first := next
		for next < len(r.pick) && r.pick[next] < end {
			next++
		}
		for _, c := range r.t.Shapes.Lists[r.t.Templates[k].Shape] {
			if !a.wanted[c] {
				continue
			}
			p := &a.of[c]
			if r.pick == nil {
				p.rows = append(p.rows, a.rows[start:end]...)
			}
			for j := first; j < next; j++ {
				p.rows = append(p.rows, uint32(j))
				p.at = append(p.at, uint32(p.total)+r.pick[j]-start)
			}
			p.total += int(end - start)
		}
	}
	if r.pick == nil {
		for i := range a.of {
			a.of[i].at = nil
		}
	}
}

// readAttrs reads the wanted attribute columns of spans. In all-mode every column
// gets its place, with or without values, since shapes count them.
func (r *BlockReader) readAttrs() error {
	if !r.need.Attrs() {
		return nil
	}
	r.attrs.find(r)
	for i := range r.t.Attrs {
		if !r.attrs.wanted[i] {
			continue
		}
		info, p := &r.t.Attrs[i], &r.attrs.of[i]
		c := span.Column{}
		if n := len(r.batch.Attrs.Columns); n < cap(r.batch.Attrs.Columns) {
			c = emptied(&r.batch.Attrs.Columns[:n+1][n]) // of the block before
		}
		c.Key, c.Type = info.Key, info.Type
		if len(p.rows) > 0 {
			b, err := r.chunkAt(info.Column)
			if err == nil && b == nil && !info.Partial {
				err = r.bad(info.Column, "values of %d rows are missing", p.total)
			}
			if err == nil && b != nil && info.Partial {
				b, err = r.present(p, info.Column, b)
			}
			if err == nil && b != nil && len(p.rows) > 0 {
				if info.ByTrace {
					err = r.byTrace(&c, info.Column, b, p.rows)
				} else {
					err = r.values(&c, info.Column, b, p)
				}
			}
			if err != nil {
				return err
			}
		}
		if r.need.All || len(c.Rows) > 0 {
			r.batch.Attrs.Columns = append(r.batch.Attrs.Columns, c)
		}
	}
	return r.pooled(&r.batch.Attrs, &r.t.pooled, familySpan, r.rows, r.pick)
}

// emptied returns a column without values in the memory of one that is not needed. The
// strings of a shared dictionary are not its own, and stay.
func emptied(c *span.Column) span.Column {
	e := span.Column{Rows: c.Rows[:0], Vals: c.Vals[:0]}
	if c.DictID == 0 {
		e.Strings = column.Strings{Buf: c.Strings.Buf[:0], Ends: c.Strings.Ends[:0]}
	}
	return e
}

// present leaves those candidates that have a value, and returns what stands behind
// their presence.
func (r *BlockReader) present(p *valuePlaces, col int, b []byte) (rest []byte, err error) {
	var n int
	if r.pres, n, rest, err = column.DecodeBitmap(r.pres, b, p.total); err != nil {
		return nil, r.seg.corrupt(col, r.blk, err)
	}
	if n != p.total {
		return nil, r.bad(col, "presence of %d rows, want %d", n, p.total)
	}
	kept := 0
	if r.pick == nil {
		for i := range r.pres.Ones() {
			p.rows[kept] = p.rows[i]
			kept++
		}
		p.rows, p.total = p.rows[:kept], kept
		return rest, nil
	}
	passed, before := 0, 0
	for i, candidate := range p.at {
		if r.pres.Get(int(candidate)) {
			before += r.pres.CountRange(passed, int(candidate))
			passed = int(candidate)
			p.rows[kept], p.at[kept] = p.rows[i], uint32(before)
			kept++
		}
	}
	p.rows, p.at, p.total = p.rows[:kept], p.at[:kept], r.pres.Count()
	return rest, nil
}

// byTrace reads the values that rows have of a column by trace.
func (r *BlockReader) byTrace(dst *span.Column, col int, b []byte, rows []uint32) (err error) {
	var n int
	if r.pres, n, b, err = column.DecodeBitmap(r.pres, b, r.traces); err != nil {
		return r.seg.corrupt(col, r.blk, err)
	}
	if n != r.traces {
		return r.bad(col, "presence in %d traces, want %d", n, r.traces)
	}
	traces := r.pres // of which values are wanted
	p := valuePlaces{total: r.pres.Count()}
	if r.pick != nil {
		r.some = r.some.Reset(r.traces)
		for _, row := range rows {
			if t := int(r.own[row]); r.pres.Get(t) {
				r.some.Set(t)
			}
		}
		traces = r.some
		for t := range traces.Ones() {
			p.at = append(p.at, uint32(r.pres.CountRange(0, t)))
		}
	}
	of := span.Column{Type: dst.Type}
	if err := r.values(&of, col, b, &p); err != nil {
		return err
	}
	r.ordinals = resize(r.ordinals, r.traces) // by trace: its value
	fill(r.ordinals, span.NoCode)
	i := uint32(0)
	for t := range traces.Ones() {
		r.ordinals[t] = i
		i++
	}
	dst.Rows, dst.Strings, dst.DictID = rows, of.Strings, of.DictID
	for _, row := range rows {
		v := r.ordinals[r.own[row]]
		if v == span.NoCode {
			return r.bad(col, "row %d has a value, its trace has none", row)
		}
		dst.Vals = append(dst.Vals, of.Vals[v])
	}
	return nil
}
