package storagetest

import (
	"math"
	"math/big"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage/storagetest/tree"
)

// Holds reports whether a span meets a condition, by the plainest reading of
// package span's rules: list the values the field has, compare each. It knows one
// span: of a field of the whole trace there is no value.
func Holds(c span.Condition, s *clew.Span) bool { return HoldsIn(c, s, nil) }

// HoldsIn is Holds for a span of a trace of which all spans are given.
func HoldsIn(c span.Condition, s *clew.Span, trace []*clew.Span) bool {
	switch c.Op {
	case span.True:
		return true
	case span.And:
		for _, a := range c.Args {
			if !HoldsIn(a, s, trace) {
				return false
			}
		}
		return true
	case span.Or:
		for _, a := range c.Args {
			if HoldsIn(a, s, trace) {
				return true
			}
		}
		return false
	case span.Not:
		return !HoldsIn(c.Args[0], s, trace)
	case span.Relate:
		return relationHolds(c.Relation, s, trace)
	}
	for _, v := range valuesIn(c.Field, s, trace) {
		if meets(c, v) {
			return true
		}
	}
	return false
}

// meets says whether a value meets a test. An array does if one of its elements does; if
// none may be equal, or match, it has to have some, of which all do.
func meets(c span.Condition, v clew.Value) bool {
	if v.Type == clew.TypeOther && c.Op != span.Exists {
		hits, of := 0, Elements(v)
		for _, e := range of {
			if e.Type != clew.TypeOther && meets(c, e) {
				hits++
			}
		}
		if c.Op == span.Ne || c.Op == span.NotMatch {
			return hits > 0 && hits == len(of)
		}
		return hits > 0
	}
	switch c.Op {
	case span.Exists:
		return true
	case span.Match:
		return v.Type == clew.TypeString && c.Regexp.MatchString(string(v.Bytes))
	case span.NotMatch:
		return v.Type == clew.TypeString && !c.Regexp.MatchString(string(v.Bytes))
	}
	return compares(v, c.Op, c.Value)
}

// compares says whether a op b.
func compares(a clew.Value, op span.Op, b clew.Value) bool {
	less, equal, ok := order(a, b)
	if !ok {
		return false
	}
	greater := !less && !equal
	if isNaN(a) || isNaN(b) { // unordered: different, and nothing else
		return op == span.Ne
	}
	switch op {
	case span.Eq:
		return equal
	case span.Ne:
		return !equal
	case span.Lt:
		return less
	case span.Le:
		return less || equal
	case span.Gt:
		return greater
	case span.Ge:
		return greater || equal
	}
	return false
}

func isNaN(v clew.Value) bool { return v.Type == clew.TypeDouble && math.IsNaN(v.Double()) }

func isNumber(v clew.Value) bool { return v.Type == clew.TypeInt || v.Type == clew.TypeDouble }

func exact(v clew.Value) *big.Float {
	f := new(big.Float).SetPrec(2000)
	if v.Type == clew.TypeInt {
		return f.SetInt64(v.Int())
	}
	return f.SetFloat64(v.Double())
}

// order compares two values; ok is false where their types do not compare.
func order(a, b clew.Value) (less, equal, ok bool) {
	switch {
	case isNumber(a) && isNumber(b):
		if isNaN(a) || isNaN(b) {
			return false, false, true
		}
		r := exact(a).Cmp(exact(b))
		return r < 0, r == 0, true
	case a.Type != b.Type || a.Type == clew.TypeOther:
		return false, false, false
	case a.Type == clew.TypeBool:
		return !a.Bool() && b.Bool(), a.Bool() == b.Bool(), true
	}
	r := strings.Compare(string(a.Bytes), string(b.Bytes))
	return r < 0, r == 0, true
}

// valuesIn lists the values that a span of a trace has for a field.
func valuesIn(f span.Field, s *clew.Span, trace []*clew.Span) []clew.Value {
	if !f.OfTrace() {
		return valuesOf(f, s)
	}
	if trace == nil {
		return nil
	}
	s = tree.Member(s, trace)
	switch f.Intrinsic {
	case span.NestedSetLeft, span.NestedSetRight, span.NestedSetParent:
		return []clew.Value{clew.IntValue(tree.Place(f.Intrinsic, s, trace))}
	}
	if f.Parent {
		if s, _ = tree.Parent(s, trace); s == nil {
			return nil
		}
		f.Parent = false
		return valuesIn(f, s, trace)
	}
	var root *clew.Span
	first, last, children := trace[0].Start, trace[0].End, 0
	for _, x := range trace {
		first, last = min(first, x.Start), max(last, x.Start, x.End)
		if x.ParentID == s.SpanID && x.SpanID != s.SpanID {
			children++
		}
		if x.ParentID == 0 && (root == nil || x.Start < root.Start || x.Start == root.Start && x.SpanID < root.SpanID) {
			root = x
		}
	}
	switch {
	case f.Intrinsic == span.ChildCount:
		return []clew.Value{clew.IntValue(int64(children))}
	case f.Intrinsic == span.TraceDuration:
		return []clew.Value{clew.IntValue(int64(min(uint64(last-first), math.MaxInt64)))}
	case root == nil:
		return nil
	case f.Intrinsic == span.RootName:
		return []clew.Value{clew.StringValue(root.Name)}
	}
	return []clew.Value{clew.StringValue(root.Service())}
}

// valuesOf lists the values that a span has for a field.
func valuesOf(f span.Field, s *clew.Span) []clew.Value {
	if f.Intrinsic != span.None {
		return intrinsicOf(f.Intrinsic, s)
	}
	switch f.Scope {
	case span.ScopeSpan:
		return named(s.Attrs, f.Key)
	case span.ScopeResource:
		return named(resourceOf(s).Attrs, f.Key)
	case span.ScopeInstrumentation:
		return named(scopeOf(s).Attrs, f.Key)
	case span.ScopeEvent:
		var all []clew.Value
		for _, e := range s.Events {
			all = append(all, named(e.Attrs, f.Key)...)
		}
		return all
	case span.ScopeLink:
		var all []clew.Value
		for _, l := range s.Links {
			all = append(all, named(l.Attrs, f.Key)...)
		}
		return all
	}
	if own := named(s.Attrs, f.Key); own != nil {
		return own
	}
	return named(resourceOf(s).Attrs, f.Key)
}

// resourceOf and scopeOf are the span's, or empty ones where it has none.
func resourceOf(s *clew.Span) *clew.Resource {
	if s.Resource == nil {
		return new(clew.Resource)
	}
	return s.Resource
}

func scopeOf(s *clew.Span) *clew.Scope {
	if s.Scope == nil {
		return new(clew.Scope)
	}
	return s.Scope
}

func named(attrs []clew.Attr, key string) (values []clew.Value) {
	for _, a := range attrs {
		if a.Key == key {
			values = append(values, a.Value)
		}
	}
	return values
}

func intrinsicOf(i span.Intrinsic, s *clew.Span) []clew.Value {
	str := func(v string) []clew.Value { return []clew.Value{clew.StringValue(v)} }
	optional := func(v string) []clew.Value {
		if v == "" {
			return nil
		}
		return str(v)
	}
	num := func(v int64) []clew.Value { return []clew.Value{clew.IntValue(v)} }
	var all []clew.Value
	switch i {
	case span.Name:
		return str(s.Name)
	case span.Duration:
		if s.End != 0 {
			return num(s.DurationNanos())
		}
	case span.Start:
		return num(int64(min(uint64(s.Start), math.MaxInt64)))
	case span.StatusCode:
		return num(int64(s.Status))
	case span.StatusMessage:
		return optional(s.StatusMessage)
	case span.SpanKind:
		return num(int64(s.Kind))
	case span.TraceID:
		return str(s.TraceID.String())
	case span.SpanID:
		return str(s.SpanID.String())
	case span.ParentID:
		if s.ParentID == 0 {
			return nil
		}
		return str(s.ParentID.String())
	case span.TraceState:
		return optional(s.TraceState)
	case span.ScopeName:
		return str(scopeOf(s).Name)
	case span.ScopeVersion:
		return str(scopeOf(s).Version)
	case span.EventName:
		for _, e := range s.Events {
			all = append(all, clew.StringValue(e.Name))
		}
	case span.EventTimeSinceStart:
		for _, e := range s.Events {
			all = append(all, clew.IntValue(int64(e.Time-s.Start)))
		}
	case span.LinkTraceID:
		for _, l := range s.Links {
			all = append(all, clew.StringValue(l.TraceID.String()))
		}
	case span.LinkSpanID:
		for _, l := range s.Links {
			all = append(all, clew.StringValue(l.SpanID.String()))
		}
	}
	return all
}
