package exec

import (
	"cmp"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/exec/compare"
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/exec/series"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/traceql"
)

// comparison is what compare(…) sets against the rest of what is selected.
type comparison struct {
	where  span.Condition
	window clew.Window // of the selection; the zero one: that of the question
	top    int         // values told of each attribute
}

func (c *compiler) compares(m *metrics, s *traceql.Comparison) error {
	sel, err := c.spanset(s.Selection)
	m.compare = &comparison{where: sel.Cond, top: s.Top}
	if s.End != 0 {
		m.compare.window = clew.Window{Start: clew.UnixNanos(s.Start), End: clew.UnixNanos(s.End)}
	}
	return err
}

// Compares reports whether the query ends in compare(…), which is of the whole window
// rather than over time.
func (p *Plan) Compares() bool { return p.metrics != nil && p.metrics.compare != nil }

// comparing is a comparison on its way.
type comparing struct {
	*metering
	q       *metrics
	counter *compare.Counter
	steps   int
	where   *span.Matcher
	unknown int64

	places  []uint32
	weights []clew.Weight
}

// compare counts the values of attributes of two groups of spans. Over time it goes twice
// over them: only then is it known which values are to be counted step by step.
func (m *metering) compare(q *metrics) ([]series.Series, error) {
	q.explainComparison(m.over.Explain, m.steps)
	c := &comparing{metering: m, q: q, counter: compare.New(m.over.Budget.series()), steps: 1, where: span.NewMatcher(q.compare.where)}
	c.where.Stop = gone(m.ctx)
	err := c.roots()
	if err == nil {
		err = c.gather()
	}
	if err != nil {
		return nil, err
	}
	c.counter.Choose(q.compare.top)
	if m.steps > 1 {
		if c.counter, err = c.counter.Again(m.steps); err != nil {
			return nil, err
		}
		c.steps, c.unknown = m.steps, 0
		if err := c.gather(); err != nil {
			return nil, err
		}
	}
	m.unknown += c.unknown
	return c.series()
}

// roots finds the roots of traces: a scan of these costs little, whole traces much.
func (c *comparing) roots() error {
	w := compare.RootsOf(c.over.Window)
	req := storage.Request{Window: w, Where: span.Negate(span.Has(span.Field{Intrinsic: span.ParentID})),
		Columns: storage.Columns{Resources: true, Intrinsics: []span.Intrinsic{span.SpanID, span.Name}}}
	room := c.over.Budget.ids() / 2
	roots, matcher := compare.NewRoots(room), span.NewMatcher(req.Where)
	c.counter.Roots = roots
	err := c.scan(c.ctx, req, func(b *span.Batch) (bool, error) {
		roots.Add(b, matching(matcher, b, w))
		return !roots.Full(), nil
	})
	if roots.Full() {
		c.partial("rootName and rootServiceName are not told: there are more than %d traces, or their roots have too many names: ask for a shorter window", room)
	} else {
		c.share = min(c.share, c.part)
	}
	return err
}

// gather counts all that is selected.
func (c *comparing) gather() error {
	columns := storage.Columns{All: true}
	matcher := span.NewMatcher(c.q.plan.rows)
	if c.q.plan.whole == nil && !c.q.compare.where.OfTrace() {
		err := c.scan(c.ctx, storage.Request{Window: c.over.Window, Where: c.q.plan.rows, Columns: columns}, func(b *span.Batch) (bool, error) {
			c.take(span.NewWhole(b), matching(matcher, b, c.over.Window))
			return true, c.counter.Err()
		})
		c.share = min(c.share, c.part)
		return err
	}
	g := &gathering{run: c.run, plan: c.q.plan, matcher: matcher, room: c.over.Budget.ids()}
	err := g.each(c.ctx, columns, c.take)
	c.share = min(c.share, g.share)
	if err == nil {
		err = c.counter.Err()
	}
	return err
}

// take counts rows of a batch.
func (c *comparing) take(w *span.Whole, rows column.Bitmap) {
	if !rows.Any() {
		return
	}
	selected := c.where.MatchWhole(w)
	if cap(c.places) < w.Rows {
		c.places = make([]uint32, w.Rows)
	}
	c.places = c.places[:w.Rows]
	for i := range c.places {
		c.places[i] = compare.None
	}
	of := c.q.compare.window
	for row := range rows.Ones() {
		start := clew.UnixNanos(w.Start[row])
		step, group := 0, compare.Baseline
		if c.steps > 1 {
			step = int(uint64(start-c.over.Window.Start) / uint64(c.step))
		}
		if selected.Get(row) && (of == clew.Window{} || of.Contains(start)) {
			group = compare.Selection
		}
		c.places[row] = compare.Place(step, group)
	}
	c.counter.Count(w.Batch, c.places, c.weightsOf(w, rows))
}

// weightsOf returns what rows count as, nil if all are one.
func (c *comparing) weightsOf(w *span.Whole, rows column.Bitmap) []clew.Weight {
	if c.raw {
		return nil
	}
	weights := w.Weights()
	if len(weights.Rows) == 0 {
		return nil
	}
	c.weights = c.weights[:0]
	for range w.Rows {
		c.weights = append(c.weights, clew.WeightOne)
	}
	for i, row := range weights.Rows {
		weight := clew.Weight(weights.Vals[i])
		if weight == clew.WeightUnknown && rows.Get(int(row)) {
			c.unknown++
		}
		c.weights[row] = weight.Counted()
	}
	return c.weights
}

// tooManyValues is said of an attribute of which not all values are told.
const tooManyValues = "__too_many_values__"

// series makes the answer.
func (c *comparing) series() ([]series.Series, error) {
	b := c.building(series.Spec{Fn: series.Count, Unit: 1, Steps: c.steps, Seconds: c.step.Seconds()})
	meta := func(name, text string) series.Label {
		return series.Label{Name: name, Value: clew.StringValue(text), Text: text}
	}
	add := func(first series.Label, f span.Field, v clew.Value, sums []compare.Sums) {
		if compare.Zero(sums) {
			return
		}
		at := b.Series([]series.Label{first, series.Label(judge.LabelOf(cmp.Or(compare.RootNames[f.Intrinsic], FieldName(f)), typeOfField(f), v))})
		for step := range sums {
			weight, squares := sums[step].Total()
			if at >= 0 && weight > 0 {
				b.AddSums(at, step, &series.Sums{Weight: weight, Squares: squares, Sampled: sums[step].Weight > 0})
			}
		}
	}
	for _, a := range c.counter.Attributes() {
		for group, names := range compare.MetaTypes {
			for _, v := range a.Values {
				add(meta("__meta_type", names[0]), a.Field, v.Value, v.Spans[group])
			}
			add(meta("__meta_type", names[1]), a.Field, judge.None, a.Spans[group])
		}
		if a.Left {
			different := make([]compare.Sums, c.steps)
			for i := range different {
				different[i].Ones = uint64(a.Different)
			}
			add(meta("__meta_error", tooManyValues), a.Field, judge.None, different)
		}
		if b.Err() != nil {
			return nil, clew.Errorf(clew.TooLarge, "%w, or for fewer values of each attribute", b.Err())
		}
	}
	return b.Finish()
}

// typeOfField returns what the language has for a field.
func typeOfField(f span.Field) traceql.Type {
	switch f.Intrinsic {
	case span.StatusCode:
		return traceql.TypeStatus
	case span.SpanKind:
		return traceql.TypeKind
	}
	return traceql.TypeAny
}
