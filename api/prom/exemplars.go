package prom

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	exemplary "github.com/clew-tracing/clew/exec/series"
	"github.com/clew-tracing/clew/sketch"
)

// exemplarsOf are the exemplars of a series.
type exemplarsOf struct {
	Series    labels.Labels `json:"seriesLabels"`
	Exemplars []exemplar    `json:"exemplars"`
}

// exemplar is a span that a series counts.
type exemplar struct {
	Labels labels.Labels `json:"labels"`
	Value  string        `json:"value"`
	Time   float64       `json:"timestamp"`
}

// exemplars answers spans that the series of an expression count. They are looked for
// for a while; what was found till then is the answer.
func (a *API) exemplars(c *api.Call) (answer, error) {
	q := a.querier(c)
	end, err := moment(c, "end", time.UnixMilli(q.now))
	if err != nil {
		return answer{}, err
	}
	start, err := moment(c, "start", end.Add(-lookBehind))
	if err != nil {
		return answer{}, err
	}
	if !start.Before(end) {
		return answer{}, invalid("end", errors.New("it is not after the start"))
	}
	text, expr, err := a.expression(c)
	if err != nil {
		return answer{}, err
	}
	list := []exemplarsOf{}
	c.Window = clew.Window{Start: nanos(start.UnixMilli()), End: nanos(end.UnixMilli())}
	began := time.Now()
	var notes annotations.Annotations
	for _, matchers := range parser.ExtractSelectors(expr) {
		names := named(matchers)
		if len(names) == 0 {
			continue
		}
		left := exemplarTime - time.Since(began)
		if left <= 0 {
			notes.Add(fmt.Errorf("%w: there are no exemplars of %s: they are looked for for %v at most", annotations.PromQLInfo, names[0].name, exemplarTime))
			continue
		}
		found, info, err := a.exemplify(c, names[0], matchers, left)
		if info != nil {
			notes.Add(info)
		}
		switch {
		case err != nil && clew.KindOf(err) == clew.TooLarge: // a graph is drawn without
			notes.Add(err)
		case err != nil:
			return answer{}, err
		}
		list = append(list, found...)
	}
	slices.SortFunc(list, func(x, y exemplarsOf) int { return labels.Compare(x.Series, y.Series) })
	return answer{data: slices.CompactFunc(list, func(x, y exemplarsOf) bool { return labels.Equal(x.Series, y.Series) }), query: text, notes: notes}, nil
}

// exemplify looks for spans that the series of a metric count which matchers let pass. If
// not all spans were looked at, info says so, and why.
func (a *API) exemplify(c *api.Call, m metric, matchers []*labels.Matcher, most time.Duration) (list []exemplarsOf, info, err error) {
	plan, err := exec.Prepare(m.query(matchers))
	if err != nil {
		return nil, nil, err
	}
	r := exec.MetricsRequest{Plan: plan, Over: c.Over, Exemplars: maxExemplars}
	ours := r.Budget.Time <= 0 || r.Budget.Time > most
	if ours {
		r.Budget.Time = most
	}
	r.Step = max(time.Second, time.Duration(r.Window.End-r.Window.Start)/exemplarSteps)
	out, err := exec.RunMetrics(c.R.Context(), c.Store, r)
	if err != nil {
		return nil, nil, err
	}
	if cost := &out.Cost; !cost.Complete {
		why := api.HeaderText(cost.Reason)
		if ours && cost.Took >= most {
			why = fmt.Sprintf("they are looked for for %v at most", exemplarTime)
		}
		info = fmt.Errorf("%w: exemplars are of %.0f %% of the spans: %s", annotations.PromQLInfo, cost.Searched*100, why)
	}
	bySeries := make(map[string]*exemplarsOf)
	for i := range out.Series {
		s := &out.Series[i]
		base := m.labelsLike(s)
		if slices.ContainsFunc(matchers, func(x *labels.Matcher) bool {
			return x.Name != model.MetricNameLabel && x.Name != labels.BucketLabel && !x.Matches(base.Get(x.Name))
		}) {
			continue
		}
		for _, e := range s.Exemplars {
			set := m.named(base, e.Value)
			if math.IsNaN(e.Value) || !matches(matchers, labels.BucketLabel, set.Get(labels.BucketLabel)) {
				continue
			}
			key := set.String()
			if bySeries[key] == nil {
				bySeries[key] = &exemplarsOf{Series: set}
			}
			bySeries[key].Exemplars = append(bySeries[key].Exemplars, exemplar{
				Labels: labels.FromStrings("span_id", e.Span.String(), "trace_id", e.Trace.String()),
				Value:  strconv.FormatFloat(e.Value, 'f', -1, 64), Time: float64(e.At/1e6) / 1000,
			})
		}
	}
	for _, x := range bySeries {
		slices.SortFunc(x.Exemplars, func(a, b exemplar) int { return cmp.Compare(a.Time, b.Time) })
		list = append(list, *x)
	}
	return list, info, nil
}

// query returns the query that measures what a metric counts, by what its series are of.
// Matchers that say what a label is are made use of; the others are tested later.
func (m *metric) query(matchers []*labels.Matcher) string {
	const service, parent = "resource.service.name", "parent.resource.service.name"
	var f api.Filter
	by := []string{service, "name", "kind", "status"}
	if m.edges {
		by = []string{parent, service}
		f.And(parent + " != nil")
		f.And(parent + " != " + service)
	} else {
		f.And("true")
	}
	for _, x := range matchers {
		if x.Type != labels.MatchEqual || x.Value == "" {
			continue
		}
		switch {
		case !m.edges && x.Name == "service", m.edges && x.Name == "server":
			f.And(api.OfService(x.Value))
		case m.edges && x.Name == "client":
			f.And(parent + " = " + api.Text(x.Value))
		case !m.edges && x.Name == "span_name":
			f.And("name = " + api.Text(x.Value))
		case !m.edges && x.Name == "status_code" && x.Value == "STATUS_CODE_ERROR":
			f.And("status = error")
		}
	}
	if m.part == failures {
		f.And("status = error")
	}
	return f.String() + " | max_over_time(duration) by (" + strings.Join(by, ", ") + ")"
}

// labelsLike returns the labels of the series that counts what a series of query's
// answer is of.
func (m *metric) labelsLike(s *exemplary.Series) labels.Labels {
	b := labels.NewScratchBuilder(len(s.Labels))
	names := []string{"service", "span_name", "span_kind", "status_code"}
	if m.edges {
		names = []string{"client", "server"}
	}
	for i, l := range s.Labels {
		value := api.Shown(l.Value.String())
		switch {
		case names[i] == "span_kind":
			value = "SPAN_KIND_" + strings.ToUpper(l.Text)
		case names[i] == "status_code":
			value = "STATUS_CODE_" + strings.ToUpper(l.Text)
		case names[i] != "span_name":
			if l.Value.Type != clew.TypeString {
				value = ""
			}
			value = api.ServiceName(value)
		}
		if value != "" {
			b.Add(names[i], value)
		}
	}
	b.Sort()
	return b.Labels()
}

// named adds the name of a metric to the labels of a series and, where it has one, the
// bucket that counts a span that took so many seconds.
func (m *metric) named(base labels.Labels, took float64) labels.Labels {
	b := labels.NewBuilder(base).Set(model.MetricNameLabel, m.name)
	if nanos := uint64(math.Round(took * 1e9)); m.part == buckets && nanos > 0 {
		b.Set(labels.BucketLabel, boundText[boundOf(sketch.Index(nanos))])
	} else if m.part == buckets {
		b.Set(labels.BucketLabel, boundText[0])
	}
	return b.Labels()
}
