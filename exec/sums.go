package exec

import (
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec/explain"
	"github.com/clew-tracing/clew/exec/series"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// summed is a metric that sums of a store can answer: of spans told apart by service,
// operation, kind and status, by their number and duration.
type summed struct {
	request storage.RollupRequest
	kind    *clew.Kind // the only one wanted
	status  *clew.Status
	by      []storage.Dimensions // of each field of by(…)
}

var serviceName = span.Field{Scope: span.ScopeResource, Key: "service.name"}

var dimensions = map[span.Field]storage.Dimensions{
	serviceName: storage.ByService, {Intrinsic: span.Name}: storage.ByOperation,
	{Intrinsic: span.SpanKind}: storage.ByKind, {Intrinsic: span.StatusCode}: storage.ByStatus,
}

// sums returns what to ask a store's sums for instead of going through spans, or why they
// do not tell the answer.
func (g *gauge) sums() (s summed, why string) {
	a, _ := g.store.(storage.Aggregator)
	all, is := g.store.(storage.Store)
	switch {
	case a == nil || is && !all.Capabilities().Rollups:
		return s, "this store keeps none"
	case g.q.fn > series.Octaves:
		return s, "they do not know different, first or last values"
	}
	if g.q.of != nil {
		if e := &g.q.of.Expr; e.Op != span.Reading || e.Field != (span.Field{Intrinsic: span.Duration}) {
			return s, "they are of durations, not of " + g.q.of.Text
		}
		s.request.Durations = true
	}
	for i := range g.q.by {
		e := &g.q.by[i].Expr
		d := dimensions[e.Field]
		if e.Op != span.Reading || d == 0 {
			return s, "they are not kept by " + g.q.by[i].Text
		}
		s.by = append(s.by, d)
		s.request.By |= d
	}
	if !s.only(&g.q.plan.rows) {
		return s, "they do not tell which spans meet " + g.q.plan.rows.String()
	}
	return s, ""
}

// only narrows the request to rows that meet a condition; false if it cannot.
func (s *summed) only(c *span.Condition) bool {
	switch c.Op {
	case span.True:
		return true
	case span.And:
		for i := range c.Args {
			if !s.only(&c.Args[i]) {
				return false
			}
		}
		return true
	case span.Eq:
	default:
		return false
	}
	d := dimensions[c.Field]
	s.request.By |= d
	switch {
	case d == storage.ByService && c.Value.Type == clew.TypeString && len(s.request.Services) == 0 && len(c.Value.Bytes) > 0:
		s.request.Services = []string{string(c.Value.Bytes)}
	case d == storage.ByOperation && c.Value.Type == clew.TypeString && len(s.request.Operations) == 0:
		s.request.Operations = []string{string(c.Value.Bytes)}
	case d == storage.ByKind && c.Value.Type == clew.TypeInt && s.kind == nil:
		k := clew.Kind(c.Value.Int())
		s.kind = &k
	case d == storage.ByStatus && c.Value.Type == clew.TypeInt && s.status == nil:
		k := clew.Status(c.Value.Int())
		s.status = &k
	default:
		return false
	}
	return true
}

// inner returns the whole minutes of the window, of which each is in one step; false if
// there are none.
func (m *metering) inner() (w clew.Window, ok bool) {
	const minute = clew.UnixNanos(time.Minute)
	w = m.over.Window
	switch {
	case m.steps == 1:
		if rest := w.Start % minute; rest != 0 {
			w.Start = max(w.Start, w.Start+minute-rest) // in the last minute of time there is no next one
		}
	case w.Start%minute != 0 || m.step%time.Minute != 0:
		return w, false
	}
	w.End -= w.End % minute
	return w, w.Start < w.End
}

// fromSums adds what a store's sums say of the whole minutes of the window, and returns
// the windows that are left to go through; or why sums do not tell exactly what spans
// would, and then nothing was added.
func (g *gauge) fromSums() (rest []clew.Window, why string, err error) {
	s, why := g.sums()
	if why != "" {
		return nil, why, nil
	}
	inner, whole := g.inner()
	if !whole {
		return nil, "there is no whole minute in the window, or steps are not whole minutes", nil
	}
	s.request.Tenant, s.request.Window = g.over.Tenant, inner
	if g.steps > 1 {
		s.request.Step = g.step
	}
	timed, cancel := g.timed(g.ctx)
	defer cancel()
	stage := g.over.Explain.Begin(explain.Sums, "")
	out, err := g.store.(storage.Aggregator).Rollups(timed, s.request)
	stage.EndSums(len(out.Series))
	switch {
	case err != nil && clew.KindOf(err) == clew.TooLarge:
		return nil, "they are too many", nil
	case err != nil && late(g.ctx, timed):
		g.spent("time", g.over.Budget.Time)
		g.share = 0
		return nil, "", nil
	case err != nil:
		return nil, "", err
	case out.Damage != nil:
		return nil, "some are damaged", nil
	case out.Unfinished > 0:
		return nil, "spans that have not ended are in none", nil
	case out.Others > 0:
		return nil, "they do not keep all operations apart", nil
	case out.Moved > 0 || out.Elsewhere:
		return nil, "some spans count in other minutes than they start in, since their clocks were far off", nil
	}
	for i := range out.Series {
		if !g.exact(&s, &out.Series[i]) {
			return nil, "some stand for spans that differ in what is asked", nil
		}
	}
	for i := range out.Series {
		g.addSums(&s, &out.Series[i])
	}
	if g.cost.Watermark.IsZero() || out.Watermark.Before(g.cost.Watermark) {
		g.cost.Watermark = out.Watermark
	}
	for _, w := range []clew.Window{{Start: g.over.Window.Start, End: inner.Start}, {Start: inner.End, End: g.over.Window.End}} {
		if w.Start < w.End {
			rest = append(rest, w)
		}
	}
	return rest, "", g.builder.Err()
}

// exact reports whether sums tell what the spans in them would: that they are of what the
// fields say, that each has a duration, and that each counts as is wanted.
func (g *gauge) exact(s *summed, f *storage.RollupSeries) bool {
	sampled := f.Weight != clew.Weight(f.Spans)*clew.WeightOne
	switch {
	case f.Other, s.request.By&storage.ByService != 0 && f.Service == "":
		return false
	case g.q.of != nil && f.Durations.Count() != uint64(f.Weight):
		return false
	case sampled && g.q.of != nil && (g.raw || g.q.fn == series.Sum || g.q.fn == series.Avg): // squares are not kept, of which their errors follow
		return false
	}
	return true
}

func (g *gauge) addSums(s *summed, f *storage.RollupSeries) {
	if s.kind != nil && f.Kind != *s.kind || s.status != nil && f.Status != *s.status {
		return
	}
	values := make([]clew.Value, len(s.by))
	for i, d := range s.by {
		switch d {
		case storage.ByService:
			values[i] = clew.StringValue(f.Service)
		case storage.ByOperation:
			values[i] = clew.StringValue(f.Operation)
		case storage.ByKind:
			values[i] = clew.IntValue(int64(f.Kind))
		default:
			values[i] = clew.IntValue(int64(f.Status))
		}
	}
	at := g.groups.OfValues(values)
	if at < 0 {
		return
	}
	sums := series.Sums{Weight: f.Weight, Squares: f.Squares, Sampled: f.Weight != clew.Weight(f.Spans)*clew.WeightOne, Durations: &f.Durations}
	if g.raw {
		sums.Weight, sums.Sampled = clew.Weight(f.Spans)*clew.WeightOne, false
	} else {
		g.unknown += int64(f.Unknown)
	}
	step := 0
	if g.steps > 1 {
		step = int(uint64(f.Start-g.over.Window.Start) / uint64(g.step))
	}
	g.builder.AddSums(at, step, &sums)
}
