package traceql

// Type is the type of a value or of an expression.
type Type uint8

// The types. The type of an attribute is known only with the span at hand.
const (
	TypeNil Type = iota
	TypeAny      // an attribute
	TypeBool
	TypeInt
	TypeFloat
	TypeDuration
	TypeString
	TypeStatus
	TypeKind
)

var typeNames = [...]string{"nil", "attribute", "bool", "int", "float", "duration", "string", "status", "kind"}

// String returns the type's name.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "type?"
}

// a returns the type's name with its article.
func (t Type) a() string {
	switch t {
	case TypeNil:
		return "nil"
	case TypeAny, TypeInt:
		return "an " + t.String()
	}
	return "a " + t.String()
}

// IsNumeric reports whether t is an int, a float or a duration (nanoseconds):
// these three compare and calculate with each other.
func (t Type) IsNumeric() bool { return t == TypeInt || t == TypeFloat || t == TypeDuration }

// compares reports whether values of the two types can be compared.
func compares(a, b Type) bool {
	return a == b || a == TypeAny || b == TypeAny || a.IsNumeric() && b.IsNumeric()
}

// checkStages finds the types of all expressions and refuses what cannot work.
func (q *Query) checkStages(stages []Stage) *Error {
	for _, s := range stages {
		if err := q.checkStage(s); err != nil {
			return err
		}
	}
	return q.checkPoints(stages)
}

func (q *Query) checkStage(s Stage) *Error {
	switch s := s.(type) {
	case *Filter:
		return q.checkFilter(s)
	case *SpansetBinary:
		if err := q.checkStage(s.L); err != nil {
			return err
		}
		return q.checkStage(s.R)
	case *Wrapped:
		return q.checkStages(s.Stages)
	}
	return q.checkOtherStage(s)
}

func (q *Query) checkFilter(f *Filter) *Error {
	if f.Where == nil {
		return nil
	}
	t, err := q.typeOf(f.Where)
	if err != nil {
		return err
	}
	if t != TypeBool && t != TypeAny {
		return q.errorf(Types, f.Where.Range(), "the braces want a condition, this is %s; compare it with something", t.a())
	}
	return nil
}

// TypeOf returns the type of an expression of q.
func (q *Query) TypeOf(x Expr) Type {
	t, _ := q.typeOf(x) // it was checked when q was parsed
	return t
}

// typeOf returns the type of an expression whose parts fit together.
func (q *Query) typeOf(x Expr) (Type, *Error) {
	switch x := x.(type) {
	case *Literal:
		return x.Value.Type, nil
	case *Field:
		if x.Intrinsic == IntrinsicNone {
			return TypeAny, q.checkScope(x)
		}
		return x.Intrinsic.Type(), nil
	case *Unary:
		t, err := q.typeOf(x.X)
		if err != nil {
			return 0, err
		}
		if x.Op == OpNot {
			return TypeBool, q.wantCondition(x.X, t, x.Op)
		}
		if t != TypeAny && !t.IsNumeric() {
			return 0, q.errorf(Types, x.At, "%s has no negative", t.a())
		}
		return t, nil
	case *Binary:
		return q.typeOfBinary(x)
	}
	return TypeNil, nil
}

// checkScope refuses intrinsics of the trace that are written as attributes, which
// traces do not have.
func (q *Query) checkScope(f *Field) *Error {
	if f.Scope != ScopeTrace || f.Parent {
		return nil
	}
	id, ok := ParseIntrinsic("trace:" + f.Name)
	if !ok {
		return nil
	}
	e := q.errorf(Types, f.At, "traces have no attributes; what a trace has of itself is written with a colon")
	e.Near = []string{id.String()}
	return e
}

func (q *Query) wantCondition(x Expr, t Type, op Op) *Error {
	if t == TypeBool || t == TypeAny {
		return nil
	}
	e := q.errorf(Types, x.Range(), "%s wants conditions, this is %s", op, t.a())
	if op == OpNot {
		e.Msg += "; ! binds tighter than a comparison: write !( … ) around one"
	}
	return e
}

func (q *Query) typeOfBinary(x *Binary) (Type, *Error) {
	l, err := q.typeOf(x.L)
	if err != nil {
		return 0, err
	}
	r, err := q.typeOf(x.R)
	if err != nil {
		return 0, err
	}
	switch {
	case x.Op == OpAnd || x.Op == OpOr:
		if err := q.wantCondition(x.L, l, x.Op); err != nil {
			return 0, err
		}
		return TypeBool, q.wantCondition(x.R, r, x.Op)
	case x.Op.IsArithmetic():
		for _, side := range []struct {
			x Expr
			t Type
		}{{x.L, l}, {x.R, r}} {
			if side.t != TypeAny && !side.t.IsNumeric() {
				return 0, q.errorf(Types, side.x.Range(), "%s wants numbers, this is %s", x.Op, side.t.a())
			}
		}
		return ArithmeticType(x.Op, l, r), nil
	case x.Op == OpRegexp || x.Op == OpNotRegexp:
		return TypeBool, q.checkRegexp(x, l)
	}
	return TypeBool, q.checkComparison(x, l, r)
}

// ArithmeticType is the type of l op r: a duration if either is one (but their
// quotient is a plain number), else a float if either is one, else an int.
func ArithmeticType(op Op, l, r Type) Type {
	switch {
	case l == TypeAny || r == TypeAny:
		return TypeAny
	case op == OpDiv && l == TypeDuration && r == TypeDuration:
		return TypeFloat
	case l == TypeDuration || r == TypeDuration:
		return TypeDuration
	case l == TypeFloat || r == TypeFloat:
		return TypeFloat
	}
	return TypeInt
}

func (q *Query) checkRegexp(x *Binary, l Type) *Error {
	if l != TypeString && l != TypeAny {
		return q.errorf(Types, x.L.Range(), "%s matches strings, this is %s", x.Op, l.a())
	}
	lit, ok := x.R.(*Literal)
	if !ok || lit.Value.Type != TypeString {
		return q.errorf(Types, x.R.Range(), "%s wants a regular expression in quotes on its right", x.Op)
	}
	if _, err := Regexp(lit.Value.Str); err != nil {
		return q.errorf(Types, lit.At, "%v", err)
	}
	return nil
}

func (q *Query) checkComparison(x *Binary, l, r Type) *Error {
	if l == TypeNil || r == TypeNil {
		other := x.L
		if l == TypeNil {
			other = x.R
		}
		if _, ok := other.(*Field); !ok || l == r {
			return q.errorf(Types, x.At, "nil compares with a field: { span.x = nil }")
		}
		if x.Op != OpEqual && x.Op != OpNotEqual {
			return q.errorf(Types, x.At, "nil compares by = and != only")
		}
		return nil
	}
	if !compares(l, r) {
		return q.mismatch(x, l, r)
	}
	if x.Op == OpEqual || x.Op == OpNotEqual {
		return nil
	}
	for _, t := range []Type{l, r} {
		if t == TypeBool || t == TypeStatus || t == TypeKind {
			return q.errorf(Types, x.At, "%s has no order; compare it by = or !=", t.a())
		}
	}
	return nil
}

// mismatch is the error of a comparison of types that do not compare.
func (q *Query) mismatch(x *Binary, l, r Type) *Error {
	e := q.errorf(Types, x.At, "cannot compare %s with %s", l.a(), r.a())
	t, other := l, x.R
	lit, ok := x.R.(*Literal)
	if !ok {
		if lit, ok = x.L.(*Literal); !ok {
			return e
		}
		t, other = r, x.L
	}
	text := lit.Value.String()
	if lit.Value.Type == TypeString {
		text = lit.Value.Str
	}
	switch {
	case t == TypeStatus || t == TypeKind:
		e.Msg += "; " + t.a() + " is " + oneOf(wordsOf(t))
		if lit.Value.Type == TypeString {
			e.Msg += ", without quotes"
		}
	case t.IsNumeric() && lit.Value.Type == TypeString:
		e.Msg += "; " + t.a() + " has no quotes"
	case t == TypeString:
		e.Msg += "; a text stands in double quotes"
	}
	if value, ok := mendValue(t, x.Op.String(), text, lit.Value.Type == TypeString); ok {
		at := other.Range()
		e.Near = []string{q.Text[x.At.Start:at.Start] + value + q.Text[at.End:max(at.End, x.At.End)]}
	}
	return e
}
