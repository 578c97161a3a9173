package span

import (
	"math/bits"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
)

// A Calculator calculates an expression for rows of batch after batch. It owns its
// scratch memory: one goroutine at a time.
type Calculator struct {
	m Matcher
	x Expr
}

// NewCalculator returns a calculator of x. stop, where not nil, is Matcher.Stop: once it
// says true Each ends early.
func NewCalculator(x Expr, stop func() bool) *Calculator {
	c := &Calculator{*NewMatcher(Condition{}), x}
	c.m.Stop = stop
	return c
}

// Each calls f for those of rows, ascending, for which the expression has a value. Of
// several values under one name the number counts, then the text, then the truth value;
// of events or links the first that gives one, and of both the first event with the first
// link that gives one with it. The bytes of v are valid until f returns. The batch must be
// as Matcher.Match wants it.
func (c *Calculator) Each(w *Whole, rows column.Bitmap, f func(row int, v clew.Value)) {
	from, to := extent(rows)
	if from == to {
		return
	}
	c.m.whole = w
	e := evaluation{m: &c.m, b: w.Batch}
	over, owner := elements{b: w.Batch}, -1
	if over.events, over.links = c.x.children(); !over.events && !over.links {
		over.at, over.end = from, to
	}
	e.prepare(&c.x)
	for !c.m.stopped() && over.next(&e, func(row uint32) bool { return int(row) == owner || !rows.Get(int(row)) }) {
		v := e.value(&c.x)
		for i, row := range e.rows {
			if v.has[i]&^hasOther == 0 || !rows.Get(int(row)) || int(row) == owner {
				continue
			}
			if over.events || over.links {
				owner = int(row)
			}
			f(int(row), v.first(i))
		}
		c.m.vectors = append(c.m.vectors, v)
	}
	for _, t := range e.truths {
		c.m.done(t)
	}
	c.m.whole = nil
}

// extent returns the range from the first of a set to the last.
func extent(set column.Bitmap) (from, to int) {
	first, last := 0, len(set)-1
	for first <= last && set[first] == 0 {
		first++
	}
	if first > last {
		return 0, 0
	}
	for set[last] == 0 {
		last--
	}
	return first<<6 + bits.TrailingZeros64(set[first]), last<<6 + bits.Len64(set[last])
}

// first returns the value that counts of an element that has one.
func (v *vector) first(i int) clew.Value {
	switch has := v.has[i]; {
	case has&(hasInt|hasDouble) != 0:
		return v.number(i)
	case has&hasText != 0:
		return clew.Value{Type: clew.TypeString, Bytes: v.text[i]}
	default:
		return clew.BoolValue(has&hasTrue != 0)
	}
}

// Fields calls f for each field that x reads, in no stated order, with repeats.
func (x *Expr) Fields(f func(Field)) { x.fields(f) }

// Operate calculates with two numbers as an expression does; false where there is no
// result.
func Operate(op ExprOp, a, b clew.Value) (v clew.Value, ok bool) {
	if a.Type == clew.TypeInt && b.Type == clew.TypeInt && op != Ratio {
		n, ok := op.ints(a.Int(), b.Int())
		return clew.IntValue(n), ok
	}
	d, ok := op.doubles(asDouble(a), asDouble(b))
	return clew.DoubleValue(d), ok
}

func asDouble(v clew.Value) float64 {
	if v.Type == clew.TypeInt {
		return float64(v.Int())
	}
	return v.Double()
}

// CompareValues reports whether a op b, by the rules of Condition.
func CompareValues(a clew.Value, op Op, b clew.Value) bool {
	r, ok := compareValues(a, b)
	return ok && op.holds(r)
}
