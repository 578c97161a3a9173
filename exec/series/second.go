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
// divided by zero, is none.
func Calculate(op span.ExprOp, l, r []Series) []Series {
	lone := func(list []Series) bool { return len(list) == 1 && len(list[0].Labels) == 0 }
	var out []Series
	switch {
	case lone(r):
		for i := range l {
			out = append(out, calculate(op, &l[i], &r[0], l[i].Labels))
		}
	case lone(l):
		for i := range r {
			out = append(out, calculate(op, &l[0], &r[i], r[i].Labels))
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

func calculate(op span.ExprOp, l, r *Series, labels []Label) Series {
	s := Series{Labels: labels, Points: make([]float64, len(l.Points)), Exemplars: l.Exemplars}
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
	}
	return s
}
