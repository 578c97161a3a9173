package spandb

import (
	"context"
	"errors"
	"time"

	"github.com/clew-tracing/clew"
)

// gate is a lock that can be waited for with a limit. The zero value is no gate:
// make one with newGate.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

// enter takes the gate. It gives up when ctx ends, with an error of kind
// Canceled, or when patience comes, with one of kind Busy.
func (g gate) enter(ctx context.Context, patience <-chan time.Time) error {
	if ctx.Err() != nil {
		return gaveUp(ctx)
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
		return gaveUp(ctx)
	case <-patience:
		return behind("the disk does not keep up: send again later")
	}
}

// try takes the gate if nobody has it.
func (g gate) try() bool {
	select {
	case g <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g gate) leave() { <-g }

func gaveUp(ctx context.Context) error {
	return clew.Errorf(clew.Canceled, "gave up waiting: %w", context.Cause(ctx))
}

func behind(why string) error {
	return &clew.Error{Kind: clew.Busy, RetryAfter: busyRetry, Err: errors.New(why)}
}
