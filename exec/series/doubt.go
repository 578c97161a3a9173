package series

import (
	"math"
	"unsafe"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/sketch"
)

// doubt is what the errors follow from of sums and averages of values v, of spans that were
// kept with probability 1/w, one independently of the other: sums of w·(w−1), and of that
// times v and v². Spans of weight 1 add nothing.
type doubt struct {
	spread  sketch.Uint128
	values  sketch.Sum
	squares sketch.Sum
}

// estimate notes what the errors of a sum or an average follow from.
func (b *Builder) estimate(c *cells, m *Measurement, value float64) {
	if c.sampled = true; c.doubt == nil {
		c.doubt = make([]doubt, b.spec.Steps)
		b.Remember(int64(b.spec.Steps) * int64(unsafe.Sizeof(doubt{})))
	}
	d, more := &c.doubt[m.Step], m.Weight-clew.WeightOne
	d.squares.AddFloat(value*value*more.Float64(), uint64(m.Weight))
	if b.spec.Fn == Avg {
		d.spread = d.spread.Add(sketch.Product(uint64(m.Weight), uint64(more)))
		d.values.AddFloat(value*more.Float64(), uint64(m.Weight))
	}
}

// ofSum returns the standard error of the sum of w·v: its variance is the sum of
// w·(w−1)·v².
func (d *doubt) ofSum() float64 { return math.Sqrt(max(0, d.squares.Float64(16))) }

// rounding is the part of the greatest of some numbers up to which their sum may come of
// their being rounded.
const rounding = 1e-13

// ofMean returns the standard error of the mean R, the sum of w·v over the sum of w. It is
// that of a ratio of two estimates: about the root of the sum of w·(w−1)·(v−R)², over the
// sum of w. One span that was kept does not tell how others differ from it.
func (d *doubt) ofMean(weight clew.Weight, sum *sketch.Sum) float64 {
	if weight == 0 || d.spread != (sketch.Uint128{}) && d.spread == sketch.Product(uint64(weight), uint64(weight-clew.WeightOne)) {
		return math.NaN()
	}
	const one = float64(clew.WeightOne)
	mean := sum.Float64(0) / float64(weight)
	squares, spread := d.squares.Float64(16), d.spread.Float64()/(one*one)
	variance := squares - 2*mean*d.values.Float64(16) + mean*mean*spread
	if variance <= rounding*max(squares, mean*mean*spread) {
		return 0
	}
	return math.Sqrt(variance) / weight.Float64()
}
