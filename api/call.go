package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/judge/hit"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// Config is what a dialect needs.
type Config struct {
	Store exec.Store
	// Turns is who may be answered at the same time; nil: as many as DefaultTurns.
	Turns *Turns
	// Budget bounds one question; zero fields are exec's defaults.
	Budget exec.Budget
	Logger *slog.Logger
}

// Fail answers with an error in the form of a dialect.
type Fail func(w http.ResponseWriter, status int, text string)

// Question is what a request asks about, however it came. Ctx ends when nobody waits for
// the answer any more.
type Question struct {
	Ctx context.Context
	exec.Over
	Store exec.Store
}

// Call is one request of HTTP with what every handler wants to know of it.
type Call struct {
	W http.ResponseWriter
	R *http.Request
	Question
}

// Handler serves h, which answers a call or returns why not; then it has written
// nothing. Faults of ours are logged.
func (c Config) Handler(fail Fail, h func(*Call) error) http.Handler {
	c.Turns, c.Logger = cmp.Or(c.Turns, NewTurns(0, nil)), cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		err := c.serve(w, r, h)
		if err == nil || r.Context().Err() != nil { // or nobody is there to be told
			return
		}
		switch clew.KindOf(err) {
		case clew.Busy:
			w.Header().Set("Retry-After", strconv.Itoa(int(RetryAfter(err).Seconds())))
		case clew.Internal:
			c.Logger.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
		fail(w, StatusOf(clew.KindOf(err)), Shown(err.Error()))
	})
}

func (c *Config) serve(w http.ResponseWriter, r *http.Request, h func(*Call) error) error {
	q, done, err := c.Ask(r.Context(), r.Header.Get(clew.TenantHeader))
	if err != nil {
		return err
	}
	defer done()
	w, r = PatientWriter(q.Ctx, w), r.WithContext(q.Ctx)
	return h(&Call{w, r, q})
}

// Ask takes a turn for a question of a tenant; done gives it back. What is computed for the
// question is computed with its Ctx.
func (c *Config) Ask(ctx context.Context, tenant string) (q Question, done func(), err error) {
	t, err := clew.ParseTenant(tenant)
	if err != nil {
		return q, nil, err
	}
	computing, done, err := c.Turns.Take(ctx)
	if err != nil {
		return q, nil, err
	}
	return Question{computing, exec.Over{Tenant: t, Budget: c.Budget}, c.Store}, done, nil
}

// PartialHeader says of an answer that it is not whole, and why: not every dialect has
// a place for that.
const PartialHeader = "Clew-Partial"

// Partial sets PartialHeader where a question was not answered whole, and returns the
// reason; "" is that it was. Nothing may have been written yet.
func (c *Call) Partial(cost exec.Cost) string {
	if cost.Complete {
		return ""
	}
	return c.SayPartial(cost.Reason)
}

// SayPartial sets PartialHeader and returns the reason as it is shown.
func (c *Call) SayPartial(reason string) string {
	text := HeaderText(reason)
	c.W.Header().Set(PartialHeader, text)
	return text
}

// Search returns up to limit traces of a query, which may be more than a page of exec
// has, the newest match first; most is the greatest limit. All pages together have one
// budget, and the cost is theirs.
func (q *Question) Search(query string, limit, most int) ([]hit.Trace, exec.Cost, error) {
	if limit < 1 || limit > most {
		return nil, exec.Cost{}, clew.Errorf(clew.Invalid, "limit %d: want 1 to %d", limit, most)
	}
	plan, err := exec.Prepare(query)
	if err != nil {
		return nil, exec.Cost{}, err
	}
	req := exec.Request{Over: q.Over, Plan: plan, SpansPerTrace: 1}
	var hits []hit.Trace
	var cost exec.Cost
	for {
		req.Limit = min(limit-len(hits), exec.MaxLimit)
		res, err := exec.Search(q.Ctx, q.Store, req)
		if err != nil {
			return nil, exec.Cost{}, err
		}
		hits = append(hits, res.Hits...)
		cost = res.Cost.After(&cost)
		left, ended := q.Budget.Without(&cost)
		more := res.Next != "" && len(hits) < limit
		if more && ended != "" || !cost.Complete {
			cost.Complete, cost.Reason = false, cmp.Or(ended, cost.Reason)
			cost.Searched = min(cost.Searched, float64(len(hits))/float64(limit))
		}
		if !more || !cost.Complete {
			return hits, cost, nil
		}
		req.Cursor, req.Budget = res.Next, left
	}
}

// Trace reads a trace; the caller frees it.
func (q *Question) Trace(id clew.TraceID) (storage.Trace, error) {
	return q.Store.Trace(q.Ctx, q.Tenant, id)
}

// Unshared is Trace for a dialect that knows of no shared spans: see span.Unshared.
func (q *Question) Unshared(id clew.TraceID) (storage.Trace, error) {
	t, err := q.Trace(id)
	if err != nil {
		return t, err
	}
	if b := t.Batch; b != nil {
		if t.Batch = span.Unshared(b); t.Batch != b && t.Release != nil {
			release := t.Release
			// A store may take the memory for free once nobody holds on to its own batch.
			t.Release = func() { release(); runtime.KeepAlive(b) }
		}
	}
	return t, nil
}

// Lost returns the status of what no handler of mux took but the one of "/": 405 where GET
// would be answered, which the header says, else 404.
func Lost(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) int {
	get := r.Clone(r.Context())
	get.Method = http.MethodGet
	if _, pattern := mux.Handler(get); pattern == "/" {
		return http.StatusNotFound
	}
	w.Header().Set("Allow", "GET, HEAD")
	return http.StatusMethodNotAllowed
}
