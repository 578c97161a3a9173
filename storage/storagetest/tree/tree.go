// Package tree is span.Tree on span objects, by its plainest reading: the model that it is
// compared with.
package tree

import (
	"cmp"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// compare orders the spans of a trace, which are of different identities.
func compare(x, y *clew.Span) int {
	return cmp.Or(cmp.Compare(x.Start, y.Start), cmp.Compare(x.SpanID, y.SpanID), cmp.Compare(x.Kind.Side(), y.Kind.Side()))
}

// named returns the span of a trace that a span names as its parent, or of which it is
// the other half.
func named(s *clew.Span, trace []*clew.Span) *clew.Span {
	find := func(id clew.SpanID, side uint8) *clew.Span {
		for _, x := range trace {
			if x.SpanID == id && x.Kind.Side() == side {
				return x
			}
		}
		return nil
	}
	if half := find(s.SpanID, 0); s.Kind.Side() == 1 && half != nil {
		return half
	}
	if s.ParentID == 0 {
		return nil
	}
	if p := find(s.ParentID, 1); p != nil {
		return p
	}
	return find(s.ParentID, 0)
}

// Member returns the span of a trace of which s may be a copy with less in it.
func Member(s *clew.Span, trace []*clew.Span) *clew.Span {
	for _, x := range trace {
		if compare(s, x) == 0 {
			return x
		}
	}
	return s
}

// Parent returns the parent of a span of a trace, nil if it has none there; lost says
// that it names one.
func Parent(s *clew.Span, trace []*clew.Span) (parent *clew.Span, lost bool) {
	p := named(s, trace)
	if p == nil {
		return nil, s.ParentID != 0
	}
	circle := []*clew.Span{s}
	for x := p; x != s; x = named(x, trace) {
		if x == nil || slices.Contains(circle, x) {
			return p, false // s is not in a circle itself
		}
		circle = append(circle, x)
	}
	if slices.MinFunc(circle, compare) == s {
		return nil, false
	}
	return p, false
}

// Place numbers a trace and returns a number of one of its spans.
func Place(i span.Intrinsic, s *clew.Span, trace []*clew.Span) int64 {
	sorted := slices.Clone(trace)
	slices.SortFunc(sorted, compare)
	left, right, above := make(map[*clew.Span]int64), make(map[*clew.Span]int64), make(map[*clew.Span]int64)
	number := int64(0)
	var walk func(x *clew.Span)
	walk = func(x *clew.Span) {
		number++
		left[x] = number
		for _, y := range sorted {
			if p, _ := Parent(y, trace); p == x {
				above[y] = left[x]
				walk(y)
			}
		}
		number++
		right[x] = number
	}
	for _, x := range sorted {
		if p, lost := Parent(x, trace); p == nil {
			if above[x] = -1; lost {
				above[x] = 0
			}
			walk(x)
		}
	}
	switch i {
	case span.NestedSetLeft:
		return left[s]
	case span.NestedSetRight:
		return right[s]
	}
	return above[s]
}
