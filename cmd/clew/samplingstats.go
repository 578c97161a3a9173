package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/internal/usage"
)

// samplingWindow is what X-Ray's clients have seen of a rule in ten seconds.
type samplingWindow struct {
	RuleName                                string
	Timestamp                               float64
	RequestCount, SampledCount, BorrowCount int64
}

// samplingStats is what they have seen of a rule in the time that is asked for.
type samplingStats struct {
	Rule     string  `json:"rule"`
	Requests int64   `json:"requests"`
	Sampled  int64   `json:"sampled"`
	Borrowed int64   `json:"borrowed"`
	Clients  int     `json:"clients"`
	Rate     float64 `json:"rate"` // Sampled and Borrowed of Requests
}

func newSamplingStats(t *terminal) *cobra.Command {
	var since string
	var watch bool
	c := samplingCommand(t, &cobra.Command{
		Use:   "stats",
		Short: "How many requests X-Ray's clients had of each rule, and how many they sampled",
		Long: `How many requests X-Ray's clients had of each rule, by what they report every ten
seconds, how many of these they sampled, how many besides that they borrowed while
they had no share of the reservoir, how many clients there are now, and how much of
the requests is sampled in all. Jaeger's clients do not report. With --watch it is printed anew every ten seconds, until
Ctrl-C.`,
		Example: `  clew sampling stats --since 10m
  clew sampling stats --watch --json`,
		Args: cobra.NoArgs,
	}, func(s *sampler, c *cobra.Command, _ []string) error {
		d, err := config.ParseDuration(since)
		if err != nil || d <= 0 || d > time.Hour {
			return usage.Errorf("--since %q: want how long before now, such as 5m, up to 1h: more is not kept", since)
		}
		for {
			if err := s.stats(c.Context(), d); err != nil || !watch {
				return err
			}
			again := time.NewTimer(watchEvery)
			select {
			case <-c.Context().Done():
				again.Stop()
				return clew.Errorf(clew.Canceled, "interrupted")
			case <-again.C:
			}
		}
	})
	f := c.Flags()
	f.StringVar(&since, "since", "5m", "count what was reported within this long before now, up to 1h")
	f.BoolVar(&watch, "watch", false, "print it anew every ten seconds")
	f.Lookup("json").Usage = "print JSON, one rule a line"
	return c
}

// stats prints what was reported since so long ago, of each rule, in the order of matching.
func (s *sampler) stats(ctx context.Context, since time.Duration) error {
	from := float64(time.Now().Add(-since).Unix())
	sums := map[string]*samplingStats{}
	err := s.pages(ctx, "/xray/SamplingStatisticSummaries", func(page *samplingPage) (more bool) {
		for _, w := range page.SamplingStatisticSummaries { // the newest first
			if w.Timestamp < from {
				return false
			}
			if sums[w.RuleName] == nil {
				sums[w.RuleName] = &samplingStats{}
			}
			x := sums[w.RuleName]
			x.Requests, x.Sampled, x.Borrowed = x.Requests+w.RequestCount, x.Sampled+w.SampledCount, x.Borrowed+w.BorrowCount
		}
		return true
	})
	if err != nil {
		return err
	}
	list, err := s.rules(ctx)
	if err != nil {
		return err
	}
	if !s.json {
		fmt.Fprintf(s.t.out, "%10s  %10s  %10s  %7s  %8s  %s\n", "REQUESTS", "SAMPLED", "BORROWED", "CLIENTS", "RATE", "RULE")
	}
	for _, raw := range list {
		var r samplingRecord
		if err := json.Unmarshal(raw, &r); err != nil {
			return s.unexpected(err)
		}
		x := sums[r.SamplingRule.RuleName]
		if x == nil {
			x = &samplingStats{}
		}
		x.Rule, x.Clients = r.SamplingRule.RuleName, r.Observed.Clients
		if err := s.printStats(x); err != nil {
			return err
		}
	}
	return nil
}

func (s *sampler) printStats(x *samplingStats) error {
	rate := "-"
	if x.Requests > 0 {
		x.Rate = float64(x.Sampled+x.Borrowed) / float64(x.Requests) // clients count what they borrow apart
		rate = percent(x.Rate)
	}
	if s.json {
		return json.NewEncoder(s.t.out).Encode(x)
	}
	_, err := fmt.Fprintf(s.t.out, "%10d  %10d  %10d  %7d  %8s  %s\n", x.Requests, x.Sampled, x.Borrowed, x.Clients, rate, console.Printable(x.Rule))
	return err
}

// sortedKeys are the keys of a map, in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
