package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/clew-tracing/clew/internal/bench/foreign"
	"github.com/clew-tracing/clew/internal/corpus"
	"google.golang.org/protobuf/encoding/protowire"
)

// query is one question, timed and checked.
type query struct {
	Name  string `json:"name"`
	Query string `json:"query"`
	// Spans and Traces are what was found.
	Spans  int64 `json:"spans"`
	Traces int64 `json:"traces"`
	// FirstMillis is the first time it was asked, Millis the median of Times.
	FirstMillis float64 `json:"firstMillis"`
	Millis      float64 `json:"millis"`
	// CPUMillis is the server's CPU time for one; 0 where it is not known.
	CPUMillis float64 `json:"cpuMillis"`
	Times     int     `json:"times"`
}

// askAll asks everything and compares with the truth. A store that held
// other spans before can only be checked for what is the corpus' alone: counts
// are compared if the store is fresh.
func askAll(ctx context.Context, t *target, truth *corpus.Truth, format foreign.Format, run *measurement, fresh bool) error {
	probes := truth.Probes()
	for i := range probes {
		probes[i].Query = format.Ask(probes[i].Query)
	}
	for _, p := range probes {
		if err := t.count(ctx, p, run, fresh); err != nil {
			return err
		}
	}
	if err := t.newest(ctx, probes[1], run); err != nil {
		return err
	}
	if err := t.traces(ctx, truth, run); err != nil {
		return err
	}
	if fresh {
		return t.services(ctx, truth, run)
	}
	return nil
}

// time repeats ask until it is known how long it takes.
func (t *target) time(ctx context.Context, q *query, ask func(i int) error) error {
	before, err := readCPU(t.pids)
	if err != nil {
		return err
	}
	var times []time.Duration
	begin := time.Now()
	for len(times) < maxRepeats && (len(times) < 3 || time.Since(begin) < repeatTime) {
		started := time.Now()
		if err := ask(len(times)); err != nil {
			return fmt.Errorf("%s: %w", q.Name, err)
		}
		times = append(times, time.Since(started))
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	after, err := readCPU(t.pids)
	if err != nil {
		return err
	}
	q.Times, q.FirstMillis = len(times), millis(times[0])
	q.CPUMillis = millis(after.sub(before).total()) / float64(len(times))
	slices.Sort(times)
	q.Millis = millis(times[len(times)/2])
	return nil
}

// count asks how many spans and traces match, exactly.
func (t *target) count(ctx context.Context, p corpus.Probe, run *measurement, fresh bool) error {
	q := query{Name: "count: " + p.Name, Query: p.Query}
	err := t.time(ctx, &q, func(int) error {
		var answer searchAnswer
		if err := t.api.ask(ctx, http.MethodPost, "/api/v1/search", searchRequest{Q: p.Query, Count: true}, &answer); err != nil {
			return err
		}
		if answer.Count == nil || !answer.Coverage.Complete {
			return errors.New("the answer has no complete count")
		}
		q.Spans, q.Traces = answer.Count.Spans, answer.Count.Traces
		return nil
	})
	if err != nil {
		return err
	}
	run.Queries = append(run.Queries, q)
	if fresh {
		run.check(q.Spans == int64(p.Want.Spans) && q.Traces == int64(p.Want.Traces),
			"%s finds %d spans in %d traces, want %d in %d", p.Query, q.Spans, q.Traces, p.Want.Spans, p.Want.Traces)
	}
	return nil
}

// newest asks for the first page, as a person does.
func (t *target) newest(ctx context.Context, p corpus.Probe, run *measurement) error {
	q := query{Name: "newest 20: " + p.Name, Query: p.Query}
	want := min(p.Want.Traces, 20)
	err := t.time(ctx, &q, func(int) error {
		var answer searchAnswer
		if err := t.api.ask(ctx, http.MethodPost, "/api/v1/search", searchRequest{Q: p.Query, Limit: 20}, &answer); err != nil {
			return err
		}
		q.Traces = int64(len(answer.Traces))
		return nil
	})
	if err != nil {
		return err
	}
	run.Queries = append(run.Queries, q)
	run.check(q.Traces >= int64(want), "%s: the first page has %d traces, want %d", p.Query, q.Traces, want)
	return nil
}

// traces fetches sample traces whole and counts their spans.
func (t *target) traces(ctx context.Context, truth *corpus.Truth, run *measurement) error {
	samples := truth.Samples[:min(len(truth.Samples), maxTraces)]
	if len(samples) == 0 {
		return nil
	}
	q := query{Name: "trace by id", Query: fmt.Sprintf("%d traces in turn", len(samples))}
	checked := map[int]bool{}
	err := t.time(ctx, &q, func(i int) error {
		sample := samples[i%len(samples)]
		spans, err := fetchTrace(ctx, t.api, sample.ID.String())
		if err != nil {
			return err
		}
		if !checked[i%len(samples)] {
			checked[i%len(samples)] = true
			q.Traces++
			q.Spans += int64(spans)
			run.check(spans == sample.Spans, "trace %v has %d spans, want %d", sample.ID, spans, sample.Spans)
		}
		return nil
	})
	run.Queries = append(run.Queries, q)
	return err
}

func fetchTrace(ctx context.Context, c *client, id string) (spans int, err error) {
	resp, err := c.do(ctx, http.MethodGet, "/api/v1/traces/"+id, http.Header{"Accept": {"application/x-protobuf"}}, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTraceBody))
	if err != nil {
		return 0, err
	}
	// TracesData.resource_spans = 1, .scope_spans = 2, .spans = 2.
	return countMessages(body, 1, 2, 2)
}

// countMessages counts the messages at the end of a path of field numbers.
func countMessages(b []byte, path ...protowire.Number) (count int, err error) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0, protowire.ParseError(n)
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
			return 0, protowire.ParseError(n)
		}
		if number == path[0] && kind == protowire.BytesType {
			inside := 1
			if len(path) > 1 {
				message, _ := protowire.ConsumeBytes(b)
				if inside, err = countMessages(message, path[1:]...); err != nil {
					return 0, err
				}
			}
			count += inside
		}
		b = b[n:]
	}
	return count, nil
}

// services compares the spans of each service.
func (t *target) services(ctx context.Context, truth *corpus.Truth, run *measurement) error {
	var answer struct {
		Services []struct {
			Name  string `json:"name"`
			Spans int    `json:"spans"`
		} `json:"services"`
	}
	q := query{Name: "services", Query: "/api/v1/services"}
	err := t.time(ctx, &q, func(int) error {
		return t.api.ask(ctx, http.MethodGet, "/api/v1/services", nil, &answer)
	})
	if err != nil {
		return err
	}
	var wrong []string
	for _, s := range answer.Services {
		q.Spans += int64(s.Spans)
		if truth.Services[s.Name] != s.Spans {
			wrong = append(wrong, fmt.Sprintf("%s %d, want %d", s.Name, s.Spans, truth.Services[s.Name]))
		}
	}
	run.Queries = append(run.Queries, q)
	run.check(len(wrong) == 0 && len(answer.Services) == len(truth.Services),
		"%d services, want %d; wrong spans: %s", len(answer.Services), len(truth.Services), strings.Join(wrong, "; "))
	return nil
}
