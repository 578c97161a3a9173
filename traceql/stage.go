package traceql

// By is by(expr): the spans of each spanset are parted by the value of X, into one
// spanset for each value.
type By struct {
	At Range
	X  Expr
}

// Coalesce is coalesce(): the spansets of a trace become one.
type Coalesce struct{ At Range }

// Select is select(field, …): the answer tells these fields of its spans.
type Select struct {
	At     Range
	Fields []*Field
}

// OrderBy is order by x [asc | desc] [limit n]: traces come by the greatest value that
// X has on a span selected in them, descending, or by the least, ascending.
type OrderBy struct {
	At   Range
	X    Expr
	Desc bool
	// Limit is how many traces are wanted, 0 for as many as the answer has room for.
	Limit int
}

// ScalarFilter is l op r: it keeps the spansets for which the comparison holds.
type ScalarFilter struct {
	At   Range
	Op   Op // a comparison other than =~ and !~
	L, R Scalar
}

// Scalar is a number made from a spanset: *Aggregate, *ScalarLiteral, *ScalarBinary or
// *ScalarPipeline.
type Scalar interface {
	// Range is where the scalar stands in the text.
	Range() Range
	scalar()
}

// Aggregate is f(x) over the spans of a spanset.
type Aggregate struct {
	At Range
	Fn AggregateFn
	// X is nil for count() only.
	X Expr
}

// ScalarLiteral is a fixed number.
type ScalarLiteral struct {
	At    Range
	Value Static
}

// ScalarBinary is an arithmetic operation.
type ScalarBinary struct {
	At   Range
	Op   Op
	L, R Scalar
}

// ScalarPipeline is ( stages | of ): a number made from what the stages leave of the
// spanset.
type ScalarPipeline struct {
	At     Range
	Stages []Stage
	Of     Scalar
}

// AggregateFn is what an Aggregate does.
type AggregateFn uint8

// The aggregates. CountDistinct, First and Last are not of Tempo.
const (
	Count AggregateFn = iota + 1
	Avg
	Max
	Min
	Sum
	CountDistinct // how many different values
	First         // the value of the span that starts first, of those that have one
	Last          // of the span that starts last
)

var aggregateNames = [...]string{"?", "count", "avg", "max", "min", "sum", "count_distinct", "first", "last"}

// String returns the function's name.
func (f AggregateFn) String() string { return nameOf(aggregateNames[:], int(f), "aggregate?") }

func parseAggregate(word string) (AggregateFn, bool) {
	i := indexOf(aggregateNames[:], word)
	return AggregateFn(i), i > 0
}

// Metric is f(…) [by (fields)]: series of numbers over time, made from the spans that
// the stages before it select.
type Metric struct {
	At Range
	Fn MetricFn
	// X is what is measured; nil for rate, count_over_time and compare.
	X Expr
	// Quantiles are those of quantile_over_time, in [0, 1], at least one.
	Quantiles []float64
	By        []*Field
	// Compare is what compare(…) sets against the rest.
	Compare *Comparison
}

// Comparison is what is in the parentheses of compare({ … }, top, start, end).
type Comparison struct {
	Selection *Filter
	// Top is how many values of each attribute are told.
	Top int
	// Start and End bound what is selected, in nanoseconds since 1970; 0 is no bound.
	Start, End int64
}

// defaultCompareTop is how many values compare tells where the query does not say.
const defaultCompareTop = 10

// MetricFn is what a Metric does.
type MetricFn uint8

// The metrics. CountDistinctOverTime, FirstOverTime and LastOverTime are not of Tempo.
const (
	Rate MetricFn = iota + 1 // spans per second
	CountOverTime
	MinOverTime
	MaxOverTime
	AvgOverTime
	SumOverTime
	QuantileOverTime
	HistogramOverTime
	Compare
	CountDistinctOverTime
	FirstOverTime
	LastOverTime
)

var metricNames = [...]string{"?", "rate", "count_over_time", "min_over_time", "max_over_time", "avg_over_time",
	"sum_over_time", "quantile_over_time", "histogram_over_time", "compare", "count_distinct_over_time",
	"first_over_time", "last_over_time"}

// String returns the function's name.
func (f MetricFn) String() string { return nameOf(metricNames[:], int(f), "metric?") }

// Measures reports whether f measures something of its spans: it has an argument.
func (f MetricFn) Measures() bool { return f != Rate && f != CountOverTime && f != Compare }

func parseMetric(word string) (MetricFn, bool) {
	i := indexOf(metricNames[:], word)
	return MetricFn(i), i > 0
}

// TopK is topk(n) or bottomk(n): at each moment the n greatest or least series.
type TopK struct {
	At     Range
	Bottom bool
	N      int
}

// MetricFilter is op value behind a metric: the points for which it holds.
type MetricFilter struct {
	At    Range
	Op    Op // a comparison other than =~ and !~
	Value Static
}

// MetricMath is arithmetic between metrics, which stands where the stages that make a
// metric would.
type MetricMath struct {
	At Range
	X  MetricExpr
}

// MetricExpr is *MetricLiteral, *MetricBinary or *MetricPipeline.
type MetricExpr interface {
	// Range is where the expression stands in the text.
	Range() Range
	metric()
}

// MetricPipeline is ( stages ) whose answer is series.
type MetricPipeline struct {
	At     Range
	Stages []Stage
}

// MetricLiteral is a fixed number.
type MetricLiteral struct {
	At    Range
	Value Static
}

// MetricBinary calculates point by point, from series of equal labels.
type MetricBinary struct {
	At   Range
	Op   Op // OpAdd, OpSub, OpMul or OpDiv
	L, R MetricExpr
}

func (n *By) stage()           {}
func (n *Coalesce) stage()     {}
func (n *Select) stage()       {}
func (n *OrderBy) stage()      {}
func (n *ScalarFilter) stage() {}
func (n *Metric) stage()       {}
func (n *TopK) stage()         {}
func (n *MetricFilter) stage() {}
func (n *MetricMath) stage()   {}

func (n *Aggregate) scalar()      {}
func (n *ScalarLiteral) scalar()  {}
func (n *ScalarBinary) scalar()   {}
func (n *ScalarPipeline) scalar() {}

func (n *MetricPipeline) metric() {}
func (n *MetricLiteral) metric()  {}
func (n *MetricBinary) metric()   {}

// Range is where the node stands in the text.
func (n *By) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *Coalesce) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *Select) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *OrderBy) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *ScalarFilter) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *Metric) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *TopK) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *MetricFilter) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *MetricMath) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *Aggregate) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *ScalarLiteral) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *ScalarBinary) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *ScalarPipeline) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *MetricPipeline) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *MetricLiteral) Range() Range { return n.At }

// Range is where the node stands in the text.
func (n *MetricBinary) Range() Range { return n.At }

// IsMetrics reports whether the answer to q is series, not spans.
func (q *Query) IsMetrics() bool { return makesSeries(q.Stages) }

func makesSeries(stages []Stage) bool {
	switch stages[len(stages)-1].(type) {
	case *Metric, *TopK, *MetricFilter, *MetricMath:
		return true
	}
	return false
}

func nameOf(names []string, i int, other string) string {
	if i < len(names) {
		return names[i]
	}
	return other
}

// indexOf returns where a word is in a list whose first entry is none, 0 if nowhere.
func indexOf(names []string, word string) int {
	for i, n := range names[1:] {
		if n == word {
			return i + 1
		}
	}
	return 0
}
