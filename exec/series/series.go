// Package series makes numbers over time of measurements, and calculates with them:
// what a metric of TraceQL answers.
//
// It knows no spans and no stores: package exec tells it of each span what is measured,
// when, and in which series it is.
package series

import (
	"cmp"
	"encoding/binary"
	"slices"
	"unsafe"

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

// Bytes is about what series take of memory, without exemplars: of these there are few, and
// what is made of series must not fail for them.
func Bytes(list []Series) (n int64) {
	for i := range list {
		s := &list[i]
		n += int64(unsafe.Sizeof(*s)) + int64(len(s.Points)+len(s.Errors))*8
		for k := range s.Labels {
			n += int64(unsafe.Sizeof(Label{})) + int64(len(s.Labels[k].Text)+len(s.Labels[k].Value.Bytes))
		}
	}
	return n
}

// Key returns a text that is equal for equal labels.
func (s *Series) Key() string {
	var b []byte
	for i := range s.Labels {
		// Lengths first: names and values may have every byte.
		for _, part := range [...]string{s.Labels[i].Name, s.Labels[i].Value.Key()} {
			b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
		}
	}
	return string(b)
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
