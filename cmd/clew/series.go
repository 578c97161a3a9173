package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	v1 "github.com/clew-tracing/clew/api/v1"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/internal/usage"
)

// seriesAnswer is what the API's metrics give.
type seriesAnswer struct {
	Start         console.Instant   `json:"start"`
	StepSeconds   float64           `json:"stepSeconds"`
	Steps         int               `json:"steps"`
	QuantileError float64           `json:"quantileError"`
	UnknownWeight int64             `json:"unknownWeight"`
	Series        []json.RawMessage `json:"series"`
	Suggestions   []string          `json:"suggestions"`
	Explain       json.RawMessage   `json:"explain"`
	Coverage      coverage          `json:"coverage"`
}

// coverage is what numbers of the API are made of.
type coverage struct {
	Complete bool   `json:"complete"`
	Reason   string `json:"reason"`
}

// lack is the error of an answer that was given and is not of all spans.
func (c coverage) lack() error {
	if c.Complete {
		return nil
	}
	return fmt.Errorf("not all spans are counted: %s%w", console.Printable(c.Reason), usage.Quietly(errPartly))
}

// oneSeries is one series of them.
type oneSeries struct {
	Labels []struct {
		Name string `json:"name"`
		Text string `json:"text"`
	} `json:"labels"`
	Points []*float64 `json:"points"`
	Errors []*float64 `json:"standardErrors"`
}

// newSeries builds `clew metrics`.
func newSeries(t *terminal) *cobra.Command {
	var s search
	var since, step string
	c := &cobra.Command{
		Use:   "metrics QUERY",
		Short: "Draw numbers over time of what a TraceQL query selects",
		Long: `Draw numbers over time of what a TraceQL query selects: a line for each series, with
its least and greatest number and its last. The query ends in a metric, such as
rate(). Durations are in seconds. Spans that a sampler kept count for those they
stand for; behind the last number then stands its standard error. Of compare(…) it is
a table of the values that differ the most.

The exit code is 3 if the answer lacks something, such as damaged data, and says
what.`,
		Example: `  clew metrics '{ } | rate() by (resource.service.name)'
  clew metrics --since 24h --step 15m '{ kind = server } | quantile_over_time(duration, 0.5, 0.99)'
  clew metrics '({ status = error } | rate()) / ({ } | rate()) * 100'
  clew metrics '{ kind = server } | compare({ status = error })'`,
		Args: oneQuery,
		RunE: func(c *cobra.Command, args []string) error {
			r, err := resolve(c, t)
			if err != nil {
				return err
			}
			if s.client, err = newClient(r); err != nil {
				return err
			}
			s.query, s.t = strings.Join(args, ""), t
			if s.query == "" {
				return usage.Errorf("metrics wants a query, such as '{ } | rate()'")
			}
			if s.start != "" && !c.Flags().Changed("since") {
				since = ""
			}
			if err := s.metricWindow(since, step, time.Now()); err != nil {
				return err
			}
			if plan, err := exec.Prepare(s.query); step == "" && err == nil && plan.Compares() {
				s.step = "" // of the whole window
			}
			return s.series(c.Context())
		},
	}
	addSettings(c, config.Client)
	f := c.Flags()
	f.StringVar(&since, "since", "1h", "spans that started within this long before now, in whole steps")
	f.StringVar(&s.start, "start", "", "spans that started at this moment (RFC 3339) or later")
	f.StringVar(&s.end, "end", "", "spans that started before this moment (RFC 3339)")
	f.StringVar(&step, "step", "", "how long one point is, such as 30s; about a hundred points otherwise, of compare(…) one")
	f.BoolVar(&s.json, "json", false, "print the API's JSON, one series a line")
	f.BoolVar(&s.explain, "explain", false, "say what was done, too: the plan, what was left out, and how long each stage took")
	return c
}

// metricWindow is window for a metric. A window before now ends now and begins early
// enough for whole steps: neither the oldest nor the last is a part of one.
func (s *search) metricWindow(since, step string, now time.Time) error {
	before := since != "" && s.end == ""
	if err := s.window(since, now); err != nil {
		return err
	}
	var length time.Duration
	if step != "" {
		var err error
		if length, err = config.ParseDuration(step); err != nil {
			seconds, number := strconv.ParseFloat(step, 64)
			if number != nil {
				return usage.Errorf("--step %q: %w", step, err)
			}
			length = time.Duration(seconds * float64(time.Second))
		}
		if length <= 0 {
			return usage.Errorf("--step %q: want more than 0, such as 30s", step)
		}
	}
	if before {
		d, err := config.ParseDuration(since)
		if err != nil || d <= 0 {
			return usage.Errorf("--since %q: want how long before now, such as 15m or 7d", since)
		}
		length = cmp.Or(length, v1.MetricStep(d))
		whole := (d + length - 1) / length * length
		s.start = now.Add(-whole).UTC().Format(time.RFC3339Nano)
		s.end = now.UTC().Format(time.RFC3339Nano)
	}
	if length > 0 {
		s.step = length.String()
	}
	return nil
}

func (s *search) series(ctx context.Context) error {
	q := url.Values{"q": {s.query}}
	for name, v := range map[string]string{"start": s.start, "end": s.end, "step": s.step} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if s.explain {
		q.Set("explain", "true")
	}
	var answer seriesAnswer
	if err := s.ask(ctx, "GET", "/api/v1/metrics?"+q.Encode(), nil, &answer); err != nil {
		return queryError(s.query, err)
	}
	if answer.UnknownWeight > 0 {
		fmt.Fprintf(s.t.err, "clew: %d spans were sampled and do not say how; they count as one\n", answer.UnknownWeight)
	}
	s.suggest(answer.Suggestions)
	list := make([]oneSeries, len(answer.Series))
	for i, raw := range answer.Series {
		if s.json {
			if _, err := fmt.Fprintf(s.t.out, "%s\n", raw); err != nil {
				return err
			}
			continue
		}
		if err := json.Unmarshal(raw, &list[i]); err != nil {
			return fmt.Errorf("the answer of %s is not what was expected: %w", s.client.Base, err)
		}
	}
	switch {
	case s.json:
	case len(list) == 0:
		fmt.Fprintln(s.t.err, "no span is selected in that time")
	default:
		if err := s.draw(&answer, list); err != nil {
			return err
		}
	}
	if err := s.printExplanation(answer.Explain); err != nil {
		return err
	}
	return answer.Coverage.lack()
}

// draw draws series, each with its least and greatest number and its last; or the two
// groups of a comparison, side by side.
func (s *search) draw(answer *seriesAnswer, list []oneSeries) error {
	if l := list[0].Labels; len(l) == 2 && strings.HasPrefix(l[0].Name, "__meta_") {
		return console.DrawComparison(s.t.out, tallies(list))
	}
	lines := make([]console.Line, len(list))
	for i := range list {
		lines[i] = console.Line{Name: list[i].name(), Points: numbers(list[i].Points), Errors: numbers(list[i].Errors)}
	}
	if err := console.DrawLines(s.t.out, lines); err != nil {
		return err
	}
	end := answer.Start + console.Instant(float64(answer.Steps)*answer.StepSeconds*1e9)
	_, err := fmt.Fprintf(s.t.out, "%s to %s, %d steps of %v\n", answer.Start, end, answer.Steps, time.Duration(answer.StepSeconds*1e9))
	return err
}

// tallies are the numbers of compare(…), of the whole window.
func tallies(list []oneSeries) []console.Tally {
	out := make([]console.Tally, len(list))
	for i := range list {
		of, attribute := list[i].Labels[0], list[i].Labels[1]
		out[i] = console.Tally{Of: of.Text, Attribute: attribute.Name, Value: attribute.Text}
		for _, p := range list[i].Points {
			if p != nil {
				out[i].Spans += *p
			}
		}
	}
	return out
}

// name is what a series is of, in words.
func (s *oneSeries) name() string {
	var parts []string
	for _, l := range s.Labels {
		parts = append(parts, l.Name+"="+l.Text)
	}
	if len(parts) == 0 {
		return "all"
	}
	return strings.Join(parts, " ")
}

// numbers are points, NaN for those that are not there.
func numbers(points []*float64) []float64 {
	out := make([]float64, len(points))
	for i, p := range points {
		if out[i] = math.NaN(); p != nil {
			out[i] = *p
		}
	}
	return out
}
