package exec

import (
	"math"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/span"
)

// Estimate is how many spans there were, of which some were kept.
type Estimate struct {
	kept   int64
	more   clew.Weight    // what known weights are above 1
	spread sketch.Uint128 // of them, the sum of w·(w−1)
	// Unknown counts spans that were sampled, nobody says how; they count as one.
	Unknown int64
}

// add adds rows of a batch that have weights.
func (e *Estimate) add(weights *span.Column, rows column.Bitmap) {
	e.kept += int64(rows.Count())
	for i, row := range weights.Rows {
		switch w := clew.Weight(weights.Vals[i]); {
		case !rows.Get(int(row)):
		case w == clew.WeightUnknown:
			e.Unknown++
		case w > clew.WeightOne:
			e.more = e.more.Plus(w - clew.WeightOne)
			e.spread = e.spread.Add(sketch.Product(uint64(w), uint64(w-clew.WeightOne)))
		}
	}
}

// join adds rows that another has.
func (e *Estimate) join(o *Estimate) {
	e.kept, e.Unknown = e.kept+o.kept, e.Unknown+o.Unknown
	e.more, e.spread = e.more.Plus(o.more), e.spread.Add(o.spread)
}

// Sampled reports whether some span is known to stand for more than itself. Where none
// does, spans are just counted.
func (e *Estimate) Sampled() bool { return e.more > 0 }

// Spans is the estimate: the sum of the weights w.
func (e *Estimate) Spans() float64 { return float64(e.kept) + e.more.Float64() }

// StandardError is that of the estimate: of spans that were kept independently of each
// other with the probability 1/w, the root of the sum of w·(w−1).
func (e *Estimate) StandardError() float64 {
	return math.Sqrt(e.spread.Float64()) / float64(clew.WeightOne)
}
