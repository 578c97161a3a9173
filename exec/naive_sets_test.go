package exec_test

import (
	"cmp"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/traceql"
)

// naiveSelect returns what a pipeline selects of from, spans of a trace; wide is what
// from were without a window.
func naiveSelect(stages []traceql.Stage, from, wide, trace []*clew.Span) (out []*clew.Span) {
	for _, set := range naiveSets(stages, from, wide, trace) {
		for _, x := range set {
			if !slices.Contains(out, x) {
				out = append(out, x)
			}
		}
	}
	return out
}

// naiveSets returns the sets of spans that a pipeline leaves.
func naiveSets(stages []traceql.Stage, from, wide, trace []*clew.Span) [][]*clew.Span {
	sets, split := [][]*clew.Span{from}, false
	for _, s := range stages {
		var next [][]*clew.Span
		for _, set := range sets {
			if split {
				wide = set
			}
			switch s := s.(type) {
			case traceql.Spanset:
				next = append(next, naiveSpanset(s, set, wide, trace))
				wide = naiveSpanset(s, wide, wide, trace)
			case *traceql.By:
				next = append(next, naiveParts(s.X, set, trace)...)
			case *traceql.ScalarFilter:
				l, r := naiveScalar(s.L, set, trace), naiveScalar(s.R, set, trace)
				if l != nil && r != nil && naiveCompare(s.Op, *l, *r) {
					next = append(next, set)
				}
			default:
				next = append(next, set)
			}
		}
		if _, ok := s.(*traceql.Coalesce); ok {
			next = [][]*clew.Span{slices.Concat(next...)}
		}
		if _, spanset := s.(traceql.Spanset); !spanset {
			split = true
		}
		sets = slices.DeleteFunc(next, func(set []*clew.Span) bool { return len(set) == 0 })
	}
	return sets
}

// naiveValueOf returns what a span has for an expression: of its first event, or link,
// that has something.
func naiveValueOf(x traceql.Expr, s *clew.Span, trace []*clew.Span) (number, any *naiveValue) {
	for _, p := range naiveSplit(naiveReads(x), s) {
		values := naive{s, p, trace}.values(x)
		if v, ok := naiveNumber(values); ok {
			return &v, &v
		}
		for _, t := range []clew.Type{clew.TypeString, clew.TypeBool} {
			for _, v := range values {
				if v.v.Type == t || v.t == traceql.TypeStatus || v.t == traceql.TypeKind {
					return nil, &v
				}
			}
		}
	}
	return nil, nil
}

func naiveParts(x traceql.Expr, set, trace []*clew.Span) [][]*clew.Span {
	var keys []*naiveValue
	var parts [][]*clew.Span
next:
	for _, s := range set {
		_, v := naiveValueOf(x, s, trace)
		for i, k := range keys {
			if k == nil && v == nil || k != nil && v != nil && (naiveCompare(traceql.OpEqual, *k, *v) || k.v.String() == v.v.String() && k.v.Type == v.v.Type) {
				parts[i] = append(parts[i], s)
				continue next
			}
		}
		keys, parts = append(keys, v), append(parts, []*clew.Span{s})
	}
	return parts
}

func naiveScalar(x traceql.Scalar, set, trace []*clew.Span) *naiveValue {
	switch x := x.(type) {
	case *traceql.ScalarLiteral:
		v := naiveLiteral(x.Value)
		return &v
	case *traceql.ScalarPipeline:
		return naiveScalar(x.Of, naiveSelect(x.Stages, set, set, trace), trace)
	case *traceql.ScalarBinary:
		l, r := naiveScalar(x.L, set, trace), naiveScalar(x.R, set, trace)
		if l == nil || r == nil {
			return nil
		}
		if v := naiveArithmetic(x.Op, []naiveValue{*l}, []naiveValue{*r}); len(v) > 0 {
			return &v[0]
		}
		return nil
	case *traceql.Aggregate:
		return naiveAggregate(x, set, trace)
	}
	panic("unknown scalar")
}

func naiveAggregate(a *traceql.Aggregate, set, trace []*clew.Span) *naiveValue {
	count := func(n int) *naiveValue { return &naiveValue{traceql.TypeInt, clew.IntValue(int64(n))} }
	switch a.Fn {
	case traceql.Count:
		return count(len(set))
	case traceql.CountDistinct:
		n := 0
		for _, part := range naiveParts(a.X, set, trace) {
			if _, v := naiveValueOf(a.X, part[0], trace); v != nil {
				n++
			}
		}
		return count(n)
	}
	set = slices.Clone(set)
	slices.SortFunc(set, func(x, y *clew.Span) int {
		return cmp.Or(cmp.Compare(x.Start, y.Start), cmp.Compare(x.SpanID, y.SpanID))
	})
	var all []naiveValue
	for _, s := range set {
		if v, _ := naiveValueOf(a.X, s, trace); v != nil {
			all = append(all, *v)
		}
	}
	if len(all) == 0 {
		return nil
	}
	switch a.Fn {
	case traceql.First:
		return &all[0]
	case traceql.Last:
		return &all[len(all)-1]
	case traceql.Min, traceql.Max:
		best := all[0]
		for _, v := range all {
			better := naiveCompare(map[bool]traceql.Op{true: traceql.OpLess, false: traceql.OpGreater}[a.Fn == traceql.Min], v, best)
			better = better || naiveExact(best.v) == nil
			if better || v.v.Type == clew.TypeInt && best.v.Type == clew.TypeDouble && naiveCompare(traceql.OpEqual, v, best) {
				best = v
			}
		}
		return &best
	}
	ints, whole, t := new(big.Int), true, all[0].t
	exact, sum, finite := new(big.Float).SetPrec(3000), 0.0, true
	for _, v := range all {
		f, _ := naiveFloat(v.v)
		sum += f
		if v.v.Type == clew.TypeInt {
			ints.Add(ints, big.NewInt(v.v.Int()))
		} else {
			whole = false
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			finite = false
		} else {
			exact.Add(exact, naiveExact(v.v))
		}
	}
	if finite {
		sum, _ = exact.Float64()
	}
	switch {
	case a.Fn == traceql.Avg:
		return &naiveValue{t, clew.DoubleValue(sum / float64(len(all)))}
	case whole && ints.IsInt64():
		return &naiveValue{t, clew.IntValue(ints.Int64())}
	}
	return &naiveValue{t, clew.DoubleValue(sum)}
}

func naiveSpanset(s traceql.Stage, from, wide, trace []*clew.Span) (out []*clew.Span) {
	switch s := s.(type) {
	case *traceql.Wrapped:
		return naiveSelect(s.Stages, from, wide, trace)
	case *traceql.Filter:
		for _, x := range from {
			if s.Where == nil || (naive{x, x, trace}).truth(s.Where) {
				out = append(out, x)
			}
		}
		return out
	case *traceql.SpansetBinary:
		if s.Op.IsStructural() {
			return naiveKin(s, from, wide, trace)
		}
		l, r := naiveSpanset(s.L, from, wide, trace), naiveSpanset(s.R, from, wide, trace)
		if s.Op == traceql.SpansetAnd && (len(l) == 0 || len(r) == 0) {
			return nil
		}
		for _, x := range from {
			if slices.Contains(l, x) || slices.Contains(r, x) {
				out = append(out, x)
			}
		}
		return out
	}
	panic("unknown spanset")
}

// naiveKin compares each span with each.
func naiveKin(s *traceql.SpansetBinary, from, wide, trace []*clew.Span) (out []*clew.Span) {
	l, r := naiveSpanset(s.L, wide, wide, trace), naiveSpanset(s.R, wide, wide, trace)
	sign := strings.TrimLeft(s.Op.String(), "!&")
	above := func(x, y *clew.Span) bool { // x is an ancestor of y
		for p := naiveParent(y, trace); p != nil; p = naiveParent(p, trace) {
			if p == x {
				return true
			}
		}
		return false
	}
	stand := func(x, y *clew.Span) bool { // x on the left, y on the right
		switch sign {
		case ">":
			return naiveParent(y, trace) == x
		case "<":
			return naiveParent(x, trace) == y
		case ">>":
			return above(x, y)
		case "<<":
			return above(y, x)
		}
		return x != y && x.ParentID != 0 && x.ParentID == y.ParentID
	}
	in := naiveSpanset(s.R, from, wide, trace)
	for _, x := range from {
		right := slices.Contains(in, x) && slices.ContainsFunc(l, func(y *clew.Span) bool { return stand(y, x) })
		left := slices.Contains(l, x) && slices.ContainsFunc(r, func(y *clew.Span) bool { return stand(x, y) })
		switch s.Op.String()[0] {
		case '!':
			right = slices.Contains(in, x) && !right
		case '&':
			right = right || left
		}
		if right {
			out = append(out, x)
		}
	}
	return out
}

func naiveParent(s *clew.Span, trace []*clew.Span) *clew.Span {
	for _, x := range trace {
		if s.ParentID != 0 && x.SpanID == s.ParentID {
			return x
		}
	}
	return nil
}

// naivePlace numbers a trace, the earliest first, and returns a number of one of its
// spans.
func naivePlace(i traceql.Intrinsic, s *clew.Span, trace []*clew.Span) (place int64) {
	sorted, number := slices.Clone(trace), int64(0)
	slices.SortFunc(sorted, func(x, y *clew.Span) int {
		return cmp.Or(cmp.Compare(x.Start, y.Start), cmp.Compare(x.SpanID, y.SpanID))
	})
	var walk func(x *clew.Span, above int64)
	walk = func(x *clew.Span, above int64) {
		number++
		left := number
		for _, y := range sorted {
			if naiveParent(y, trace) == x {
				walk(y, left)
			}
		}
		number++
		if x.SpanID == s.SpanID {
			place = map[traceql.Intrinsic]int64{traceql.IntrinsicNestedSetLeft: left, traceql.IntrinsicNestedSetRight: number, traceql.IntrinsicNestedSetParent: above}[i]
		}
	}
	for _, x := range sorted {
		switch {
		case x.ParentID == 0:
			walk(x, -1)
		case naiveParent(x, trace) == nil:
			walk(x, 0)
		}
	}
	return place
}
