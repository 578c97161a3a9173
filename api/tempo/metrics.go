package tempo

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/series"
	"github.com/clew-tracing/clew/traceql"
)

type rangeAnswer struct {
	Series  []timeSeries `json:"series"`
	Metrics metrics      `json:"metrics"`
	Status  string       `json:"status,omitempty"`
	Message string       `json:"message,omitempty"`
}

type timeSeries struct {
	Labels     []keyValue `json:"labels"`
	PromLabels string     `json:"promLabels,omitempty"`
	Samples    []sample   `json:"samples"`
	Exemplars  []exemplar `json:"exemplars,omitempty"`
}

type sample struct {
	TimestampMs int64  `json:"timestampMs,string"`
	Value       number `json:"value"`
}

type exemplar struct {
	Labels      []keyValue `json:"labels"`
	Value       number     `json:"value"`
	TimestampMs int64      `json:"timestampMs,string"`
}

type instantAnswer struct {
	Series  []instantSeries `json:"series"`
	Metrics metrics         `json:"metrics"`
	Status  string          `json:"status,omitempty"`
	Message string          `json:"message,omitempty"`
}

type instantSeries struct {
	Labels     []keyValue `json:"labels"`
	Value      number     `json:"value"`
	PromLabels string     `json:"promLabels,omitempty"`
}

// statusPartial marks an answer that is not all of it.
const statusPartial = "PARTIAL"

// metering is one metric on its way.
type metering struct {
	exec.MetricsRequest
	question *api.Question
	fn       traceql.MetricFn // 0: calculated of several
	counts   bool             // spans are counted, so that an exemplar has no number of its own
}

// metering reads the parameters that both kinds of metrics have.
func newMetering(asked *api.Question, q url.Values) (*metering, error) {
	text := q.Get("q")
	if text == "" {
		text = q.Get("query")
	}
	parsed, err := parse(text)
	if err != nil {
		return nil, err
	}
	plan, err := compile(parsed)
	if err != nil {
		return nil, err
	}
	m := &metering{question: asked, MetricsRequest: exec.MetricsRequest{Plan: plan, Over: asked.Over}}
	for _, s := range parsed.Stages {
		if s, ok := s.(*traceql.Metric); ok {
			m.fn = s.Fn
		}
	}
	m.counts = m.fn == traceql.Rate || m.fn == traceql.CountOverTime
	m.Window, err = since(q)
	return m, err
}

// since reads a window that ends where nothing else is said, and goes back from there.
func since(q url.Values) (w clew.Window, err error) {
	if w, err = window(q); err != nil {
		return w, err
	}
	back := defaultSince
	if s := q.Get("since"); s != "" {
		if back, err = duration(s); err != nil || back <= 0 {
			return w, clew.Errorf(clew.Invalid, "invalid since: %q: want a duration such as 15m or 2d", api.ShortText(s))
		}
	}
	if w.End == 0 {
		w.End = clew.FromTime(time.Now())
	}
	if q.Get("start") == "" {
		w.Start = w.End - min(w.End, clew.UnixNanos(back))
	}
	if w.End <= w.Start {
		return w, clew.Errorf(clew.Invalid, "http parameter start must be before end. received start=%s end=%s", api.ShortText(q.Get("start")), api.ShortText(q.Get("end")))
	}
	return w, nil
}

// duration reads a number of seconds, or a duration as Go writes it, or in days or weeks.
func duration(s string) (time.Duration, error) {
	unit := time.Duration(0)
	number := s
	switch {
	case strings.HasSuffix(s, "d"):
		unit, number = 24*time.Hour, s[:len(s)-1]
	case strings.HasSuffix(s, "w"):
		unit, number = 7*24*time.Hour, s[:len(s)-1]
	case strings.Trim(s, "0123456789.") == "":
		unit = time.Second
	}
	if unit == 0 {
		return time.ParseDuration(s)
	}
	f, err := strconv.ParseFloat(number, 64)
	if err == nil && !(math.Abs(f)*float64(unit) < math.MaxInt64) {
		err = strconv.ErrRange
	}
	return time.Duration(f * float64(unit)), err
}

// steps are the units that a step unasked is rounded down to.
var steps = []time.Duration{time.Hour, 5 * time.Minute, time.Minute, 15 * time.Second, 5 * time.Second, time.Second}

// defaultStep is the step of a window where none is asked for: some 240 of them.
func defaultStep(w clew.Window) time.Duration {
	length := time.Duration(w.End - w.Start)
	base := length / 240
	if length < time.Minute {
		const least = 50 * time.Millisecond
		return max(base.Truncate(least), least)
	}
	for _, unit := range steps {
		if unit < base {
			return base.Truncate(unit)
		}
	}
	return time.Second
}

// queryRange answers series over time.
func (a *API) queryRange(c *call) error {
	q, err := parameters(c)
	if err != nil {
		return err
	}
	out, cost, err := overRange(&c.Question, q)
	if err != nil {
		return err
	}
	c.partial(&cost)
	if c.wantsProtobuf() {
		return c.protobuf(out.append(nil))
	}
	writeJSON(c.w, out)
	return nil
}

// overRange makes the answer of it.
func overRange(asked *api.Question, q url.Values) (*rangeAnswer, exec.Cost, error) {
	var none exec.Cost
	m, err := newMetering(asked, q)
	if err != nil {
		return nil, none, err
	}
	if m.Step = defaultStep(m.Window); q.Get("step") != "" {
		if m.Step, err = duration(q.Get("step")); err != nil || m.Step < time.Millisecond {
			return nil, none, clew.Errorf(clew.Invalid, "invalid step: %q: want seconds or a duration such as 15s, at least 1ms", api.ShortText(q.Get("step")))
		}
	}
	// Steps lie on multiples of their length, so that asking again a little later
	// gives the same points.
	step := clew.UnixNanos(m.Step)
	m.Window.Start -= m.Window.Start % step
	m.Window.End += (step - m.Window.End%step) % step
	wanted, err := count(q, "exemplars", exec.DefaultExemplars, 0, math.MaxInt32)
	if err != nil {
		return nil, none, err
	}
	m.Exemplars = wanted
	found, err := exec.RunMetrics(asked.Ctx, asked.Store, m.MetricsRequest)
	if err != nil {
		return nil, none, err
	}
	out := &rangeAnswer{Series: []timeSeries{}, Metrics: metricsOf(&found.Cost)}
	if out.Status, out.Message = partialOf(&found.Cost); out.Status == "" {
		out.Message = api.HeaderText(found.LeftOut)
	}
	for i := range found.Series {
		if s := m.overTime(&found, &found.Series[i]); len(s.Samples) > 0 {
			out.Series = append(out.Series, s)
		}
	}
	return out, found.Cost, nil
}

// partialOf is how an answer says that it is not all of it.
func partialOf(cost *exec.Cost) (status, message string) {
	if cost.Complete {
		return "", ""
	}
	return statusPartial, api.HeaderText(cost.Reason)
}

// overTime shows a series. A point stands at the end of its step.
func (m *metering) overTime(found *exec.Metrics, s *series.Series) timeSeries {
	out := timeSeries{Samples: []sample{}}
	out.Labels, out.PromLabels = m.labels(s)
	step := clew.UnixNanos(found.Step)
	for i, v := range s.Points {
		if !math.IsNaN(v) {
			end := found.Start + clew.UnixNanos(i+1)*step
			out.Samples = append(out.Samples, sample{int64(end / 1e6), number(v)})
		}
	}
	for _, e := range s.Exemplars {
		value := e.Value
		if at := (e.At - found.Start) / step; m.counts && int(at) < len(s.Points) {
			value = s.Points[at] // where it lies on the line
		}
		if math.IsNaN(value) {
			continue
		}
		out.Exemplars = append(out.Exemplars, exemplar{
			Labels: []keyValue{
				{"trace:id", anyValue(clew.StringValue(e.Trace.String()))},
				{"span:id", anyValue(clew.StringValue(e.Span.String()))},
			},
			Value: number(value), TimestampMs: int64(e.At / 1e6),
		})
	}
	return out
}

// labels names a series; one that is not parted has the name of what is measured.
func (m *metering) labels(s *series.Series) (list []keyValue, text string) {
	list = []keyValue{}
	for _, l := range s.Labels {
		list = append(list, labelled(nameOf(l.Name), l.Value, l.Text))
	}
	if len(list) == 0 && m.fn != 0 {
		list = append(list, keyValue{"__name__", anyValue(clew.StringValue(m.fn.String()))})
	}
	parts := make([]string, len(list))
	for i, kv := range list {
		parts[i] = kv.Key + "=" + strconv.Quote(clew.Value(kv.Value).String())
	}
	slices.Sort(parts)
	return list, "{" + strings.Join(parts, ", ") + "}"
}

// queryInstant answers one number for each series, of the whole window.
func (a *API) queryInstant(c *call) error {
	q, err := parameters(c)
	if err != nil {
		return err
	}
	out, cost, err := atOnce(&c.Question, q)
	if err != nil {
		return err
	}
	c.partial(&cost)
	if c.wantsProtobuf() {
		return c.protobuf(out.append(nil))
	}
	writeJSON(c.w, out)
	return nil
}

// atOnce makes the answer of it.
func atOnce(asked *api.Question, q url.Values) (*instantAnswer, exec.Cost, error) {
	m, err := newMetering(asked, q)
	if err != nil {
		return nil, exec.Cost{}, err
	}
	found, err := exec.RunMetrics(asked.Ctx, asked.Store, m.MetricsRequest)
	if err != nil {
		return nil, found.Cost, err
	}
	out := &instantAnswer{Series: []instantSeries{}, Metrics: metricsOf(&found.Cost)}
	out.Status, out.Message = partialOf(&found.Cost)
	for i := range found.Series {
		s := &found.Series[i]
		if v := s.Points[0]; !math.IsNaN(v) {
			labels, text := m.labels(s)
			out.Series = append(out.Series, instantSeries{labels, number(v), text})
		}
	}
	return out, found.Cost, nil
}

func (x *rangeAnswer) append(dst []byte) []byte {
	for i := range x.Series {
		s := &x.Series[i]
		one := appendLabels(nil, s.Labels)
		for _, p := range s.Samples {
			one = api.AppendMessage(one, 2, api.AppendNumber(api.AppendDouble(nil, 1, float64(p.Value)), 2, uint64(p.TimestampMs)))
		}
		one = api.AppendText(one, 3, s.PromLabels)
		for _, e := range s.Exemplars {
			one = api.AppendMessage(one, 4, api.AppendNumber(api.AppendDouble(appendLabels(nil, e.Labels), 2, float64(e.Value)), 3, uint64(e.TimestampMs)))
		}
		dst = api.AppendMessage(dst, 1, one)
	}
	return appendEnd(dst, &x.Metrics, x.Status, x.Message)
}

func (x *instantAnswer) append(dst []byte) []byte {
	for _, s := range x.Series {
		one := api.AppendDouble(appendLabels(nil, s.Labels), 2, float64(s.Value))
		dst = api.AppendMessage(dst, 1, api.AppendText(one, 3, s.PromLabels))
	}
	return appendEnd(dst, &x.Metrics, x.Status, x.Message)
}

func appendLabels(dst []byte, labels []keyValue) []byte {
	for _, l := range labels {
		dst = api.AppendMessage(dst, 1, l.append(nil))
	}
	return dst
}

// appendEnd appends what both answers end with.
func appendEnd(dst []byte, took *metrics, status, message string) []byte {
	dst = api.AppendMessage(dst, 2, took.append(nil))
	if status == statusPartial {
		return appendPartial(dst, message)
	}
	return api.AppendText(dst, 4, message)
}
