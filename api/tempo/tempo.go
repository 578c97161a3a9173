// Package tempo is the read API of Grafana Tempo 3.0 over a store: what Grafana's
// data source, Traces Drilldown and scripts ask of Tempo. docs/reference/tempo.md lists
// the endpoints and what differs.
//
// Paths begin with /api; whoever mounts the handler elsewhere strips the prefix. Answers
// are JSON as protobuf maps it, with 64-bit integers in strings, or protobuf if Accept
// says so; errors are text. The messages are those of Tempo's package tempopb:
//
//	TraceByIDResponse  1 trace { 1 resourceSpans }  3 status  4 message
//	SearchResponse     1 traces  2 metrics
//	QueryRangeResponse 1 series  2 metrics  3 status  4 message
//
// The parameters that Tempo has and clew has no use for are let pass, since clients
// send them; one that is known must be right.
package tempo

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
)

// Version is that of Tempo whose API is spoken.
const Version = "3.0.0"

// Config is what the API needs.
type Config struct {
	Store exec.Store
	// Budget bounds one question; zero fields are exec's defaults.
	Budget exec.Budget
	// Turns are those of all dialects; nil are turns of its own.
	Turns *api.Turns
	// NotReady says why the server is not ready, "" if it is; nil: it always is.
	NotReady func() string
	// Program is the version of the program.
	Program string
	Logger  *slog.Logger
}

// asks is what dialects share of it.
func (a *API) asks() *api.Config {
	return &api.Config{Store: a.cfg.Store, Turns: a.cfg.Turns, Budget: a.cfg.Budget, Logger: a.cfg.Logger}
}

// API is the handler.
type API struct {
	cfg    Config
	mux    *http.ServeMux
	sender api.Sender
}

// New returns the API.
func New(cfg Config) *API {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Turns == nil {
		cfg.Turns = api.NewTurns(0, nil)
	}
	a := &API{cfg: cfg, mux: http.NewServeMux()}
	a.sender.Logger = cfg.Logger
	for pattern, h := range map[string]handler{
		"GET /api/traces/{id}":    a.trace,
		"GET /api/v2/traces/{id}": a.traceV2,

		"GET /api/search":                  a.search,
		"GET /api/search/tags":             a.tags,
		"GET /api/v2/search/tags":          a.tagsV2,
		"GET /api/search/tag/{rest...}":    a.tagValues(valuesV1),
		"GET /api/v2/search/tag/{rest...}": a.tagValues(valuesV2),
		"GET /api/metrics/query_range":     a.queryRange,
		"GET /api/metrics/query":           a.queryInstant,
	} {
		a.mux.Handle(pattern, a.query(h))
	}
	a.mux.HandleFunc("GET /api/echo", func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "echo") })
	a.mux.HandleFunc("GET /ready", a.ready)
	a.mux.HandleFunc("GET /api/status/buildinfo", a.buildInfo)
	a.mux.HandleFunc("GET /status/version", func(w http.ResponseWriter, _ *http.Request) {
		writeText(w, http.StatusOK, "clew "+cfg.Program+", with the API of Tempo "+Version+"\n")
	})
	a.mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		writeText(w, http.StatusNotFound, fmt.Sprintf("%s is not part of this API; docs/reference/tempo.md lists what is\n", api.ShortText(r.URL.Path)))
	})
	return a
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	a.mux.ServeHTTP(w, r)
}

// ready answers whether questions are answered.
func (a *API) ready(w http.ResponseWriter, _ *http.Request) {
	if a.cfg.NotReady != nil {
		if why := a.cfg.NotReady(); why != "" {
			writeText(w, http.StatusServiceUnavailable, why+"\n")
			return
		}
	}
	writeText(w, http.StatusOK, "ready\n")
}

// buildInfo tells clients what they may expect of the API: its version is Tempo's.
func (a *API) buildInfo(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]string{
		"version": Version, "revision": a.cfg.Program, "branch": "clew", "buildUser": "", "buildDate": "", "goVersion": runtime.Version(),
	})
}

// call is one request of HTTP with what every handler wants to know of it.
type call struct {
	w http.ResponseWriter
	r *http.Request
	api.Question
}

// handler answers a call or returns why not; then nothing has been written.
type handler func(*call) error

// query serves a handler that reads the store, once it has a turn.
func (a *API) query(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q, done, err := a.asks().Ask(r.Context(), r.Header.Get(clew.TenantHeader))
		switch {
		case r.Context().Err() != nil:
			return
		case err != nil:
			a.fail(w, r, err)
			return
		}
		defer done()
		w, r = api.PatientWriter(q.Ctx, w), r.WithContext(q.Ctx)
		if err := h(&call{w, r, q}); err != nil {
			a.fail(w, r, err)
		}
	})
}

// statusOf is api.StatusOf, but where Tempo has another one: what is wrong with a
// question is 400, whether it asks for too much or for what there is not.
func statusOf(k clew.ErrorKind) int {
	switch k {
	case clew.TooLarge, clew.Unsupported:
		return http.StatusBadRequest
	}
	return api.StatusOf(k)
}

// fail answers with an error. Faults of ours are logged.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	kind := clew.KindOf(err)
	if kind == clew.Internal {
		a.cfg.Logger.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if kind == clew.Busy {
		w.Header().Set("Retry-After", strconv.Itoa(int(api.RetryAfter(err).Seconds())))
	}
	text := api.Shown(err.Error())
	writeText(w, statusOf(kind), text+"\n")
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a client that left gets no answer
}

// writeJSON answers with v, which must be encodable.
func writeJSON(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		writeText(w, http.StatusInternalServerError, "the answer could not be written\n")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // a client that left gets no answer
}

// The media types of answers.
const (
	typeJSON     = "application/json"
	typeProtobuf = "application/protobuf"
)

// wantsProtobuf reports whether the client asks for protobuf rather than JSON.
func (c *call) wantsProtobuf() bool {
	return api.Preferred(c.r.Header.Values("Accept"), typeJSON, typeProtobuf, "application/x-protobuf") != typeJSON
}
