package ingest

import (
	"fmt"
	"sync/atomic"

	"github.com/clew-tracing/clew"
)

// A Budget bounds the memory of requests in flight over all doors. It is safe for
// concurrent use.
type Budget struct {
	max  int64
	used atomic.Int64
}

// NewBudget returns a budget of maxBytes, DefaultBudgetBytes if that is 0.
func NewBudget(maxBytes int64) *Budget {
	if maxBytes <= 0 {
		maxBytes = DefaultBudgetBytes
	}
	return &Budget{max: maxBytes}
}

// Used returns the bytes reserved.
func (b *Budget) Used() int64 { return b.used.Load() }

// Reserve begins a reservation, which holds nothing yet.
func (b *Budget) Reserve() Reservation { return Reservation{b: b} }

// A Reservation is what one request holds of a Budget. It grows as the request
// does, is used by one goroutine at a time, and ends with Release.
type Reservation struct {
	b    *Budget
	held int64
}

// Grow reserves n bytes more or says at once that it cannot: senders wait better
// than servers. The error is of kind Busy and AnswerTo knows it. A reservation
// that is alone may exceed the budget, so that a request larger than that is
// taken when nothing else is in flight.
func (r *Reservation) Grow(n int64) error {
	for {
		used := r.b.used.Load()
		if used > r.held && used+n > r.b.max {
			return &clew.Error{Kind: clew.Busy, RetryAfter: overBudgetRetry, Err: &overBudget{r.b.max}}
		}
		if r.b.used.CompareAndSwap(used, used+n) {
			r.held += n
			return nil
		}
	}
}

// Shrink gives n bytes back, which are among those held.
func (r *Reservation) Shrink(n int64) {
	r.b.used.Add(-n)
	r.held -= n
}

// Held returns the bytes reserved.
func (r *Reservation) Held() int64 { return r.held }

// Release gives everything back. It may be called again.
func (r *Reservation) Release() {
	r.b.used.Add(-r.held)
	r.held = 0
}

// overBudget is why a reservation did not grow.
type overBudget struct{ maxBytes int64 }

// Error implements error.
func (e *overBudget) Error() string {
	return fmt.Sprintf("requests in flight take all of the %d bytes set aside for them (--max-inflight): send again later", e.maxBytes)
}
