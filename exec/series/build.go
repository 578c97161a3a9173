package series

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unsafe"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/sketch"
)

// MaxSeries and MaxCells bound what one metric may be made of: series, and series times
// steps. A cell takes 8 bytes to some kilobytes, as what is measured wants it.
const (
	MaxSeries = 20_000
	MaxCells  = 2_000_000
)

// MaxDistinct bounds the different values that are remembered to be counted, over all
// cells.
const MaxDistinct = 1_000_000

// Fn is how a number is made of the spans of a step.
type Fn uint8

// The functions. All but the first two measure something.
const (
	Rate Fn = iota // spans per second
	Count
	Min
	Max
	Avg
	Sum
	Quantile // a series for each
	Octaves  // a series for each power of two that bounds values from above
	CountDistinct
	First
	Last
)

var fnNames = [...]string{Rate: "rate", Count: "count", Min: "least", Max: "greatest", Avg: "mean", Sum: "sum", Quantile: "quantiles",
	Octaves: "histogram", CountDistinct: "number of different values", First: "first", Last: "last"}

// String returns a word for people.
func (f Fn) String() string {
	if int(f) < len(fnNames) {
		return fnNames[f]
	}
	return "number"
}

// Spec says what series are made of.
type Spec struct {
	Fn Fn
	// Unit is what a point is told in, of what is measured: 1e9 makes seconds of
	// nanoseconds.
	Unit      float64
	Quantiles []float64
	// Steps is how many there are, each so many seconds long.
	Steps   int
	Seconds float64
	// Exemplars is how many are wanted of all series together, about.
	Exemplars int
	// Memory is in bytes, about, what series may take while they are made; 0 is no bound.
	Memory int64
}

// A Measurement is one span.
type Measurement struct {
	Step   int
	Weight clew.Weight // how many spans it stands for; never unknown
	Value  clew.Value  // not looked at where nothing is measured
	Exemplar
}

// Builder makes series of measurements, in whatever order these come. One goroutine at a
// time.
type Builder struct {
	spec     Spec
	list     []*cells
	distinct int
	size     int64 // of what is remembered, in bytes, about
	dots     int64 // the part of it that exemplars take
	left     string
	err      error
}

// cells are the numbers of one series, by step. What a function does not need is nil.
type cells struct {
	labels []Label

	weight   []clew.Weight
	squares  []sketch.Uint128
	sampled  bool // a weight was not 1
	sums     []sketch.Sum
	variance []variance // of sums and averages
	edge     []float64  // least, greatest, first or last
	edgeAt   []Exemplar
	has      []bool
	dist     []sketch.Signed
	sole     []*sketch.Histogram // what a step has alone, so far: dist has nothing of it
	distinct []map[string]struct{}

	exemplars []Exemplar // at most one for each step
	taken     []bool
}

// NewBuilder returns a builder without series.
func NewBuilder(spec Spec) *Builder { return &Builder{spec: spec} }

// Series adds a series and returns its number, from 0 on.
func (b *Builder) Series(labels []Label) int {
	if len(b.list) >= MaxSeries || (len(b.list)+1)*b.spec.Steps > MaxCells {
		b.fail("the answer has more than %d series, or %d points: ask for a longer step, a shorter window or fewer fields in by(…)", MaxSeries, MaxCells)
		return -1
	}
	n, c := b.spec.Steps, &cells{labels: labels}
	text := 0
	for i := range labels {
		text += 2*len(labels[i].Text) + len(labels[i].Value.Bytes)
	}
	if b.Remember(int64(text) + int64(n)*b.spec.cellBytes()); b.err != nil {
		return -1
	}
	switch b.spec.Fn {
	case Rate, Count:
		c.weight, c.squares = make([]clew.Weight, n), make([]sketch.Uint128, n)
	case Sum, Avg:
		c.weight, c.sums = make([]clew.Weight, n), make([]sketch.Sum, n)
	case Quantile, Octaves:
		c.dist = make([]sketch.Signed, n)
	case CountDistinct:
		c.distinct = make([]map[string]struct{}, n)
	default:
		c.edge, c.edgeAt, c.has = make([]float64, n), make([]Exemplar, n), make([]bool, n)
	}
	if b.spec.Exemplars > 0 {
		bytes := int64(n) * int64(unsafe.Sizeof(Exemplar{})+1)
		b.dots += bytes
		b.Remember(bytes)
	}
	if b.spec.Exemplars > 0 { // they are not forgotten
		c.taken = make([]bool, n)
		c.exemplars = make([]Exemplar, n)
	}
	b.list = append(b.list, c)
	return len(b.list) - 1
}

// bucketBytes is what a bucket of a distribution takes, and valueBytes a value that is
// remembered to be told from others, besides its text: what grows has room for half as much
// again.
const (
	bucketBytes = 24
	valueBytes  = 48
)

// cellBytes is what a step of a series takes before anything is measured.
func (s *Spec) cellBytes() int64 {
	size := unsafe.Sizeof(float64(0))
	switch s.Fn {
	case Rate, Count:
		size += unsafe.Sizeof(clew.Weight(0)) + unsafe.Sizeof(sketch.Uint128{})
	case Sum, Avg:
		size += unsafe.Sizeof(clew.Weight(0)) + unsafe.Sizeof(sketch.Sum{})
	case Quantile, Octaves:
		size += unsafe.Sizeof(sketch.Signed{})
	case CountDistinct:
		size += unsafe.Sizeof(map[string]struct{}{})
	default:
		size += unsafe.Sizeof(Exemplar{}) + 1
	}
	return int64(size)
}

// Remember notes that so many bytes more are remembered for the series: by the builder, or
// by who tells which series a span is in. Where there is no memory for all of it exemplars
// are forgotten first.
func (b *Builder) Remember(bytes int64) {
	b.size += bytes
	if b.full() && b.dots > 0 {
		b.forget()
	}
	if b.full() {
		b.fail("the series would take more than the %d MB of memory that one query may use for them: ask for a longer step, a shorter window or fewer fields in by(…)", b.spec.Memory>>20)
	}
}

// forget forgets exemplars.
func (b *Builder) forget() {
	for _, c := range b.list {
		c.taken, c.exemplars = nil, nil
	}
	b.left = fmt.Sprintf("the series take so much of the %d MB of memory that one query may use for them that there is none for exemplars", b.spec.Memory>>20)
	b.size, b.dots, b.spec.Exemplars = b.size-b.dots, 0, 0
}

func (b *Builder) full() bool { return b.spec.Memory > 0 && b.size > b.spec.Memory }

// Forgotten says why exemplars that were wanted were forgotten, "" if they were not.
func (b *Builder) Forgotten() string { return b.left }

func (b *Builder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = clew.Errorf(clew.TooLarge, format, args...)
	}
}

// Err returns why the series cannot be made, once that is so.
func (b *Builder) Err() error { return b.err }

// Add adds a measurement to a series.
func (b *Builder) Add(series int, m *Measurement) {
	if b.err != nil {
		return
	}
	c := b.list[series]
	value, isNumber := number(m.Value)
	switch fn := b.spec.Fn; fn {
	case Rate, Count:
		c.weight[m.Step] = c.weight[m.Step].Plus(m.Weight)
		c.squares[m.Step] = c.squares[m.Step].Add(sketch.Product(uint64(m.Weight), uint64(m.Weight)))
		c.sampled = c.sampled || m.Weight != clew.WeightOne
	case CountDistinct:
		b.different(c, m)
	default:
		if !isNumber {
			return
		}
		switch fn {
		case Sum, Avg:
			c.weight[m.Step] = c.weight[m.Step].Plus(m.Weight)
			if m.Weight != clew.WeightOne {
				b.estimate(c, m, value)
			}
			if m.Value.Type == clew.TypeInt {
				c.sums[m.Step].AddInt(m.Value.Int(), uint64(m.Weight))
			} else {
				c.sums[m.Step].AddFloat(value, uint64(m.Weight))
			}
		case Quantile, Octaves:
			d := c.distribution(m.Step)
			before := d.Buckets()
			d.Add(value, uint64(m.Weight))
			b.Remember(int64(d.Buckets()-before) * bucketBytes)
		default:
			c.outermost(fn, m, value)
		}
	}
	b.exemplify(c, m, value)
}

// Exemplify takes a measurement that is counted already as an exemplar.
func (b *Builder) Exemplify(series int, m *Measurement) {
	if value, ok := number(m.Value); b.err == nil && (ok || b.spec.Fn <= Count) {
		b.exemplify(b.list[series], m, value)
	}
}

// Sums is what a store has summed up of a series in one step.
type Sums struct {
	Weight    clew.Weight
	Squares   sketch.Uint128
	Sampled   bool // some weight was not 1
	Durations *sketch.Histogram
}

// AddSums adds sums to a step of a series. Their durations are the builder's from now on.
func (b *Builder) AddSums(series, step int, s *Sums) {
	if b.err != nil {
		return
	}
	c := b.list[series]
	switch b.spec.Fn {
	case Rate, Count:
		c.weight[step], c.squares[step] = c.weight[step].Plus(s.Weight), c.squares[step].Add(s.Squares)
		c.sampled = c.sampled || s.Sampled
	case Sum, Avg:
		c.weight[step] = c.weight[step].Plus(s.Weight)
		sum := s.Durations.Sum()
		c.sums[step].AddWide(sum.Hi, sum.Lo)
	case Quantile, Octaves:
		b.addHistogram(c, step, s.Durations)
	case Min, Max:
		if s.Durations.Count() > 0 {
			for _, v := range []uint64{s.Durations.Min(), s.Durations.Max()} {
				c.outermost(b.spec.Fn, &Measurement{Step: step}, float64(v))
			}
		}
	}
}

// addHistogram adds a histogram, which is the builder's from now on. The first one of a
// step is left as it is: mostly there is no other.
func (b *Builder) addHistogram(c *cells, step int, h *sketch.Histogram) {
	if h.Count() == 0 {
		return
	}
	if c.sole == nil {
		c.sole = make([]*sketch.Histogram, len(c.dist))
	}
	if c.sole[step] == nil && c.dist[step].Count() == 0 {
		c.sole[step] = h
		b.Remember(int64(h.Len()) * bucketBytes)
		return
	}
	d := c.distribution(step)
	before := d.Buckets()
	d.AddHistogram(h)
	b.Remember(int64(d.Buckets()-before) * bucketBytes)
}

// distribution returns the distribution of a step, with what it has alone.
func (c *cells) distribution(step int) *sketch.Signed {
	d := &c.dist[step]
	if c.sole != nil && c.sole[step] != nil {
		d.AddHistogram(c.sole[step])
		c.sole[step] = nil
	}
	return d
}

// different remembers a value.
func (b *Builder) different(c *cells, m *Measurement) {
	if m.Value.Type == clew.TypeOther {
		return
	}
	b.remind(c, m.Step, m.Value.Key())
}

// remind remembers a value by its key.
func (b *Builder) remind(c *cells, step int, k string) {
	set := c.distinct[step]
	if set == nil {
		set = make(map[string]struct{})
		c.distinct[step] = set
	}
	if _, known := set[k]; known {
		return
	}
	if b.distinct++; b.distinct > MaxDistinct {
		b.fail("there are more than %d different values to count: ask for a shorter window or fewer series", MaxDistinct)
		return
	}
	if b.Remember(int64(len(k)) + valueBytes); b.err == nil {
		set[k] = struct{}{}
	}
}

// outermost keeps the least, greatest, first or last number.
func (c *cells) outermost(fn Fn, m *Measurement, value float64) {
	if value != value {
		return
	}
	at, old := &c.edgeAt[m.Step], c.edge[m.Step]
	better := !c.has[m.Step]
	switch fn {
	case Min:
		better = better || value < old || value == old && math.Signbit(value) // -0 is less than 0
	case Max:
		better = better || value > old || value == old && !math.Signbit(value)
	default: // of what was sent twice with different values one of them counts, in any order
		order := cmp.Or(cmp.Compare(m.At, at.At), m.Trace.Compare(at.Trace), cmp.Compare(m.Span, at.Span), cmp.Compare(value, old))
		better = better || fn == First && order < 0 || fn == Last && order > 0
	}
	if better {
		c.has[m.Step], c.edge[m.Step], *at = true, value, m.Exemplar
	}
}

// exemplify keeps of each step the exemplar that comes first by a hash of its ids, so
// that it does not depend on the order of measurements which it is. Of -0 and 0, which are
// equal, it is 0.
func (b *Builder) exemplify(c *cells, m *Measurement, value float64) {
	if c.taken == nil || m.Trace == (clew.TraceID{}) {
		return
	}
	x := m.Exemplar
	if x.Value = b.scale(value) + 0; b.spec.Fn <= Count {
		x.Value = math.NaN()
	}
	c.example(m.Step, &x)
}

// example keeps an exemplar of a step if it comes before the one that is kept.
func (c *cells) example(step int, x *Exemplar) {
	if !c.taken[step] || compareExemplars(x, &c.exemplars[step]) < 0 {
		c.taken[step], c.exemplars[step] = true, *x
	}
}

func compareExemplars(a, b *Exemplar) int {
	mix := func(x *Exemplar) uint64 { return (x.Trace.Low() ^ uint64(x.Span)) * 0x9E3779B97F4A7C15 }
	return cmp.Or(cmp.Compare(mix(a), mix(b)), a.Trace.Compare(b.Trace), cmp.Compare(a.Span, b.Span), cmp.Compare(a.At, b.At), cmp.Compare(a.Value, b.Value))
}

// Finish returns the series in the order of their labels.
func (b *Builder) Finish() ([]Series, error) {
	if b.err != nil {
		return nil, b.err
	}
	var out []Series
	for _, c := range b.list {
		first := len(out)
		switch b.spec.Fn {
		case Quantile:
			out = append(out, b.quantiles(c)...)
		case Octaves:
			out = append(out, b.octaves(c)...)
		default:
			s := Series{Labels: c.labels, Points: b.points(c)}
			if c.sampled {
				s.Errors = b.errors(c)
			}
			out = append(out, s)
		}
		if first < len(out) {
			out[first].Exemplars = c.spread(b.spec.Exemplars, len(b.list))
		}
		if len(out) > MaxSeries || len(out)*b.spec.Steps > MaxCells {
			b.fail("the answer has more than %d series, or %d points: ask for a longer step, a shorter window or fewer fields in by(…)", MaxSeries, MaxCells)
			return nil, b.err
		}
	}
	Sort(out)
	return out, nil
}

// spread returns about a fair share of the wanted exemplars, spread over the steps.
func (c *cells) spread(want, series int) (out []Exemplar) {
	for i, ok := range c.taken {
		if ok {
			out = append(out, c.exemplars[i])
		}
	}
	return thin(out, max(1, want/series))
}

// thin returns so many of some exemplars at most, spread over them.
func thin(list []Exemplar, most int) []Exemplar {
	if len(list) <= most {
		return list
	}
	fewer := make([]Exemplar, 0, most)
	for i := range most {
		fewer = append(fewer, list[i*len(list)/most])
	}
	return fewer
}

func (b *Builder) scale(v float64) float64 { return v / b.spec.Unit }

func (b *Builder) points(c *cells) []float64 {
	out := make([]float64, b.spec.Steps)
	for i := range out {
		out[i] = math.NaN()
		switch b.spec.Fn {
		case Rate:
			out[i] = c.weight[i].Float64() / b.spec.Seconds
		case Count:
			out[i] = c.weight[i].Float64()
		case CountDistinct:
			out[i] = float64(len(c.distinct[i]))
		case Sum:
			if c.weight[i] > 0 {
				out[i] = b.scale(c.sums[i].Float64(16))
			}
		case Avg:
			if c.weight[i] > 0 {
				out[i] = b.scale(c.sums[i].Float64(0) / float64(c.weight[i]))
			}
		default:
			if c.has[i] {
				out[i] = b.scale(c.edge[i])
			}
		}
	}
	return out
}

// errors returns the standard errors of counts, sums and averages: of spans kept with
// probability 1/w the variance of the sum of w is the sum of w·(w−1).
func (b *Builder) errors(c *cells) []float64 {
	out := make([]float64, b.spec.Steps)
	for i := range c.variance {
		if b.spec.Fn == Sum {
			out[i] = b.scale(c.variance[i].ofSum())
		} else {
			out[i] = b.scale(c.variance[i].ofMean(c.weight[i], &c.sums[i]))
		}
	}
	if c.variance != nil {
		return out
	}
	for i, w := range c.weight {
		one := float64(clew.WeightOne)
		variance := c.squares[i].Float64()/(one*one) - w.Float64()
		out[i] = math.Sqrt(max(0, variance))
		if b.spec.Fn == Rate {
			out[i] /= b.spec.Seconds
		}
	}
	return out
}

func (b *Builder) quantiles(c *cells) []Series {
	out := make([]Series, len(b.spec.Quantiles))
	for q, v := range b.spec.Quantiles {
		labels := append(slices.Clip(c.labels), numberLabel("p", v))
		out[q] = Series{Labels: labels, Points: make([]float64, b.spec.Steps)}
	}
	var values []float64
	for i := range c.dist {
		if values = values[:0]; c.sole != nil && c.sole[i] != nil {
			for _, q := range b.spec.Quantiles {
				values = append(values, c.sole[i].Quantile(q))
			}
		} else {
			values = c.dist[i].Quantiles(values, b.spec.Quantiles...)
		}
		for q, v := range values {
			out[q].Points[i] = b.scale(v)
		}
	}
	return out
}

// octaves makes a series for each power of two that bounds values from above.
func (b *Builder) octaves(c *cells) []Series {
	var out []Series
	places := make(map[float64]int)
	for i := range c.dist {
		c.distribution(i).Octaves(func(bound float64, n uint64) {
			at, ok := places[bound]
			if !ok {
				at = len(out)
				places[bound] = at
				labels := append(slices.Clip(c.labels), numberLabel("__bucket", b.scale(bound)))
				out = append(out, Series{Labels: labels, Points: make([]float64, b.spec.Steps)})
			}
			out[at].Points[i] = clew.Weight(n).Float64()
		})
	}
	return out
}

func numberLabel(name string, v float64) Label {
	return Label{name, clew.DoubleValue(v), strconv.FormatFloat(v, 'g', -1, 64)}
}
