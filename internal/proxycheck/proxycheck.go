// Package proxycheck finds out which trace headers a service and the hops behind it keep:
// it sends one request for each spelling, with a trace id of its own, and asks where spans
// are kept which of these traces came, and from which services.
package proxycheck

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/propagation"
)

const (
	// pollLeast and pollMost bound the pauses between looks for spans.
	pollLeast = 100 * time.Millisecond
	pollMost  = time.Second
	// maxAnswer is how much of a service's answer is read, to have it whole: the
	// connection is used again.
	maxAnswer = 1 << 20
	// maxOthers is how many services with traces of their own are named.
	maxOthers = 10
)

// Kinds are the spellings that are tried, one by one.
var Kinds = []propagation.Format{propagation.TraceContext, propagation.B3, propagation.B3Multi, propagation.Jaeger, propagation.Datadog, propagation.XRay}

// Config says what to check, and where its spans come to.
type Config struct {
	URL, Method string
	Header      http.Header // sent with each request
	Client      *http.Client

	// Wait is how long spans may take to come, from the last request on.
	Wait time.Duration
	// Settle is how long nothing new has to come until that is taken for all.
	Settle time.Duration
	// Find returns the spans of a trace; an error of kind NotFound means none.
	Find func(context.Context, clew.TraceID) ([]clew.Span, error)
	// Roots returns the services in which traces began since a moment, those that are
	// known by trace id left out.
	Roots func(ctx context.Context, since time.Time, but map[clew.TraceID]bool) ([]string, error)
}

// Verdict says what became of a spelling.
type Verdict string

// The verdicts, from worst to best.
const (
	Failed   Verdict = "failed"   // the request had no answer
	Unseen   Verdict = "unseen"   // no span has the trace id
	Lost     Verdict = "lost"     // some services have it, others do not
	Orphaned Verdict = "orphaned" // the trace id came, the span id did not
	Kept     Verdict = "kept"     // by every service
)

// Result is what became of one spelling.
type Result struct {
	Kind    string       `json:"kind"`
	TraceID clew.TraceID `json:"-"`
	Trace   string       `json:"traceId"`
	Status  int          `json:"status,omitempty"`
	Error   string       `json:"error,omitempty"`
	Verdict Verdict      `json:"verdict"`
	// Services are those that have spans in the trace, in the order of the calls.
	Services []string `json:"services,omitempty"`
	// Losses are where the trace breaks off.
	Losses []Loss `json:"losses,omitempty"`
	// Short says that spans have only the lower 64 bits of the trace id.
	Short bool `json:"short,omitempty"`
	// Answer are the trace ids that the answer's headers name, by format.
	Answer map[string]string `json:"answer,omitempty"`
	Advice string            `json:"advice,omitempty"`

	span  clew.SpanID
	spans []clew.Span
}

// Loss is a hop at which a trace breaks off.
type Loss struct {
	After  string `json:"after,omitempty"` // "" is the request itself
	Before string `json:"before"`
}

// Report is what a check found.
type Report struct {
	URL string `json:"url"`
	// Services are all that were seen in any of the traces, in the order of the calls.
	Services []string `json:"services,omitempty"`
	Results  []Result `json:"results"`
	// Believed are the spellings that were followed when all came at once, with different
	// trace ids: more than one if hops believe different ones.
	Believed []Belief `json:"believed,omitempty"`
	// Others are services in which other traces began meanwhile: they may have begun them
	// because they do not know the headers.
	Others []string `json:"others,omitempty"`
	// Redirect is where the service sends on to, which is not followed.
	Redirect string `json:"redirect,omitempty"`
}

// Belief is a spelling and which services follow it.
type Belief struct {
	Kind     string   `json:"kind"`
	Services []string `json:"services"`
}

// Seen reports whether any span of any request came.
func (r *Report) Seen() bool { return len(r.Services) > 0 }

// Kept reports whether every service keeps a spelling.
func (r *Report) Kept(kind string) bool {
	return slices.ContainsFunc(r.Results, func(x Result) bool { return x.Kind == kind && x.Verdict == Kept })
}

// Answered reports whether any request had an answer.
func (r *Report) Answered() bool {
	return slices.ContainsFunc(r.Results, func(x Result) bool { return x.Error == "" })
}

// Run sends the requests, waits for the spans and says what became of them. An error is of
// asking for spans, or of ctx.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	report := &Report{URL: cfg.URL, Results: make([]Result, len(Kinds))}
	began := time.Now()
	for i, f := range Kinds {
		r := &report.Results[i]
		*r = newResult(f.String())
		c := r.context()
		p := propagation.New(propagation.All, f.And())
		if err := report.send(ctx, &cfg, r, func(h http.Header) { p.Inject(&c, h) }); err != nil {
			return nil, err
		}
	}
	// At once, with ids that contradict each other.
	together := make([]Result, len(Kinds))
	answer := newResult("all")
	err := report.send(ctx, &cfg, &answer, func(h http.Header) {
		for i, f := range Kinds {
			together[i] = newResult(f.String())
			c := together[i].context()
			propagation.New(0, f.And()).Inject(&c, h)
		}
	})
	if err != nil {
		return nil, err
	}
	if !report.Answered() {
		return report, nil
	}
	if err := watch(ctx, &cfg, report, together); err != nil {
		return nil, err
	}
	report.judge(together)
	if cfg.Roots != nil {
		known := map[clew.TraceID]bool{}
		for _, list := range [][]Result{report.Results, together} {
			for i := range list {
				known[list[i].TraceID] = true
				known[clew.MakeTraceID(0, list[i].TraceID.Low())] = true
			}
		}
		others, err := cfg.Roots(ctx, began, known)
		if err != nil {
			return nil, err
		}
		slices.Sort(others)
		others = slices.Compact(others)
		report.Others = others[:min(len(others), maxOthers)]
	}
	return report, nil
}

// newResult is a request to be sent. Its trace id begins with the time, as X-Ray wants it.
func newResult(kind string) Result {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails
	high := uint64(time.Now().Unix())<<32 | uint64(binary.LittleEndian.Uint32(b[:4]))
	id := clew.MakeTraceID(high, binary.LittleEndian.Uint64(b[4:])|1)
	return Result{Kind: kind, TraceID: id, Trace: id.String(), span: clew.SpanID(binary.LittleEndian.Uint64(b[12:]) | 1)}
}

func (r *Result) context() propagation.Context {
	return propagation.Context{TraceID: r.TraceID, SpanID: r.span, Sampling: propagation.Record}
}

// send sends one request. What the service has against it is in the result.
func (r *Report) send(ctx context.Context, cfg *Config, result *Result, inject func(http.Header)) error {
	req, err := http.NewRequestWithContext(ctx, cfg.Method, cfg.URL, nil)
	if err != nil {
		return clew.Errorf(clew.Invalid, "%w", err)
	}
	for name, values := range cfg.Header {
		req.Header[name] = slices.Clone(values)
	}
	if host := cfg.Header.Get("Host"); host != "" {
		req.Host = host
	}
	inject(req.Header)
	resp, err := cfg.Client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		result.Error, result.Verdict = err.Error(), Failed
		return nil
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // what it says is not asked
	result.Status = resp.StatusCode
	if at := resp.Header.Get("Location"); resp.StatusCode/100 == 3 && at != "" {
		r.Redirect = at
	}
	said := propagation.New(propagation.All, 0).Extract(resp.Header)
	for _, f := range said.Found() {
		if !f.TraceID.IsZero() {
			if result.Answer == nil {
				result.Answer = map[string]string{}
			}
			result.Answer[f.Format.String()] = f.TraceID.String()
		}
	}
	return nil
}

// watch looks for spans until some came and no more do, or until the time is over.
func watch(ctx context.Context, cfg *Config, report *Report, together []Result) error {
	deadline := time.Now().Add(cfg.Wait)
	pause := time.NewTimer(0)
	defer pause.Stop()
	wait := pollLeast
	came, changed := 0, time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
		}
		n := 0
		for _, list := range [][]Result{report.Results, together} {
			for i := range list {
				if err := list[i].look(ctx, cfg); err != nil {
					return err
				}
				n += len(list[i].spans)
			}
		}
		now := time.Now()
		if n != came {
			came, changed = n, now
		}
		if n > 0 && now.Sub(changed) >= cfg.Settle || !now.Before(deadline) {
			report.Services = services(report.Results, together)
			return nil
		}
		pause.Reset(min(wait, max(time.Until(deadline), 0)))
		wait = min(2*wait, pollMost)
	}
}

// look asks for the spans of one trace, by the lower half of its id if the whole is not
// there: a hop may have lost the upper half.
func (r *Result) look(ctx context.Context, cfg *Config) error {
	if r.Error != "" {
		return nil
	}
	spans, err := cfg.Find(ctx, r.TraceID)
	if err != nil && clew.KindOf(err) == clew.NotFound {
		spans, err = cfg.Find(ctx, clew.MakeTraceID(0, r.TraceID.Low()))
	}
	switch {
	case err == nil:
		r.spans = spans
		r.Short = slices.ContainsFunc(spans, func(s clew.Span) bool { return s.TraceID.High() == 0 })
	case clew.KindOf(err) != clew.NotFound:
		return fmt.Errorf("asking for the spans: %w", err)
	}
	return nil
}
