package scan

import (
	"fmt"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment"
)

// columnPlan is how the values of an attribute column are tested. Without one of the
// first three, each value is.
type columnPlan struct {
	all    bool          // every value meets the condition
	ranged bool          // those in a range do: of ints, or of codes
	codes  column.Bitmap // these codes do

	in      column.Range
	signed  bool // the bounds of its chunks are those of signed numbers
	col     int  // in the segment
	typ     clew.Type
	inShape []uint32 // by shape: all bits if it lists the column, else none
	partial bool     // not all rows of such a shape have a value: presence says which
	byTrace bool     // values are those of traces
}

// columnPlans returns the columns that may have values which meet a condition. shapes
// say which rows have values, where they do.
func columnPlans(c *span.Condition, attrs []segment.Attr, shapes *segment.Shapes) (plans []columnPlan) {
	for i := range attrs {
		info := &attrs[i]
		if info.Key != c.Field.Key || c.Op != span.Exists && !typesMeet(c, info.Type) {
			continue
		}
		p := columnPlan{col: info.Column, typ: info.Type, all: c.Op == span.Exists, partial: info.Partial, byTrace: info.ByTrace}
		if info.Type == clew.TypeInt && c.Value.Type == clew.TypeInt && !p.all {
			p.signed = true
			if p.in, p.ranged = rangeOf(c); !p.ranged {
				continue
			}
		}
		if shapes != nil {
			p.inShape = shapes.Having(uint32(i))
		}
		plans = append(plans, p)
	}
	return plans
}

// typesMeet reports whether values of type t compare with the condition's. Arrays may
// have elements that do.
func typesMeet(c *span.Condition, t clew.Type) bool {
	if t == clew.TypeOther {
		return true
	}
	if c.Op == span.Match || c.Op == span.NotMatch {
		return t == clew.TypeString
	}
	number := func(t clew.Type) bool { return t == clew.TypeInt || t == clew.TypeDouble }
	return t == c.Value.Type || number(t) && number(c.Value.Type)
}

// narrow tests dictionaries, and leaves out the columns without a value that meets
// the condition. It reports whether that told anything.
func (s *Selector) narrow(p *leafPlan, n *node, r *segment.Reader, t *segment.Tables) (narrower bool, err error) {
	kept := p.columns[:0]
	for _, c := range p.columns {
		if (c.typ == clew.TypeString || c.typ == clew.TypeOther) && !c.all {
			some, ok, err := s.testDictionary(&c, n.cond, r, t)
			if err != nil {
				return false, err
			}
			if ok && !some || !ok && n.cond.Op == span.Eq && c.typ == clew.TypeString && s.cache.Lacks(r, t, c.col, n.cond.Value.Bytes) {
				narrower = true
				continue
			}
			narrower = narrower || c.all
		}
		kept = append(kept, c)
	}
	p.columns = kept
	return narrower, nil
}

// testDictionary tests the values of a column's dictionary, and reports whether any meets
// the condition; not ok: the column has none.
func (s *Selector) testDictionary(c *columnPlan, cond *span.Condition, r *segment.Reader, t *segment.Tables) (some, ok bool, err error) {
	if c.typ == clew.TypeString && (cond.Op == span.Eq || cond.Op == span.Ne) {
		code, values, ok, err := s.cache.CodeOf(r, t, c.col, cond.Value.Bytes)
		if err != nil || !ok {
			return false, false, err
		}
		return c.testCode(cond.Op, code, values), true, nil
	}
	values, ok, err := s.cache.Dictionary(r, t, c.col)
	if err != nil || !ok {
		return false, false, err
	}
	return c.test(cond, &values), true, nil
}

// testCode is test for equality with the value that has a code, of so many, or none: -1.
func (c *columnPlan) testCode(op span.Op, code, values int) bool {
	if op == span.Eq {
		c.ranged, c.in = true, column.Range{Low: uint64(code)}
		return code >= 0
	}
	if c.all = code < 0; !c.all {
		c.ranged, c.in = true, column.Range{Low: uint64(code) + 1, Span: ^uint64(0) - 1}
	}
	return c.all || values > 1
}

// test tests the values of a dictionary, and reports whether any meets the condition.
func (c *columnPlan) test(cond *span.Condition, values *column.Strings) bool {
	set, found := column.NewBitmap(values.Len()), 0
	for i := range values.Len() {
		if cond.Test(clew.Value{Type: c.typ, Bytes: values.At(i)}) {
			set.Set(i)
			found++
		}
	}
	if c.all = found == values.Len(); !c.all {
		c.codes = set
	}
	return found > 0
}

// blockColumn is a column's chunk in a block.
type blockColumn struct {
	*columnPlan
	ints *column.Ints  // if the chunk is one of integers or codes alone
	at   []uint32      // by run: values of the column before it; in ownAt, or shared
	hits column.Bitmap // the values that meet the condition, unless they are tested in place
	runs []uint64      // or, of a chunk of runs, the pairs of Ints.AppendRuns
	pres column.Bitmap // of a partial column

	ownAt []uint32
}

// testAll finds the values behind the presence of a chunk that meet the condition, and
// how many there are of all. n is how many there may be; x is not nil if src was parsed.
func (c *blockColumn) testAll(cond *span.Condition, src []byte, x *column.Ints, n int) (have int, err error) {
	c.hits, c.runs = c.hits[:0], c.runs[:0]
	switch {
	case c.ranged || c.codes != nil:
		if x == nil {
			parsed, _, err := column.ParseInts(src, n)
			if err != nil {
				return 0, err
			}
			x = &parsed
		}
		have = x.Len()
		if c.ranged && x.Kind() == column.IntRuns {
			c.runs, err = x.AppendRuns(c.runs, c.in)
			return have, err
		}
		c.hits = c.hits.Reset(have)
		if c.ranged {
			return have, x.Select(c.hits, 0, 0, have, c.in)
		}
		return have, x.SelectCodes(c.hits, 0, 0, have, c.codes)
	case c.typ == clew.TypeString, c.typ == clew.TypeOther:
		return c.testStrings(cond, src, n)
	default:
		var vals []uint64
		if c.typ == clew.TypeDouble {
			vals, _, err = column.DecodeDoubles(nil, src, n)
		} else {
			vals, _, err = column.DecodeInts[uint64](nil, src, n)
		}
		have = len(vals)
		c.eachValue(cond, have, func(i int) clew.Value { return clew.Value{Type: c.typ, Bits: vals[i]} })
	}
	return have, err
}

// testStrings is testAll for strings, and for arrays and the like, that have no dictionary.
func (c *blockColumn) testStrings(cond *span.Condition, src []byte, n int) (have int, err error) {
	x, err := segment.ParseStrings(src, n)
	if err != nil {
		return 0, err
	}
	have = x.Len()
	if c.typ == clew.TypeString && (cond.Op == span.Eq || cond.Op == span.Ne) {
		c.hits = c.hits.Reset(have)
		if err := x.SelectEqual(c.hits, 0, cond.Value.Bytes); err != nil {
			return 0, err
		}
		if cond.Op == span.Ne {
			c.hits.Not(have)
		}
		return have, nil
	}
	var values column.Strings
	if err := x.Decode(&values); err != nil {
		return 0, err
	}
	c.eachValue(cond, have, func(i int) clew.Value { return clew.Value{Type: c.typ, Bytes: values.At(i)} })
	return have, nil
}

// candidates finds which of the n rows whose shapes list a partial column meet the
// condition.
func (c *blockColumn) candidates(cond *span.Condition, src []byte, n int) error {
	var have int
	var err error
	if c.pres, have, src, err = column.DecodeBitmap(c.pres, src, n); err != nil {
		return err
	}
	if have != n {
		return fmt.Errorf("presence of %d rows, want %d", have, n)
	}
	if c.all {
		c.hits, c.runs = append(c.hits[:0], c.pres...), c.runs[:0]
		return nil
	}
	total := c.pres.Count()
	if have, err = c.testAll(cond, src, nil, total); err != nil {
		return err
	}
	if have != total {
		return fmt.Errorf("%d values for %d rows", have, total)
	}
	c.runs = c.hits.AppendRuns(c.runs)
	c.hits = c.hits.Reset(n)
	list, i := c.runs, uint64(0)
	for row := range c.pres.Ones() {
		for len(list) > 0 && i >= list[1] {
			list = list[2:]
		}
		if len(list) == 0 {
			break
		}
		if i >= list[0] {
			c.hits.Set(row)
		}
		i++
	}
	c.runs = c.runs[:0]
	return nil
}

// traces finds which traces of a block, of n, have a value in a column by trace that
// meets the condition.
func (c *blockColumn) traces(cond *span.Condition, src []byte, n int) (set column.Bitmap, err error) {
	set, have, src, err := column.DecodeBitmap(nil, src, n)
	if err != nil {
		return nil, err
	}
	if have != n {
		return nil, fmt.Errorf("presence in %d traces, want %d", have, n)
	}
	if c.all {
		return set, nil
	}
	total := set.Count()
	if have, err = c.testAll(cond, src, nil, total); err != nil {
		return nil, err
	}
	if have != total {
		return nil, fmt.Errorf("%d values for %d traces", have, total)
	}
	c.runs = c.hits.AppendRuns(c.runs)
	meet, list, i := column.NewBitmap(n), c.runs, uint64(0)
	for trace := range set.Ones() {
		for len(list) > 0 && i >= list[1] {
			list = list[2:]
		}
		if len(list) > 0 && i >= list[0] {
			meet.Set(trace)
		}
		i++
	}
	c.runs = c.runs[:0]
	return meet, nil
}

// spread adds to dst the rows that meet the condition: those of hits and runs, among
// the rows of the runs that list the column. There are as many as were asked for.
func (c *blockColumn) spread(dst column.Bitmap, dir *segment.Runs) {
	c.runs = c.hits.AppendRuns(c.runs)
	at, run := c.at, 0
	for i := 0; i < len(c.runs); i += 2 {
		for from, to := uint32(c.runs[i]), uint32(c.runs[i+1]); from < to; {
			for run+spreadStep < len(at) && at[run+spreadStep] <= from {
				run += spreadStep
			}
			for at[run+1] <= from {
				run++
			}
			upTo, row := min(to, at[run+1]), dir.Start[run]-at[run]
			dst.SetRange(int(row+from), int(row+upTo))
			from = upTo
		}
	}
}

func (c *blockColumn) eachValue(cond *span.Condition, n int, value func(i int) clew.Value) {
	c.hits = c.hits.Reset(n)
	for i := range n {
		if cond.Test(value(i)) {
			c.hits.Set(i)
		}
	}
}
