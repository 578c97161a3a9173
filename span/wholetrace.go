package span

import (
	"cmp"
	"math"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
)

// OfTrace reports whether the intrinsic is known only with every row of the trace
// at hand: a Matcher then wants batches of one whole trace, and a store cannot
// test it in a scan of rows.
func (i Intrinsic) OfTrace() bool { return i >= TraceDuration }

// OfTrace reports whether c has a field of the whole trace; RowBound tells what
// can be asked of single rows instead.
func (c *Condition) OfTrace() bool {
	found := false
	c.Fields(func(f Field) { found = found || f.Intrinsic.OfTrace() })
	return found
}

// RowBound returns a condition without fields of the whole trace that every row
// which meets c meets too, the narrowest that follows from c's form: c itself
// where it has no such fields.
func (c Condition) RowBound() Condition {
	if !c.OfTrace() {
		return c
	}
	return c.bound(above, func(c *Condition, s side) Condition {
		switch {
		case !c.OfTrace():
			return *c
		case s == below:
			return AnyOf()
		case c.Op == Relate:
			return c.Relation.Needs()
		}
		return Condition{}
	})
}

// RootBound returns a condition that the root of a trace meets if any row of the
// trace meets c; false if nothing follows from c's form, not even that there is a
// root.
func (c Condition) RootBound() (root Condition, ok bool) {
	root = c.bound(above, func(c *Condition, s side) Condition {
		onRoot := *c
		switch {
		case s == below:
			return AnyOf()
		case c.Op == Relate:
			return Condition{}
		case c.Field.Intrinsic == RootName:
			onRoot.Field = Field{Intrinsic: Name}
			return onRoot
		case c.Field.Intrinsic == RootService && c.Op != Exists && !c.Test(clew.StringValue("")):
			onRoot.Field = Field{Scope: ScopeResource, Key: "service.name"}
			return onRoot
		}
		return Condition{}
	})
	if root.Always() {
		return root, false
	}
	return Every(Negate(Has(Field{Intrinsic: ParentID})), root), true
}

// side says whether a bound is what a condition implies or what implies it.
type side uint8

const (
	above side = iota
	below
)

// bound replaces the tests in c by what they imply, or by what implies them. The
// two change places under Not. Of a test that tells nothing that is always, and
// never.
func (c *Condition) bound(s side, leaf func(*Condition, side) Condition) Condition {
	switch c.Op {
	case True:
		return *c
	case And, Or:
		args := make([]Condition, len(c.Args))
		for i := range c.Args {
			args[i] = c.Args[i].bound(s, leaf)
		}
		if c.Op == And {
			return Every(args...)
		}
		return Some(args...)
	case Not:
		return Negation(c.Args[0].bound(above+below-s, leaf))
	}
	return leaf(c, s)
}

// Needs is what follows from the relation for a row: that it has what is read of
// it.
func (r *Relation) Needs() Condition {
	var all []Condition
	r.readings(func(f Field) {
		if !f.Intrinsic.OfTrace() {
			all = append(all, Has(f))
		}
	})
	return Every(all...)
}

// Always reports whether c is true by its form, Never whether it is false.
func (c *Condition) Always() bool { return c.Op == True || c.Op == And && len(c.Args) == 0 }

// Never is Always for false.
func (c *Condition) Never() bool { return c.Op == Or && len(c.Args) == 0 }

// Every is AllOf in short: without what is always true, false if one is never
// true, and its argument if one is left.
func Every(args ...Condition) Condition {
	var rest []Condition
	for _, a := range args {
		switch {
		case a.Never():
			return AnyOf()
		case !a.Always():
			rest = append(rest, a)
		}
	}
	switch len(rest) {
	case 0:
		return Condition{}
	case 1:
		return rest[0]
	}
	return AllOf(rest...)
}

// Some is AnyOf in short, as Every is AllOf.
func Some(args ...Condition) Condition {
	var rest []Condition
	for _, a := range args {
		switch {
		case a.Always():
			return Condition{}
		case !a.Never():
			rest = append(rest, a)
		}
	}
	if len(rest) == 1 {
		return rest[0]
	}
	return AnyOf(rest...)
}

// Negation is Negate in short.
func Negation(c Condition) Condition {
	switch {
	case c.Always():
		return AnyOf()
	case c.Never():
		return Condition{}
	case c.Op == Not:
		return c.Args[0]
	}
	return Negate(c)
}

// Root returns the root of a trace: of the rows without a parent the one that
// starts first, then the one with the lowest span id; false if there is none. b
// must be one trace.
func (b *Batch) Root() (row int, found bool) {
	for i, parent := range b.ParentID {
		if parent != 0 {
			continue
		}
		if !found || cmp.Or(cmp.Compare(b.Start[i], b.Start[row]), cmp.Compare(b.SpanID[i], b.SpanID[row])) < 0 {
			row, found = i, true
		}
	}
	return row, found
}

// Extent returns the smallest start and the greatest end of all rows; the end may
// be the smaller of the two.
func (b *Batch) Extent() (start, end clew.UnixNanos) {
	start = math.MaxUint64
	for i := range b.Start {
		start, end = min(start, clew.UnixNanos(b.Start[i])), max(end, b.End(i))
	}
	return start, end
}

// facts are what a Matcher found out about a batch that is one trace.
type facts struct {
	known    bool
	duration int64
	root     int // −1: none
	children map[uint64]int64
}

func (m *Matcher) factsOf(b *Batch) *facts {
	f := &m.facts
	if f.known {
		return f
	}
	f.known, f.root = true, -1
	if start, end := b.Extent(); end > start {
		f.duration = int64(min(end-start, math.MaxInt64))
	}
	if row, ok := b.Root(); ok {
		f.root = row
	}
	return f
}

// childrenOf counts the spans by the parent that they name.
func (m *Matcher) childrenOf(b *Batch) map[uint64]int64 {
	f := &m.facts
	if f.children == nil {
		f.children = make(map[uint64]int64)
		for i, parent := range b.ParentID {
			if parent != b.SpanID[i] { // its own child is none
				f.children[parent]++
			}
		}
	}
	return f.children
}

// value returns a value that all rows of the trace have.
func (f *facts) value(i Intrinsic, b *Batch) (v clew.Value, ok bool) {
	switch {
	case i == TraceDuration:
		return clew.IntValue(f.duration), true
	case f.root < 0:
		return v, false
	case i == RootName:
		return clew.Value{Type: clew.TypeString, Bytes: b.Names.At(int(b.Name[f.root]))}, true
	}
	return clew.StringValue(b.Service(f.root)), true
}

// ofTrace sets the rows whose trace meets a test.
func (m *Matcher) ofTrace(c *Condition, b *Batch, dst column.Bitmap) {
	if c.Field.Intrinsic == ChildCount {
		children := m.childrenOf(b)
		testInts(c, dst, b.Rows, func(i int) int64 { return children[b.SpanID[i]] })
		return
	}
	if v, ok := m.factsOf(b).value(c.Field.Intrinsic, b); ok && c.Test(v) {
		dst.Fill(b.Rows)
	}
}

// ofTrace puts a value of the whole trace.
func (e *evaluation) ofTrace(v *vector, f Intrinsic) {
	if f == ChildCount {
		children := e.m.childrenOf(e.b)
		for i, row := range e.rows {
			v.putInt(i, children[e.b.SpanID[row]])
		}
		return
	}
	if x, ok := e.m.factsOf(e.b).value(f, e.b); ok {
		for i := range e.n {
			v.put(i, x)
		}
	}
}
