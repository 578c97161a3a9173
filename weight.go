package clew

// Weight is how many spans a kept span stands for, itself included, in units of
// 1/65536: of spans that were kept with probability p each stands for 1/p. A fixed
// unit and no float, so that sums of weights do not depend on their order; the
// rounding is below 0.001 % of any weight.
//
// A weight that nobody knows is not 1: it counts as 1 in sums, and is counted apart.
type Weight uint64

const (
	// WeightUnknown is the zero value: the span was sampled, nobody says how.
	WeightUnknown Weight = 0
	// WeightOne is the weight of a span that nobody sampled.
	WeightOne Weight = 1 << 16
	// MaxWeight bounds weights: sums of squares stay below 2^128 for 2^32 rows. A
	// probability below 2^-32 is not credible; such a weight is unknown.
	MaxWeight Weight = 1 << 48
)

// Counted returns what w adds to a sum of weights.
func (w Weight) Counted() Weight {
	if w == WeightUnknown {
		return WeightOne
	}
	return w
}

// Float64 returns w as a number of spans, 0 where it is unknown.
func (w Weight) Float64() float64 { return float64(w) / float64(WeightOne) }

// Plus returns the sum of two sums of weights; it stays at the greatest number.
func (w Weight) Plus(o Weight) Weight {
	if w+o < w {
		return ^Weight(0)
	}
	return w + o
}
