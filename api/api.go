// Package api is what the dialects below it share: turns at the store, sending
// answers in the form a client wants, and traces as OTLP.
//
// A dialect is an http.Handler over a store. It reads its own parameters and
// writes its own answers and errors; what is asked of the data is package exec's.
package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/clew-tracing/clew"
)

// TenantHeader names the tenant of a request.
const TenantHeader = "X-Scope-OrgID"

// Turns are the questions that may run at once, of all dialects together.
type Turns struct {
	slots    chan struct{}
	patience time.Duration
}

// NewTurns returns n turns; 0 is DefaultTurns.
func NewTurns(n int) *Turns {
	return &Turns{slots: make(chan struct{}, cmp.Or(n, DefaultTurns)), patience: MaxQueue}
}

// Take waits a little for a turn, which the caller gives back with done. The error is
// of kind Canceled when ctx ends first, and of kind Busy when all turns stay taken.
func (t *Turns) Take(ctx context.Context) (done func(), err error) {
	timer := time.NewTimer(t.patience)
	defer timer.Stop()
	select {
	case t.slots <- struct{}{}:
		return func() { <-t.slots }, nil
	case <-ctx.Done():
		return nil, clew.Errorf(clew.Canceled, "gone before its turn: %w", context.Cause(ctx))
	case <-timer.C:
		return nil, &clew.Error{Kind: clew.Busy, RetryAfter: t.patience,
			Err: errors.New("as many queries as this server takes are running: ask again later")}
	}
}

// StatusOf returns the HTTP status of a kind of error.
func StatusOf(k clew.ErrorKind) int {
	switch k {
	case clew.Invalid:
		return http.StatusBadRequest
	case clew.NotFound:
		return http.StatusNotFound
	case clew.TooLarge:
		return http.StatusRequestEntityTooLarge
	case clew.Unsupported:
		return http.StatusNotImplemented
	case clew.Canceled:
		return 499
	case clew.Busy:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// RetryAfter is how long whoever gets err should wait before asking again, at least a
// second.
func RetryAfter(err error) time.Duration {
	wait := time.Second
	var e *clew.Error
	if errors.As(err, &e) {
		wait = max(wait, e.RetryAfter)
	}
	return wait
}
