package spandb

import (
	"sync"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
)

// tenant is one tenant's rows: the head that takes appends, full heads that wait
// for their segments, and segments.
type tenant struct {
	name clew.Tenant

	// write orders appends: rows enter the head in the order of the log. It is
	// held across the log's Append, which may wait for the disk.
	write sync.Mutex
	dec   *otlp.Decoder // guarded by write

	mu      sync.Mutex    // guards all below, and the builders of heads
	active  *head         // nil until the first append
	sealing []*head       // full, oldest first
	sealed  chan struct{} // closed, and made anew, when a head leaves sealing
	segs    []*segment    // by id
	resends resendTable
	tail    tailers
	// logging is not 0 while a record is being logged whose rows are in no head's
	// range yet: its number will be at least this.
	logging uint64
}

func newTenant(name clew.Tenant) *tenant {
	return &tenant{name: name, dec: new(otlp.Decoder), sealed: make(chan struct{})}
}

// head is rows in memory.
type head struct {
	b         *span.Builder
	published int // rows that readers see
	fed       int // bytes decoded since its size was looked at
	marks     []requestMark
	firstSeq  uint64
	lastSeq   uint64
	// minArrival and maxArrival are unix nanoseconds.
	minArrival, maxArrival uint64
	readers                int  // snapshots in use
	retired                bool // its segment is visible; recycle when unread
}

// headPool keeps the memory of sealed heads: filling a cold one costs half as
// much again.
type headPool struct {
	mu   sync.Mutex
	free []*span.Builder
}

// pooledHeads is the number of builders kept: one that fills, one being sealed.
const pooledHeads = 2

func (p *headPool) get(rows int) *head {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := &head{minArrival: ^uint64(0)}
	if n := len(p.free); n > 0 {
		h.b, p.free = p.free[n-1], p.free[:n-1]
		return h
	}
	h.b = span.NewBuilder(rows)
	return h
}

func (p *headPool) put(h *head) {
	b := h.b
	h.b = nil
	if b.Rows() < 1024 { // small: not worth keeping
		return
	}
	p.mu.Lock()
	full := len(p.free) >= pooledHeads
	p.mu.Unlock()
	if full {
		return
	}
	b.Reset()
	p.mu.Lock()
	if len(p.free) < pooledHeads {
		p.free = append(p.free, b)
	}
	p.mu.Unlock()
}

// snapshot is what a reader sees of a tenant: fixed when it was taken.
type snapshot struct {
	db    *DB
	t     *tenant
	heads []*head
	views []*span.Batch // of heads
	segs  []*segment
}

// snapshot returns the published rows of t. Release it.
func (db *DB) snapshot(t *tenant) *snapshot {
	s := &snapshot{db: db, t: t}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.sealing {
		s.addHead(h)
	}
	if t.active != nil {
		s.addHead(t.active)
	}
	s.segs = append(s.segs, t.segs...)
	for _, seg := range s.segs {
		seg.acquire()
	}
	return s
}

func (s *snapshot) addHead(h *head) {
	if h.published == 0 {
		return
	}
	h.readers++
	s.heads = append(s.heads, h)
	s.views = append(s.views, h.b.View(h.published))
}

// release lets go of heads and segments; views and what was read from them are
// not valid afterwards.
func (s *snapshot) release() {
	s.t.mu.Lock()
	var free []*head
	for _, h := range s.heads {
		if h.readers--; h.retired && h.readers == 0 {
			free = append(free, h)
		}
	}
	s.t.mu.Unlock()
	for _, h := range free {
		s.db.pool.put(h)
	}
	for _, seg := range s.segs {
		seg.release()
	}
	s.heads, s.views, s.segs = nil, nil, nil
}
