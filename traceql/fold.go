package traceql

import "math"

// Fold returns x with every part that needs no span calculated: 10 * 1024
// becomes 10240, 1 = 2 becomes false, true && .a becomes .a. x itself is not
// changed. What cannot be calculated (division by zero, an integer that does not
// fit) is an *Error of class Types at its place.
//
// Arithmetic: two ints give an int, truncated toward zero by /; with a float it
// is done in floats; with a duration the result is a duration of so many
// nanoseconds, except that the quotient of two durations is a float.
func (q *Query) Fold(x Expr) (Expr, error) {
	y, err := q.fold(x)
	if err != nil {
		return nil, err
	}
	return y, nil
}

func (q *Query) fold(x Expr) (Expr, *Error) {
	switch x := x.(type) {
	case *Unary:
		return q.foldUnary(x)
	case *Binary:
		l, err := q.fold(x.L)
		if err != nil {
			return nil, err
		}
		r, err := q.fold(x.R)
		if err != nil {
			return nil, err
		}
		return q.foldBinary(&Binary{At: x.At, Op: x.Op, L: l, R: r})
	}
	return x, nil
}

func (q *Query) foldUnary(x *Unary) (Expr, *Error) {
	inner, err := q.fold(x.X)
	if err != nil {
		return nil, err
	}
	lit, ok := inner.(*Literal)
	if !ok {
		return &Unary{At: x.At, Op: x.Op, X: inner}, nil
	}
	v := lit.Value
	switch {
	case x.Op == OpNot:
		return &Literal{At: x.At, Value: boolStatic(!v.IsTrue())}, nil
	case v.Type == TypeFloat:
		v.Float = -v.Float
	case v.Int == math.MinInt64:
		return nil, q.errorf(Types, x.At, "the result does not fit 64 bits")
	default:
		v.Int = -v.Int
	}
	return &Literal{At: x.At, Value: v}, nil
}

func (q *Query) foldBinary(x *Binary) (Expr, *Error) {
	l, lok := x.L.(*Literal)
	r, rok := x.R.(*Literal)
	if x.Op == OpAnd || x.Op == OpOr {
		// A literal either decides the whole or drops out.
		if lok {
			if l.Value.IsTrue() == (x.Op == OpOr) {
				return &Literal{At: x.At, Value: boolStatic(x.Op == OpOr)}, nil
			}
			return x.R, nil
		}
		if rok {
			if r.Value.IsTrue() == (x.Op == OpOr) {
				return &Literal{At: x.At, Value: boolStatic(x.Op == OpOr)}, nil
			}
			return x.L, nil
		}
		return x, nil
	}
	if !lok || !rok {
		return x, nil
	}
	if x.Op.IsComparison() {
		return &Literal{At: x.At, Value: boolStatic(compareStatics(x.Op, l.Value, r.Value))}, nil
	}
	v, problem := calculate(x.Op, l.Value, r.Value)
	if problem != "" {
		return nil, q.errorf(Types, x.At, "%s", problem)
	}
	return &Literal{At: x.At, Value: v}, nil
}

// compareStatics compares two literals whose types compare (see check).
func compareStatics(op Op, a, b Static) bool {
	switch {
	case op == OpRegexp || op == OpNotRegexp:
		re, err := Regexp(b.Str)
		return err == nil && re.MatchString(a.Str) == (op == OpRegexp)
	case a.Type == TypeString:
		return holds(op, a.Str < b.Str, a.Str == b.Str)
	case a.Type == TypeFloat || b.Type == TypeFloat:
		return holds(op, a.Number() < b.Number(), a.Number() == b.Number())
	}
	return holds(op, a.Int < b.Int, a.Int == b.Int)
}

func holds(op Op, less, equal bool) bool {
	switch op {
	case OpEqual:
		return equal
	case OpNotEqual:
		return !equal
	case OpLess:
		return less
	case OpLessEqual:
		return less || equal
	case OpGreater:
		return !less && !equal
	case OpGreaterEqual:
		return !less
	}
	return false
}

func calculate(op Op, a, b Static) (v Static, problem string) {
	t := arithmeticType(op, a.Type, b.Type)
	if t == TypeFloat || a.Type == TypeFloat || b.Type == TypeFloat {
		f := calculateFloat(op, a.Number(), b.Number())
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return v, "the result is not a finite number"
		}
		if t == TypeFloat {
			return Static{Type: TypeFloat, Float: f}, ""
		}
		if f >= 1<<63 || f < -(1<<63) {
			return v, "the result does not fit 64 bits"
		}
		return Static{Type: t, Int: int64(f)}, ""
	}
	i, problem := calculateInt(op, a.Int, b.Int)
	return Static{Type: t, Int: i}, problem
}

func calculateFloat(op Op, a, b float64) float64 {
	switch op {
	case OpAdd:
		return a + b
	case OpSub:
		return a - b
	case OpMul:
		return a * b
	case OpDiv:
		return a / b
	case OpMod:
		return math.Mod(a, b)
	}
	return math.Pow(a, b)
}

const tooLarge = "the result does not fit 64 bits"

func calculateInt(op Op, a, b int64) (v int64, problem string) {
	switch op {
	case OpAdd:
		v = a + b
		if (v > a) != (b > 0) && b != 0 {
			return 0, tooLarge
		}
	case OpSub:
		v = a - b
		if (v < a) != (b > 0) && b != 0 {
			return 0, tooLarge
		}
	case OpMul:
		return multiply(a, b)
	case OpDiv, OpMod:
		if b == 0 {
			return 0, "division by zero"
		}
		if op == OpMod {
			return a % b, "" // Go defines MinInt64 % -1 as 0
		}
		if a == math.MinInt64 && b == -1 {
			return 0, tooLarge
		}
		return a / b, ""
	case OpPow:
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
