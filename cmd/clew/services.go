package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clew-tracing/clew/internal/client"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/internal/usage"
)

// rollupsAnswer is what the API's rollups give.
type rollupsAnswer struct {
	Series        []json.RawMessage `json:"series"`
	Coverage      coverage          `json:"coverage"`
	QuantileError float64           `json:"quantileError"`
}

// rollupSeries is one series of them.
type rollupSeries struct {
	Service        string  `json:"service"`
	Operation      string  `json:"operation"`
	Kind           string  `json:"kind"`
	Client         string  `json:"client"`
	Server         string  `json:"server"`
	Connection     string  `json:"connection"`
	Other          bool    `json:"other"`
	Virtual        bool    `json:"virtual"`
	Unresolved     bool    `json:"unresolved"`
	EstimatedSpans float64 `json:"estimatedSpans"`
	PerSecond      float64 `json:"perSecond"`
	ErrorRatio     float64 `json:"errorRatio"`
	Durations      *struct {
		P50 float64 `json:"p50Nanos"`
		P95 float64 `json:"p95Nanos"`
		P99 float64 `json:"p99Nanos"`
	} `json:"durations"`
}

// newServices builds `clew services`.
func newServices(t *terminal) *cobra.Command {
	var since string
	var edges, asJSON bool
	c := &cobra.Command{
		Use:   "services [SERVICE...]",
		Short: "Rates, errors and durations of services, their operations or the edges between them",
		Long: `Rates, errors and durations of services; of the services named, of each of their
operations. With --edges, of what services ask of each other; of the services
named, of what they ask and are asked. Quantiles are approximate, by 1.1 % at
most; all else is exact. Spans that a sampler kept count for those it dropped.

The exit code is 3 if the answer lacks something, such as damaged data, and says
what.`,
		Example: `  clew services
  clew services --since 24h cart
  clew services --edges`,
		RunE: func(c *cobra.Command, args []string) error {
			r, err := resolve(c, t)
			if err != nil {
				return err
			}
			cl, err := newClient(r)
			if err != nil {
				return err
			}
			d, err := config.ParseDuration(since)
			if err != nil || d <= 0 {
				return usage.Errorf("--since %q: want how long before now, such as 15m or 7d", since)
			}
			now := time.Now().UTC()
			q := url.Values{"service": args, "start": {now.Add(-d).Format(time.RFC3339)}, "end": {now.Format(time.RFC3339)}}
			switch {
			case edges:
				q.Set("of", "edges")
			case len(args) > 0:
				q.Set("by", "service,operation,kind")
			}
			return printRollups(c.Context(), t, cl, q, asJSON)
		},
	}
	addSettings(c, config.Client)
	f := c.Flags()
	f.StringVar(&since, "since", "1h", "count spans that started within this long before now, in whole minutes")
	f.BoolVar(&edges, "edges", false, "what services ask of each other")
	f.BoolVar(&asJSON, "json", false, "print the API's JSON, one series a line")
	return c
}

func printRollups(ctx context.Context, t *terminal, c *client.Client, q url.Values, asJSON bool) error {
	var answer rollupsAnswer
	if err := c.AskLong(ctx, "GET", "/api/v1/rollups?"+q.Encode(), nil, &answer, func(client.Progress) {}); err != nil {
		return err
	}
	series := make([]rollupSeries, len(answer.Series))
	for i, raw := range answer.Series {
		if asJSON {
			if _, err := fmt.Fprintf(t.out, "%s\n", raw); err != nil {
				return err
			}
			continue
		}
		if err := json.Unmarshal(raw, &series[i]); err != nil {
			return fmt.Errorf("the answer of %s is not what was expected: %w", c.Base, err)
		}
	}
	if asJSON {
		return answer.Coverage.lack()
	}
	if len(series) == 0 {
		if named := q["service"]; len(named) > 0 {
			fmt.Fprintf(t.err, "no span of %s started in that time; clew services without a name lists those that had some\n", strings.Join(named, ", "))
		} else {
			fmt.Fprintln(t.err, "no span started in that time")
		}
		return answer.Coverage.lack()
	}
	slices.SortStableFunc(series, func(a, b rollupSeries) int { return cmp.Compare(b.EstimatedSpans, a.EstimatedSpans) })
	fmt.Fprintf(t.out, "%10s  %9s  %7s  %8s  %8s  %8s  %s\n", "SPANS", "PER S", "ERRORS", "~P50", "~P95", "~P99", "OF")
	for i := range series {
		if err := series[i].print(t); err != nil {
			return err
		}
	}
	return answer.Coverage.lack()
}

func (s *rollupSeries) print(t *terminal) error {
	quantiles := [3]string{"-", "-", "-"}
	if d := s.Durations; d != nil {
		for i, q := range []float64{d.P50, d.P95, d.P99} {
			quantiles[i] = console.Nanos(int64(q))
		}
	}
	_, err := fmt.Fprintf(t.out, "%10.0f  %9.3g  %6.2f%%  %8s  %8s  %8s  %s\n", s.EstimatedSpans, s.PerSecond, 100*s.ErrorRatio,
		quantiles[0], quantiles[1], quantiles[2], console.Printable(s.of()))
	return err
}

// of says what a series is of.
func (s *rollupSeries) of() string {
	server, operation := s.Server, s.Operation
	if s.Other {
		server, operation = "(others)", "(others)"
	}
	switch {
	case s.Connection == "" && s.Kind == "":
		return named(s.Service)
	case s.Connection == "":
		return fmt.Sprintf("%s: %s (%s)", named(s.Service), operation, s.Kind)
	case s.Unresolved:
		return fmt.Sprintf("(parent not found) -> %s (%s)", named(server), s.Connection)
	case s.Virtual:
		return fmt.Sprintf("%s -> [%s] (%s)", named(s.Client), server, s.Connection)
	}
	return fmt.Sprintf("%s -> %s (%s)", named(s.Client), named(server), s.Connection)
}

// named is the name of a service, which spans may lack.
func named(service string) string { return cmp.Or(service, "(no service name)") }
