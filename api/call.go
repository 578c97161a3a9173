package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage"
)

// Config is what a dialect needs.
type Config struct {
	Store storage.Store
	// Turns is who may be answered at the same time; nil: as many as DefaultTurns.
	Turns *Turns
	// Budget bounds one question; zero fields are exec's defaults.
	Budget exec.Budget
	Logger *slog.Logger
}

// Fail answers with an error in the form of a dialect.
type Fail func(w http.ResponseWriter, status int, text string)

// Call is one request with what every handler wants to know of it.
type Call struct {
	W http.ResponseWriter
	R *http.Request
	exec.Over
	Store storage.Store
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
	tenant, err := clew.ParseTenant(r.Header.Get(TenantHeader))
	if err != nil {
		return err
	}
	ctx, done, err := c.Turns.Take(r.Context())
	if err != nil {
		return err
	}
	defer done()
	w, r = PatientWriter(ctx, w), r.WithContext(ctx)
	return h(&Call{W: w, R: r, Store: c.Store, Over: exec.Over{Tenant: tenant, Budget: c.Budget}})
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
// has, the newest match first; most is the greatest limit.
func (c *Call) Search(query string, limit, most int) ([]exec.Hit, exec.Cost, error) {
	if limit < 1 || limit > most {
		return nil, exec.Cost{}, clew.Errorf(clew.Invalid, "limit %d: want 1 to %d", limit, most)
	}
	plan, err := exec.Prepare(query)
	if err != nil {
		return nil, exec.Cost{}, err
	}
	req := exec.Request{Over: c.Over, Plan: plan, SpansPerTrace: 1}
	var hits []exec.Hit
	for {
		req.Limit = min(limit-len(hits), exec.MaxLimit)
		res, err := exec.Search(c.R.Context(), c.Store, req)
		if err != nil {
			return nil, exec.Cost{}, err
		}
		hits = append(hits, res.Hits...)
		if !res.Cost.Complete || res.Next == "" || len(hits) >= limit {
			return hits, res.Cost, nil
		}
		req.Cursor = res.Next
	}
}

// Trace reads a trace; the caller frees it.
func (c *Call) Trace(ctx context.Context, id clew.TraceID) (storage.Trace, error) {
	return c.Store.Trace(ctx, c.Tenant, id)
}
