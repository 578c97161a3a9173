package ingest

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
)

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
	// Requests had arrived whole; Bytes is their size on the wire.
	Requests, Bytes int64
	// Accepted and Flagged count spans, Unknown fields that OTLP does not define,
	// Resent requests that were recognised and not taken again.
	Accepted, Flagged, Unknown, Resent int64
	Refused                            map[string]int64 // spans, by reason code
	Errors                             map[string]int64 // requests, by kind
	LastRefusal                        Refusal          // zero: none
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
		c.last = Refusal{Time: now, Door: door, Reason: Clip(r.Refusals[0].Reason, maxReasonBytes)}
	}
}

// Refuse counts a part of a request that its door did not take, by a reason code.
func (c *Counters) Refuse(door, code, reason string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil {
		c.refused = make(map[string]int64)
	}
	c.refused[code]++
	c.last = Refusal{Time: now, Door: door, Reason: Clip(reason, maxReasonBytes)}
}

// Failed counts a request that was not taken.
func (c *Counters) Failed(door string, err error, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.errors == nil {
		c.errors = make(map[clew.ErrorKind]int64)
	}
	c.errors[clew.KindOf(err)]++
	c.last = Refusal{Time: now, Door: door, Reason: Clip(err.Error(), maxReasonBytes)}
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
