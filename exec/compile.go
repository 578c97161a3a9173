package exec

import (
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/traceql"
)

// Plan is a query ready to run. It is immutable and safe for concurrent use.
type Plan struct {
	text  string
	where span.Condition
}

// String returns the query in canonical form.
func (p *Plan) String() string { return p.text }

// Condition returns what a span must meet.
func (p *Plan) Condition() span.Condition { return p.where }

// Prepare parses and compiles a query; the empty text is { }, every span.
func Prepare(text string) (*Plan, error) {
	if strings.TrimSpace(text) == "" {
		text = "{ }"
	}
	q, err := traceql.Parse(text)
	if err != nil {
		return nil, err
	}
	return Compile(q)
}

// Compile turns a query into a plan. What the language has and exec has not is a
// *traceql.Error of class Unsupported, at its place.
//
// Semantics, row by row: a comparison with a field that the span lacks is false,
// also != and !~; so is one between types that do not compare. Filters joined by
// | and by || are one condition each; && between filters, and everything that
// looks at other spans of the trace, is not supported yet.
func Compile(q *traceql.Query) (*Plan, error) {
	c := compiler{q: q}
	for _, h := range q.Hints {
		if h.Name != "most_recent" {
			return nil, q.Errorf(traceql.Unsupported, h.At, "the hint %s is not supported yet", h.Name)
		}
	}
	where, err := c.stages(q.Stages)
	if err != nil {
		return nil, err
	}
	return &Plan{text: q.String(), where: where}, nil
}

// ParseField reads the name of one field as a query writes it: span.http.route,
// .foo, name.
func ParseField(text string) (span.Field, error) {
	q, err := traceql.Parse("{ " + text + " != nil }")
	if err != nil {
		return span.Field{}, clew.Errorf(clew.KindOf(err), "field %.100q: %w", text, err)
	}
	if f, ok := q.Stages[0].(*traceql.Filter); ok && len(q.Stages) == 1 {
		if cmp, ok := f.Where.(*traceql.Binary); ok {
			if field, ok := cmp.L.(*traceql.Field); ok {
				c := compiler{q: q}
				return c.field(field)
			}
		}
	}
	return span.Field{}, clew.Errorf(clew.Invalid, "field %.100q: want one name, as in span.http.route", text)
}

type compiler struct{ q *traceql.Query }

func (c *compiler) unsupported(at traceql.Range, what string) error {
	return c.q.Errorf(traceql.Unsupported, at, "%s not supported yet", what)
}

// never is true for no row.
func never() span.Condition { return span.AnyOf() }

func (c *compiler) stages(stages []traceql.Stage) (span.Condition, error) {
	var all []span.Condition
	for _, s := range stages {
		set, ok := s.(traceql.Spanset)
		if !ok {
			return span.Condition{}, c.unsupported(s.Range(), "this pipeline stage is")
		}
		cond, err := c.spanset(set)
		if err != nil {
			return span.Condition{}, err
		}
		all = append(all, cond)
	}
	return allOf(all...), nil
}

func (c *compiler) spanset(s traceql.Spanset) (span.Condition, error) {
	switch s := s.(type) {
	case *traceql.Filter:
		if s.Where == nil {
			return span.Condition{}, nil
		}
		folded, err := c.q.Fold(s.Where)
		if err != nil {
			return span.Condition{}, err
		}
		return c.condition(folded)
	case *traceql.Wrapped:
		return c.stages(s.Stages)
	case *traceql.SpansetBinary:
		if s.Op != traceql.SpansetOr {
			return span.Condition{}, c.unsupported(s.At, s.Op.String()+" between { … } is")
		}
		l, err := c.spanset(s.L)
		if err != nil {
			return span.Condition{}, err
		}
		r, err := c.spanset(s.R)
		return span.AnyOf(l, r), err
	}
	return span.Condition{}, c.unsupported(s.Range(), "this is")
}

// allOf is AllOf without a needless And.
func allOf(args ...span.Condition) span.Condition {
	if len(args) == 1 {
		return args[0]
	}
	return span.AllOf(args...)
}

// condition compiles a folded expression that is a condition.
func (c *compiler) condition(x traceql.Expr) (span.Condition, error) {
	switch x := x.(type) {
	case *traceql.Literal:
		if x.Value.IsTrue() {
			return span.Condition{}, nil
		}
		return never(), nil
	case *traceql.Field: // a bare attribute is a comparison with true
		f, err := c.field(x)
		return span.Compare(f, span.Eq, clew.BoolValue(true)), err
	case *traceql.Unary:
		if x.Op != traceql.OpNot {
			return span.Condition{}, c.unsupported(x.At, "arithmetic with fields is")
		}
		inner, err := c.condition(x.X)
		return span.Negate(inner), err
	case *traceql.Binary:
		if x.Op == traceql.OpAnd || x.Op == traceql.OpOr {
			return c.logic(x)
		}
		if x.Op.IsComparison() {
			return c.comparison(x)
		}
	}
	return span.Condition{}, c.unsupported(x.Range(), "arithmetic with fields is")
}

// logic compiles a chain of && or ||, as long as it may be, into one condition.
func (c *compiler) logic(x *traceql.Binary) (span.Condition, error) {
	var operands []traceql.Expr // last first
	var left traceql.Expr = x
	for {
		b, ok := left.(*traceql.Binary)
		if !ok || b.Op != x.Op {
			break
		}
		operands = append(operands, b.R)
		left = b.L
	}
	operands = append(operands, left)
	args := make([]span.Condition, 0, len(operands))
	for i := len(operands) - 1; i >= 0; i-- {
		cond, err := c.condition(operands[i])
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
		return span.Condition{}, c.unsupported(x.At, "comparing a field with a field is")
	}
	field, ok := l.(*traceql.Field)
	if !ok {
		if lit.Value.Type == traceql.TypeBool { // (.a = 1) = true
			inner, err := c.condition(l)
			if lit.Value.IsTrue() != (op == traceql.OpEqual) {
				inner = span.Negate(inner)
			}
			return inner, err
		}
		return span.Condition{}, c.unsupported(l.Range(), "arithmetic with fields is")
	}
	f, err := c.field(field)
	if err != nil {
		return span.Condition{}, err
	}
	return c.test(f, op, lit)
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
	case f.Intrinsic == span.None && (v.Type == traceql.TypeStatus || v.Type == traceql.TypeKind):
		return never(), nil // no attribute is a status or a kind
	}
	return withEmpty(span.Compare(f, spanOps[op], value(f, v))), nil
}

// withEmpty makes a test of a string that every span has, though it is stored
// only where it is not empty, hold for the empty ones as well.
func withEmpty(c span.Condition) span.Condition {
	if i := c.Field.Intrinsic; i != span.StatusMessage && i != span.TraceState {
		return c
	}
	if !c.Test(clew.StringValue("")) {
		return c
	}
	return span.AnyOf(span.Negate(span.Has(c.Field)), c)
}

// value turns a literal into what the field's values compare with.
func value(f span.Field, v traceql.Static) clew.Value {
	switch v.Type {
	case traceql.TypeString:
		return clew.StringValue(hexID(f.Intrinsic, v.Str))
	case traceql.TypeFloat:
		return clew.DoubleValue(v.Float)
	case traceql.TypeBool:
		return clew.BoolValue(v.IsTrue())
	}
	return clew.IntValue(v.Int) // ints, durations, statuses, kinds
}

// hexID brings an id to the form in which ids compare: lower case, all digits.
// Text that is no id stays, and equals none.
func hexID(i span.Intrinsic, s string) string {
	digits := 0
	switch i {
	case span.TraceID, span.LinkTraceID:
		digits = 32
	case span.SpanID, span.ParentID, span.LinkSpanID:
		digits = 16
	}
	if digits == 0 || s == "" || len(s) > digits || strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		return s
	}
	return strings.Repeat("0", digits-len(s)) + strings.ToLower(s)
}

var scopes = [...]span.Scope{
	traceql.ScopeAny: span.ScopeAny, traceql.ScopeSpan: span.ScopeSpan, traceql.ScopeResource: span.ScopeResource,
	traceql.ScopeEvent: span.ScopeEvent, traceql.ScopeLink: span.ScopeLink, traceql.ScopeInstrumentation: span.ScopeInstrumentation,
}

var intrinsics = map[traceql.Intrinsic]span.Intrinsic{
	traceql.IntrinsicName:                   span.Name,
	traceql.IntrinsicDuration:               span.Duration,
	traceql.IntrinsicStatus:                 span.StatusCode,
	traceql.IntrinsicStatusMessage:          span.StatusMessage,
	traceql.IntrinsicKind:                   span.SpanKind,
	traceql.IntrinsicSpanID:                 span.SpanID,
	traceql.IntrinsicParentID:               span.ParentID,
	traceql.IntrinsicTraceID:                span.TraceID,
	traceql.IntrinsicEventName:              span.EventName,
	traceql.IntrinsicEventTimeSinceStart:    span.EventTimeSinceStart,
	traceql.IntrinsicLinkTraceID:            span.LinkTraceID,
	traceql.IntrinsicLinkSpanID:             span.LinkSpanID,
	traceql.IntrinsicInstrumentationName:    span.ScopeName,
	traceql.IntrinsicInstrumentationVersion: span.ScopeVersion,
}

func (c *compiler) field(f *traceql.Field) (span.Field, error) {
	switch {
	case f.Parent:
		return span.Field{}, c.unsupported(f.At, "looking at the parent span is")
	case f.Intrinsic != traceql.IntrinsicNone:
		i, ok := intrinsics[f.Intrinsic]
		if !ok {
			return span.Field{}, c.unsupported(f.At, f.String()+", which needs the whole trace, is")
		}
		return span.Field{Intrinsic: i}, nil
	case f.Scope == traceql.ScopeTrace:
		return span.Field{}, c.unsupported(f.At, "traces have no attributes of their own; the scope trace. is")
	}
	return span.Field{Scope: scopes[f.Scope], Key: f.Name}, nil
}
