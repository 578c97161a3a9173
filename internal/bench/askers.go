package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/load"
)

// meanwhile is what those found who asked while spans came in.
type meanwhile struct {
	// Answered is how many questions had an answer, Refused how many were told to
	// come again later.
	Answered int `json:"answered"`
	Refused  int `json:"refused"`
	// PerSecond is Answered over the time of the load.
	PerSecond float64 `json:"perSecond"`
	// LatencyMillis is of answers, waiting for a turn included.
	LatencyMillis latency `json:"latencyMillis"`
}

// askers ask one question after the other, each on a connection of its own, about
// spans that were all acknowledged before the first question: what they are told
// is known, whatever comes in meanwhile.
type askers struct {
	checks []check
	done   chan struct{}
	stop   context.CancelFunc
	each   []asker
	begun  time.Time
}

// check is a question asked over one client and checks what it is told; wrong says what is.
type check struct {
	name string
	ask  func(ctx context.Context, c *client) (wrong, err error)
}

// asker is what one of them saw.
type asker struct {
	times   []time.Duration
	refused int
	wrong   []error
}

// fillBefore loads what will be asked about and returns the questions about it.
func fillBefore(ctx context.Context, o *options, before *workload, t *target) ([]check, error) {
	result, err := load.Run(ctx, before.spool, load.Config{Protocol: o.protocol, Endpoint: t.endpoint, Clients: o.clients})
	if err != nil {
		return nil, err
	}
	if result.Accepted != before.spool.Spans() {
		return nil, fmt.Errorf("of %d spans that come before, %d were accepted: %w", before.spool.Spans(), result.Accepted, result.FirstError)
	}
	return checksAbout(before), nil
}

// checksAbout are those of a person who looks for what is wrong, of a dashboard
// and of a service map, all about the time of the workload.
func checksAbout(w *workload) []check {
	from, to := w.truth.First, w.truth.Last+1
	var qs []check
	for _, p := range w.truth.Probes() {
		qs = append(qs,
			check{"count: " + p.Name, countOf(p.Query, from, to, int64(p.Want.Spans), int64(p.Want.Traces))},
			check{"newest 20: " + p.Name, pageOf(p.Query, from, to, min(p.Want.Traces, 20))})
	}
	for _, s := range w.truth.Samples[:min(len(w.truth.Samples), 4)] {
		qs = append(qs, check{"trace by id", traceOf(s.ID, s.Spans)})
	}
	const byService = "by (resource.service.name)"
	return append(qs,
		check{"rate by service", seriesOf("{ } | count_over_time() "+byService, from, to, w.truth.Services)},
		check{"p99 by service", seriesOf("{ } | quantile_over_time(duration, .99) "+byService, from, to, nil)},
		check{"errors below servers", pageOf("{ kind = server } >> { status = error }", from, to, 1)},
		check{"names of attributes", pathOf("/api/v1/tags")},
		check{"services", pathOf("/api/v1/services")},
	)
}

func nanos(t clew.UnixNanos) string { return strconv.FormatInt(int64(t), 10) }

// complete is the part of an answer that says whether it is all of it. What can only be
// all of it says nothing.
type complete struct {
	Coverage *struct {
		Complete bool   `json:"complete"`
		Reason   string `json:"reason"`
	} `json:"coverage"`
}

func (c *complete) check() error {
	if c.Coverage == nil || c.Coverage.Complete {
		return nil
	}
	return fmt.Errorf("not all of it: %s", c.Coverage.Reason)
}

type windowed struct {
	searchRequest
	Start string `json:"start"`
	End   string `json:"end"`
}

func countOf(q string, from, to clew.UnixNanos, spans, traces int64) func(context.Context, *client) (wrong, err error) {
	return func(ctx context.Context, c *client) (wrong, err error) {
		var answer searchAnswer
		request := windowed{searchRequest{Q: q, Count: true}, nanos(from), nanos(to)}
		if err := c.ask(ctx, http.MethodPost, "/api/v1/search", request, &answer); err != nil {
			return nil, err
		}
		if answer.Count == nil || !answer.Coverage.Complete {
			return errors.New("the answer has no complete count"), nil
		}
		if answer.Count.Spans != spans || answer.Count.Traces != traces {
			return fmt.Errorf("%s finds %d spans in %d traces, want %d in %d", q, answer.Count.Spans, answer.Count.Traces, spans, traces), nil
		}
		return nil, nil
	}
}

func pageOf(q string, from, to clew.UnixNanos, atLeast int) func(context.Context, *client) (wrong, err error) {
	return func(ctx context.Context, c *client) (wrong, err error) {
		var answer searchAnswer
		request := windowed{searchRequest{Q: q, Limit: 20}, nanos(from), nanos(to)}
		if err := c.ask(ctx, http.MethodPost, "/api/v1/search", request, &answer); err != nil {
			return nil, err
		}
		if len(answer.Traces) < atLeast || len(answer.Traces) > 20 {
			return fmt.Errorf("%s: a page of %d traces, want %d to 20", q, len(answer.Traces), atLeast), nil
		}
		return nil, nil
	}
}

func traceOf(id clew.TraceID, spans int) func(context.Context, *client) (wrong, err error) {
	return func(ctx context.Context, c *client) (wrong, err error) {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		n, err := fetchTrace(ctx, c, id.String())
		if err == nil && n != spans {
			return fmt.Errorf("trace %v has %d spans, want %d", id, n, spans), nil
		}
		return nil, err
	}
}

// seriesOf asks for a metric per minute; where want is not nil, the points of each
// series must sum to it.
func seriesOf(q string, from, to clew.UnixNanos, want map[string]int) func(context.Context, *client) (wrong, err error) {
	const minute = clew.UnixNanos(time.Minute)
	path := "/api/v1/metrics?" + url.Values{"q": {q}, "step": {"60"}, "start": {nanos(from / minute * minute)}, "end": {nanos((to + minute - 1) / minute * minute)}}.Encode()
	return func(ctx context.Context, c *client) (wrong, err error) {
		var answer struct {
			complete
			Series []struct {
				Labels []struct {
					Text string `json:"text"`
				} `json:"labels"`
				Points []*float64 `json:"points"`
			} `json:"series"`
		}
		if err := c.ask(ctx, http.MethodGet, path, nil, &answer); err != nil {
			return nil, err
		}
		if wrong := answer.check(); wrong != nil || want == nil {
			return wrong, nil
		}
		for _, s := range answer.Series {
			if len(s.Labels) == 0 {
				return fmt.Errorf("%s: a series without labels, want one for each of %d services", q, len(want)), nil
			}
			sum := 0.
			for _, p := range s.Points {
				if p != nil {
					sum += *p
				}
			}
			if name := s.Labels[0].Text; sum != float64(want[name]) {
				return fmt.Errorf("%s: %v spans of %s, want %d", q, sum, name, want[name]), nil
			}
		}
		if len(answer.Series) != len(want) {
			return fmt.Errorf("%s: %d series, want %d", q, len(answer.Series), len(want)), nil
		}
		return nil, nil
	}
}

func pathOf(path string) func(context.Context, *client) (wrong, err error) {
	return func(ctx context.Context, c *client) (wrong, err error) {
		var answer complete
		if err := c.ask(ctx, http.MethodGet, path, nil, &answer); err != nil {
			return nil, err
		}
		return answer.check(), nil
	}
}

// startAskers lets n ask until they are stopped, each beginning with another question.
func startAskers(ctx context.Context, n int, base *url.URL, checks []check) *askers {
	a := &askers{checks: checks, each: make([]asker, n), begun: time.Now(), done: make(chan struct{})}
	ctx, a.stop = context.WithCancel(ctx)
	transport := &http.Transport{MaxIdleConnsPerHost: n}
	var wg sync.WaitGroup
	for i := range a.each {
		wg.Go(func() {
			a.each[i].ask(ctx, &client{base: base, http: &http.Client{Transport: transport}}, checks, i)
		})
	}
	go func() {
		wg.Wait()
		transport.CloseIdleConnections()
		close(a.done)
	}()
	return a
}

// ask asks all questions in turn until ctx ends. Who is told to come again later does.
func (a *asker) ask(ctx context.Context, c *client, checks []check, first int) {
	for i := first; ctx.Err() == nil; i++ {
		q := &checks[i%len(checks)]
		started := time.Now()
		wrong, err := q.ask(ctx, c)
		var busy *busyError
		switch {
		case ctx.Err() != nil: // stopped while it waited
			return
		case errors.As(err, &busy):
			a.refused++
			_ = pause(ctx, busy.after) // its end is seen above
			continue
		case err != nil:
			wrong = err
		}
		if wrong != nil {
			a.wrong = append(a.wrong, fmt.Errorf("%s: %w", q.name, wrong))
			if len(a.wrong) == maxWrong {
				return
			}
			continue
		}
		a.times = append(a.times, time.Since(started))
	}
}

// finish stops the askers and notes what they saw.
func (a *askers) finish(run *measurement) {
	lasted := time.Since(a.begun)
	a.stop()
	<-a.done
	sum := &meanwhile{}
	var all []time.Duration
	for i := range a.each {
		one := &a.each[i]
		all = append(all, one.times...)
		sum.Refused += one.refused
		for _, wrong := range one.wrong {
			run.check(false, "while spans came: %v", wrong)
		}
	}
	sum.Answered = len(all)
	run.Checked += len(all)
	run.check(len(all) > 0, "nobody was answered while spans came")
	if len(all) > 0 {
		slices.Sort(all)
		quantile := func(q float64) float64 { return millis(all[int(q*float64(len(all)-1))]) }
		sum.PerSecond = float64(len(all)) / lasted.Seconds()
		sum.LatencyMillis = latency{quantile(0.5), quantile(0.99), quantile(1)}
	}
	run.Asked = sum
}
