// Package ingest is what all doors share: admission of requests under a budget
// of memory, the answer that each kind of error gets, counters, and the word
// that a server is leaving. The doors themselves are in folders of their own; a
// door translates its protocol into storage.Records and nothing else.
package ingest

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
)

// Limits of what doors take.
const (
	// DefaultMaxBodyBytes bounds a request, packed or unpacked: a collector's
	// largest batches are a few megabytes.
	DefaultMaxBodyBytes = 64 << 20
	// DefaultBudgetBytes bounds the requests being worked on at once: four of the
	// largest, or thousands of the usual.
	DefaultBudgetBytes = 256 << 20
	// retryAfter is how long a sender waits when memory is short.
	retryAfter = time.Second
)

// Answer is how a kind of error is said in HTTP and gRPC, and whether the sender
// may try again.
type Answer struct {
	HTTP  int
	GRPC  codes.Code
	Retry bool
}

// AnswerTo returns the answer to an error of the given kind. OTLP's clients try
// again on 429, 502, 503 and 504, and on UNAVAILABLE; on RESOURCE_EXHAUSTED only
// with a RetryInfo detail.
func AnswerTo(k clew.ErrorKind) Answer {
	switch k {
	case clew.Invalid, clew.Corrupt:
		return Answer{http.StatusBadRequest, codes.InvalidArgument, false}
	case clew.NotFound:
		return Answer{http.StatusNotFound, codes.NotFound, false}
	case clew.TooLarge:
		return Answer{http.StatusRequestEntityTooLarge, codes.InvalidArgument, false}
	case clew.Unsupported:
		return Answer{http.StatusUnsupportedMediaType, codes.Unimplemented, false}
	case clew.Busy:
		return Answer{http.StatusServiceUnavailable, codes.Unavailable, true}
	case clew.Canceled:
		return Answer{http.StatusServiceUnavailable, codes.Unavailable, true}
	}
	return Answer{http.StatusInternalServerError, codes.Internal, false}
}

// A Budget bounds the bytes of requests in flight over all doors. It is safe for
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

// Take reserves n bytes, or says no at once with an error of kind Busy. A request
// larger than the whole budget is taken when nothing else is in flight.
func (b *Budget) Take(n int64) error {
	for {
		used := b.used.Load()
		if used > 0 && used+n > b.max {
			return &clew.Error{Kind: clew.Busy, RetryAfter: retryAfter,
				Err: clew.Errorf(clew.Busy, "%d MiB of requests are in flight already: send again later", b.max>>20)}
		}
		if b.used.CompareAndSwap(used, used+n) {
			return nil
		}
	}
}

// Give returns n bytes.
func (b *Budget) Give(n int64) { b.used.Add(-n) }

// Used returns the bytes in flight.
func (b *Budget) Used() int64 { return b.used.Load() }

// Gate is the word that a server is leaving. The zero value is open.
type Gate struct{ leaving atomic.Bool }

// Drain makes every later request an error of kind Busy.
func (g *Gate) Drain() { g.leaving.Store(true) }

// Err returns why no request is taken, nil while they are.
func (g *Gate) Err() error {
	if !g.leaving.Load() {
		return nil
	}
	return &clew.Error{Kind: clew.Busy, RetryAfter: 2 * time.Second,
		Err: clew.Errorf(clew.Busy, "the server is shutting down: send again later")}
}

// Counters counts what comes through one door. It is safe for concurrent use.
type Counters struct {
	requests, bytes, accepted, flagged, unknown, resent atomic.Int64

	mu      sync.Mutex // guards all below
	refused map[string]int64
	errors  map[clew.ErrorKind]int64
	last    Refusal
}

// Refusal is the last thing a door did not take.
type Refusal struct {
	Time   time.Time
	Door   string
	Reason string
}

// Stats is a snapshot of Counters.
type Stats struct {
	Requests, Bytes, Accepted, Flagged, Unknown, Resent int64
	Refused                                             map[string]int64 // spans, by reason code
	Errors                                              map[string]int64 // requests, by kind
	LastRefusal                                         Refusal          // zero: none
}

// Came counts a request of so many bytes on the wire.
func (c *Counters) Came(bytes int) {
	c.requests.Add(1)
	c.bytes.Add(int64(bytes))
}

// Took counts what became of a request.
func (c *Counters) Took(door string, r *storage.Result, now time.Time) {
	if r.Resent {
		c.resent.Add(1)
		return
	}
	c.accepted.Add(int64(r.Accepted))
	c.flagged.Add(int64(r.Flagged))
	c.unknown.Add(int64(r.UnknownFields))
	if r.Refused == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = make(map[string]int64)
	}
	for _, x := range r.Refusals {
		c.refused[x.Code]++
	}
	if more := r.Refused - len(r.Refusals); more > 0 {
		c.refused["unnamed"] += int64(more)
	}
	if len(r.Refusals) > 0 {
		c.last = Refusal{Time: now, Door: door, Reason: r.Refusals[0].Reason}
	}
}

// Failed counts a request that was not taken.
func (c *Counters) Failed(door string, err error, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.errors == nil {
		c.errors = make(map[clew.ErrorKind]int64)
	}
	c.errors[clew.KindOf(err)]++
	c.last = Refusal{Time: now, Door: door, Reason: err.Error()}
}

// Stats returns the counts.
func (c *Counters) Stats() Stats {
	s := Stats{
		Requests: c.requests.Load(), Bytes: c.bytes.Load(), Accepted: c.accepted.Load(), Flagged: c.flagged.Load(),
		Unknown: c.unknown.Load(), Resent: c.resent.Load(), Refused: make(map[string]int64), Errors: make(map[string]int64),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, n := range c.refused {
		s.Refused[k] = n
	}
	for k, n := range c.errors {
		s.Errors[k.String()] = n
	}
	s.LastRefusal = c.last
	return s
}
