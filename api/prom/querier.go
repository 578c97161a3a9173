package prom

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/exec"
)

// querier answers what a query of one tenant asks for. It is a storage.Queryable and a
// storage.Querier.
type querier struct {
	api        *API
	tenant     clew.Tenant
	now        int64
	mint, maxt int64
	enough     projections
	used       *used
}

// used is what all selectors of a question remember.
type used struct {
	bytes  int64 // of changes of counters
	series int
}

// Querier implements storage.Queryable.
func (q *querier) Querier(mint, maxt int64) (storage.Querier, error) {
	c := *q
	c.mint, c.maxt = mint, maxt
	return &c, nil
}

// Close implements storage.Querier.
func (q *querier) Close() error { return nil }

// named returns the metrics whose name meets all matchers of it.
func named(matchers []*labels.Matcher) []metric {
	return slices.DeleteFunc(slices.Clone(all), func(m metric) bool {
		return slices.ContainsFunc(matchers, func(x *labels.Matcher) bool { return x.Name == model.MetricNameLabel && !x.Matches(m.name) })
	})
}

// Select implements storage.Querier.
func (q *querier) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	mint, maxt, step, span := q.mint, q.maxt, int64(0), int64(0)
	if hints != nil {
		mint, maxt, step, span = hints.Start, hints.End, hints.Step, hints.Range
	}
	mint = max(mint, 0)
	if length := time.Duration(min(maxt, q.now)-mint) * time.Millisecond; length > maxLength {
		return failed(clew.Errorf(clew.TooLarge, "the selector reads more than %d days: ask for a shorter time or range", maxLength/(24*time.Hour)))
	}
	g := newGrid(mint, maxt, q.now, periodOf(min(maxt, q.now)-mint, step, span))
	g.yield = func() { _ = cores.Yield(ctx) } // the engine itself sees that ctx ends
	out := &seriesSet{at: -1}
	for _, m := range named(matchers) {
		c, err := q.read(ctx, m, matchers, span, g.asks)
		if err != nil {
			return failed(err)
		}
		for _, err := range c.notes {
			out.notes.Add(err)
		}
		slices.SortFunc(c.list, func(a, b *counter) int { return labels.Compare(a.labels, b.labels) })
		before := len(out.list)
		for _, one := range c.list {
			out.list = c.append(out.list, g, one)
		}
		if q.used.series += len(out.list) - before; q.used.series > maxSeries {
			return failed(clew.Errorf(clew.TooLarge, "the selectors of the query have more than %d series: name the metric, or ask for some services only", maxSeries))
		}
	}
	if sorted {
		slices.SortFunc(out.list, func(a, b *series) int { return labels.Compare(a.labels, b.labels) })
	}
	return out
}

// append appends the series of a counter that the matchers let pass.
func (c *counters) append(dst []*series, g *grid, one *counter) []*series {
	b := labels.NewBuilder(one.labels)
	b.Set(model.MetricNameLabel, c.name)
	if c.part != buckets {
		if !matches(c.matchers, labels.BucketLabel, "") {
			return dst
		}
		return append(dst, &series{grid: g, labels: b.Labels(), entries: one.entries, part: c.part, bound: bounds})
	}
	for i, text := range boundText {
		if matches(c.matchers, labels.BucketLabel, text) {
			dst = append(dst, &series{grid: g, labels: b.Set(labels.BucketLabel, text).Labels(), entries: one.entries, part: c.part, bound: int32(i)})
		}
	}
	return dst
}

// matches reports whether a value of a label meets all matchers of it.
func matches(matchers []*labels.Matcher, name, value string) bool {
	return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return m.Name == name && !m.Matches(value) })
}

// kinds calls f with what there is, whenever it was: each counter of each metric.
func (q *querier) kinds(ctx context.Context, matchers []*labels.Matcher, f func(c *counters, one *counter) error) (notes annotations.Annotations, err error) {
	type reading struct{ edges, virtual bool }
	read, before := make(map[reading]*counters), q.used.bytes
	defer func() { q.used.bytes = before }() // nothing of it is kept
	asks := []ask{{start: floor(q.mint-1, day), end: floor(min(q.maxt, q.now), minute) + minute}}
	if asks[0].start >= asks[0].end {
		return nil, nil
	}
	for _, m := range named(matchers) {
		c := read[reading{m.edges, m.virtual}]
		if c == nil {
			if c, err = q.read(ctx, metric{name: m.name, edges: m.edges, virtual: m.virtual}, matchers, 0, asks); err != nil {
				return nil, err
			}
			read[reading{m.edges, m.virtual}] = c
			for _, err := range c.notes {
				notes.Add(err)
			}
		}
		of := *c
		of.metric = m
		for _, one := range c.list {
			if err := f(&of, one); err != nil {
				return nil, err
			}
		}
	}
	return notes, nil
}

// series returns the labels of the series that there are, in order.
func (q *querier) series(ctx context.Context, matchers []*labels.Matcher) (out []labels.Labels, notes annotations.Annotations, err error) {
	notes, err = q.kinds(ctx, matchers, func(c *counters, one *counter) error {
		for _, s := range c.append(nil, nil, one) {
			out = append(out, s.labels)
		}
		if len(out) > maxSeries {
			return clew.Errorf(clew.TooLarge, "there are more than %d series: name a metric, or ask for some services only", maxSeries)
		}
		return nil
	})
	slices.SortFunc(out, labels.Compare)
	return out, notes, err
}

// LabelValues implements storage.Querier.
func (q *querier) LabelValues(ctx context.Context, name string, hints *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return q.distinct(ctx, hints, matchers, func(l labels.Label) string {
		if l.Name == name {
			return l.Value
		}
		return ""
	})
}

// LabelNames implements storage.Querier.
func (q *querier) LabelNames(ctx context.Context, hints *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return q.distinct(ctx, hints, matchers, func(l labels.Label) string { return l.Name })
}

// distinct returns what of makes of the labels of all series, in order; "" is nothing.
func (q *querier) distinct(ctx context.Context, hints *storage.LabelHints, matchers []*labels.Matcher, of func(labels.Label) string) ([]string, annotations.Annotations, error) {
	seen := make(map[string]bool)
	note := func(l labels.Label) {
		if l.Value != "" {
			seen[of(l)] = true
		}
	}
	notes, err := q.kinds(ctx, matchers, func(c *counters, one *counter) error {
		values := []string{""}
		if c.part == buckets {
			values = boundText[:]
		}
		some := false
		for _, le := range values {
			if matches(c.matchers, labels.BucketLabel, le) {
				some = true
				note(labels.Label{Name: labels.BucketLabel, Value: le})
			}
		}
		if some {
			one.labels.Range(note)
			note(labels.Label{Name: model.MetricNameLabel, Value: c.name})
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	delete(seen, "")
	out := slices.Sorted(maps.Keys(seen))
	if hints != nil && hints.Limit > 0 && len(out) > hints.Limit {
		out = out[:hints.Limit]
		notes.Add(errLimited)
	}
	return out, notes, nil
}

// errLimited says of a list that it is not all of it.
var errLimited = errors.New("results truncated due to limit")

// Next implements storage.SeriesSet.
func (s *seriesSet) Next() bool {
	s.at++
	return s.err == nil && s.at < len(s.list)
}

// At implements storage.SeriesSet.
func (s *seriesSet) At() storage.Series { return s.list[s.at] }

// Err implements storage.SeriesSet.
func (s *seriesSet) Err() error { return s.err }

// Warnings implements storage.SeriesSet.
func (s *seriesSet) Warnings() annotations.Annotations { return s.notes }

// memory is in bytes what a question may remember.
func (a *API) memory() int64 { return cmp.Or(a.Budget.Memory, exec.DefaultBudgetMemory) }

// timeout is how long a question may take.
func (a *API) timeout() time.Duration { return cmp.Or(a.Budget.Time, exec.DefaultBudgetTime) }
