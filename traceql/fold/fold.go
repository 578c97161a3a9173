// Package fold calculates what can be of a query before there are spans.
package fold

import (
	"math"

	"github.com/clew-tracing/clew/traceql"
)

// Expr returns x, of query q, with every part that needs no span calculated: 10 * 1024
// becomes 10240, 1 = 2 becomes false, true && .a becomes .a. x itself is not
// changed. What cannot be calculated (division by zero, an integer that does not
// fit) is a *traceql.Error of class Types at its place.
//
// Arithmetic: two ints give an int, truncated toward zero by /; with a float it
// is done in floats; with a duration the result is a duration of so many
// nanoseconds, except that the quotient of two durations is a float.
func Expr(q *traceql.Query, x traceql.Expr) (traceql.Expr, error) {
	switch x := x.(type) {
	case *traceql.Unary:
		return foldUnary(q, x)
	case *traceql.Binary:
		l, err := Expr(q, x.L)
		if err != nil {
			return nil, err
		}
		r, err := Expr(q, x.R)
		if err != nil {
			return nil, err
		}
		return foldBinary(q, &traceql.Binary{At: x.At, Op: x.Op, L: l, R: r})
	}
	return x, nil
}

func foldUnary(q *traceql.Query, x *traceql.Unary) (traceql.Expr, error) {
	inner, err := Expr(q, x.X)
	if err != nil {
		return nil, err
	}
	lit, ok := inner.(*traceql.Literal)
	if !ok {
		return &traceql.Unary{At: x.At, Op: x.Op, X: inner}, nil
	}
	v := lit.Value
	switch {
	case x.Op == traceql.OpNot:
		return &traceql.Literal{At: x.At, Value: truth(!v.IsTrue())}, nil
	case v.Type == traceql.TypeFloat:
		v.Float = -v.Float
	case v.Int == math.MinInt64:
		return nil, q.Errorf(traceql.Types, x.At, "the result does not fit 64 bits")
	default:
		v.Int = -v.Int
	}
	return &traceql.Literal{At: x.At, Value: v}, nil
}

func foldBinary(q *traceql.Query, x *traceql.Binary) (traceql.Expr, error) {
	l, lok := x.L.(*traceql.Literal)
	r, rok := x.R.(*traceql.Literal)
	if x.Op == traceql.OpAnd || x.Op == traceql.OpOr {
		// A literal either decides the whole or drops out.
		if lok {
			if l.Value.IsTrue() == (x.Op == traceql.OpOr) {
				return &traceql.Literal{At: x.At, Value: truth(x.Op == traceql.OpOr)}, nil
			}
			return x.R, nil
		}
		if rok {
			if r.Value.IsTrue() == (x.Op == traceql.OpOr) {
				return &traceql.Literal{At: x.At, Value: truth(x.Op == traceql.OpOr)}, nil
			}
			return x.L, nil
		}
		return x, nil
	}
	if !lok || !rok {
		return x, nil
	}
	if x.Op.IsComparison() {
		return &traceql.Literal{At: x.At, Value: truth(compareStatics(x.Op, l.Value, r.Value))}, nil
	}
	v, problem := calculate(x.Op, l.Value, r.Value)
	if problem != "" {
		return nil, q.Errorf(traceql.Types, x.At, "%s", problem)
	}
	return &traceql.Literal{At: x.At, Value: v}, nil
}

// compareStatics compares two literals whose types compare (see check).
func compareStatics(op traceql.Op, a, b traceql.Static) bool {
	switch {
	case op == traceql.OpRegexp || op == traceql.OpNotRegexp:
		re, err := traceql.Regexp(b.Str)
		return err == nil && re.MatchString(a.Str) == (op == traceql.OpRegexp)
	case a.Type == traceql.TypeString:
		return holds(op, a.Str < b.Str, a.Str == b.Str)
	case a.Type == traceql.TypeFloat || b.Type == traceql.TypeFloat:
		return holds(op, a.Number() < b.Number(), a.Number() == b.Number())
	}
	return holds(op, a.Int < b.Int, a.Int == b.Int)
}

func holds(op traceql.Op, less, equal bool) bool {
	switch op {
	case traceql.OpEqual:
		return equal
	case traceql.OpNotEqual:
		return !equal
	case traceql.OpLess:
		return less
	case traceql.OpLessEqual:
		return less || equal
	case traceql.OpGreater:
		return !less && !equal
	case traceql.OpGreaterEqual:
		return !less
	}
	return false
}

func calculate(op traceql.Op, a, b traceql.Static) (v traceql.Static, problem string) {
	t := traceql.ArithmeticType(op, a.Type, b.Type)
	if t == traceql.TypeFloat || a.Type == traceql.TypeFloat || b.Type == traceql.TypeFloat {
		f := calculateFloat(op, a.Number(), b.Number())
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return v, "the result is not a finite number"
		}
		if t == traceql.TypeFloat {
			return traceql.Static{Type: traceql.TypeFloat, Float: f}, ""
		}
		if f >= 1<<63 || f < -(1<<63) {
			return v, "the result does not fit 64 bits"
		}
		return traceql.Static{Type: t, Int: int64(f)}, ""
	}
	i, problem := calculateInt(op, a.Int, b.Int)
	return traceql.Static{Type: t, Int: i}, problem
}

func calculateFloat(op traceql.Op, a, b float64) float64 {
	switch op {
	case traceql.OpAdd:
		return a + b
	case traceql.OpSub:
		return a - b
	case traceql.OpMul:
		return a * b
	case traceql.OpDiv:
		return a / b
	case traceql.OpMod:
		return math.Mod(a, b)
	}
	return math.Pow(a, b)
}

const tooLarge = "the result does not fit 64 bits"

func calculateInt(op traceql.Op, a, b int64) (v int64, problem string) {
	switch op {
	case traceql.OpAdd:
		v = a + b
		if (v > a) != (b > 0) && b != 0 {
			return 0, tooLarge
		}
	case traceql.OpSub:
		v = a - b
		if (v < a) != (b > 0) && b != 0 {
			return 0, tooLarge
		}
	case traceql.OpMul:
		return multiply(a, b)
	case traceql.OpDiv, traceql.OpMod:
		if b == 0 {
			return 0, "division by zero"
		}
		if op == traceql.OpMod {
			return a % b, "" // Go defines MinInt64 % -1 as 0
		}
		if a == math.MinInt64 && b == -1 {
			return 0, tooLarge
		}
		return a / b, ""
	case traceql.OpPow:
		return power(a, b)
	}
	return v, ""
}

func multiply(a, b int64) (int64, string) {
	if a == 0 || b == 0 {
		return 0, ""
	}
	v := a * b
	if v/b != a || a == math.MinInt64 && b == -1 || b == math.MinInt64 && a == -1 {
		return 0, tooLarge
	}
	return v, ""
}

// power is a^b in integers; a negative exponent truncates toward zero like /.
func power(a, b int64) (int64, string) {
	switch {
	case a == 1 || b == 0:
		return 1, ""
	case a == -1:
		return 1 - 2*(b&1), ""
	case a == 0 && b < 0:
		return 0, "division by zero"
	case a == 0 || b < 0:
		return 0, ""
	}
	v := int64(1)
	for ; b > 0; b-- { // |a| ≥ 2: at most 63 rounds before it is too large
		var problem string
		if v, problem = multiply(v, a); problem != "" {
			return 0, problem
		}
	}
	return v, ""
}

// truth is a truth value as a literal's.
func truth(b bool) traceql.Static {
	v := traceql.Static{Type: traceql.TypeBool}
	if b {
		v.Int = 1
	}
	return v
}
