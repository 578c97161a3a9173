package exec_test

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/traceql"
)

// What follows is TraceQL on span objects, by the manual and the plainest
// reading: the model that Compile, the matcher and the stores are held to.

// naive is a span of a trace; part is the span with the event or link at hand.
type naive struct {
	whole, part *clew.Span
	trace       []*clew.Span
}

// naiveValue is a value with its type in the language.
type naiveValue struct {
	t traceql.Type
	v clew.Value
}

func (n naive) truth(x traceql.Expr) bool {
	switch x := x.(type) {
	case *traceql.Unary:
		if x.Op == traceql.OpNot {
			return !n.truth(x.X)
		}
	case *traceql.Binary:
		switch {
		case x.Op == traceql.OpAnd:
			return n.truth(x.L) && n.truth(x.R)
		case x.Op == traceql.OpOr:
			return n.truth(x.L) || n.truth(x.R)
		case x.Op.IsComparison():
			return n.comparison(x)
		}
	}
	return slices.ContainsFunc(n.values(x), func(v naiveValue) bool {
		return naiveTest(traceql.OpEqual, v, naiveValue{traceql.TypeBool, clew.BoolValue(true)})
	})
}

// comparison tries one event, or one link, after the other.
func (n naive) comparison(x *traceql.Binary) bool {
	parts := naiveSplit(naiveReads(x.L)+naiveReads(x.R), n.whole)
	if lit, ok := x.R.(*traceql.Literal); ok && lit.Value.Type == traceql.TypeNil {
		field, _ := x.L.(*traceql.Field)
		some := slices.ContainsFunc(parts, func(p *clew.Span) bool {
			if field != nil && field.Intrinsic == traceql.IntrinsicStatusMessage {
				return p.StatusMessage != "" // one that is empty was not set
			}
			return len(naive{n.whole, p, n.trace}.values(x.L)) > 0
		})
		return some == (x.Op == traceql.OpNotEqual)
	}
	compare := naiveCompare
	if _, ok := x.L.(*traceql.Field); ok && naiveConstant(x.R) {
		compare = naiveTest
	} else if _, ok := x.R.(*traceql.Field); ok && naiveConstant(x.L) {
		compare = func(op traceql.Op, l, r naiveValue) bool { return naiveTest(op.Flip(), r, l) }
	}
	for _, p := range parts {
		one := naive{n.whole, p, n.trace}
		for _, l := range one.values(x.L) {
			for _, r := range one.values(x.R) {
				if compare(x.Op, l, r) {
					return true
				}
			}
		}
	}
	return false
}

// naiveConstant reports whether a value is the same of every span.
func naiveConstant(x traceql.Expr) bool {
	switch x := x.(type) {
	case *traceql.Field:
		return false
	case *traceql.Unary:
		return naiveConstant(x.X)
	case *traceql.Binary:
		return naiveConstant(x.L) && naiveConstant(x.R)
	}
	return true
}

// naiveTest compares a value with a constant. Of an array an element has to hold, or if
// it is about a difference, all.
func naiveTest(op traceql.Op, v, constant naiveValue) bool {
	if v.v.Type != clew.TypeOther {
		return naiveCompare(op, v, constant)
	}
	hits, of := 0, storagetest.Elements(v.v)
	for _, e := range of {
		if naiveCompare(op, naiveValue{naiveTypes[e.Type], e}, constant) {
			hits++
		}
	}
	if op == traceql.OpNotEqual || op == traceql.OpNotRegexp {
		return hits > 0 && hits == len(of)
	}
	return hits > 0
}

var naiveTypes = map[clew.Type]traceql.Type{clew.TypeString: traceql.TypeString, clew.TypeInt: traceql.TypeInt,
	clew.TypeDouble: traceql.TypeFloat, clew.TypeBool: traceql.TypeBool, clew.TypeOther: traceql.TypeAny}

// naiveSplit returns a span once for each of its events, or links, if such are read; for
// each event with each link, if both are.
func naiveSplit(reads string, s *clew.Span) []*clew.Span {
	parts := []*clew.Span{s}
	if strings.Contains(reads, "event") {
		parts = nil
		for _, e := range s.Events {
			one := *s
			one.Events = []clew.Event{e}
			parts = append(parts, &one)
		}
	}
	if !strings.Contains(reads, "link") {
		return parts
	}
	var pairs []*clew.Span
	for _, p := range parts {
		for _, l := range p.Links {
			one := *p
			one.Links = []clew.Link{l}
			pairs = append(pairs, &one)
		}
	}
	return pairs
}

// naiveReads names the fields of a value, those of conditions in it left out:
// they are about the whole span.
func naiveReads(x traceql.Expr) string {
	switch x := x.(type) {
	case *traceql.Field:
		return x.String() + " "
	case *traceql.Unary:
		if x.Op == traceql.OpNeg {
			return naiveReads(x.X)
		}
	case *traceql.Binary:
		if x.Op.IsArithmetic() {
			return naiveReads(x.L) + naiveReads(x.R)
		}
	}
	return ""
}

func naiveCompare(op traceql.Op, a, b naiveValue) bool {
	number := func(v naiveValue) bool { return v.t.IsNumeric() }
	order := 0
	switch {
	case a.v.Type == clew.TypeOther || b.v.Type == clew.TypeOther:
		return false
	case op == traceql.OpRegexp || op == traceql.OpNotRegexp:
		re, err := traceql.Regexp(b.v.String())
		return err == nil && a.t == traceql.TypeString && re.Match(a.v.Bytes) == (op == traceql.OpRegexp)
	case number(a) && number(b):
		x, y := naiveExact(a.v), naiveExact(b.v)
		if x == nil || y == nil { // NaN
			return op == traceql.OpNotEqual
		}
		order = x.Cmp(y)
	case a.t != b.t:
		return false
	case a.t == traceql.TypeString:
		order = bytes.Compare(a.v.Bytes, b.v.Bytes)
	default:
		order = int(a.v.Int() - b.v.Int())
	}
	return map[traceql.Op]bool{traceql.OpEqual: order == 0, traceql.OpNotEqual: order != 0, traceql.OpLess: order < 0,
		traceql.OpLessEqual: order <= 0, traceql.OpGreater: order > 0, traceql.OpGreaterEqual: order >= 0}[op]
}

func naiveExact(v clew.Value) *big.Float {
	if v.Type == clew.TypeInt {
		return new(big.Float).SetInt64(v.Int())
	}
	if math.IsNaN(v.Double()) {
		return nil
	}
	return new(big.Float).SetFloat64(v.Double())
}

// values lists what an expression is.
func (n naive) values(x traceql.Expr) []naiveValue {
	switch x := x.(type) {
	case *traceql.Literal:
		return []naiveValue{naiveLiteral(x.Value)}
	case *traceql.Field:
		return n.field(x)
	case *traceql.Unary:
		if x.Op == traceql.OpNeg {
			return naiveArithmetic(traceql.OpSub, []naiveValue{{traceql.TypeInt, clew.IntValue(0)}}, n.values(x.X))
		}
	case *traceql.Binary:
		if x.Op.IsArithmetic() {
			return naiveArithmetic(x.Op, n.values(x.L), n.values(x.R))
		}
	}
	return []naiveValue{{traceql.TypeBool, clew.BoolValue(naive{n.whole, n.whole, n.trace}.truth(x))}}
}

func naiveLiteral(s traceql.Static) naiveValue {
	switch s.Type {
	case traceql.TypeString:
		return naiveValue{s.Type, clew.StringValue(s.Str)}
	case traceql.TypeFloat:
		return naiveValue{s.Type, clew.DoubleValue(s.Float)}
	case traceql.TypeBool:
		return naiveValue{s.Type, clew.BoolValue(s.IsTrue())}
	}
	return naiveValue{s.Type, clew.IntValue(s.Int)}
}

func naiveArithmetic(op traceql.Op, l, r []naiveValue) []naiveValue {
	a, aok := naiveNumber(l)
	b, bok := naiveNumber(r)
	if !aok || !bok {
		return nil
	}
	t := traceql.TypeInt
	if a.t == traceql.TypeDuration || b.t == traceql.TypeDuration {
		t = traceql.TypeDuration
	}
	ratio := op == traceql.OpDiv && a.t == traceql.TypeDuration && b.t == traceql.TypeDuration
	if a.v.Type == clew.TypeInt && b.v.Type == clew.TypeInt && !ratio {
		x, y, z := big.NewInt(a.v.Int()), big.NewInt(b.v.Int()), new(big.Int)
		switch {
		case op == traceql.OpAdd:
			z.Add(x, y)
		case op == traceql.OpSub:
			z.Sub(x, y)
		case op == traceql.OpMul:
			z.Mul(x, y)
		case y.Sign() == 0:
			return nil
		case op == traceql.OpDiv:
			z.Quo(x, y)
		default:
			z.Rem(x, y)
		}
		if !z.IsInt64() {
			return nil
		}
		return []naiveValue{{t, clew.IntValue(z.Int64())}}
	}
	x, _ := naiveFloat(a.v)
	y, _ := naiveFloat(b.v)
	z := map[traceql.Op]float64{traceql.OpAdd: x + y, traceql.OpSub: x - y, traceql.OpMul: x * y, traceql.OpDiv: x / y, traceql.OpMod: math.Mod(x, y)}[op]
	if y == 0 && (op == traceql.OpDiv || op == traceql.OpMod) {
		return nil
	}
	if ratio {
		t = traceql.TypeFloat
	}
	return []naiveValue{{t, clew.DoubleValue(z)}}
}

func naiveFloat(v clew.Value) (float64, bool) {
	if v.Type == clew.TypeInt {
		return float64(v.Int()), true
	}
	return v.Double(), v.Type == clew.TypeDouble
}

func naiveNumber(all []naiveValue) (naiveValue, bool) {
	i := slices.IndexFunc(all, func(v naiveValue) bool { return v.t.IsNumeric() && v.v.Type != clew.TypeOther })
	if i < 0 {
		return naiveValue{}, false
	}
	return all[i], true
}

func (n naive) field(f *traceql.Field) (out []naiveValue) {
	if f.Intrinsic != traceql.IntrinsicNone {
		return n.intrinsic(f.Intrinsic)
	}
	if f.Parent {
		p := naiveParent(n.whole, n.trace)
		if p == nil {
			return nil
		}
		own := *f
		own.Parent = false
		return naive{p, p, n.trace}.field(&own)
	}
	of := func(attrs []clew.Attr) {
		for _, a := range attrs {
			if a.Key == f.Name {
				out = append(out, naiveValue{naiveTypes[a.Value.Type], a.Value})
			}
		}
	}
	switch f.Scope {
	case traceql.ScopeSpan, traceql.ScopeAny:
		of(n.part.Attrs)
		if f.Scope == traceql.ScopeAny && out == nil {
			of(n.part.Resource.Attrs)
		}
	case traceql.ScopeResource:
		of(n.part.Resource.Attrs)
	case traceql.ScopeInstrumentation:
		of(n.part.Scope.Attrs)
	case traceql.ScopeEvent:
		for _, e := range n.part.Events {
			of(e.Attrs)
		}
	case traceql.ScopeLink:
		for _, l := range n.part.Links {
			of(l.Attrs)
		}
	}
	return out
}

func (n naive) intrinsic(i traceql.Intrinsic) (out []naiveValue) {
	text := func(s string) { out = append(out, naiveValue{traceql.TypeString, clew.StringValue(s)}) }
	number := func(v int64) { out = append(out, naiveValue{i.Type(), clew.IntValue(v)}) }
	s := n.part
	switch i {
	case traceql.IntrinsicName:
		text(s.Name)
	case traceql.IntrinsicDuration:
		if s.End != 0 {
			number(int64(s.End - s.Start))
		}
	case traceql.IntrinsicStatus:
		number(int64(s.Status))
	case traceql.IntrinsicKind:
		number(int64(s.Kind))
	case traceql.IntrinsicStatusMessage:
		text(s.StatusMessage)
	case traceql.IntrinsicSpanID:
		text(s.SpanID.String())
	case traceql.IntrinsicParentID, traceql.IntrinsicParent:
		if s.ParentID != 0 {
			text(s.ParentID.String())
		}
	case traceql.IntrinsicEventName:
		for _, e := range s.Events {
			text(e.Name)
		}
	case traceql.IntrinsicEventTimeSinceStart:
		for _, e := range s.Events {
			number(int64(e.Time - s.Start))
		}
	case traceql.IntrinsicInstrumentationName:
		text(s.Scope.Name)
	case traceql.IntrinsicInstrumentationVersion:
		text(s.Scope.Version)
	case traceql.IntrinsicTraceID:
		text(s.TraceID.String())
	case traceql.IntrinsicLinkSpanID:
		for _, l := range s.Links {
			text(l.SpanID.String())
		}
	default:
		return n.ofTrace(i)
	}
	return out
}

func (n naive) ofTrace(i traceql.Intrinsic) []naiveValue {
	h := naiveTrace(clew.TraceID{}, n.trace, nil)
	switch {
	case i >= traceql.IntrinsicNestedSetLeft && i <= traceql.IntrinsicNestedSetParent:
		return []naiveValue{{traceql.TypeInt, clew.IntValue(naivePlace(i, n.whole, n.trace))}}
	case i == traceql.IntrinsicTraceDuration:
		return []naiveValue{{traceql.TypeDuration, clew.IntValue(int64(h.duration))}}
	case i == traceql.IntrinsicChildCount:
		children := 0
		for _, x := range n.trace {
			if x.ParentID == n.whole.SpanID {
				children++
			}
		}
		return []naiveValue{{traceql.TypeInt, clew.IntValue(int64(children))}}
	case h.rootSpan == nil:
		return nil
	case i == traceql.IntrinsicTraceRootName:
		return []naiveValue{{traceql.TypeString, clew.StringValue(h.rootSpan.Name)}}
	case i == traceql.IntrinsicTraceRootService:
		return []naiveValue{{traceql.TypeString, clew.StringValue(h.rootSpan.Service())}}
	}
	panic("unknown intrinsic " + i.String())
}

// randomQuery writes a query that parses and that exec supports.
type randomQuery struct{ *rand.Rand }

func (r randomQuery) one(of ...string) string { return of[r.IntN(len(of))] }

func (r randomQuery) field() string {
	if r.IntN(4) == 0 {
		return r.one("trace:duration", "rootName", "rootServiceName", "span:childCount", "duration", "trace:duration",
			"parent.a", "parent.span.b", "parent.resource.service.name", "parent", "nestedSetLeft", "nestedSetRight", "nestedSetParent")
	}
	return r.one(".a", ".b", "span.a", "span.b", "resource.a", "resource.service.name", "event.a", "event.b", "link.a", "instrumentation.a",
		"name", "duration", "status", "kind", "statusMessage", "span:id", "span:parentID", "event:name", "event:timeSinceStart", "link:spanID", `span."weird key"`)
}

func (r randomQuery) literal() string {
	return r.one(`"a"`, `""`, `"GET /"`, `"cart"`, "1", "0", "200", "7.5", "true", "1s", "1ms", "error", "server", "2", "-1", `"/api/cart"`)
}

func (r randomQuery) value(depth int) string {
	if depth > 0 && r.IntN(2) == 0 {
		return fmt.Sprintf("(%s %s %s)", r.value(depth-1), r.one("+", "-", "*", "/", "%"), r.value(depth-1))
	}
	if r.IntN(4) == 0 {
		return r.literal()
	}
	return r.field()
}

func (r randomQuery) condition(depth int) string {
	switch {
	case depth > 0 && r.IntN(3) == 0:
		return fmt.Sprintf("(%s %s %s)", r.condition(depth-1), r.one("&&", "||"), r.condition(depth-1))
	case depth > 0 && r.IntN(5) == 0:
		return "!(" + r.condition(depth-1) + ")"
	case depth > 0 && r.IntN(15) == 0:
		return fmt.Sprintf("(%s) %s (%s)", r.condition(depth-1), r.one("=", "!="), r.condition(depth-1))
	case r.IntN(12) == 0:
		return r.field() + r.one(" = nil", " != nil")
	case r.IntN(12) == 0:
		return r.field() + r.one(" =~ ", " !~ ") + r.one(`"[a-z]*"`, `"GET.*|cart"`, `""`)
	case r.IntN(2) == 0:
		return r.field() + " " + r.one("=", "!=", "<", ">", ">=", "<=") + " " + r.literal()
	case r.IntN(12) == 0:
		return r.one("event.a", "event.b", "event:name", "event:timeSinceStart", "event.a + link.a", "(event.b - link.b)") + " " +
			r.one("=", "!=", "<", ">=") + " " + r.one("link.a", "link.b", "link:spanID", "link.b * 2", "link.a - event.b")
	}
	return r.value(1) + " " + r.one("=", "!=", "<", ">", ">=", "<=") + " " + r.value(1)
}

func (r randomQuery) spanset(depth int) string {
	switch {
	case depth > 0 && r.IntN(2) == 0:
		return fmt.Sprintf("(%s %s %s)", r.spanset(depth-1), r.one("&&", "||", "|", "&&"), r.spanset(depth-1))
	case depth > 0 && r.IntN(2) == 0:
		return fmt.Sprintf("(%s %s%s %s)", r.spanset(depth-1), r.one("", "", "!", "&"), r.one(">", "<", ">>", "<<", "~"), r.spanset(depth-1))
	case depth > 0 && r.IntN(2) == 0:
		return fmt.Sprintf("(%s | %s)", r.spanset(depth-1), r.stage(depth-1))
	}
	return "{ " + r.condition(2) + " }"
}

func (r randomQuery) stage(depth int) string {
	switch r.IntN(6) {
	case 0:
		return "coalesce()"
	case 1:
		return "by(" + r.field() + ")"
	case 2:
		return fmt.Sprintf("by(%s) | %s", r.field(), r.stage(depth))
	case 3:
		return fmt.Sprintf("by(%s) | %s", r.field(), r.spanset(depth))
	}
	return r.scalar(depth) + " " + r.one("=", "!=", "<", ">", ">=", "<=") + " " + r.scalar(depth)
}

func (r randomQuery) scalar(depth int) string {
	switch {
	case depth > 0 && r.IntN(4) == 0:
		return fmt.Sprintf("(%s %s %s)", r.scalar(depth-1), r.one("+", "-", "*", "/"), r.scalar(depth-1))
	case depth > 0 && r.IntN(4) == 0:
		return fmt.Sprintf("(%s | %s)", r.spanset(depth-1), r.scalar(0))
	case r.IntN(3) == 0:
		return r.one("1", "2", "0.5", "1ms", "1s", "7")
	case r.IntN(3) == 0:
		return "count()"
	}
	return fmt.Sprintf("%s(%s)", r.one("avg", "max", "min", "sum", "count_distinct", "first", "last"), r.one(".a", "span.b", "duration", "event.a", "span:childCount", "event:timeSinceStart", "duration / 2", "parent.a"))
}
