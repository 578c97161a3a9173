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
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cores"
)

// Turns are the questions that may run at once, of all dialects together, and those that
// wait for it. Who waits longest is next.
type Turns struct {
	slots    chan struct{}
	waiting  atomic.Int64
	most     int64 // that may wait
	patience time.Duration
	cores    *cores.Pool
}

// NewTurns returns n turns, 0 is DefaultTurns, and a queue of QueuePerTurn for each. Who
// has a turn computes on the cores of a pool, nil is one of its own.
func NewTurns(n int, pool *cores.Pool) *Turns {
	n = cmp.Or(n, DefaultTurns)
	return &Turns{slots: make(chan struct{}, n), most: int64(n) * QueuePerTurn, patience: MaxQueue, cores: cmp.Or(pool, cores.New(0))}
}

// Take waits a little for a turn, and then for a core, which the caller gives back with
// done. What is computed for the question is computed with the context returned, by
// which the store lets others compute in between; what may wait for the client runs in
// cores.Away, as it does with PatientWriter. The error is of kind Canceled when ctx ends
// first, and of kind Busy when all turns stay taken or as many wait already as may.
func (t *Turns) Take(ctx context.Context) (computing context.Context, done func(), err error) {
	if err := t.take(ctx); err != nil {
		return ctx, nil, err
	}
	computing, share, err := t.cores.Enter(ctx)
	if err != nil {
		<-t.slots
		return ctx, nil, gone(ctx)
	}
	return computing, func() { share.Leave(); <-t.slots }, nil
}

func gone(ctx context.Context) error {
	return clew.Errorf(clew.Canceled, "gone before its turn: %w", context.Cause(ctx))
}

func (t *Turns) take(ctx context.Context) error {
	select {
	case t.slots <- struct{}{}: // nobody waits, else the turn were theirs
		return nil
	default:
	}
	defer t.waiting.Add(-1)
	if t.waiting.Add(1) > t.most {
		return t.busy("and %d more wait", t.most)
	}
	timer := time.NewTimer(t.patience)
	defer timer.Stop()
	select {
	case t.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return gone(ctx)
	case <-timer.C:
		return t.busy("and none ended within %v", t.patience)
	}
}

func (t *Turns) busy(why string, arg any) error {
	return &clew.Error{Kind: clew.Busy, RetryAfter: t.patience,
		Err: fmt.Errorf("as many queries as this server takes at once are running (%d), "+why+": ask again later, or raise query-concurrency", cap(t.slots), arg)}
}

// State returns how many questions run and how many wait for that.
func (t *Turns) State() (running, waiting int) { return len(t.slots), int(t.waiting.Load()) }

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
		return http.StatusTooManyRequests
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
