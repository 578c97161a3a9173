package v1

import (
	"math"
	"strconv"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/sketch"
)

type metricsAnswer struct {
	cost
	Start         string         `json:"start"`
	StepSeconds   float64        `json:"stepSeconds"`
	Steps         int            `json:"steps"`
	QuantileError float64        `json:"quantileError,omitempty"`
	UnknownWeight int64          `json:"unknownWeight,omitempty"`
	Series        []metricSeries `json:"series"`
	// Suggestions say what of the query is to be doubted, why nothing was counted, and why
	// exemplars are left out.
	Suggestions []string `json:"suggestions,omitempty"`
}

type metricSeries struct {
	Labels []metricLabel `json:"labels"`
	// Points are null where there is none: JSON has no other word for it.
	Points         []*float64       `json:"points"`
	StandardErrors []*float64       `json:"standardErrors,omitempty"`
	Exemplars      []metricExemplar `json:"exemplars,omitempty"`
}

type metricLabel struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
	Text  string `json:"text"`
}

type metricExemplar struct {
	TraceID string   `json:"traceId"`
	SpanID  string   `json:"spanId"`
	At      string   `json:"at"`
	Value   *float64 `json:"value"`
}

func (a *API) metrics(c *call) error {
	p, err := parameters(c, "q", "start", "end", "step", "exemplars", "explain")
	if err != nil {
		return err
	}
	plan, err := exec.Prepare(p.Get("q"))
	if err != nil {
		return err
	}
	r := exec.MetricsRequest{Plan: plan}
	if r.Over, err = a.over(c.tenant, p.Get("start"), p.Get("end")); err != nil {
		return err
	}
	if err := metricWindow(&r, p.Get("step"), time.Now()); err != nil {
		return err
	}
	if text := p.Get("exemplars"); text != "" {
		if r.Exemplars, err = strconv.Atoi(text); err != nil || r.Exemplars < 0 || r.Exemplars > exec.MaxExemplars {
			return clew.Errorf(clew.Invalid, "exemplars %q: want a whole number up to %d", text, exec.MaxExemplars)
		}
	}
	if r.Explain, err = explainer(p.Get("explain")); err != nil {
		return err
	}
	m, err := exec.RunMetrics(c.r.Context(), c.store, r)
	if err != nil {
		return err
	}
	out := metricsOf(&m)
	out.Explain = explanationOf(r.Explain)
	r.Explain = nil
	out.Suggestions = suggestions(c, r.Over, plan, out.nothing() && m.Cost.Complete)
	if m.LeftOut != "" {
		out.Suggestions = append(out.Suggestions, m.LeftOut)
	}
	writeJSON(c.w, 200, out)
	return nil
}

// nothing reports whether no span was counted or measured.
func (m *metricsAnswer) nothing() bool {
	for i := range m.Series {
		for _, p := range m.Series[i].Points {
			if p != nil && *p != 0 {
				return false
			}
		}
	}
	return true
}

// metricWindow fills in the ends of a window that were not given, and the step. What is
// not given is chosen so that every step is whole: of a step that is not over yet there
// are fewer spans, which would look like a drop.
func metricWindow(r *exec.MetricsRequest, step string, now time.Time) (err error) {
	w, from, to := &r.Window, r.Window.Start != 0, r.Window.End != 0
	if !to {
		w.End = clew.FromTime(now)
	}
	if !from {
		w.Start = w.End - min(w.End, clew.UnixNanos(time.Hour))
	}
	if w.End <= w.Start {
		return clew.Errorf(clew.Invalid, "start %s lies in the future; give an end behind it, or an earlier start", w.Start.Time().UTC().Format(time.RFC3339))
	}
	if step == "" && r.Plan.Compares() {
		return nil // of the whole window
	}
	if r.Step, err = metricStep(step, *w); err != nil {
		return err
	}
	length := clew.UnixNanos(r.Step)
	whole := (w.End - w.Start) / length
	switch {
	case !from && whole*length < w.End-w.Start:
		w.Start = w.End - min(w.End, (whole+1)*length)
	case from && !to:
		w.End = w.Start + max(whole, 1)*length
	}
	return nil
}

// metricStep reads a step: seconds, or a duration such as 30s; absent is one of some 100.
func metricStep(text string, w clew.Window) (time.Duration, error) {
	if text == "" {
		return MetricStep(time.Duration(min(w.End-w.Start, math.MaxInt64))), nil
	}
	step, err := time.ParseDuration(text)
	if seconds, number := strconv.ParseFloat(text, 64); number == nil {
		step, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || step <= 0 {
		return 0, clew.Errorf(clew.Invalid, "step %q: want seconds or a duration, such as 60 or 30s", text)
	}
	return step, nil
}

// MetricStep is the step of a window of that length where none is asked for: of those
// that people use the first that makes no more than about a hundred.
func MetricStep(length time.Duration) time.Duration {
	const day = 24 * time.Hour
	least := length / 100
	for _, s := range []time.Duration{1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 2 * 3600, 6 * 3600, 12 * 3600} {
		if step := s * time.Second; step >= least {
			return step
		}
	}
	return (least + day - 1) / day * day
}

func metricsOf(m *exec.Metrics) *metricsAnswer {
	out := &metricsAnswer{cost: costOf(m.Cost), Start: nanos(m.Start), StepSeconds: m.Step.Seconds(), Steps: m.Steps,
		UnknownWeight: m.Unknown, Series: make([]metricSeries, 0, len(m.Series))}
	if m.Approximate {
		out.QuantileError = sketch.RelativeError
	}
	for i := range m.Series {
		s := &m.Series[i]
		series := metricSeries{Labels: make([]metricLabel, 0, len(s.Labels)), Points: pointsOf(s.Points), StandardErrors: pointsOf(s.Errors)}
		for _, l := range s.Labels {
			series.Labels = append(series.Labels, metricLabel{l.Name, labelValue(l.Value), l.Text})
		}
		for _, x := range s.Exemplars {
			series.Exemplars = append(series.Exemplars, metricExemplar{x.Trace.String(), x.Span.String(), nanos(x.At), pointOf(x.Value)})
		}
		out.Series = append(out.Series, series)
	}
	return out
}

// labelValue returns a value as JSON has it: what it cannot hold exactly as a text, nil
// where there is none.
func labelValue(v clew.Value) any {
	switch v.Type {
	case clew.TypeOther:
		return nil
	case clew.TypeBool:
		return v.Bool()
	case clew.TypeInt:
		if i := v.Int(); -1<<53 <= i && i <= 1<<53 {
			return i
		}
	case clew.TypeDouble:
		if d := v.Double(); !math.IsInf(d, 0) && !math.IsNaN(d) {
			return d
		}
	}
	return v.String()
}

func pointsOf(points []float64) []*float64 {
	if points == nil {
		return nil
	}
	out := make([]*float64, len(points))
	for i, v := range points {
		out[i] = pointOf(v)
	}
	return out
}

func pointOf(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
