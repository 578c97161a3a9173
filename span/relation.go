package span

import (
	"math"
	"strings"

	"github.com/clew-tracing/clew"
)

// A Relation compares two calculated values of one span: a field with a field,
// or with something computed from fields.
//
// Where a span lacks a field, nothing is calculated from it, and the relation is
// false. It is false, too, where the sides are of types that do not compare.
//
// Fields of events are those of one event at a time: the relation is true of a
// span if it is true of one of its events. So it is with links. A relation that
// has fields of events and of links is true of a span if it is of one of its events
// with one of its links.
//
// A key may occur in a span with values of several types, and then has a number,
// a text and a truth value at once: each is compared with its like. Of an int and
// a double the int counts, of several of one type the first. Arrays, maps and
// bytes are no values.
//
// What a parent's events or links have is nothing to a relation: there is no telling
// which of them is meant.
type Relation struct {
	L  Expr
	Op Op // Eq to Ge
	R  Expr
}

// ExprOp is where an Expr has its value from.
type ExprOp uint8

// The expressions. Numbers are calculated as ints where both are ints and as
// doubles otherwise. There is no result, as if a field were missing, where an
// int does not fit 64 bits or something is divided by zero. What is not a number
// gives no result.
const (
	Constant   ExprOp = iota // Value
	Reading                  // what the span has for Field
	Truth                    // whether the span meets Cond
	Negative                 // −Args[0]; the following have two Args
	Sum                      // +
	Difference               // −
	Product                  // ×
	Quotient                 // ÷, of ints truncated toward zero
	Ratio                    // ÷ of doubles, whatever the operands are
	Remainder                // with the sign of the dividend
	Power                    // of ints truncated toward zero where the exponent is negative
)

var exprSigns = [...]string{Negative: "-", Sum: "+", Difference: "-", Product: "*", Quotient: "/", Ratio: "÷", Remainder: "%", Power: "^"}

// An Expr is a value calculated for each span, or for each event or link. Like
// conditions, expressions are values not to be changed once handed over.
type Expr struct {
	Op    ExprOp
	Value clew.Value // Constant; not of TypeOther
	Field Field      // Reading
	Cond  *Condition // Truth
	Args  []Expr
}

// ValueOf is a constant.
func ValueOf(v clew.Value) Expr { return Expr{Op: Constant, Value: v} }

// FieldOf is what the span has for a field.
func FieldOf(f Field) Expr { return Expr{Op: Reading, Field: f} }

// TruthOf is whether the span meets a condition.
func TruthOf(c Condition) Expr { return Expr{Op: Truth, Cond: &c} }

// Calculate is an operation on numbers.
func Calculate(op ExprOp, args ...Expr) Expr { return Expr{Op: op, Args: args} }

// Relates compares two expressions by an operator from Eq to Ge.
func Relates(l Expr, op Op, r Expr) Condition {
	return Condition{Op: Relate, Relation: &Relation{L: l, Op: op, R: r}}
}

// String returns the relation for people.
func (r *Relation) String() string {
	return r.L.String() + " " + r.Op.String() + " " + r.R.String()
}

// String returns the expression for people.
func (x *Expr) String() string {
	var b strings.Builder
	x.print(&b)
	return b.String()
}

func (x *Expr) print(b *strings.Builder) {
	switch x.Op {
	case Constant:
		b.WriteString(literal(None, x.Value))
	case Reading:
		b.WriteString(x.Field.String())
	case Truth:
		b.WriteString("(" + x.Cond.String() + ")")
	case Negative:
		b.WriteString("-")
		x.Args[0].print(b)
	default:
		b.WriteString("(")
		x.Args[0].print(b)
		b.WriteString(" " + exprSigns[x.Op] + " ")
		x.Args[1].print(b)
		b.WriteString(")")
	}
}

// fields calls f for each field that x reads, those of conditions in it too.
func (x *Expr) fields(f func(Field)) {
	switch x.Op {
	case Reading:
		f(x.Field)
	case Truth:
		x.Cond.Fields(f)
	}
	for i := range x.Args {
		x.Args[i].fields(f)
	}
}

// readings calls f for each field that x cannot be calculated without.
func (x *Expr) readings(f func(Field)) {
	if x.Op == Reading {
		f(x.Field)
	}
	for i := range x.Args {
		x.Args[i].readings(f)
	}
}

// readings calls f for each field that the relation cannot hold without.
func (r *Relation) readings(f func(Field)) {
	r.L.readings(f)
	r.R.readings(f)
}

// children reports whether the relation reads fields of events, and of links.
func (r *Relation) children() (events, links bool) {
	events, links = r.L.children()
	e, l := r.R.children()
	return events || e, links || l
}

// children reports whether x reads fields of events, and of links.
func (x *Expr) children() (events, links bool) {
	x.readings(func(f Field) {
		events = events || !f.Parent && f.ofEvents()
		links = links || !f.Parent && f.ofLinks()
	})
	return events, links
}

func (f Field) ofEvents() bool {
	return f.Scope == ScopeEvent || f.Intrinsic == EventName || f.Intrinsic == EventTimeSinceStart
}

func (f Field) ofLinks() bool {
	return f.Scope == ScopeLink || f.Intrinsic == LinkTraceID || f.Intrinsic == LinkSpanID
}

func (f Field) ofChildren() bool { return f.ofEvents() || f.ofLinks() }

// doubles calculates with doubles.
func (o ExprOp) doubles(a, b float64) (v float64, ok bool) {
	switch o {
	case Sum:
		return a + b, true
	case Difference:
		return a - b, true
	case Product:
		return a * b, true
	case Quotient, Ratio:
		return a / b, b != 0
	case Remainder:
		return math.Mod(a, b), b != 0
	case Power:
		return math.Pow(a, b), a != 0 || b >= 0
	}
	return 0, false
}

// ints calculates with ints; Ratio is none of it.
func (o ExprOp) ints(a, b int64) (v int64, ok bool) {
	switch o {
	case Sum:
		v = a + b
		return v, (v >= a) == (b >= 0)
	case Difference:
		v = a - b
		return v, (v <= a) == (b >= 0)
	case Product:
		return multiply(a, b)
	case Quotient:
		if b == 0 || a == math.MinInt64 && b == -1 {
			return 0, false
		}
		return a / b, true
	case Remainder:
		if b == 0 {
			return 0, false
		}
		return a % b, true // the least int by −1 leaves 0, says Go
	case Power:
		return power(a, b)
	}
	return 0, false
}

func multiply(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	v := a * b
	wrong := v/b != a || a == math.MinInt64 && b == -1 || b == math.MinInt64 && a == -1
	return v, !wrong
}

func power(a, b int64) (int64, bool) {
	switch {
	case a == 1 || b == 0:
		return 1, true
	case a == -1:
		return 1 - 2*(b&1), true
	case a == 0:
		return 0, b > 0
	case b < 0:
		return 0, true
	}
	v := int64(1)
	for ok := true; b > 0; b-- { // |a| ≥ 2: at most 63 rounds before it is too large
		if v, ok = multiply(v, a); !ok {
			return 0, false
		}
	}
	return v, true
}
