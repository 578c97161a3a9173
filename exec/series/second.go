package series

import (
	"cmp"
	"math"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// Top keeps at each step the n greatest, or least, points; of equal ones those of the
// series that comes first. Series of which nothing is left are dropped.
func Top(list []Series, n int, least bool) []Series {
	if len(list) <= n {
		return list
	}
	order := make([]int, 0, len(list))
	for step := range list[0].Points {
		order = order[:0]
		for i := range list {
			if v := list[i].Points[step]; v == v {
				order = append(order, i)
			}
		}
		slices.SortFunc(order, func(a, b int) int {
			c := cmp.Compare(list[a].Points[step], list[b].Points[step])
			if !least {
				c = -c
			}
			return cmp.Or(c, cmp.Compare(a, b))
		})
		for _, i := range order[min(n, len(order)):] {
			list[i].Points[step] = math.NaN()
		}
	}
	return withPoints(list)
}

// Filter keeps the points for which the comparison holds.
func Filter(list []Series, op span.Op, value float64) []Series {
	for i := range list {
		for step, v := range list[i].Points {
			if !span.CompareValues(clew.DoubleValue(v), op, clew.DoubleValue(value)) || v != v {
				list[i].Points[step] = math.NaN()
			}
		}
	}
	return withPoints(list)
}

// withPoints drops series without any.
func withPoints(list []Series) []Series {
	return slices.DeleteFunc(list, func(s Series) bool {
		return !slices.ContainsFunc(s.Points, func(v float64) bool { return v == v })
	})
}

// Scalar is a list of one series that has the same number everywhere.
func Scalar(v float64, steps int) []Series {
	points := make([]float64, steps)
	for i := range points {
		points[i] = v
	}
	return []Series{{Points: points}}
}

// Calculate calculates point by point from series of equal labels; one series without
// labels goes with each of the other side. A point that either side lacks, or that is
// divided by zero, is none. A result has the exemplars of both sides, each once, and the
// standard errors that follow from theirs if these are independent.
func Calculate(op span.ExprOp, l, r []Series) []Series {
	lone := func(list []Series) bool { return len(list) == 1 && len(list[0].Labels) == 0 }
	var out []Series
	switch {
	case lone(r):
		one := shared(&r[0], len(l))
		for i := range l {
			out = append(out, calculate(op, &l[i], &one, l[i].Labels))
		}
	case lone(l):
		one := shared(&l[0], len(r))
		for i := range r {
			out = append(out, calculate(op, &one, &r[i], r[i].Labels))
		}
	default:
		byKey := make(map[string]*Series, len(r))
		for i := range r {
			byKey[r[i].Key()] = &r[i]
		}
		for i := range l {
			if other := byKey[l[i].Key()]; other != nil {
				out = append(out, calculate(op, &l[i], other, l[i].Labels))
			}
		}
	}
	return withPoints(out)
}

// shared returns a series that goes with so many others, each of which gets some of its
// exemplars: all with each would be many.
func shared(s *Series, others int) Series {
	one := *s
	one.Exemplars = thin(s.Exemplars, max(1, len(s.Exemplars)/max(1, others)))
	return one
}

func calculate(op span.ExprOp, l, r *Series, labels []Label) Series {
	s := Series{Labels: labels, Points: make([]float64, len(l.Points)), Exemplars: bothOf(l.Exemplars, r.Exemplars)}
	if l.Errors != nil || r.Errors != nil {
		s.Errors = make([]float64, len(l.Points))
	}
	for i, a := range l.Points {
		b, v := r.Points[i], 0.0
		switch op {
		case span.Sum:
			v = a + b
		case span.Difference:
			v = a - b
		case span.Product:
			v = a * b
		default:
			if v = a / b; b == 0 {
				v = math.NaN()
			}
		}
		s.Points[i] = v
		if s.Errors != nil {
			s.Errors[i] = errorOf(op, v, point{a, l.errorAt(i)}, point{b, r.errorAt(i)})
		}
	}
	return s
}

// point is a number with its standard error.
type point struct{ value, err float64 }

// errorAt returns the standard error of a point; one that is not estimated has none.
func (s *Series) errorAt(i int) float64 {
	if s.Errors == nil {
		return 0
	}
	return s.Errors[i]
}

// errorOf returns the standard error of v, which is l op r, to the first order: variances
// add up, each times the square of how much v changes with its side.
func errorOf(op span.ExprOp, v float64, l, r point) float64 {
	switch {
	case v != v:
		return v
	case op == span.Product:
		return math.Hypot(l.err*r.value, r.err*l.value)
	case op == span.Quotient:
		return math.Hypot(l.err, v*r.err) / math.Abs(r.value)
	}
	return math.Hypot(l.err, r.err)
}

// bothOf returns the exemplars of two series, each span once, in the order of their time.
func bothOf(l, r []Exemplar) []Exemplar {
	if len(l) == 0 || len(r) == 0 {
		return append(slices.Clip(l), r...)
	}
	type which struct {
		trace clew.TraceID
		span  clew.SpanID
	}
	known := make(map[which]bool, len(l))
	out := slices.Clone(l)
	for _, x := range l {
		known[which{x.Trace, x.Span}] = true
	}
	for _, x := range r {
		if !known[which{x.Trace, x.Span}] {
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b Exemplar) int { return cmp.Compare(a.At, b.At) })
	return out
}
