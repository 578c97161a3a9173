// Package prom is the read API of Prometheus over the sums that a store keeps: under the
// names that Tempo's metrics-generator gives its metrics, so that what draws service
// graphs and dashboards from those can ask here. docs/reference/prometheus.md lists the
// metrics and endpoints.
//
// PromQL is that of Prometheus' own engine; this package gives it series.
package prom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
)

// Version is that of Prometheus whose API is spoken.
const Version = "3.13.0"

// Config is what the API needs.
type Config struct {
	api.Config
	// NotReady says why the server is not ready, "" if it is; nil: it always is.
	NotReady func() string
	// Program is the version of the program.
	Program string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// API is the handler.
type API struct {
	Config
	mux    *http.ServeMux
	engine *promql.Engine
	parser parser.Parser
	sender api.Sender
}

// New returns the API; its paths begin with /api/v1/, but for /-/ready and /-/healthy.
func New(cfg Config) *API {
	a := &API{Config: cfg, mux: http.NewServeMux(), parser: parser.NewParser(parser.Options{})}
	if a.Now == nil {
		a.Now = time.Now
	}
	a.sender.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	a.engine = promql.NewEngine(promql.EngineOpts{
		MaxSamples: int(a.memory() / sampleBytes), Timeout: a.timeout(), LookbackDelta: lookback,
		NoStepSubqueryIntervalFn: func(int64) int64 { return minute },
		UseStartTimestamps:       true, // at midnight, where a counter may be as high as it was within a minute
		EnableAtModifier:         true, EnableNegativeOffset: true, Parser: a.parser,
	})
	for path, h := range map[string]func(*api.Call) (answer, error){
		"query":               a.query,
		"query_range":         a.queryRange,
		"query_exemplars":     a.exemplars,
		"format_query":        a.formatQuery,
		"labels":              a.labelNames,
		"label/{name}/values": a.labelValues,
		"series":              a.listSeries,
	} {
		handler := a.Handler(Fail, a.answering(h))
		a.mux.Handle("GET /api/v1/"+path, handler)
		a.mux.Handle("POST /api/v1/"+path, handler)
	}
	for path, data := range map[string]any{
		"rules":            map[string]any{"groups": []any{}},
		"alerts":           map[string]any{"alerts": []any{}},
		"status/buildinfo": a.buildInfo(),
	} {
		a.mux.HandleFunc("GET /api/v1/"+path, func(w http.ResponseWriter, _ *http.Request) { succeed(w, data) })
	}
	a.mux.HandleFunc("GET /api/v1/metadata", metadata)
	a.mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "clew is healthy.") })
	a.mux.HandleFunc("GET /-/ready", a.ready)
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		Fail(w, http.StatusNotFound, api.Shown(r.URL.Path)+" is not part of this API; docs/reference/prometheus.md lists what is")
	})
	return a
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// answer is what a handler answers.
type answer struct {
	data  any
	query string // which notes are about
	notes annotations.Annotations
}

// body is how all answers look.
type body struct {
	Status    string   `json:"status"`
	Data      any      `json:"data,omitempty"`
	ErrorType string   `json:"errorType,omitempty"`
	Error     string   `json:"error,omitempty"`
	Warnings  []string `json:"warnings,omitempty"`
	Infos     []string `json:"infos,omitempty"`
}

func succeed(w http.ResponseWriter, data any) {
	api.WriteJSON(w, http.StatusOK, body{Status: "success", Data: data})
}

// answering serves a handler.
func (a *API) answering(h func(*api.Call) (answer, error)) func(*api.Call) error {
	return func(c *api.Call) error {
		c.R.Body = http.MaxBytesReader(c.W, c.R.Body, maxBody)
		if err := c.R.ParseForm(); err != nil {
			return clew.Errorf(clew.Invalid, "the form cannot be read: %w", err)
		}
		out, err := h(c)
		var typed *failure
		switch {
		case errors.As(err, &typed):
			typed.write(c.W)
			return nil
		case err != nil:
			return err
		}
		b := body{Status: "success", Data: out.data}
		b.Warnings, b.Infos = out.notes.AsStrings(out.query, maxNotes, maxNotes)
		slices.Sort(b.Warnings)
		slices.Sort(b.Infos)
		return a.send(c, &b)
	}
}

// failure is an error that Prometheus has a word for.
type failure struct {
	status int
	word   string
	err    error
}

// Error implements error.
func (f *failure) Error() string { return f.err.Error() }

func (f *failure) write(w http.ResponseWriter) {
	api.WriteJSON(w, f.status, body{Status: "error", ErrorType: f.word, Error: api.Shown(f.err.Error())})
}

// words are Prometheus' for kinds of errors, by the status of ours.
var words = map[int]string{
	http.StatusBadRequest: "bad_data", http.StatusNotFound: "not_found", http.StatusInternalServerError: "internal",
	http.StatusServiceUnavailable: "unavailable", http.StatusTooManyRequests: "unavailable", 499: "canceled",
	http.StatusUnauthorized: "unauthorized", http.StatusForbidden: "forbidden",
}

// Fail answers with an error as Prometheus does.
func Fail(w http.ResponseWriter, status int, text string) {
	if status == http.StatusRequestEntityTooLarge || status == http.StatusNotImplemented {
		status = http.StatusUnprocessableEntity // it was understood, and is too much
	}
	f := failure{status, cmp.Or(words[status], "execution"), errors.New(text)}
	f.write(w)
}

// explain says what kind of error the engine returned.
func explain(err error) error {
	var (
		canceled promql.ErrQueryCanceled
		timeout  promql.ErrQueryTimeout
		store    promql.ErrStorage
		ours     *clew.Error
	)
	switch {
	case errors.As(err, &store):
		err = store.Err
	case errors.As(err, &canceled):
		return &failure{499, "canceled", err}
	case errors.As(err, &timeout):
		return late(err)
	}
	var many promql.ErrTooManySamples
	switch {
	case errors.As(err, &many):
		err = fmt.Errorf("%w: ask for a shorter time, a longer step, or sums by fewer labels, or raise the server's memory", err)
	case errors.Is(err, context.DeadlineExceeded):
		return late(err)
	case errors.As(err, &ours):
		return ours
	}
	return &failure{http.StatusUnprocessableEntity, "execution", err}
}

// late says of a query that had no more time how it may have an answer.
func late(err error) error {
	return &failure{http.StatusServiceUnavailable, "timeout",
		fmt.Errorf("%w: ask for a shorter time, a longer step, or sums by fewer labels, or give it longer (query-max-time, and timeout where that is asked for)", err)}
}

// buildInfo tells clients what they may expect of the API: its version is Prometheus'.
func (a *API) buildInfo() map[string]string {
	return map[string]string{
		"version": Version, "revision": a.Program, "branch": "clew", "buildUser": "", "buildDate": "", "goVersion": runtime.Version(),
	}
}

// ready answers whether questions are answered.
func (a *API) ready(w http.ResponseWriter, _ *http.Request) {
	if a.NotReady != nil {
		if why := a.NotReady(); why != "" {
			text(w, http.StatusServiceUnavailable, why)
			return
		}
	}
	text(w, http.StatusOK, "clew is ready.")
}

func text(w http.ResponseWriter, status int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(strings.TrimSpace(s) + "\n")) // a client that left gets no answer
}
