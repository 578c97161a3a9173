package exec

import (
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/traceql"
)

// condition compiles a folded expression that is a condition.
func (c *compiler) condition(x traceql.Expr) (span.Condition, error) {
	switch x := x.(type) {
	case *traceql.Literal:
		if x.Value.IsTrue() {
			return span.Condition{}, nil
		}
		return judge.Never(), nil
	case *traceql.Field: // a bare attribute is a comparison with true
		f, err := c.field(x)
		return span.Compare(f, span.Eq, clew.BoolValue(true)), err
	case *traceql.Unary:
		if x.Op == traceql.OpNot {
			inner, err := c.condition(x.X)
			return span.Negate(inner), err
		}
	case *traceql.Binary:
		if x.Op == traceql.OpAnd || x.Op == traceql.OpOr {
			return c.logic(x)
		}
		if x.Op.IsComparison() {
			return c.comparison(x)
		}
	}
	_, err := c.operand(x)
	return judge.Never(), err // a number is not true
}

// isCondition reports whether x is true or false by its form.
func isCondition(x traceql.Expr) bool {
	switch x := x.(type) {
	case *traceql.Literal:
		return x.Value.Type == traceql.TypeBool
	case *traceql.Unary:
		return x.Op == traceql.OpNot
	case *traceql.Binary:
		return !x.Op.IsArithmetic()
	}
	return false
}

// logic compiles a chain of && or ||, as long as it may be, into one condition.
func (c *compiler) logic(x *traceql.Binary) (span.Condition, error) {
	var args []span.Condition
	for _, x := range operands(x, x.Op) {
		cond, err := c.condition(x)
		if err != nil {
			return span.Condition{}, err
		}
		args = append(args, cond)
	}
	if x.Op == traceql.OpAnd {
		return span.AllOf(args...), nil
	}
	return span.AnyOf(args...), nil
}

// operands returns what a chain of op, which binds to the left, joins; x alone if it
// is none.
func operands(x traceql.Expr, op traceql.Op) (list []traceql.Expr) {
	for {
		b, ok := x.(*traceql.Binary)
		if !ok || b.Op != op {
			break
		}
		list = append(list, b.R)
		x = b.L
	}
	list = append(list, x)
	slices.Reverse(list)
	return list
}

var spanOps = [...]span.Op{
	traceql.OpEqual: span.Eq, traceql.OpNotEqual: span.Ne,
	traceql.OpLess: span.Lt, traceql.OpLessEqual: span.Le,
	traceql.OpGreater: span.Gt, traceql.OpGreaterEqual: span.Ge,
	traceql.OpRegexp: span.Match, traceql.OpNotRegexp: span.NotMatch,
}

func (c *compiler) comparison(x *traceql.Binary) (span.Condition, error) {
	op, l, r := x.Op, x.L, x.R
	if _, ok := l.(*traceql.Literal); ok {
		op, l, r = op.Flip(), r, l
	}
	lit, ok := r.(*traceql.Literal)
	if !ok {
		return c.relation(x)
	}
	if field, ok := l.(*traceql.Field); ok {
		f, err := c.field(field)
		if err != nil {
			return span.Condition{}, err
		}
		return c.test(f, op, lit)
	}
	switch {
	case isCondition(l) && lit.Value.Type == traceql.TypeBool: // (.a = 1) = true
		inner, err := c.condition(l)
		if lit.Value.IsTrue() != (op == traceql.OpEqual) {
			inner = span.Negate(inner)
		}
		return inner, err
	case !lit.Value.Type.IsNumeric(): // what is calculated is a number
		_, err := c.operand(l)
		return judge.Never(), err
	}
	return c.relation(x)
}

// test compares a field with a literal.
func (c *compiler) test(f span.Field, op traceql.Op, lit *traceql.Literal) (span.Condition, error) {
	v := lit.Value
	switch {
	case v.Type == traceql.TypeNil:
		if op == traceql.OpEqual {
			return span.Negate(span.Has(f)), nil
		}
		return span.Has(f), nil
	case op == traceql.OpRegexp || op == traceql.OpNotRegexp:
		re, err := traceql.Regexp(v.Str)
		if err != nil {
			return span.Condition{}, c.q.Errorf(traceql.Types, lit.At, "%v", err)
		}
		return withEmpty(span.Matches(f, spanOps[op], re)), nil
	case f.Intrinsic == span.None && isEnumeration(v.Type):
		return judge.Never(), nil // no attribute is a status or a kind
	}
	if op != traceql.OpEqual && op != traceql.OpNotEqual {
		return withEmpty(span.Compare(f, spanOps[op], value(span.Field{}, v))), nil // an id's text as it is written
	}
	return withEmpty(span.Compare(f, spanOps[op], value(f, v))), nil
}

// withEmpty makes a test of a string that every span has, though it is stored
// only where it is not empty, hold for the empty ones as well.
func withEmpty(c span.Condition) span.Condition {
	if !mayBeEmpty(c.Field) || !c.Test(clew.StringValue("")) {
		return c
	}
	return span.AnyOf(span.Negate(span.Has(c.Field)), c)
}

func mayBeEmpty(f span.Field) bool {
	return f.Intrinsic == span.StatusMessage || f.Intrinsic == span.TraceState
}

func isEnumeration(t traceql.Type) bool { return t == traceql.TypeStatus || t == traceql.TypeKind }

// typeOf returns the type that x has by its form, TypeAny if only the span tells.
func typeOf(x traceql.Expr) traceql.Type {
	switch x := x.(type) {
	case *traceql.Field:
		if x.Intrinsic != traceql.IntrinsicNone {
			return x.Intrinsic.Type()
		}
	case *traceql.Literal:
		return x.Value.Type
	}
	return traceql.TypeAny
}

// relation compares what is calculated from fields.
func (c *compiler) relation(x *traceql.Binary) (span.Condition, error) {
	l, err := c.operand(x.L)
	if err != nil {
		return span.Condition{}, err
	}
	r, err := c.operand(x.R)
	if err != nil {
		return span.Condition{}, err
	}
	cond := span.Relates(l, spanOps[x.Op], r)
	if isEnumeration(typeOf(x.L)) != isEnumeration(typeOf(x.R)) {
		return judge.Never(), nil // no attribute is a status or a kind
	}
	all := []span.Condition{cond}
	all = append(all, whereEmpty(l, x.Op, r)...)
	all = append(all, whereEmpty(r, x.Op.Flip(), l)...)
	if len(all) == 1 {
		return cond, nil
	}
	return span.AnyOf(all...), nil
}

// whereEmpty is what x op y is for spans of which the string x is stored nowhere
// because it is empty.
func whereEmpty(x span.Expr, op traceql.Op, y span.Expr) []span.Condition {
	if x.Op != span.Reading || y.Op != span.Reading || !mayBeEmpty(x.Field) {
		return nil
	}
	op = op.Flip()
	empty := withEmpty(span.Compare(y.Field, spanOps[op], clew.StringValue("")))
	if y.Field.Intrinsic == span.None { // a Compare would look into arrays, which are no values beside another field
		empty = span.Relates(y, spanOps[op], span.ValueOf(clew.StringValue("")))
	}
	return []span.Condition{span.AllOf(span.Negate(span.Has(x.Field)), empty)}
}

var exprOps = [...]span.ExprOp{
	traceql.OpAdd: span.Sum, traceql.OpSub: span.Difference, traceql.OpMul: span.Product,
	traceql.OpDiv: span.Quotient, traceql.OpMod: span.Remainder, traceql.OpPow: span.Power,
}

// operand compiles one side of a comparison.
func (c *compiler) operand(x traceql.Expr) (span.Expr, error) {
	v, _, err := c.calculation(x)
	return v, err
}

// calculation compiles a value and tells whether it is a length of time: by one
// the other gives a plain number, with its fraction.
func (c *compiler) calculation(x traceql.Expr) (v span.Expr, isDuration bool, err error) {
	if isCondition(x) {
		cond, err := c.condition(x)
		return span.TruthOf(cond), false, err
	}
	switch x := x.(type) {
	case *traceql.Field:
		f, err := c.field(x)
		return span.FieldOf(f), typeOf(x) == traceql.TypeDuration, err
	case *traceql.Literal:
		return span.ValueOf(value(span.Field{}, x.Value)), x.Value.Type == traceql.TypeDuration, nil
	case *traceql.Unary:
		v, isDuration, err = c.calculation(x.X)
		return span.Calculate(span.Negative, v), isDuration, err
	case *traceql.Binary:
		l, left, err := c.calculation(x.L)
		if err != nil {
			return l, false, err
		}
		r, right, err := c.calculation(x.R)
		if x.Op == traceql.OpDiv && left && right {
			return span.Calculate(span.Ratio, l, r), false, err
		}
		return span.Calculate(exprOps[x.Op], l, r), left || right, err
	}
	return span.Expr{}, false, c.unsupported(x.Range(), "this is")
}
