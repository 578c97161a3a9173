// Package doubt finds what is right by the rules of the language, and is probably not what
// was meant.
package doubt

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clew-tracing/clew/traceql"
)

// leastNanos is from which number on one without a unit may be meant as nanoseconds: a
// millisecond of them. Who writes fewer digits thinks of another unit.
const leastNanos = 1e6

// maxDoubts bounds what is said of one query.
const maxDoubts = 8

// Of returns what is to be doubted in a query that was parsed, a sentence each, in the
// order of the query: durations that are compared with numbers without a unit, ids that
// are none, attributes that are compared with a status or a kind, and attributes of the
// parent that are called as what a span has of itself.
func Of(q *traceql.Query) []string {
	f := finder{q: q}
	f.stages(q.Stages)
	return f.out
}

type finder struct {
	q   *traceql.Query
	out []string
}

func (f *finder) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(f.out) < maxDoubts && !slices.Contains(f.out, text) {
		f.out = append(f.out, text)
	}
}

func (f *finder) stages(list []traceql.Stage) {
	for _, s := range list {
		f.stage(s)
	}
}

func (f *finder) stage(s traceql.Stage) {
	switch s := s.(type) {
	case *traceql.Filter:
		f.expr(s.Where)
	case *traceql.SpansetBinary:
		f.stage(s.L)
		f.stage(s.R)
	case *traceql.Wrapped:
		f.stages(s.Stages)
	case *traceql.By:
		f.expr(s.X)
	case *traceql.OrderBy:
		f.expr(s.X)
	case *traceql.Select:
		f.fields(s.Fields)
	case *traceql.ScalarFilter:
		f.scalar(s.L)
		f.scalar(s.R)
		f.measured(s)
	case *traceql.Metric:
		f.expr(s.X)
		f.fields(s.By)
		if s.Compare != nil {
			f.expr(s.Compare.Selection.Where)
		}
	case *traceql.MetricMath:
		f.metric(s.X)
	}
}

func (f *finder) scalar(s traceql.Scalar) {
	switch s := s.(type) {
	case *traceql.Aggregate:
		f.expr(s.X)
	case *traceql.ScalarBinary:
		f.scalar(s.L)
		f.scalar(s.R)
	case *traceql.ScalarPipeline:
		f.stages(s.Stages)
		f.scalar(s.Of)
	}
}

func (f *finder) metric(x traceql.MetricExpr) {
	switch x := x.(type) {
	case *traceql.MetricPipeline:
		f.stages(x.Stages)
	case *traceql.MetricBinary:
		f.metric(x.L)
		f.metric(x.R)
	}
}

func (f *finder) fields(list []*traceql.Field) {
	for _, x := range list {
		f.expr(x)
	}
}

// expr goes through an expression; nil is none.
func (f *finder) expr(x traceql.Expr) {
	switch x := x.(type) {
	case *traceql.Field:
		f.ofParent(x)
	case *traceql.Unary:
		f.expr(x.X)
	case *traceql.Binary:
		f.expr(x.L)
		f.expr(x.R)
		if x.Op.IsComparison() {
			f.comparison(x.L, x.Op, x.R)
			f.comparison(x.R, x.Op.Flip(), x.L)
		}
	}
}

// comparison looks at l op r where r is a literal.
func (f *finder) comparison(l traceql.Expr, op traceql.Op, r traceql.Expr) {
	v, ok := literal(r)
	if !ok {
		return
	}
	if f.q.TypeOf(l) == traceql.TypeDuration {
		f.unit(f.piece(l.Range()), v)
	}
	field, ok := l.(*traceql.Field)
	if !ok {
		return
	}
	switch enumeration := v.Type == traceql.TypeStatus || v.Type == traceql.TypeKind; {
	case enumeration && field.Intrinsic == traceql.IntrinsicNone:
		f.say("%s is compared with the %s %s, and no attribute is one; a text stands in quotes: %[1]s %[4]s %[5]q", field, v.Type, v, op, v.String())
	case v.Type == traceql.TypeString && op == traceql.OpEqual:
		f.id(field, v.Str)
	}
}

// literal returns the value of a literal, also one with minuses before it.
func literal(x traceql.Expr) (v traceql.Static, ok bool) {
	switch x := x.(type) {
	case *traceql.Literal:
		return x.Value, true
	case *traceql.Unary:
		v, ok = literal(x.X)
		v.Int, v.Float = -v.Int, -v.Float
		return v, ok && x.Op == traceql.OpNeg
	}
	return v, false
}

// measured looks at numbers of sets of spans.
func (f *finder) measured(s *traceql.ScalarFilter) {
	for _, sides := range [2][2]traceql.Scalar{{s.L, s.R}, {s.R, s.L}} {
		a, isAggregate := sides[0].(*traceql.Aggregate)
		v, isLiteral := sides[1].(*traceql.ScalarLiteral)
		if !isAggregate || !isLiteral {
			continue
		}
		counts := a.Fn == traceql.Count || a.Fn == traceql.CountDistinct
		switch {
		case counts && v.Value.Type == traceql.TypeDuration:
			f.say("%s is a plain number, and compared with %s, which is %d nanoseconds; write a number without a unit", f.piece(a.At), v.Value, v.Value.Int)
		case !counts && f.q.TypeOf(a.X) == traceql.TypeDuration:
			f.unit(f.piece(a.At), v.Value)
		}
	}
}

// unit looks at a number that a duration is compared with.
func (f *finder) unit(what string, v traceql.Static) {
	n := max(v.Number(), -v.Number())
	if v.Type != traceql.TypeInt && v.Type != traceql.TypeFloat || n == 0 || n >= leastNanos {
		return
	}
	meant := traceql.Static{Type: traceql.TypeDuration, Int: int64(v.Number() * float64(time.Millisecond))}
	f.say("%s is compared with %s, which has no unit and is in nanoseconds; did you mean %s?", what, v, meant)
}

// id looks at a text that an id is compared with.
func (f *finder) id(field *traceql.Field, text string) {
	digits, of := 0, "span"
	switch field.Intrinsic {
	case traceql.IntrinsicTraceID, traceql.IntrinsicLinkTraceID:
		digits, of = 32, "trace"
	case traceql.IntrinsicSpanID, traceql.IntrinsicParentID, traceql.IntrinsicLinkSpanID:
		digits = 16
	default:
		return
	}
	const hex = "0123456789abcdefABCDEF"
	var why string
	switch bare := strings.ReplaceAll(strings.TrimSpace(text), "-", ""); {
	case text != "" && len(text) <= digits && strings.Trim(text, hex) == "":
		return
	case bare != text && bare != "" && len(bare) <= digits && strings.Trim(bare, hex) == "":
		why = fmt.Sprintf("; did you mean %q?", bare)
	case of == "span" && len(text) == 32 && strings.Trim(text, hex) == "":
		why = "; this one looks like that of a trace: trace:id"
	}
	f.say("%s is never %q: the id of a %s has 1 to %d hex digits%s", field, clip(text), of, digits, why)
}

// ofParent looks at an attribute of the parent that is called as what each span has of
// itself, which can be asked of a parent by looking at its children.
func (f *finder) ofParent(x *traceql.Field) {
	if !x.Parent || x.Intrinsic != traceql.IntrinsicNone || x.Scope != traceql.ScopeAny && x.Scope != traceql.ScopeSpan {
		return
	}
	if _, ok := traceql.ParseIntrinsic("span:" + x.Name); ok {
		f.say("%s is an attribute of the parent that is called %q; for the parent's own %[2]s write { %[2]s … } > { … }", x, x.Name)
	}
}

// piece is what stands at a place of the query.
func (f *finder) piece(r traceql.Range) string { return clip(f.q.Text[r.Start:r.End]) }

// clip shortens a text for a message.
func clip(text string) string {
	const most = 80
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
