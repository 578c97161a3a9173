package exec

import (
	"context"
	"slices"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/exec/grouping"
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/exec/series"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/traceql"
)

// MetricsRequest asks for numbers over time.
type MetricsRequest struct {
	// Over has a window with an end; it is parted into steps from its start on.
	Over
	Plan *Plan
	// Step is how long one is; 0 is the whole window.
	Step time.Duration
	// Exemplars is about how many are wanted, of all series together; the query may say
	// otherwise.
	Exemplars int
}

// Metrics is an answer: series of one number for each step.
type Metrics struct {
	// Series are in the order of their labels.
	Series []series.Series
	// Start is that of the first step.
	Start clew.UnixNanos
	Step  time.Duration
	Steps int
	// Approximate is set where the answer has quantiles, off by sketch.RelativeError at
	// most.
	Approximate bool
	// Unknown counts spans that were sampled, nobody says how; they count as one.
	Unknown int64
	// LeftOut says why there are not all of the exemplars that there could be, "" if there
	// are; the numbers are not touched by it.
	LeftOut string
	Cost    Cost
}

// RunMetrics answers a plan that makes series. A step has the spans that start in it, its
// end left out.
//
// Spans count as many as they stand for, if they were sampled, unless the query says
// with (weighted = false). The order in which spans come does not change any number.
// What a store has summed up is not gone through again, where its sums say the same.
func RunMetrics(ctx context.Context, store Store, r MetricsRequest) (Metrics, error) {
	if r.Plan == nil || r.Plan.metrics == nil {
		return Metrics{}, clew.Errorf(clew.Invalid, "the query selects spans; a metric such as | rate() makes numbers over time of them")
	}
	m := &metering{run: begin(store, r.Over), ctx: ctx, raw: r.Plan.raw, exemplars: r.Plan.Exemplars(r.Exemplars)}
	if err := m.grid(&r); err != nil {
		return Metrics{}, err
	}
	if r.Explain != nil {
		r.Explain.Query = r.Plan.text
	}
	list, err := m.answer(r.Plan.metrics)
	if err != nil {
		return Metrics{}, err
	}
	series.Sort(list)
	return Metrics{Series: list, Start: r.Window.Start, Step: m.step, Steps: m.steps, Approximate: m.approximate, Unknown: m.unknown, LeftOut: m.leftOut, Cost: m.done(m.share)}, nil
}

// metering is one RunMetrics on its way.
type metering struct {
	*run
	ctx         context.Context
	raw         bool
	exemplars   int
	step        time.Duration
	steps       int
	approximate bool
	unknown     int64
	leftOut     string  // why exemplars are
	share       float64 // the least share of the rows that a part of the answer is made of
	held        int64   // bytes, about, of series that wait for what they are calculated with
}

func (m *metering) grid(r *MetricsRequest) error {
	length := uint64(r.Window.End - r.Window.Start)
	switch {
	case r.Window.End <= r.Window.Start:
		return clew.Errorf(clew.Invalid, "a metric wants a window with a start and an end behind it")
	case r.Step < 0:
		return clew.Errorf(clew.Invalid, "step %v: want more than 0", r.Step)
	case r.Step == 0:
		m.step = time.Duration(min(length, 1<<63-1))
	default:
		m.step = r.Step
	}
	steps := (length-1)/uint64(m.step) + 1
	if steps > MaxSteps {
		return clew.Errorf(clew.TooLarge, "the window has %d steps of %v, more than %d: ask for a longer step", steps, m.step, MaxSteps)
	}
	m.steps, m.share = int(steps), 1
	return nil
}

// answer makes the series of a metric, or calculates them from others.
func (m *metering) answer(q *metrics) (list []series.Series, err error) {
	switch {
	case q.math != nil:
		list, err = m.calculate(q.math)
	case q.compare != nil:
		list, err = m.compare(q)
	default:
		list, err = m.measure(q)
	}
	for i := 0; err == nil && i < len(q.then); i++ {
		if t := &q.then[i]; t.top > 0 {
			list = series.Top(list, t.top, t.least)
		} else {
			list = series.Filter(list, t.op, t.value)
		}
	}
	return list, err
}

func (m *metering) calculate(x *metricMath) ([]series.Series, error) {
	switch {
	case x.of != nil:
		return m.answer(x.of)
	case x.l == nil:
		return series.Scalar(x.value, m.steps), nil
	}
	l, err := m.calculate(x.l)
	if err != nil {
		return nil, err
	}
	held := series.Bytes(l)
	m.held += held
	r, err := m.calculate(x.r)
	m.held -= held
	return series.Calculate(x.op, l, r), err
}

// building returns a builder of series, for which there is the memory that others leave.
func (m *metering) building(s series.Spec) *series.Builder {
	s.Memory = m.over.Budget.series()
	b := series.NewBuilder(s)
	b.Remember(m.held)
	return b
}

// measure makes series of spans.
func (m *metering) measure(q *metrics) ([]series.Series, error) {
	m.approximate = m.approximate || q.fn == series.Quantile
	unit := 1.0
	if q.of != nil && q.of.Type == traceql.TypeDuration && q.fn != series.CountDistinct {
		unit = 1e9
	}
	g := &gauge{metering: m, q: q, spec: series.Spec{Fn: q.fn, Unit: unit, Quantiles: q.quantiles,
		Steps: m.steps, Seconds: m.step.Seconds(), Exemplars: m.exemplars}}
	g.furnish()
	if err := g.gather(); err != nil {
		return nil, err
	}
	if len(q.by) == 0 && q.fn <= series.Count {
		g.groups.Alone() // a count of nothing is 0
	}
	if m.leftOut == "" {
		m.leftOut = g.builder.Forgotten()
	}
	return g.builder.Finish()
}

// gauge is one metric on its way.
type gauge struct {
	*metering
	q       *metrics
	spec    series.Spec
	builder *series.Builder
	groups  *grouping.Grouping
	of      *span.Calculator // nil: spans are counted
	counted bool             // what is taken is counted already, and wanted for exemplars
}

// furnish makes what measures.
func (g *gauge) furnish() {
	g.builder = g.building(g.spec)
	by := make([]span.Expr, len(g.q.by))
	for i := range by {
		by[i] = g.q.by[i].Expr
	}
	g.groups = grouping.New(by, named{g.builder, g.q.by}, gone(g.ctx))
	if g.q.of != nil {
		g.of = span.NewCalculator(g.q.of.Expr, gone(g.ctx))
	}
}

// named are series that have the names of measures.
type named struct {
	*series.Builder
	by []judge.Measure
}

// Of implements grouping.Series.
func (n named) Of(values []clew.Value) int {
	labels := make([]series.Label, len(values))
	for i, v := range values {
		labels[i] = series.Label(judge.LabelOf(n.by[i].Text, n.by[i].Type, v))
	}
	return n.Series(labels)
}

// another returns a gauge that measures at the same time, and what adds to g what it has
// measured.
func (g *gauge) another() (take func(*span.Whole, column.Bitmap) (more bool), join func()) {
	m := *g.metering
	m.unknown = 0
	other := &gauge{metering: &m, q: g.q, spec: g.spec}
	other.furnish()
	most := other.builder.Remembered() + g.over.Budget.series()/besideShare
	take = func(w *span.Whole, rows column.Bitmap) bool {
		other.take(w, rows)
		return other.builder.Err() == nil && other.builder.Remembered() < most
	}
	return take, func() {
		g.builder.Merge(other.builder, g.groups.Join(other.groups))
		g.unknown += m.unknown
	}
}

// bySpan reports whether the ids of spans are looked at: where some of them are named, or
// the first or last is wanted, since of those that start together ids decide.
func (g *gauge) bySpan() bool {
	return g.exemplars > 0 || g.q.fn == series.First || g.q.fn == series.Last
}

// gather measures all that is selected.
func (g *gauge) gather() error {
	fields, ofTrace := g.fields()
	beside := another(g.another)
	if g.q.fn == series.CountDistinct { // all that is measured is remembered: to join it takes as long
		beside = nil
	}
	matcher := span.NewMatcher(g.q.plan.rows)
	if g.q.plan.whole == nil && !ofTrace {
		windows, why, err := g.fromSums()
		if err != nil {
			return err
		}
		if why != "" {
			windows = []clew.Window{g.over.Window}
		}
		g.q.explain(g.over.Explain, why, windows)
		columns := storage.Columns{Fields: fields, Weights: !g.raw}
		if g.bySpan() {
			columns.Intrinsics = []span.Intrinsic{span.SpanID}
		}
		for _, w := range windows {
			err := g.scan(g.ctx, storage.Request{Window: w, Where: g.q.plan.rows, Columns: columns, Beside: beside.matching(g.q.plan.rows, w)}, func(b *span.Batch) (bool, error) {
				g.take(span.NewWhole(b), matching(matcher, b, w))
				return true, g.builder.Err()
			})
			if err != nil {
				return err
			}
			g.share = min(g.share, g.part)
		}
		if why == "" && g.exemplars > 0 {
			return g.look(columns, matcher)
		}
		return nil
	}
	g.q.explain(g.over.Explain, wholeTraces, nil)
	c := &gathering{run: g.run, plan: g.q.plan, matcher: matcher, room: g.over.Budget.ids(), another: beside}
	columns := wholeColumns(&g.q.plan.selection)
	for _, f := range fields {
		addWhole(&columns, f)
	}
	columns.Weights = !g.raw
	if g.bySpan() {
		columns.Intrinsics = append(slices.Clip(columns.Intrinsics), span.SpanID)
	}
	err := c.each(g.ctx, columns, g.take)
	g.share = min(g.share, c.share)
	return err
}

// fields returns the fields that are read of each span, and whether one is of its trace.
func (g *gauge) fields() (fields []span.Field, ofTrace bool) {
	read := func(f span.Field) { fields, ofTrace = append(fields, f), ofTrace || f.OfTrace() }
	for i := range g.q.by {
		g.q.by[i].Expr.Fields(read)
	}
	if g.q.of != nil {
		g.q.of.Expr.Fields(read)
	}
	return fields, ofTrace
}

// take measures rows of a batch.
func (g *gauge) take(w *span.Whole, rows column.Bitmap) {
	if !rows.Any() || g.builder.Err() != nil {
		return
	}
	var values judge.RowValues
	if g.of != nil {
		values = judge.ValuesOf(w, g.of, rows)
		rows = values.Has
	}
	g.groups.Number(w, rows)
	weights, at := span.Column{}, 0
	if !g.raw {
		weights = w.Weights()
	}
	m := series.Measurement{Weight: clew.WeightOne}
	for row := range rows.Ones() {
		for at < len(weights.Rows) && weights.Rows[at] < uint32(row) {
			at++
		}
		if m.Weight = clew.WeightOne; at < len(weights.Rows) && weights.Rows[at] == uint32(row) {
			weight := clew.Weight(weights.Vals[at])
			if m.Weight = weight.Counted(); weight == clew.WeightUnknown && !g.counted {
				g.unknown++
			}
		}
		m.At = clew.UnixNanos(w.Start[row])
		m.Step = int(uint64(m.At-g.over.Window.Start) / uint64(g.step))
		m.Trace = w.TraceIDs[w.Trace[row]]
		if w.SpanID != nil {
			m.Span = clew.SpanID(w.SpanID[row])
		}
		if g.of != nil {
			m.Value = values.Of(uint32(row))
		}
		switch s := g.groups.Of(row); {
		case s < 0:
		case g.counted:
			g.builder.Exemplify(s, &m)
		default:
			g.builder.Add(s, &m)
		}
	}
}
