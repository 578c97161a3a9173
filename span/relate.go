package span

import (
	"bytes"
	"encoding/hex"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
)

// relationChunk is how many rows, events or links a relation calculates at a
// time. A vector of them takes 9 KiB, stays in the first-level cache beside a few
// others, and there are as many at once as an expression nests to the right.
const relationChunk = 1024

// fewTexts is for how many texts a vector has memory at first: what is told of a trace is
// calculated for a few of its spans, and memory for a chunk takes 24 KiB.
const fewTexts = 16

// What a vector has of an element; several bits where a key has several types.
const (
	hasInt uint8 = 1 << iota
	hasDouble
	hasText
	hasTrue
	hasFalse
	hasOther // something that is no value
)

// vector is one value for each element of a chunk.
type vector struct {
	has  [relationChunk]uint8
	num  [relationChunk]uint64 // an int's or a double's bits
	text [][]byte              // as far as texts were put
	ids  []byte                // memory of ids written out
}

func (v *vector) putText(i int, s []byte) {
	if i >= len(v.text) {
		n := relationChunk
		if i < fewTexts {
			n = fewTexts
		}
		v.text = append(make([][]byte, 0, n), v.text...)[:n]
	}
	v.has[i] |= hasText
	v.text[i] = s
}

// put adds a value, as the rules for several values of a key are.
func (v *vector) put(i int, x clew.Value) {
	switch x.Type {
	case clew.TypeString:
		if v.has[i]&hasText == 0 {
			v.putText(i, x.Bytes)
		}
	case clew.TypeInt:
		if v.has[i]&hasInt == 0 {
			v.has[i], v.num[i] = v.has[i]&^hasDouble|hasInt, x.Bits
		}
	case clew.TypeDouble:
		if v.has[i]&(hasInt|hasDouble) == 0 {
			v.has[i], v.num[i] = v.has[i]|hasDouble, x.Bits
		}
	case clew.TypeBool:
		switch {
		case v.has[i]&(hasTrue|hasFalse) != 0:
		case x.Bool():
			v.has[i] |= hasTrue
		default:
			v.has[i] |= hasFalse
		}
	default:
		v.has[i] |= hasOther
	}
}

func (v *vector) putInt(i int, n int64) { v.has[i], v.num[i] = hasInt, uint64(n) }

// number returns an element's number as a value.
func (v *vector) number(i int) clew.Value {
	if v.has[i]&hasInt != 0 {
		return clew.Value{Type: clew.TypeInt, Bits: v.num[i]}
	}
	return clew.Value{Type: clew.TypeDouble, Bits: v.num[i]}
}

func (v *vector) double(i int) float64 { return asDouble(v.number(i)) }

// evaluation is one relation on one batch. Its elements are rows, events or
// links.
type evaluation struct {
	m      *Matcher
	b      *Batch
	truths map[*Expr]column.Bitmap
	// parents has fields of parents that were read.
	parents map[Field]*parentValues

	n    int      // elements of the chunk
	self []uint32 // their numbers, ascending without gaps; nil: they are pairs
	rows []uint32 // the rows they belong to, ascending
	// events and links are those that the elements are or belong to.
	events, links []uint32
}

// relate sets the rows that meet a relation.
func (m *Matcher) relate(r *Relation, b *Batch, dst column.Bitmap) {
	e := evaluation{m: m, b: b}
	over := elements{b: b}
	over.events, over.links = r.children()
	e.prepare(&r.L)
	e.prepare(&r.R)
	for !m.stopped() && over.next(&e, func(row uint32) bool { return dst.Get(int(row)) }) {
		left, right := e.value(&r.L), e.value(&r.R)
		for i := range e.n {
			if r.holds(left, right, i) {
				dst.Set(int(e.rows[i]))
			}
		}
		m.vectors = append(m.vectors, left, right)
	}
	for _, t := range e.truths {
		m.done(t)
	}
}

// prepare evaluates the conditions within an expression.
func (e *evaluation) prepare(x *Expr) {
	if x.Op == Truth {
		if e.truths == nil {
			e.truths = make(map[*Expr]column.Bitmap)
		}
		t := e.m.scratch(e.b.Rows)
		e.m.eval(x.Cond, e.b, t)
		e.truths[x] = t
	}
	for i := range x.Args {
		e.prepare(&x.Args[i])
	}
}

func (r *Relation) holds(l, q *vector, i int) bool {
	a, b := l.has[i], q.has[i]
	const number, truth = hasInt | hasDouble, hasTrue | hasFalse
	switch {
	case a == hasInt && b == hasInt:
		return r.Op.holds(compareInts(int64(l.num[i]), int64(q.num[i])))
	case a == 0 || b == 0:
		return false
	case a&number != 0 && b&number != 0:
		if c, _ := compareValues(l.number(i), q.number(i)); r.Op.holds(c) {
			return true
		}
	}
	if a&b&hasText != 0 && r.Op.holds(bytes.Compare(l.text[i], q.text[i])) {
		return true
	}
	if a&truth != 0 && b&truth != 0 {
		return r.Op.holds(compareInts(int64(a&hasTrue), int64(b&hasTrue)))
	}
	return false
}

func (e *evaluation) vector() *vector {
	k := len(e.m.vectors)
	if k == 0 {
		return new(vector)
	}
	v := e.m.vectors[k-1]
	e.m.vectors = e.m.vectors[:k-1]
	clear(v.has[:e.n])
	return v
}

// value calculates x for the chunk. The vector is the caller's, to be given back
// to m.vectors.
func (e *evaluation) value(x *Expr) *vector {
	switch x.Op {
	case Constant:
		v := e.vector()
		for i := range e.n {
			v.put(i, x.Value)
		}
		return v
	case Reading:
		v := e.vector()
		e.read(v, x.Field)
		return v
	case Truth:
		v := e.vector()
		for i, row := range e.rows {
			v.has[i] = hasFalse
			if e.truths[x].Get(int(row)) {
				v.has[i] = hasTrue
			}
		}
		return v
	case Negative:
		v := e.value(&x.Args[0])
		v.negate(e.n)
		return v
	}
	l := e.value(&x.Args[0])
	r := e.value(&x.Args[1])
	l.calculate(x.Op, r, e.n)
	e.m.vectors = append(e.m.vectors, r)
	return l
}

func (v *vector) negate(n int) {
	for i, has := range v.has[:n] {
		switch {
		case has&hasInt != 0:
			d, ok := Difference.ints(0, int64(v.num[i]))
			v.has[i], v.num[i] = has&hasInt, uint64(d)
			if !ok {
				v.has[i] = 0
			}
		default:
			v.has[i], v.num[i] = has&hasDouble, v.num[i]^1<<63
		}
	}
}

// calculate makes v the result of v op r.
func (v *vector) calculate(op ExprOp, r *vector, n int) {
	for i, has := range v.has[:n] {
		v.has[i] = 0
		switch other := r.has[i]; {
		case has&other&hasInt != 0 && op != Ratio:
			if d, ok := op.ints(int64(v.num[i]), int64(r.num[i])); ok {
				v.has[i], v.num[i] = hasInt, uint64(d)
			}
		case has&(hasInt|hasDouble) != 0 && other&(hasInt|hasDouble) != 0:
			v.has[i] = has
			if d, ok := op.doubles(v.double(i), r.double(i)); ok {
				v.has[i], v.num[i] = hasDouble, clew.DoubleValue(d).Bits
			} else {
				v.has[i] = 0
			}
		}
	}
}

// read puts what the elements have for a field.
func (e *evaluation) read(v *vector, f Field) {
	b := e.b
	if f.Parent {
		e.ofParent(v, f)
		return
	}
	if f.Intrinsic != None {
		e.intrinsic(v, f.Intrinsic)
		return
	}
	switch f.Scope {
	case ScopeSpan:
		e.attrs(v, &b.Attrs, f.Key, e.rows)
	case ScopeResource:
		e.resources(v, f.Key)
	case ScopeInstrumentation:
		e.entries(v, b.Scope, func(i int, code uint32) {
			if s := b.Scopes[code]; s != nil {
				list(v, i, s.Attrs, f.Key)
			}
		})
	case ScopeEvent:
		e.attrs(v, &b.Events.Attrs, f.Key, e.events)
	case ScopeLink:
		e.attrs(v, &b.Links.Attrs, f.Key, e.links)
	default:
		e.attrs(v, &b.Attrs, f.Key, e.rows)
		e.resources(v, f.Key)
	}
}

// attrs puts the values of a key's columns; at are rows of the columns.
func (e *evaluation) attrs(v *vector, a *Attrs, key string, at []uint32) {
	for t := range clew.Type(clew.TypeCount) {
		if c := a.Lookup(key, t); c != nil {
			e.sparse(v, c, at)
		}
	}
}

// sparse puts the values that a column has at rows at.
func (e *evaluation) sparse(v *vector, c *Column, at []uint32) {
	p, _ := c.Find(at[0])
	if e.self != nil && &at[0] == &e.self[0] { // each row once, without gaps: visit only those that have a value
		for ; p < len(c.Rows) && c.Rows[p] <= at[len(at)-1]; p++ {
			v.put(int(c.Rows[p]-at[0]), c.ValueAt(p))
		}
		return
	}
	for i, row := range at {
		if i > 0 && row < at[i-1] { // the links again, with the next event
			p, _ = c.Find(row)
		}
		for p < len(c.Rows) && c.Rows[p] < row {
			p++
		}
		if p < len(c.Rows) && c.Rows[p] == row {
			v.put(i, c.ValueAt(p))
		}
	}
}

// resources puts a resource attribute where nothing was put yet.
func (e *evaluation) resources(v *vector, key string) {
	e.entries(v, e.b.Resource, func(i int, code uint32) {
		if r := e.b.Resources[code]; r != nil {
			list(v, i, r.Attrs, key)
		}
	})
}

// entries calls put for the elements that have nothing yet, with the table entry
// of their row; of a run of equal entries only for the first.
func (e *evaluation) entries(v *vector, codes []uint32, put func(i int, code uint32)) {
	last, known := uint32(0), -1
	for i, row := range e.rows {
		switch code := codes[row]; {
		case v.has[i] != 0:
		case known >= 0 && code == last:
			if v.has[known]&hasText != 0 {
				v.putText(i, v.text[known])
			}
			v.has[i], v.num[i] = v.has[known], v.num[known]
		default:
			put(i, code)
			last, known = code, i
		}
	}
}

func list(v *vector, i int, attrs []clew.Attr, key string) {
	for _, a := range attrs {
		if a.Key == key {
			v.put(i, a.Value)
		}
	}
}

func (e *evaluation) intrinsic(v *vector, f Intrinsic) {
	b := e.b
	switch f {
	case Name:
		for i, row := range e.rows {
			v.putText(i, b.Names.At(int(b.Name[row])))
		}
	case Duration:
		for i, row := range e.rows {
			if !b.Unfinished(int(row)) {
				v.putInt(i, int64(b.Duration[row]))
			}
		}
	case Start:
		for i, row := range e.rows {
			v.putInt(i, clampNanos(b.Start[row]))
		}
	case StatusCode:
		for i, row := range e.rows {
			v.putInt(i, int64(b.Status[row]))
		}
	case SpanKind:
		for i, row := range e.rows {
			v.putInt(i, int64(b.Kind[row]))
		}
	case StatusMessage:
		e.sparse(v, &b.StatusMessage, e.rows)
	case TraceState:
		e.sparse(v, &b.TraceState, e.rows)
	case ScopeName, ScopeVersion:
		e.entries(v, b.Scope, func(i int, code uint32) {
			if s := b.Scopes[code]; s != nil {
				v.putText(i, []byte([...]string{s.Name, s.Version}[f-ScopeName]))
			}
		})
	case TraceID, SpanID, ParentID, LinkTraceID, LinkSpanID:
		e.identifiers(v, f)
	case EventName:
		for i, event := range e.events {
			v.putText(i, b.Events.Names.At(int(b.Events.Name[event])))
		}
	case EventTimeSinceStart:
		for i, event := range e.events {
			v.putInt(i, int64(b.Events.Time[event]-b.Start[e.rows[i]]))
		}
	default:
		e.ofTrace(v, f)
	}
}

// identifiers puts ids as hexadecimal text.
func (e *evaluation) identifiers(v *vector, f Intrinsic) {
	b := e.b
	v.ids = v.ids[:0]
	for i, row := range e.rows {
		from := len(v.ids)
		switch f {
		case TraceID:
			v.ids = hex.AppendEncode(v.ids, b.TraceIDs[b.Trace[row]][:])
		case SpanID:
			v.ids = append(v.ids, clew.SpanID(b.SpanID[row]).String()...)
		case ParentID:
			if b.ParentID[row] == 0 {
				continue
			}
			v.ids = append(v.ids, clew.SpanID(b.ParentID[row]).String()...)
		case LinkTraceID:
			id := clew.MakeTraceID(b.Links.TraceHigh[e.links[i]], b.Links.TraceLow[e.links[i]])
			v.ids = hex.AppendEncode(v.ids, id[:])
		default:
			v.ids = append(v.ids, clew.SpanID(b.Links.SpanID[e.links[i]]).String()...)
		}
		v.putText(i, v.ids[from:])
	}
}
