// Package v1 is clew's own read API, the one the page uses: HTTP and JSON as
// openapi.yaml says, and the trace skeleton of docs/format/skeleton.md.
package v1

import (
	"cmp"
	"context"
	_ "embed" // the contract is served
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/traceql"
	"github.com/clew-tracing/clew/traceql/spelling"
)

//go:embed openapi.yaml
var contract []byte

// Contract returns the OpenAPI document that the handlers keep.
func Contract() []byte { return contract }

// Config is what the API needs.
type Config struct {
	Store storage.Store
	// Numbers gives each service of a tenant its number in the registry, by which
	// it is coloured. Nil numbers them as they come.
	Numbers func(t clew.Tenant, services []string) []int
	// Health says what the server is; the API adds what it can know itself.
	Health func(t clew.Tenant) Health
	// TestSpan sends a small trace through the server's own OTLP door.
	TestSpan func(ctx context.Context, t clew.Tenant) (id clew.TraceID, spans int, err error)
	// SetDemo starts or stops the demo; nil: there is none.
	SetDemo func(start bool, spansPerSecond float64) (Demo, error)
	// Budget bounds one question; zero fields are exec's defaults.
	Budget exec.Budget
	// Turns are those of all dialects; nil are turns of its own.
	Turns *api.Turns
	// LayoutBytes is how much memory is for the layouts of traces that are looked at; 0
	// is that of limits.go.
	LayoutBytes int
	// Leaving is closed when the server shuts down: streams end.
	Leaving <-chan struct{}
	Logger  *slog.Logger
}

// API is the handler.
type API struct {
	cfg   Config
	mux   *http.ServeMux
	paths []string // that mux knows, the shortest first
	tails chan struct{}

	layouts layoutCache
	sender  api.Sender
}

// New returns the API; its paths begin with /api/v1/.
func New(cfg Config) *API {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Turns == nil {
		cfg.Turns = api.NewTurns(0, nil)
	}
	if cfg.Numbers == nil {
		cfg.Numbers = func(_ clew.Tenant, names []string) []int {
			out := make([]int, len(names))
			for i := range out {
				out[i] = i
			}
			return out
		}
	}
	a := &API{cfg: cfg, mux: http.NewServeMux(), tails: make(chan struct{}, maxTails)}
	a.sender.Logger = cfg.Logger
	a.layouts.maxBytes = cfg.LayoutBytes
	for pattern, h := range map[string]handler{
		"POST /api/v1/search":              a.told(a.search),
		"GET /api/v1/search":               a.told(a.searchByURL),
		"GET /api/v1/traces/{id}":          a.trace,
		"GET /api/v1/traces/{id}/skeleton": a.skeleton,
		"POST /api/v1/traces/{id}/spans":   a.spans,
		"GET /api/v1/traces/{id}/search":   a.searchTrace,
		"GET /api/v1/traces/{id}/clocks":   a.clocks,
		"GET /api/v1/services":             a.told(a.services),
		"GET /api/v1/rollups":              a.told(a.rollups),
		"GET /api/v1/metrics":              a.told(a.metrics),
		"GET /api/v1/tags":                 a.told(a.tags),
		"GET /api/v1/tags/{name}/values":   a.told(a.tagValues),
	} {
		a.handle(pattern, a.query(h))
	}
	for pattern, h := range map[string]handler{
		"GET /api/v1/tail":       a.tail,
		"GET /api/v1/health":     a.health,
		"POST /api/v1/test-span": a.testSpan,
		"POST /api/v1/demo":      a.demo,
	} {
		a.handle(pattern, a.plain(h))
	}
	a.handle("GET /api/v1/openapi.yaml", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(contract) // a client that left gets no answer
	}))
	a.mux.HandleFunc(everythingElse, a.lost)
	return a
}

// everythingElse is the pattern of requests that no handler takes.
const everythingElse = "/api/v1/"

// lost answers what no handler takes: another method than the path has, or another
// path than there are.
func (a *API) lost(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if methods := strings.Join(a.methods(r.URL), ", "); methods != "" {
		w.Header().Set("Allow", methods)
		writeJSON(w, http.StatusMethodNotAllowed, errorBody{errorText{Kind: "invalid",
			Message: fmt.Sprintf("%s does not take %s, but %s", path, r.Method, methods)}})
		return
	}
	help := "GET /api/v1/openapi.yaml lists what is"
	if near := a.nearPath(strings.TrimSuffix(path, "/")); near != "" {
		help = "did you mean " + near + "?"
	}
	a.fail(w, r, clew.Errorf(clew.NotFound, "%s %s is not part of this API; %s", r.Method, path, help))
}

// methods returns the methods that a path has.
func (a *API) methods(path *url.URL) (methods []string) {
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		_, pattern := a.mux.Handler(&http.Request{Method: m, Host: "localhost", URL: path})
		if pattern != "" && pattern != everythingElse {
			methods = append(methods, m)
		}
	}
	return methods
}

// handle adds a handler and notes its path.
func (a *API) handle(pattern string, h http.Handler) {
	a.mux.Handle(pattern, h)
	_, path, _ := strings.Cut(pattern, " ")
	a.paths = append(a.paths, path)
	slices.SortFunc(a.paths, func(x, y string) int { return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)) })
}

// nearPath returns the path that another may have been meant to be: itself, or the
// shortest that begins alike; "" if there is none.
func (a *API) nearPath(path string) string {
	if len(a.methods(&url.URL{Path: path})) > 0 {
		return path
	}
	first := func(path string) string {
		word, _, _ := strings.Cut(strings.TrimPrefix(path, everythingElse), "/")
		return word
	}
	var known []string
	for _, p := range a.paths {
		known = append(known, first(p))
	}
	word := first(path)
	if near := spelling.Nearest(word, known, 1); len(near) > 0 && !slices.Contains(known, word) {
		word = near[0]
	}
	if i := slices.Index(known, word); i >= 0 {
		return a.paths[i]
	}
	return ""
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	a.mux.ServeHTTP(w, r)
}

// call is one request with what every handler wants to know of it.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	tenant clew.Tenant
	store  exec.Store
	// beside writes for a goroutine that does not compute; nil where none does.
	beside http.ResponseWriter
}

// handler answers a call or returns why not; then nothing has been written.
type handler func(*call) error

// plain serves a handler that costs little.
func (a *API) plain(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.serve(h, &call{w: w, r: r})
	})
}

// query serves a handler that reads the store, once it has a turn.
func (a *API) query(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, done, err := a.cfg.Turns.Take(r.Context())
		switch {
		case r.Context().Err() != nil:
			return
		case err != nil:
			a.fail(w, r, err)
			return
		}
		defer done()
		a.serve(h, &call{w: api.PatientWriter(ctx, w), r: r.WithContext(ctx), beside: api.PatientWriter(r.Context(), w)})
	})
}

// serve answers a call, of which the rest is found here.
func (a *API) serve(h handler, c *call) {
	var err error
	c.store = a.cfg.Store
	if c.tenant, err = clew.ParseTenant(c.r.Header.Get(clew.TenantHeader)); err == nil {
		err = h(c)
	}
	if err != nil {
		a.fail(c.w, c.r, err)
	}
}

// kindNames are the API's names of kinds of error.
var kindNames = map[clew.ErrorKind]string{
	clew.Invalid: "invalid", clew.NotFound: "notFound", clew.TooLarge: "tooLarge", clew.Unsupported: "unsupported",
	clew.Canceled: "canceled", clew.Busy: "busy", clew.Corrupt: "corrupt", clew.Internal: "internal",
}

type errorBody struct {
	Error errorText `json:"error"`
}

type errorText struct {
	Kind     string `json:"kind"`
	Message  string `json:"message"`
	Position *int   `json:"position,omitempty"`
	Meant    string `json:"meant,omitempty"`
}

// errorOf is an error as clients are told of it. Faults of ours are logged whole and told
// briefly.
func (a *API) errorOf(r *http.Request, err error) errorText {
	kind := clew.KindOf(err)
	text := errorText{Kind: kindNames[kind], Message: err.Error()}
	var q *traceql.Error
	if errors.As(err, &q) {
		text.Position, text.Meant = &q.Pos.Offset, q.Meant
	}
	if kind == clew.Internal {
		a.cfg.Logger.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	return text
}

// fail answers with an error.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	kind, text := clew.KindOf(err), a.errorOf(r, err)
	if kind == clew.Busy {
		w.Header().Set("Retry-After", strconv.Itoa(int(api.RetryAfter(err).Seconds())))
	}
	writeJSON(w, api.StatusOf(kind), errorBody{text})
}

// writeJSON answers with v, which must be encodable.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":{"kind":"internal","message":"the answer could not be written"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left gets no answer
}
