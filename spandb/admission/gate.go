// Package admission has senders and readers of a store wait for their turn, or tells
// them to come again later.
package admission

import (
	"context"
	"errors"
	"time"

	"github.com/clew-tracing/clew"
)

// Retry is how long somebody should wait who is told to come again.
const Retry = time.Second

// A Gate lets so many in at a time: with one it is a lock. It can be waited for with
// a limit. The zero value is no gate: make one with NewGate.
type Gate chan struct{}

// NewGate returns a gate that n may have passed at once, and nobody has.
func NewGate(n int) Gate { return make(Gate, n) }

// Enter passes the gate once there is room. It gives up when ctx ends, with an error of kind
// Canceled, or when patience comes, with one of kind Busy.
func (g Gate) Enter(ctx context.Context, patience <-chan time.Time) error {
	if ctx.Err() != nil {
		return GaveUp(ctx)
	}
	select {
	case g <- struct{}{}:
		return nil
	default:
	}
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return GaveUp(ctx)
	case <-patience:
		return Behind("the disk does not keep up: send again later")
	}
}

// Try passes the gate if there is room at once.
func (g Gate) Try() bool {
	select {
	case g <- struct{}{}:
		return true
	default:
		return false
	}
}

// Leave makes the room again that Enter or Try took.
func (g Gate) Leave() { <-g }

// GaveUp is of whoever waited until ctx ended.
func GaveUp(ctx context.Context) error {
	return clew.Errorf(clew.Canceled, "gave up waiting: %w", context.Cause(ctx))
}

// Behind tells somebody to come again, and why.
func Behind(why string) error {
	return &clew.Error{Kind: clew.Busy, RetryAfter: Retry, Err: errors.New(why)}
}
