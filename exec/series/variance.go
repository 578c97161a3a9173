package series

import (
	"math"
	"unsafe"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/sketch"
)

// variance is what the errors follow from of sums and averages of values v, of spans that were
// kept with probability 1/w, one independently of the other: sums of w·(w−1), and of that
// times v and v². Spans of weight 1 add nothing.
type variance struct {
	spread  sketch.Uint128
	values  sketch.Sum
	squares sketch.Sum
}

// vary makes room for variances.
func (b *Builder) vary(c *cells) {
	c.variance = make([]variance, b.spec.Steps)
	b.Remember(int64(b.spec.Steps) * int64(unsafe.Sizeof(variance{})))
}

// estimate notes what the errors of a sum or an average follow from.
func (b *Builder) estimate(c *cells, m *Measurement, value float64) {
	if c.sampled = true; c.variance == nil {
		b.vary(c)
	}
	v, more := &c.variance[m.Step], m.Weight-clew.WeightOne
	v.squares.AddFloat(value*value*more.Float64(), uint64(m.Weight))
	if b.spec.Fn == Avg {
		v.spread = v.spread.Add(sketch.Product(uint64(m.Weight), uint64(more)))
		v.values.AddFloat(value*more.Float64(), uint64(m.Weight))
	}
}

// ofSum returns the standard error of the sum of w·v: its variance is the sum of
// w·(w−1)·v².
func (v *variance) ofSum() float64 { return math.Sqrt(max(0, v.squares.Float64(16))) }

// rounding is the part of the greatest of some numbers up to which their sum may come of
// their being rounded.
const rounding = 1e-13

// ofMean returns the standard error of the mean R, the sum of w·v over the sum of w. It is
// that of a ratio of two estimates: about the root of the sum of w·(w−1)·(v−R)², over the
// sum of w. One span that was kept does not tell how others differ from it.
func (v *variance) ofMean(weight clew.Weight, sum *sketch.Sum) float64 {
	if weight == 0 || v.spread != (sketch.Uint128{}) && v.spread == sketch.Product(uint64(weight), uint64(weight-clew.WeightOne)) {
		return math.NaN()
	}
	const one = float64(clew.WeightOne)
	mean := sum.Float64(0) / float64(weight)
	squares, spread := v.squares.Float64(16), v.spread.Float64()/(one*one)
	around := squares - 2*mean*v.values.Float64(16) + mean*mean*spread
	if around <= rounding*max(squares, mean*mean*spread) {
		return 0
	}
	return math.Sqrt(around) / weight.Float64()
}
