package traceql

import (
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
)

// String returns q in canonical form: one space between parts, one spelling per
// intrinsic, parentheses where they are needed and where && and || meet.
func (q *Query) String() string {
	var b strings.Builder
	writeStages(&b, q.Stages)
	for i, h := range q.Hints {
		if i == 0 {
			b.WriteString(" with (")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(h.Name + " = " + h.Value.String())
	}
	if len(q.Hints) > 0 {
		b.WriteByte(')')
	}
	return b.String()
}

func writeStages(b *strings.Builder, stages []Stage) {
	for i, s := range stages {
		if _, filter := s.(*MetricFilter); i > 0 && !filter {
			b.WriteString(" | ")
		}
		writeStage(b, s)
	}
}

func writeStage(b *strings.Builder, s Stage) {
	switch s := s.(type) {
	case *Filter:
		if s.Where == nil {
			b.WriteString("{ }")
			return
		}
		b.WriteString("{ ")
		writeExpr(b, s.Where)
		b.WriteString(" }")
	case *SpansetBinary:
		writeSpansetSide(b, s.L, s.Op, false)
		b.WriteString(" " + s.Op.String() + " ")
		writeSpansetSide(b, s.R, s.Op, true)
	case *Wrapped:
		b.WriteByte('(')
		writeStages(b, s.Stages)
		b.WriteByte(')')
	default:
		writeOtherStage(b, s)
	}
}

func writeSpansetSide(b *strings.Builder, s Spanset, outer SpansetOp, right bool) {
	inner, ok := s.(*SpansetBinary)
	parens := false
	if ok {
		pi, po := spansetPrecedence(inner.Op), spansetPrecedence(outer)
		parens = pi < po || pi == po && (right || inner.Op != outer)
	}
	if parens {
		b.WriteByte('(')
	}
	writeStage(b, s)
	if parens {
		b.WriteByte(')')
	}
}

// ExprString returns an expression in canonical form.
func ExprString(x Expr) string {
	var b strings.Builder
	writeExpr(&b, x)
	return b.String()
}

func writeExpr(b *strings.Builder, x Expr) {
	switch x := x.(type) {
	case *Literal:
		b.WriteString(x.Value.String())
	case *Field:
		b.WriteString(x.String())
	case *Unary:
		writeUnary(b, x)
	case *Binary:
		writeSide(b, x.L, x.Op, false)
		b.WriteString(" " + x.Op.String() + " ")
		writeSide(b, x.R, x.Op, true)
	}
}

// writeUnary puts everything but a plain operand in parentheses, and a number
// behind a minus too: without them it would be read as a negative literal.
func writeUnary(b *strings.Builder, x *Unary) {
	b.WriteString(x.Op.String())
	_, field := x.X.(*Field)
	lit, literal := x.X.(*Literal)
	if field || literal && !(x.Op == OpNeg && lit.Value.Type.IsNumeric()) {
		writeExpr(b, x.X)
		return
	}
	b.WriteByte('(')
	writeExpr(b, x.X)
	b.WriteByte(')')
}

func writeSide(b *strings.Builder, x Expr, outer Op, right bool) {
	parens := false
	switch x := x.(type) {
	case *Binary:
		pi, po := precedence(x.Op), precedence(outer)
		sameChain := !right && (x.Op == outer && !outer.IsComparison() || pi != precLogic && outer.IsArithmetic()) && outer != OpPow
		parens = pi < po || pi == po && !sameChain
		if outer == OpPow && x.Op == OpPow && right {
			parens = false
		}
	case *Unary:
		parens = x.Op == OpNeg && precedence(outer) > precCompare
	case *Literal:
		parens = outer == OpPow && !right && x.Value.isNegative()
	}
	if parens {
		b.WriteByte('(')
	}
	writeExpr(b, x)
	if parens {
		b.WriteByte(')')
	}
}

func (s Static) isNegative() bool {
	return s.Type.IsNumeric() && strings.HasPrefix(s.String(), "-")
}

// String returns the literal as it is written in a query.
func (s Static) String() string {
	switch s.Type {
	case TypeBool:
		return strconv.FormatBool(s.Int != 0)
	case TypeInt:
		return strconv.FormatInt(s.Int, 10)
	case TypeFloat:
		text := strconv.FormatFloat(s.Float, 'g', -1, 64)
		if strings.Trim(text, "-0123456789") == "" {
			text += ".0" // or it would be read as an integer
		}
		return text
	case TypeDuration:
		return durationString(time.Duration(s.Int))
	case TypeString:
		return strconv.Quote(s.Str)
	case TypeStatus:
		return clew.Status(s.Int).String()
	case TypeKind:
		return clew.Kind(s.Int).String()
	}
	return "nil"
}

// durationString is Duration.String without its zero parts: 1h, not 1h0m0s.
func durationString(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}

// String returns the field as it is written in a query.
func (f *Field) String() string {
	if f.Intrinsic != IntrinsicNone {
		return f.Intrinsic.String()
	}
	var b strings.Builder
	if f.Parent {
		b.WriteString("parent")
		if f.Scope != ScopeAny {
			b.WriteByte('.')
		}
	}
	b.WriteString(f.Scope.String())
	b.WriteByte('.')
	if bareName(f) {
		b.WriteString(f.Name)
	} else {
		b.WriteString(strconv.Quote(f.Name))
	}
	return b.String()
}

// bareName reports whether the name needs no quotes: every rune may stand bare,
// and behind "parent." it does not look like a scope.
func bareName(f *Field) bool {
	for _, r := range f.Name {
		if !isNameRune(r) || r == '\uFFFD' {
			return false
		}
	}
	if f.Parent && f.Scope == ScopeAny {
		for s := ScopeSpan; s <= ScopeTrace; s++ {
			if strings.HasPrefix(f.Name, s.String()+".") {
				return false
			}
		}
	}
	return f.Name != ""
}

// Equal reports whether a and b ask the same in the same order, wherever their
// parts stand in their texts.
func Equal(a, b *Query) bool {
	if !equalStages(a.Stages, b.Stages) || len(a.Hints) != len(b.Hints) {
		return false
	}
	for i, h := range a.Hints {
		if h.Name != b.Hints[i].Name || h.Value != b.Hints[i].Value {
			return false
		}
	}
	return true
}

func equalStages(a, b []Stage) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equalStage(a[i], b[i]) {
			return false
		}
	}
	return true
}

// equalStage compares spansets, and what stands in them; other stages are equal if
// they are written alike, in canonical form.
func equalStage(a, b Stage) bool {
	switch a := a.(type) {
	case *Filter:
		b, ok := b.(*Filter)
		return ok && EqualExpr(a.Where, b.Where)
	case *SpansetBinary:
		b, ok := b.(*SpansetBinary)
		return ok && a.Op == b.Op && equalStage(a.L, b.L) && equalStage(a.R, b.R)
	case *Wrapped:
		b, ok := b.(*Wrapped)
		return ok && equalStages(a.Stages, b.Stages)
	}
	switch b.(type) {
	case *Filter, *SpansetBinary, *Wrapped:
		return false
	}
	return StageString(a) == StageString(b)
}

// EqualExpr reports whether a and b are the same expression; nil equals nil.
func EqualExpr(a, b Expr) bool {
	switch a := a.(type) {
	case *Literal:
		b, ok := b.(*Literal)
		return ok && a.Value == b.Value
	case *Field:
		b, ok := b.(*Field)
		return ok && a.Parent == b.Parent && a.Scope == b.Scope && a.Intrinsic == b.Intrinsic && a.Name == b.Name
	case *Unary:
		b, ok := b.(*Unary)
		return ok && a.Op == b.Op && EqualExpr(a.X, b.X)
	case *Binary:
		b, ok := b.(*Binary)
		return ok && a.Op == b.Op && EqualExpr(a.L, b.L) && EqualExpr(a.R, b.R)
	}
	return a == nil && b == nil
}
