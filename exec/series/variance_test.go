package series

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/clew-tracing/clew"
)

// TestErrorsOfMeans has means whose errors can be told at sight.
func TestErrorsOfMeans(t *testing.T) {
	type span struct {
		value  float64
		weight clew.Weight
	}
	f := func(want float64, spans ...span) {
		t.Helper()
		b := NewBuilder(Spec{Fn: Avg, Unit: 10, Steps: 1, Seconds: 1})
		s := b.Series(nil)
		for _, x := range spans {
			b.Add(s, &Measurement{Weight: x.weight * clew.WeightOne, Value: clew.DoubleValue(x.value)})
		}
		list, err := b.Finish()
		if err != nil {
			t.Fatal(err)
		}
		have := []float64{math.NaN()}
		if list[0].Errors != nil {
			have = list[0].Errors
		}
		if fmt.Sprintf("%.9g", have[0]) != fmt.Sprintf("%.9g", want) {
			t.Errorf("%v: %v, want %v", spans, have, want)
		}
	}
	f(math.NaN(), span{3, 1}, span{5, 1}) // nobody samples
	f(math.NaN(), span{3, 4})             // what others are like is not known
	f(0.2*math.Sqrt(4*3*2)/8, span{3, 4}, span{7, 4})
	f(0, span{0.1, 3}, span{0.1, 7}, span{0.1, 1})
	f(0, span{1e9 + 1, 3}, span{1e9 + 1, 7}) // no more than is lost by rounding
	f(math.Sqrt(12*25)/5/10, span{-1, 4}, span{24, 1})
	f(math.NaN(), span{math.Inf(1), 2}, span{1, 2})
}

// TestErrorsAreTrue samples what is known, by two probabilities, again and again. Estimates
// are off by as much as they say.
func TestErrorsAreTrue(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	values := make([]float64, 2000)
	sum := 0.0
	for i := range values {
		values[i] = math.Exp(r.NormFloat64())
		sum += values[i]
	}
	for fn, truth := range map[Fn]float64{Count: float64(len(values)), Sum: sum, Avg: sum / float64(len(values))} {
		squared, said := 0.0, 0.0 // means over all samples
		const samples = 400
		for range samples {
			b := NewBuilder(Spec{Fn: fn, Unit: 1, Steps: 1, Seconds: 1})
			s := b.Series(nil)
			for i, v := range values {
				if w := []int{3, 10}[i%2]; r.IntN(w) == 0 {
					b.Add(s, &Measurement{Weight: clew.Weight(w) * clew.WeightOne, Value: clew.DoubleValue(v)})
				}
			}
			list, err := b.Finish()
			if err != nil {
				t.Fatal(err)
			}
			off := list[0].Points[0] - truth
			squared += off * off / samples
			said += list[0].Errors[0] * list[0].Errors[0] / samples
		}
		if ratio := math.Sqrt(squared / said); ratio < 0.9 || ratio > 1.1 {
			t.Errorf("%v: estimates are off by %v, and say %v", fn, math.Sqrt(squared), math.Sqrt(said))
		}
	}
}
