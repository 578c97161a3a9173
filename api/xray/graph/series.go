package graph

import (
	"cmp"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/filter"
	"github.com/clew-tracing/clew/api/xray/view"
)

type seriesRequest struct {
	StartTime, EndTime       *xray.Seconds
	EntitySelectorExpression string
	Period                   int64
	ForecastStatistics       bool
	NextToken                string
	ofGroup
}

type seriesAnswer struct {
	TimeSeriesServiceStatistics []pointJSON
	ContainsOldGroupVersions    bool
}

type pointJSON struct {
	Timestamp                xray.Seconds
	EdgeSummaryStatistics    *statisticsJSON `json:",omitempty"`
	ServiceSummaryStatistics *statisticsJSON `json:",omitempty"`
	ResponseTimeHistogram    []entryJSON
}

// defaultPeriod is the length of a step if none is given, in seconds.
const defaultPeriod = 60

// period is the steps of a time series.
type period struct {
	first clew.UnixNanos // start of the first step: a multiple of its length
	size  clew.UnixNanos
	count int
}

func periodOf(w clew.Window, seconds int64) (p period, err error) {
	if seconds = cmp.Or(seconds, defaultPeriod); seconds < 1 || seconds > maxPeriod {
		return p, clew.Errorf(clew.Invalid, "Period: want 1 to %d seconds", maxPeriod)
	}
	p.size = clew.UnixNanos(seconds) * 1e9
	p.first = w.Start - w.Start%p.size
	n := (w.End-p.first-1)/p.size + 1
	if n > maxSteps {
		return p, clew.Errorf(clew.Invalid, "Period: the range has %d steps of %d s: ask for at most %d, by a longer Period or a shorter range", n, seconds, maxSteps)
	}
	p.count = int(n)
	return p, nil
}

// points are the numbers of each step.
type points struct {
	period
	window clew.Window
	of     selector
	steps  map[int]*counted
}

func (x *points) add(t *view.Trace) {
	fits := x.of.in(t)
	each(t, func(r *request) {
		e := r.asked
		if x.of.service != nil {
			e = r.answered
		} else if r.from == (view.Node{}) {
			return // by nobody that is known: no edge
		}
		if !x.window.Contains(e.Start) || !fits(r.place) {
			return
		}
		step := int((e.Start - x.first) / x.size)
		c := x.steps[step]
		if c == nil {
			made := newCounted()
			c = &made
			x.steps[step] = c
		}
		c.add(e)
	})
}

func (x *points) join(o *points) {
	for step, c := range o.steps {
		if mine := x.steps[step]; mine != nil {
			mine.join(c)
		} else {
			x.steps[step] = c
		}
	}
}

// selector says which requests are counted: the zero value all edges.
type selector struct {
	service *filter.Service
	edge    *filter.Edge
}

func selectorOf(text string) (s selector, err error) {
	if text == "" {
		return s, nil
	}
	x, err := filter.Parse(text)
	if err != nil {
		return s, err
	}
	switch x := x.(type) {
	case *filter.Service:
		s.service = x
	case *filter.Edge:
		s.edge = x
	default:
		return s, clew.Errorf(clew.Invalid, `EntitySelectorExpression: want one service, such as service(id(name: "cart", type: "remote")), or one edge, such as edge("front", "cart")`)
	}
	return s, nil
}

// in returns what reports whether the request that a segment of a trace answers is counted.
func (s *selector) in(t *view.Trace) func(segment int) bool {
	switch {
	case s.service != nil:
		return filter.At(s.service, t)
	case s.edge != nil:
		return filter.At(s.edge, t)
	}
	return func(int) bool { return true }
}

// all reports whether everything of a trace is needed to tell.
func (s *selector) all() bool {
	return s.service != nil && s.service.Where != nil || s.edge != nil && s.edge.Where != nil
}

func (o *operations) timeSeries(c *api.Call, in *seriesRequest) (*seriesAnswer, error) {
	w, err := windowOf(in.StartTime, in.EndTime)
	if err != nil {
		return nil, err
	}
	if err := noPage(in.NextToken); err != nil {
		return nil, err
	}
	p, err := periodOf(w, in.Period)
	if err != nil {
		return nil, err
	}
	of, err := selectorOf(in.EntitySelectorExpression)
	if err != nil {
		return nil, err
	}
	wanted, err := o.expression(c.Tenant, &in.ofGroup)
	if err != nil {
		return nil, err
	}
	taken := func() *points { return &points{period: p, window: w, of: of, steps: map[int]*counted{}} }
	all := taken()
	err = countTraces(c, scope{w, wanted, of.all()}, func() (func(*view.Trace), func()) {
		mine := taken()
		return mine.add, func() { all.join(mine) }
	})
	if err != nil {
		return nil, err
	}
	out := &seriesAnswer{TimeSeriesServiceStatistics: make([]pointJSON, p.count)}
	for i := range out.TimeSeriesServiceStatistics {
		point := &out.TimeSeriesServiceStatistics[i]
		point.Timestamp = seconds(p.first + clew.UnixNanos(i)*p.size)
		c := all.steps[i]
		if c == nil {
			none := newCounted()
			c = &none
		}
		point.ResponseTimeHistogram = c.times.json()
		if of.service != nil {
			point.ServiceSummaryStatistics = c.statistics.json()
		} else {
			point.EdgeSummaryStatistics = c.statistics.json()
		}
	}
	return out, nil
}
