package span

import (
	"bytes"
	"cmp"
	"math"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
)

// OfTrace is Field.OfTrace.
func (i Intrinsic) OfTrace() bool { return i >= TraceDuration }

// OfTrace reports whether c has a field of the whole trace; RowBound tells what
// can be asked of single rows instead.
func (c *Condition) OfTrace() bool {
	found := false
	c.Fields(func(f Field) { found = found || f.OfTrace() })
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
		case c.Field.Parent:
			return mayHaveParent
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
		case c.Op == Relate || c.Field.Parent:
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

// mayHaveParent is met by each row that has a parent: it names one, or it is the server's
// half of a shared span.
var mayHaveParent = AnyOf(Has(Field{Intrinsic: ParentID}),
	Compare(Field{Intrinsic: SpanKind}, Eq, clew.IntValue(int64(clew.KindServer))),
	Compare(Field{Intrinsic: SpanKind}, Eq, clew.IntValue(int64(clew.KindConsumer))))

// Needs is what follows from the relation for a row: that it has what is read of
// it.
func (r *Relation) Needs() Condition {
	var all []Condition
	r.readings(func(f Field) {
		switch {
		case f.Parent:
			all = append(all, mayHaveParent)
		case !f.OfTrace():
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
		if !found || b.compareRoots(i, row) < 0 {
			row, found = i, true
		}
	}
	return row, found
}

// Extent returns the smallest start of all rows, and the greatest of all starts and
// ends: where a row has no end, or ends before it starts, its start counts.
func (b *Batch) Extent() (first, last clew.UnixNanos) {
	first = math.MaxUint64
	for i, start := range b.Start {
		at := clew.UnixNanos(start)
		first, last = min(first, at), max(last, at, b.End(i))
	}
	return first, last
}

// Whole is a batch of whole traces with what was found out about them so far, for those
// who ask more than one thing of it. One goroutine at a time.
type Whole struct {
	*Batch
	// Of is, for each row, the number of its trace; there are Traces of them.
	Of     []uint32
	Traces int

	ofTraces []traceFacts // by trace
	tree     *Tree
}

// NewWhole returns b, which must hold whole traces, each under one id.
func NewWhole(b *Batch) *Whole { return &Whole{Batch: b, Of: b.Trace, Traces: len(b.TraceIDs)} }

// OneTrace returns b, all rows of which are one trace, whatever ids they have: those of
// a 64-bit id may be among those of its 128-bit form.
func OneTrace(b *Batch) *Whole {
	if len(b.TraceIDs) < 2 {
		return NewWhole(b)
	}
	return &Whole{Batch: b, Of: make([]uint32, b.Rows), Traces: 1}
}

type traceFacts struct {
	first, last uint64 // as Batch.Extent
	root        int32  // -1: none
}

// traces finds out about each trace.
func (w *Whole) traces() []traceFacts {
	if w.ofTraces != nil {
		return w.ofTraces
	}
	w.number()
	w.ofTraces = make([]traceFacts, w.Traces)
	for i := range w.ofTraces {
		w.ofTraces[i] = traceFacts{first: math.MaxUint64, root: -1}
	}
	for i, ord := range w.Of {
		t := &w.ofTraces[ord]
		t.first, t.last = min(t.first, w.Start[i]), max(t.last, w.Start[i], uint64(w.End(i)))
		if w.ParentID[i] == 0 && (t.root < 0 || w.compareRoots(i, int(t.root)) < 0) {
			t.root = int32(i)
		}
	}
	return w.ofTraces
}

// Tree returns how the rows hang together.
func (w *Whole) Tree() *Tree {
	if w.tree == nil {
		w.number()
		w.tree = newTree(w)
	}
	return w.tree
}

// number fills Of where it was left for when it is needed: all rows are one trace.
func (w *Whole) number() {
	if w.Of == nil {
		w.Of, w.Traces = make([]uint32, w.Rows), 1
	}
}

// compareRoots says which of two rows without a parent is rather the root.
func (b *Batch) compareRoots(x, y int) int {
	return cmp.Or(cmp.Compare(b.Start[x], b.Start[y]), cmp.Compare(b.SpanID[x], b.SpanID[y]))
}

// value returns what all rows of a trace have.
func (t *traceFacts) value(i Intrinsic, b *Batch) (v clew.Value, ok bool) {
	switch {
	case i == TraceDuration:
		return clew.IntValue(int64(min(t.last-t.first, math.MaxInt64))), true
	case t.root < 0:
		return v, false
	case i == RootName:
		return clew.Value{Type: clew.TypeString, Bytes: b.Names.At(int(b.Name[t.root]))}, true
	}
	return clew.StringValue(b.Service(int(t.root))), true
}

// placeOf returns the number that a row's place in its trace gives it.
func (t *Tree) placeOf(row int, i Intrinsic) int64 {
	switch i {
	case ChildCount:
		return t.ChildCount(row)
	case NestedSetLeft:
		return int64(t.NestedSets()[row].Left)
	case NestedSetRight:
		return int64(t.NestedSets()[row].Right)
	}
	return int64(t.NestedSets()[row].Parent)
}

// ofTrace sets the rows whose trace meets a test.
func (m *Matcher) ofTrace(c *Condition, b *Batch, dst column.Bitmap) {
	if i := c.Field.Intrinsic; i >= ChildCount {
		t := m.whole.Tree()
		testInts(c, dst, b.Rows, func(row int) int64 { return t.placeOf(row, i) })
		return
	}
	table := m.table[:0]
	traces := m.whole.traces()
	for i := range traces {
		v, ok := traces[i].value(c.Field.Intrinsic, b)
		table = append(table, ok && c.Test(v))
	}
	m.table = table
	for i, ord := range m.whole.Of {
		if table[ord] {
			dst.Set(i)
		}
	}
}

// ofParents sets the rows whose parent meets a test.
func (m *Matcher) ofParents(c *Condition, b *Batch, dst column.Bitmap) {
	of := m.parents[c]
	if of == nil {
		own := *c
		own.Field.Parent = false
		if m.parents == nil {
			m.parents = make(map[*Condition]*Condition)
		}
		of, m.parents[c] = &own, &own
	}
	s := m.scratch(b.Rows)
	m.leaf(of, b, s)
	for row, p := range m.whole.Tree().Parent {
		if p >= 0 && s.Get(int(p)) {
			dst.Set(row)
		}
	}
	m.done(s)
}

// ofTrace puts a value of the whole trace.
func (e *evaluation) ofTrace(v *vector, f Intrinsic) {
	if f >= ChildCount {
		t := e.m.whole.Tree()
		for i, row := range e.rows {
			v.putInt(i, t.placeOf(int(row), f))
		}
		return
	}
	traces := e.m.whole.traces()
	for i, row := range e.rows {
		if x, ok := traces[e.m.whole.Of[row]].value(f, e.b); ok {
			v.put(i, x)
		}
	}
}

// parentValues are what each row of a batch has for a field.
type parentValues struct {
	has  []uint8
	num  []uint64
	text [][]byte
}

// ofParent puts what the elements' parents have for a field, whose Parent is set.
func (e *evaluation) ofParent(v *vector, f Field) {
	all, ok := e.parents[f]
	if !ok {
		all = e.ofRows(f)
		if e.parents == nil {
			e.parents = make(map[Field]*parentValues)
		}
		e.parents[f] = all
	}
	parent := e.m.whole.Tree().Parent
	for i, row := range e.rows {
		p := parent[row]
		if p < 0 || all.has[p] == 0 {
			continue
		}
		if all.has[p]&hasText != 0 {
			v.putText(i, all.text[p])
		}
		v.has[i], v.num[i] = all.has[p], all.num[p]
	}
}

// ofRows reads a field of every row.
func (e *evaluation) ofRows(f Field) *parentValues {
	f.Parent = false
	n := e.b.Rows
	if f.ofChildren() {
		return &parentValues{has: make([]uint8, n)}
	}
	all := &parentValues{has: make([]uint8, n), num: make([]uint64, n), text: make([][]byte, n)}
	in := evaluation{m: e.m, b: e.b}
	own := make([]uint32, relationChunk)
	for from := 0; from < n; from += relationChunk {
		in.n = min(relationChunk, n-from)
		in.self = own[:in.n]
		for i := range in.self {
			in.self[i] = uint32(from + i)
		}
		in.rows = in.self
		v := in.vector()
		in.read(v, f)
		copy(all.has[from:], v.has[:in.n])
		copy(all.num[from:], v.num[:in.n])
		for i, has := range v.has[:in.n] {
			if has&hasText != 0 {
				all.text[from+i] = bytes.Clone(v.text[i]) // it may be the vector's
			}
		}
		e.m.vectors = append(e.m.vectors, v)
	}
	return all
}
