// Package series makes numbers over time of measurements, and calculates with them:
// what a metric of TraceQL answers.
//
// It knows no spans and no stores: package exec tells it of each span what is measured,
// when, and in which series it is.
package series

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
)

// Label is a part of a series' name.
type Label struct {
	Name  string
	Value clew.Value // of TypeOther where there is none
	// Text is the value for people: 20ms, where Value is of nanoseconds.
	Text string
}

// Exemplar is one measurement of a series, with where it came from.
type Exemplar struct {
	Trace clew.TraceID
	Span  clew.SpanID
	At    clew.UnixNanos
	Value float64
}

// Series is one series: a number for each step, NaN where there is none.
type Series struct {
	Labels []Label
	Points []float64
	// Errors, where not nil, are the standard errors of points that are estimated from
	// sampled spans.
	Errors    []float64
	Exemplars []Exemplar
}

// Key returns a text that is equal for equal labels but the named ones.
func (s *Series) Key(without ...string) string {
	var b strings.Builder
	for i := range s.Labels {
		if l := &s.Labels[i]; !slices.Contains(without, l.Name) {
			b.WriteString(l.Name + "\x00" + ValueKey(l.Value) + "\x00")
		}
	}
	return b.String()
}

// ValueKey returns a text that is equal for equal values: 1 and 1.0 are.
func ValueKey(v clew.Value) string {
	v = Whole(v)
	b := []byte{byte(v.Type)}
	if v.Type == clew.TypeString {
		return string(append(b, v.Bytes...))
	}
	for i := range 8 {
		b = append(b, byte(v.Bits>>(8*i)))
	}
	return string(b)
}

// Whole returns a double that is a whole number as an integer, and all else as it is.
func Whole(v clew.Value) clew.Value {
	if v.Type == clew.TypeDouble {
		if d := v.Double(); d == math.Trunc(d) && d >= -1<<63 && d < 1<<63 {
			return clew.IntValue(int64(d))
		}
	}
	return v
}

// compareLabels orders series: by their labels' names, then values; numbers by size.
func compareLabels(a, b []Label) int {
	return slices.CompareFunc(a, b, func(x, y Label) int {
		xn, xok := number(x.Value)
		yn, yok := number(y.Value)
		if c := cmp.Compare(x.Name, y.Name); c != 0 || !xok || !yok {
			return cmp.Or(c, cmp.Compare(x.Value.Type, y.Value.Type), cmp.Compare(x.Text, y.Text))
		}
		return cmp.Or(cmp.Compare(xn, yn), cmp.Compare(x.Text, y.Text))
	})
}

func number(v clew.Value) (float64, bool) {
	switch v.Type {
	case clew.TypeInt:
		return float64(v.Int()), true
	case clew.TypeDouble:
		return v.Double(), true
	}
	return 0, false
}

// Sort puts series in the order of their labels.
func Sort(list []Series) {
	slices.SortFunc(list, func(a, b Series) int { return compareLabels(a.Labels, b.Labels) })
}
