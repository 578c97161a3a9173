package ingest

import (
	"errors"
	"sync/atomic"

	"github.com/clew-tracing/clew"
)

// Gate is the word that a server is leaving. The zero value is open. It is safe
// for concurrent use.
type Gate struct{ leaving atomic.Bool }

// Drain makes every later request an error of kind Busy.
func (g *Gate) Drain() { g.leaving.Store(true) }

// Draining reports whether Drain was called.
func (g *Gate) Draining() bool { return g.leaving.Load() }

// Err returns why no request is taken, nil while they are.
func (g *Gate) Err() error {
	if !g.leaving.Load() {
		return nil
	}
	return &clew.Error{Kind: clew.Busy, RetryAfter: leavingRetry, Err: errors.New("the server is shutting down: send again later")}
}
