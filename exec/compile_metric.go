package exec

import (
	"slices"

	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/exec/series"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/traceql"
)

// metrics is how series are made: of what plan selects, or by calculating from others.
type metrics struct {
	plan      *Plan
	fn        series.Fn
	of        *judge.Measure // what is measured; nil: spans are counted
	by        []judge.Measure
	quantiles []float64
	compare   *comparison // nil: it is another metric

	math *metricMath
	then []second
}

// metricMath is a metric, a number, or an operation on two of them.
type metricMath struct {
	of    *metrics
	value float64
	op    span.ExprOp
	l, r  *metricMath
}

func (m *metrics) asked(dst []Asked) []Asked {
	if m.math != nil {
		return m.math.asked(dst)
	}
	a := m.plan.asked()
	if m.of != nil {
		m.of.Expr.Fields(func(f span.Field) { a.Read = append(a.Read, f) })
	}
	return append(dst, a)
}

func (x *metricMath) asked(dst []Asked) []Asked {
	switch {
	case x.of != nil:
		return x.of.asked(dst)
	case x.l == nil:
		return dst
	}
	return x.r.asked(x.l.asked(dst))
}

// second is what is done with series: the greatest or least are kept, or the points for
// which a comparison holds.
type second struct {
	top   int
	least bool
	op    span.Op
	value float64
}

var seriesFns = map[traceql.MetricFn]series.Fn{
	traceql.Rate: series.Rate, traceql.CountOverTime: series.Count, traceql.MinOverTime: series.Min, traceql.MaxOverTime: series.Max,
	traceql.AvgOverTime: series.Avg, traceql.SumOverTime: series.Sum, traceql.QuantileOverTime: series.Quantile,
	traceql.HistogramOverTime: series.Octaves, traceql.CountDistinctOverTime: series.CountDistinct,
	traceql.FirstOverTime: series.First, traceql.LastOverTime: series.Last,
}

// metrics compiles stages that make series.
func (c *compiler) metrics(stages []traceql.Stage) (*metrics, error) {
	at := slices.IndexFunc(stages, func(s traceql.Stage) bool { // of the one that makes series
		_, metric := s.(*traceql.Metric)
		_, math := s.(*traceql.MetricMath)
		return metric || math
	})
	m := new(metrics)
	var err error
	switch s := stages[at].(type) {
	case *traceql.MetricMath:
		m.math, err = c.metricMath(s.X)
	case *traceql.Metric:
		err = c.metric(m, s, stages[:at])
	}
	for _, s := range stages[at+1:] {
		switch s := s.(type) {
		case *traceql.TopK:
			m.then = append(m.then, second{top: s.N, least: s.Bottom})
		case *traceql.MetricFilter:
			m.then = append(m.then, second{op: spanOps[s.Op], value: metricNumber(s.Value)})
		}
	}
	return m, err
}

// metricNumber returns a literal as metrics have it: durations are seconds.
func metricNumber(v traceql.Static) float64 {
	if v.Type == traceql.TypeDuration {
		return v.Number() / 1e9
	}
	return v.Number()
}

func (c *compiler) metric(m *metrics, s *traceql.Metric, selecting []traceql.Stage) error {
	m.fn, m.quantiles, m.plan = seriesFns[s.Fn], s.Quantiles, new(Plan)
	if err := c.selects(m.plan, selecting); err != nil {
		return err
	}
	if m.plan.order != nil {
		return c.q.Errorf(traceql.Types, s.At, "a metric has no traces to put in an order")
	}
	if s.Compare != nil {
		return c.compares(m, s.Compare)
	}
	for _, f := range s.By {
		by, err := c.measure(f)
		if err != nil {
			return err
		}
		m.by = append(m.by, by)
	}
	if s.X == nil {
		return nil
	}
	of, err := c.measure(s.X)
	m.of = &of
	return err
}

func (c *compiler) metricMath(x traceql.MetricExpr) (*metricMath, error) {
	switch x := x.(type) {
	case *traceql.MetricLiteral:
		return &metricMath{value: metricNumber(x.Value)}, nil
	case *traceql.MetricPipeline:
		of, err := c.metrics(x.Stages)
		return &metricMath{of: of}, err
	case *traceql.MetricBinary:
		l, err := c.metricMath(x.L)
		if err != nil {
			return nil, err
		}
		r, err := c.metricMath(x.R)
		return &metricMath{op: exprOps[x.Op], l: l, r: r}, err
	}
	return nil, c.unsupported(x.Range(), "this is")
}
