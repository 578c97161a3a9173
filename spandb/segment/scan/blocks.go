package scan

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment"
)

// blockSelector evaluates a condition on one block after the other.
type blockSelector struct {
	segment.Block                     // in hand
	reader        segment.BlockReader // for tests on columns
	x             *Selection
	known         []state
	leaves        []blockLeaf // by node
	dst           column.Bitmap
	free          []column.Bitmap
	u32, inGroup  []uint32
	bytes         int64       // read of the blocks before
	stop          func() bool // ends matches early
}

// blockLeaf is what a leaf has read of a block.
type blockLeaf struct {
	loaded  bool
	whole   bool          // bits are the answer for all rows
	bits    column.Bitmap //
	ints    *column.Ints  // a dense column: those of in
	in      column.Range  //
	columns []blockColumn
}

// stretch is rows [start, end) of a block, which lie in the runs [from, to).
type stretch struct{ from, to, start, end int }

// Rows returns the rows of a block that meet the condition. The set is the selector's
// until the next call.
func (s *Selector) Rows(r *segment.Reader, x *Selection, blk int) (column.Bitmap, error) {
	b := &s.block
	if err := b.begin(s.cache, r, x, blk); err != nil {
		return nil, err
	}
	root, runs := s.root(), b.Runs
	if x.open {
		b.known = x.states[0]
		return b.dst, b.eval(root, stretch{0, len(runs.Template), 0, b.Rows}, b.dst)
	}
	if len(x.groups)*seekCost < len(runs.Template) {
		return b.dst, b.seek(root)
	}
	of := x.byTemplate(len(b.Tables.Templates))
	in, k := resize(b.inGroup, len(runs.Template)), 0 // the runs in groups; which is nothing a processor can guess
	b.inGroup = in
	for i, t := range runs.Template {
		in[k] = uint32(i)
		if of[t] != 0 {
			k++
		}
	}
	for in = in[:k]; len(in) > 0; {
		from, number, n := int(in[0]), of[runs.Template[in[0]]], 1
		for n < len(in) && int(in[n]) == from+n && of[runs.Template[in[n]]] == number {
			n++
		}
		b.known = x.states[number-1]
		if err := b.eval(root, stretch{from, from + n, int(runs.Start[from]), int(runs.Start[from+n])}, b.dst); err != nil {
			return nil, err
		}
		in = in[n:]
	}
	return b.dst, nil
}

// inHand returns a block: the one whose rows were told last, if it is that.
func (s *Selector) inHand(r *segment.Reader, blk int) (segment.Block, error) {
	if b := s.block.Block; b.Reader == r && b.Number == blk && b.Runs != nil {
		b.Bytes = 0
		return b, nil
	}
	return s.cache.Block(r, blk)
}

// seek evaluates the condition on the runs of groups, of which there are few.
func (b *blockSelector) seek(root *node) error {
	x, runs, at := b.x, b.Runs, stretch{}
	at.to = runs.Seek(x.groups[0].from, len(b.Tables.Templates))
	n, of := root, uint32(math.MaxUint32) // what is left to evaluate of these states
	for i := range x.groups {
		g := &x.groups[i]
		at.from = runs.SeekNear(at.to, g.from) // most are of one service
		at.to = runs.SeekNear(at.from, g.to)
		if at.from == at.to {
			continue
		}
		if g.states != of {
			b.known, of = x.states[g.states], g.states
			n = b.left(root)
		}
		at.start, at.end = int(runs.Start[at.from]), int(runs.Start[at.to])
		if err := b.eval(n, at, b.dst); err != nil {
			return err
		}
	}
	return nil
}

// left returns the node that decides n, as far as others are known.
func (b *blockSelector) left(n *node) *node {
	for n.kind == nodeAnd {
		only := b.onlyOne(n)
		if only == nil {
			break
		}
		n = only
	}
	return n
}

// onlyOne returns the one argument of nodeAnd that is not known to be met; nil if there
// are none or several.
func (b *blockSelector) onlyOne(n *node) (only *node) {
	for _, arg := range n.args {
		switch {
		case b.known[arg.number] == stateYes:
		case only != nil:
			return nil
		default:
			only = arg
		}
	}
	return only
}

// Bytes returns how much was read since it was last asked.
func (s *Selector) Bytes() int64 {
	n := s.block.bytes + s.block.Bytes
	s.block.bytes, s.block.Bytes = 0, 0
	return n
}

func (b *blockSelector) begin(c *segment.Cache, r *segment.Reader, x *Selection, blk int) (err error) {
	b.x = x
	for i := range b.leaves {
		b.leaves[i].loaded = false
	}
	b.bytes += b.Bytes
	b.Block, err = c.Block(r, blk)
	b.dst = b.dst.Reset(b.Rows)
	return err
}

// eval adds to dst the rows at a stretch that meet n.
func (b *blockSelector) eval(n *node, at stretch, dst column.Bitmap) error {
	switch b.known[n.number] {
	case stateNo:
		return nil
	case stateYes:
		dst.SetRange(at.start, at.end)
		return nil
	}
	switch n.kind {
	case nodeAnd:
		return b.both(n, at, dst)
	case nodeOr:
		for _, arg := range n.args {
			if err := b.eval(arg, at, dst); err != nil {
				return err
			}
		}
		return nil
	case nodeNot:
		those, rest := b.scratch(), b.scratch()
		defer b.done(those, rest)
		if err := b.eval(n.args[0], at, those); err != nil {
			return err
		}
		rest.SetRange(at.start, at.end)
		rest.AndNot(those)
		dst.Or(rest)
		return nil
	}
	return b.leaf(n, at, dst)
}

// both is eval for nodeAnd: each argument looks only at what those before have left.
func (b *blockSelector) both(n *node, at stretch, dst column.Bitmap) error {
	if only := b.onlyOne(n); only != nil {
		return b.eval(only, at, dst)
	}
	left, next := b.scratch(), b.scratch()
	defer b.done(left, next)
	first := true
	for _, arg := range n.args {
		if b.known[arg.number] == stateYes {
			continue
		}
		if first {
			first = false
			if err := b.eval(arg, at, left); err != nil {
				return err
			}
			continue
		}
		rows := left.CountRange(at.start, at.end)
		if rows == 0 {
			return nil
		}
		clear(next)
		if err := b.narrowed(arg, at, left, rows, next); err != nil {
			return err
		}
		left.And(next)
	}
	dst.Or(left)
	return nil
}

// narrowed is eval for the rows in left, and perhaps others.
func (b *blockSelector) narrowed(n *node, at stretch, left column.Bitmap, rows int, dst column.Bitmap) error {
	if rows*fewRows > at.end-at.start {
		return b.eval(n, at, dst)
	}
	runs := b.Runs
	run := at.from
	for w := at.start >> 6; w <= (at.end-1)>>6; w++ {
		for word := left[w]; word != 0; word &= word - 1 {
			row := w<<6 + bits.TrailingZeros64(word)
			for int(runs.Start[run+1]) <= row {
				run++
			}
			if err := b.eval(n, stretch{run, run + 1, row, row + 1}, dst); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *blockSelector) scratch() column.Bitmap {
	rows := b.Rows
	if k := len(b.free); k > 0 {
		s := b.free[k-1]
		b.free = b.free[:k-1]
		return s.Reset(rows)
	}
	return column.NewBitmap(rows)
}

func (b *blockSelector) done(s ...column.Bitmap) { b.free = append(b.free, s...) }

// leaf adds to dst the rows at a stretch that meet a leaf.
func (b *blockSelector) leaf(n *node, at stretch, dst column.Bitmap) error {
	f := &b.leaves[n.number]
	if !f.loaded {
		if err := b.load(n, f); err != nil {
			return err
		}
		f.loaded = true
	}
	switch {
	case f.whole:
		dst.OrRange(at.start, f.bits, at.start, at.end-at.start)
		return b.attrs(f, at, dst)
	case n.kind == leafResource || n.kind == leafAny && b.x.leaves[n.number].service != nil:
		return b.resources(&b.x.leaves[n.number], f, at, dst)
	}
	return b.damaged(f.ints.Select(dst, at.start, at.start, at.end, f.in))
}

func (b *blockSelector) damaged(err error) error {
	if err != nil {
		return b.Corrupt(b.Tables.Start, err)
	}
	return nil
}

// resources tests the resources of rows whose services have some that meet the
// condition and some that do not.
func (b *blockSelector) resources(p *leafPlan, f *blockLeaf, at stretch, dst column.Bitmap) (err error) {
	if b.u32, err = column.DecodeRange(b.u32[:0], f.ints, at.start, at.end); err != nil {
		return b.damaged(err)
	}
	t, runs := b.Tables, b.Runs
	for run := at.from; run < at.to; run++ {
		service := t.Templates[runs.Template[run]].Service
		of := p.resource[t.Base[service]:t.Base[service+1]]
		for row := max(at.start, int(runs.Start[run])); row < min(at.end, int(runs.Start[run+1])); row++ {
			code := int(b.u32[row-at.start])
			if code >= len(of) {
				return b.damaged(fmt.Errorf("row %d points outside the resources", row))
			}
			if of[code] {
				dst.Set(row)
			}
		}
	}
	return nil
}

// attrs tests the values that loadAttrs has left.
func (b *blockSelector) attrs(f *blockLeaf, at stretch, dst column.Bitmap) error {
	runs := b.Runs
	for i := range f.columns {
		c := &f.columns[i]
		for run := at.from; run < at.to; {
			if c.at[run] == c.at[run+1] {
				run++
				continue
			}
			from := run
			for run++; run < at.to && c.at[run] != c.at[run+1]; {
				run++
			}
			start, end := max(at.start, int(runs.Start[from])), min(at.end, int(runs.Start[run]))
			v := int(c.at[from]) + start - int(runs.Start[from])
			if err := c.ints.Select(dst, start, v, v+end-start, c.in); err != nil {
				return b.damaged(err)
			}
		}
	}
	return nil
}

// load reads what a leaf tests in the block.
func (b *blockSelector) load(n *node, f *blockLeaf) (err error) {
	p := &b.x.leaves[n.number]
	f.whole, f.columns = false, f.columns[:0]
	switch {
	case n.kind == leafOther || n.kind == leafChild || p.other,
		n.kind == leafDuration && mayLackEnds(b.Reader, b.Tables.Start, b.Tables.Duration, b.Number):
		return b.onColumns(n, f)
	case n.kind == leafResource || n.kind == leafAny && p.service != nil:
		f.ints, err = b.Ints(b.Tables.Resource)
	case n.kind == leafAttr || n.kind == leafAny:
		return b.loadAttrs(n, f, p)
	case n.kind == leafWindow:
		f.in = n.window
		f.ints, err = b.Ints(b.Tables.Start)
	default:
		var some bool
		if f.in, some = rangeOf(n.cond); !some {
			f.whole, f.bits = true, f.bits.Reset(b.Rows)
			return nil
		}
		f.ints, err = b.Ints(b.Tables.Duration)
	}
	return err
}

// onColumns tests a condition on the columns it needs.
func (b *blockSelector) onColumns(n *node, f *blockLeaf) error {
	if n.matcher == nil || n.tested == matcherBlocks {
		n.matcher, n.tested = span.NewMatcher(*n.cond), 0
		n.matcher.Stop = b.stop
	}
	n.tested++
	batch, err := b.reader.Read(b.Reader, b.Number, &n.need)
	b.bytes += b.reader.Bytes
	b.reader.Bytes = 0
	if err != nil {
		return err
	}
	f.whole, f.bits = true, n.matcher.Match(batch)
	return nil
}

// loadAttrs reads the chunks of an attribute's columns, and tests the values, but for
// those that are better tested where they are wanted.
func (b *blockSelector) loadAttrs(n *node, f *blockLeaf, p *leafPlan) error {
	f.whole, f.bits = true, f.bits.Reset(b.Rows)
	f.columns = resize(f.columns, len(p.columns))
	columns := 0
	for i := range p.columns {
		c := &f.columns[columns] // keeps its memory from block to block
		c.columnPlan = &p.columns[i]
		src, ints, err := b.Chunk(c.col)
		if err != nil {
			return err
		}
		if src == nil {
			continue
		}
		c.ints = ints
		later, err := b.loadColumn(n, c, src, f.bits)
		if err != nil {
			return b.Corrupt(c.col, err)
		}
		if later {
			columns++
		}
	}
	f.columns = f.columns[:columns]
	return nil
}

// loadColumn tests a column that the shapes of some runs list, and adds the rows that
// meet the condition to dst; or it reports that this is better done later.
func (b *blockSelector) loadColumn(n *node, c *blockColumn, src []byte, dst column.Bitmap) (later bool, err error) {
	if c.ranged && !c.partial && !c.byTrace && c.ints != nil && c.ints.Kind() == column.IntRuns {
		values, err := b.Values(c.col, c.inShape)
		if err != nil {
			return false, err
		}
		if values != nil {
			values.Select(dst, c.in)
			return false, nil
		}
	}
	c.ownAt = resize(c.ownAt, len(b.Runs.Start))
	if c.at, err = b.Places(c.ownAt, c.col, c.inShape); err != nil {
		return false, err
	}
	listed := int(c.at[len(c.at)-1]) // rows whose shapes list the column
	if c.byTrace {
		return false, b.loadByTrace(n, c, src, listed, dst)
	}
	have := listed
	switch {
	case c.partial:
		err = c.candidates(n.cond, src, listed)
	case c.all:
		c.hits, c.runs = c.hits.Reset(listed), c.runs[:0]
		c.hits.Fill(listed)
	case c.ranged && !b.x.open && c.ints != nil && c.ints.RandomAccess(): // better tested where it is wanted
		have, later = c.ints.Len(), true
	default:
		have, err = c.testAll(n.cond, src, c.ints, listed)
	}
	if err == nil && have != listed {
		err = fmt.Errorf("%d values for %d rows", have, listed)
	}
	if err == nil && !later {
		c.spread(dst, b.Runs)
	}
	return later, err
}

// loadByTrace tests a column by trace, which the shapes of so many rows list.
func (b *blockSelector) loadByTrace(n *node, c *blockColumn, src []byte, listed int, dst column.Bitmap) (err error) {
	c.hits, c.runs = c.hits[:0], c.runs[:0]
	if c.pres = c.pres[:0]; c.partial {
		var have int
		if c.pres, have, src, err = column.DecodeBitmap(c.pres, src, listed); err != nil {
			return err
		}
		if have != listed {
			return fmt.Errorf("presence of %d rows, want %d", have, listed)
		}
	}
	ids, _, err := b.Chunk(b.Tables.TraceIDs)
	if err != nil {
		return err
	}
	meet, err := c.traces(n.cond, src, len(ids)/16)
	if err != nil || !meet.Any() {
		return err
	}
	trace, err := b.Ints(b.Tables.Trace)
	if err != nil {
		return err
	}
	rows := b.scratch()
	defer b.done(rows)
	if err := trace.SelectCodes(rows, 0, 0, b.Rows, meet); err != nil {
		return err
	}
	at := 0 // candidates before the run
	for i, shape := range b.Runs.Shape {
		start, end := int(b.Runs.Start[i]), int(b.Runs.Start[i+1])
		if c.inShape[shape] == 0 {
			continue
		}
		for row := rows.Next(start); row >= 0 && row < end; row = rows.Next(row + 1) {
			if !c.partial || c.pres.Get(at+row-start) {
				dst.Set(row)
			}
		}
		at += end - start
	}
	return nil
}
