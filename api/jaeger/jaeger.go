// Package jaeger is Jaeger's query API over clew's store: the HTTP and JSON that
// Jaeger's page and Grafana's data source ask, and that of /api/v3, which is OTLP.
// docs/reference/jaeger.md says what there is and what differs.
package jaeger

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/clew-tracing/clew/api"
)

// envelope is around every answer that is not of /api/v3.
type envelope struct {
	Data   any       `json:"data"`
	Total  int       `json:"total"`
	Limit  int       `json:"limit"`
	Offset int       `json:"offset"`
	Errors []trouble `json:"errors"`
}

// trouble is one error in an envelope.
type trouble struct {
	Code    int    `json:"code"`
	Msg     string `json:"msg"`
	TraceID string `json:"traceID,omitempty"`
}

// Fail answers with an error in an envelope.
func Fail(w http.ResponseWriter, status int, text string) {
	api.WriteJSON(w, status, envelope{Errors: []trouble{{Code: status, Msg: text}}})
}

// failV3 answers with an error as /api/v3 does.
func failV3(w http.ResponseWriter, status int, text string) {
	var body struct {
		Error struct {
			HTTPCode int    `json:"httpCode"`
			Message  string `json:"message"`
		} `json:"error"`
	}
	body.Error.HTTPCode, body.Error.Message = status, text
	api.WriteJSON(w, status, body)
}

// New returns the API; its paths begin with /api/.
func New(cfg api.Config) http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(*api.Call) error{
		"GET /api/services":                      services,
		"GET /api/services/{service}/operations": operationNames,
		"GET /api/operations":                    operations,
		"GET /api/traces":                        traces,
		"GET /api/traces/{id}":                   trace,
		"GET /api/dependencies":                  dependencies,
	} {
		mux.Handle(pattern, cfg.Handler(Fail, h))
	}
	for pattern, h := range map[string]func(*api.Call) error{
		"GET /api/v3/services":        servicesV3,
		"GET /api/v3/operations":      operationsV3,
		"GET /api/v3/traces":          tracesV3,
		"GET /api/v3/traces/{id}":     traceV3,
		"GET /api/v3/trace-summaries": summariesV3,
	} {
		mux.Handle(pattern, cfg.Handler(failV3, h))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { lost(w, r, api.Lost(mux, w, r)) })
	return mux
}

// lost answers what no handler takes.
func lost(w http.ResponseWriter, r *http.Request, status int) {
	text := fmt.Sprintf("%s is not part of Jaeger's query API; docs/reference/jaeger.md lists what is", r.URL.Path)
	switch {
	case r.URL.Path == "/":
		text = "this is Jaeger's query API, without Jaeger's page: clew has its own, and Grafana asks here"
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		text = "everything here is asked by GET"
	}
	fail := Fail
	if strings.HasPrefix(r.URL.Path, "/api/v3/") {
		fail = failV3
	}
	fail(w, status, api.Shown(text))
}
