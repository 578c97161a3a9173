package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/client"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/internal/usage"
	"github.com/clew-tracing/clew/traceql"
)

// searchRequest and searchAnswer are what the API's search takes and gives.
type searchRequest struct {
	Q      string `json:"q"`
	Start  string `json:"start,omitempty"`
	End    string `json:"end,omitempty"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor,omitempty"`
	Count  bool   `json:"count,omitempty"`
	// Explain wants to know what the search does.
	Explain bool `json:"explain,omitempty"`
}

type searchAnswer struct {
	Traces     []json.RawMessage `json:"traces"`
	NextCursor string            `json:"nextCursor"`
	Count      *countAnswer      `json:"count"`
	Coverage   struct {
		Complete bool    `json:"complete"`
		Searched float64 `json:"searched"`
		Reason   string  `json:"reason"`
	} `json:"coverage"`
	Suggestions []string        `json:"suggestions"`
	Explain     json.RawMessage `json:"explain"`
}

// countAnswer is how many spans and traces match. Where spans were sampled, they stand for
// EstimatedSpans.
type countAnswer struct {
	Spans          int64    `json:"spans"`
	Traces         int64    `json:"traces"`
	EstimatedSpans *float64 `json:"estimatedSpans,omitempty"`
	StandardError  *float64 `json:"standardError,omitempty"`
	UnknownWeight  int64    `json:"unknownWeight,omitempty"`
}

// search holds what `clew search` was asked.
type search struct {
	t          *terminal
	client     *client.Client
	query      string
	start, end string
	step       string // of a metric
	limit      int
	count      bool
	json       bool
	explain    bool
}

// newSearch builds `clew search`.
func newSearch(t *terminal) *cobra.Command {
	var s search
	var since string
	c := &cobra.Command{
		Use:   "search [QUERY]",
		Short: "Find traces by a TraceQL query, newest first",
		Long: `Find traces by a TraceQL query, newest match first. Without a query, every trace
matches. Times are UTC.

A search runs as long as the server's query-max-time lets it; on a terminal it says
how much was looked at. Ctrl-C ends it, on the server too.

The exit code is 3 if the answer lacks something, such as damaged data, and says
what. With --explain it says what it did: the plan, what was left out by time and by
content, rows and bytes looked at, and the time each stage took.`,
		Example: `  clew search '{ resource.service.name = "cart" && duration > 20ms }'
  clew search --since 1h '{ status = error }'
  clew search --count '{ span.http.route =~ "/api/.*" }'`,
		Args: oneQuery,
		RunE: func(c *cobra.Command, args []string) error {
			r, err := resolve(c, t)
			if err != nil {
				return err
			}
			if s.client, err = newClient(r); err != nil {
				return err
			}
			s.query = strings.Join(args, "") // at most one
			if err := s.window(since, time.Now()); err != nil {
				return err
			}
			switch {
			case s.count && !c.Flags().Changed("limit"):
				s.limit = 0
			case s.count && s.limit < 0:
				return usage.Errorf("--limit %d: want 0 or more traces", s.limit)
			case !s.count && s.limit < 1:
				return usage.Errorf("--limit %d: want 1 or more traces, or --count for how many there are", s.limit)
			}
			s.t = t
			return s.run(c.Context())
		},
	}
	addSettings(c, config.Client)
	f := c.Flags()
	f.BoolVar(&s.count, "count", false, "print how many spans and traces match, exactly, instead of the traces")
	f.IntVar(&s.limit, "limit", 20, "how many traces to print")
	f.StringVar(&since, "since", "", "only spans that started within this long before now, such as 15m or 7d")
	f.StringVar(&s.start, "start", "", "only spans that started at this moment (RFC 3339) or later")
	f.StringVar(&s.end, "end", "", "only spans that started before this moment (RFC 3339)")
	f.BoolVar(&s.json, "json", false, "print the API's JSON, one trace a line")
	f.BoolVar(&s.explain, "explain", false, "say what the search did, too")
	return c
}

// window turns --since, --start and --end into what the API wants.
func (s *search) window(since string, now time.Time) error {
	if since != "" {
		if s.start != "" {
			return usage.Errorf("--since cannot go with --start; give one of them")
		}
		d, err := config.ParseDuration(since)
		if err != nil {
			return usage.Errorf("--since %q: %w", since, err)
		}
		s.start = now.Add(-d).UTC().Format(time.RFC3339Nano)
	}
	var at [2]time.Time
	for i, p := range []struct{ flag, text string }{{"--start", s.start}, {"--end", s.end}} {
		var err error
		if at[i], err = time.Parse(time.RFC3339Nano, p.text); err != nil && p.text != "" {
			return usage.Errorf("%s %q: want a moment such as 2026-11-23T09:30:00Z", p.flag, p.text)
		}
	}
	if s.start != "" && s.end != "" && !at[1].After(at[0]) {
		return usage.Errorf("--end %s is not after the start, %s", s.end, s.start)
	}
	return nil
}

func (s *search) run(ctx context.Context) error {
	request := searchRequest{Q: s.query, Start: s.start, End: s.end, Count: s.count, Explain: s.explain}
	printed := 0
	var suggestions []string
	var explanations []json.RawMessage // of each page
	var partly error                   // what the answer lacks
	for {
		request.Limit = min(s.limit-printed, pageLimit)
		var answer searchAnswer
		if err := s.ask(ctx, "POST", "/api/v1/search", request, &answer); err != nil {
			return queryError(s.query, err)
		}
		explanations = append(explanations, answer.Explain)
		if answer.Count != nil {
			if err := s.printCount(answer); err != nil {
				return err
			}
		}
		for _, raw := range answer.Traces {
			if err := s.printTrace(raw, printed == 0); err != nil {
				return err
			}
			printed++
		}
		if request.Cursor == "" {
			suggestions = answer.Suggestions
		}
		if c := answer.Coverage; !c.Complete {
			partly = fmt.Errorf("only %.0f %% of the data was searched: %s%w", c.Searched*100, c.Reason, usage.Quietly(errPartly))
		}
		if answer.NextCursor == "" || printed >= s.limit || len(answer.Traces) == 0 {
			break
		}
		request.Cursor, request.Count = answer.NextCursor, false
	}
	if printed == 0 && s.limit > 0 && !s.json {
		fmt.Fprintln(s.t.err, "no trace matches")
	}
	s.suggest(suggestions)
	for _, raw := range explanations {
		if err := s.printExplanation(raw); err != nil {
			return err
		}
	}
	return partly
}

// ask asks the server; on a terminal a line moves while the answer takes its time, and says
// how far it is.
func (s *search) ask(ctx context.Context, method, path string, request, answer any) error {
	told := func(client.Progress) {}
	if s.t.errTTY {
		waiting := console.NewWaiting(s.t.err, "waiting for the answer")
		defer waiting.Stop()
		told = func(p client.Progress) { waiting.Know(p.Share) }
	}
	return s.client.AskLong(ctx, method, path, request, answer, told)
}

// printExplanation prints what a question did, if it was asked for: as a line of JSON, or
// to be read.
func (s *search) printExplanation(raw json.RawMessage) error {
	if raw == nil {
		return nil
	}
	if s.json {
		_, err := fmt.Fprintf(s.t.out, "{\"explain\":%s}\n", raw)
		return err
	}
	var e console.Explanation
	if err := json.Unmarshal(raw, &e); err != nil {
		return fmt.Errorf("the answer of %s is not what was expected: %w", s.client.Base, err)
	}
	return e.Print(s.t.out)
}

// suggest says why nothing may have been found.
func (s *search) suggest(texts []string) {
	for _, text := range texts {
		fmt.Fprintf(s.t.err, "clew: %s\n", console.Printable(text))
	}
}

func (s *search) printCount(a searchAnswer) error {
	if s.json {
		return json.NewEncoder(s.t.out).Encode(a.Count)
	}
	n, about, before := a.Count, "", "  "
	if n.EstimatedSpans != nil && n.StandardError != nil {
		about, before = fmt.Sprintf("%skept, of about %.0f ± %.0f", before, *n.EstimatedSpans, *n.StandardError), "; "
	}
	if n.UnknownWeight > 0 {
		about += fmt.Sprintf("%s%d of them sampled, nobody says how: they count as one", before, n.UnknownWeight)
	}
	_, err := fmt.Fprintf(s.t.out, "spans   %d%s\ntraces  %d\n", n.Spans, about, n.Traces)
	return err
}

func (s *search) printTrace(raw json.RawMessage, first bool) error {
	if s.json {
		_, err := fmt.Fprintf(s.t.out, "%s\n", raw)
		return err
	}
	var t console.TraceSummary
	if err := json.Unmarshal(raw, &t); err != nil {
		return fmt.Errorf("the answer of %s is not what was expected: %w", s.client.Base, err)
	}
	if first {
		fmt.Fprint(s.t.out, console.TraceHeading)
	}
	return t.Print(s.t.out)
}

// oneQuery takes no argument or one, a query. More are mostly one that the shell took
// apart.
func oneQuery(c *cobra.Command, args []string) error {
	if len(args) <= 1 {
		return nil
	}
	query := strings.ReplaceAll(traceql.Meant(strings.Join(args, " ")), "'", `'\''`)
	return usage.Errorf("the query is in %d pieces; put it in single quotes: %s '%s'", len(args), c.CommandPath(), console.Printable(query))
}

// queryError shows where in the query an error lies, with a caret. An id in place of
// a query is what another command shows. What the server finds wrong with what it was
// asked is an error of usage.
func queryError(query string, err error) error {
	var api *client.Error
	switch {
	case !errors.As(err, &api):
		return err
	case api.Position == nil && api.Status == http.StatusBadRequest && api.Kind == clew.Invalid.String():
		return fmt.Errorf("%w%w", err, usage.Quietly(usage.Err))
	case api.Position == nil:
		return err
	}
	mark := traceql.Mark(query, traceql.Range{Start: *api.Position, End: *api.Position})
	if id := traceql.PastedID(query); id != "" {
		mark = "clew trace " + id + " shows a trace"
	}
	return fmt.Errorf("%w\n  %s%w", err, strings.ReplaceAll(mark, "\n", "\n  "), usage.Quietly(usage.Err))
}
