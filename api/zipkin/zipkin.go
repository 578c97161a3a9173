// Package zipkin is Zipkin's query API of version 2 over clew's store, for whoever asks
// Zipkin: its page, Grafana's data source, scripts. docs/reference/zipkin.md says what
// there is and what differs.
package zipkin

import (
	"fmt"
	"net/http"

	"github.com/clew-tracing/clew/api"
)

// Fail answers with an error as Zipkin does: as text.
func Fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // a client that left gets no answer
}

// New returns the API; its paths begin with /api/v2/, but for what Zipkin's page asks
// besides.
func New(cfg api.Config) http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(*api.Call) error{
		"GET /api/v2/services":           services,
		"GET /api/v2/spans":              spanNames,
		"GET /api/v2/remoteServices":     remoteServices,
		"GET /api/v2/traces":             traces,
		"GET /api/v2/trace/{id}":         trace,
		"GET /api/v2/traceMany":          traceMany,
		"GET /api/v2/dependencies":       dependencies,
		"GET /api/v2/autocompleteKeys":   autocompleteKeys,
		"GET /api/v2/autocompleteValues": autocompleteValues,
	} {
		mux.Handle(pattern, cfg.Handler(Fail, h))
	}
	mux.HandleFunc("GET /config.json", pageConfig)
	mux.HandleFunc("GET /health", health)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { lost(w, r, api.Lost(mux, w, r)) })
	return mux
}

// lost answers what no handler takes.
func lost(w http.ResponseWriter, r *http.Request, status int) {
	text := fmt.Sprintf("%s is not part of Zipkin's query API; docs/reference/zipkin.md lists what is", r.URL.Path)
	switch {
	case status == http.StatusMethodNotAllowed:
		text = "everything here is asked by GET"
	case r.URL.Path == "/":
		text = "this is Zipkin's query API, without Zipkin's page: clew has its own, and Grafana asks here"
	}
	Fail(w, status, api.Shown(text))
}

// pageConfig answers what Zipkin's page asks first.
func pageConfig(w http.ResponseWriter, _ *http.Request) {
	type enabled struct {
		Enabled bool `json:"enabled"`
	}
	api.WriteJSON(w, http.StatusOK, struct {
		Environment     string  `json:"environment"`
		QueryLimit      int     `json:"queryLimit"`
		DefaultLookback int64   `json:"defaultLookback"`
		SearchEnabled   bool    `json:"searchEnabled"`
		Dependency      enabled `json:"dependency"`
	}{QueryLimit: defaultTraces, DefaultLookback: pageLookback.Milliseconds(), SearchEnabled: true, Dependency: enabled{true}})
}

// health answers that this process lives, as Zipkin does.
func health(w http.ResponseWriter, _ *http.Request) {
	api.WriteJSON(w, http.StatusOK, map[string]any{"status": "UP", "zipkin": map[string]any{"status": "UP", "details": map[string]any{}}})
}
