package spandb

import (
	"runtime"
	"sync"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/spandb/admission"
	"github.com/clew-tracing/clew/spandb/resend"
	"github.com/clew-tracing/clew/spandb/segment"
)

// tenant is one tenant's rows: the head that takes appends, full heads that wait
// for their segments, and segments.
type tenant struct {
	name clew.Tenant

	// parse bounds how many requests are parsed, or are parsed and wait to be
	// written: enough to keep all cores at work, and no more, so that what was parsed
	// is still in the cache when it is written.
	parse admission.Gate
	// write orders appends: rows enter the head in the order of the log. It is held
	// while a tenant has too many heads to be sealed.
	write admission.Gate

	mu       sync.Mutex     // guards all below, and the builders of heads
	active   *head          // nil until the first append
	sealing  []*head        // retired, oldest first; the queue has them in this order
	list     *segmentList   // of segments
	old      []*segmentList // that somebody may read, oldest first
	resends  resend.Table
	tail     tailers
	underWay []*underWay // decoded and not logged yet, in this order
	// filled is set when the last head was retired because it was full: the next
	// will be large too.
	filled bool
	// gone is set when the store has forgotten the tenant, which had nothing: who
	// holds this looks it up anew.
	gone bool
}

func newTenant(name clew.Tenant) *tenant {
	return &tenant{name: name, parse: admission.NewGate(runtime.GOMAXPROCS(0) + 1), write: admission.NewGate(1), list: &segmentList{tenant: name}}
}

// head is rows in memory.
type head struct {
	b         *build.Builder
	published int               // rows that readers see
	weight    int               // bytes of memory, roughly: counted in DB.headBytes
	fed       int               // bytes decoded since its size was looked at
	marks     []segment.Request // of records that were logged
	firstSeq  uint64            // 0: none was
	lastSeq   uint64
	unlogged  int           // records whose rows are here and which are under way
	settled   chan struct{} // of a retired head: closed when none is; nil if none was
	// minArrival and maxArrival are unix nanoseconds.
	minArrival, maxArrival uint64
	readers                int  // snapshots and tails that use it
	retired                bool // its segment is visible; recycle when unread
}

// note records that a record's rows are in h.
func (h *head) note(m *segment.Request) {
	if h.firstSeq == 0 {
		h.firstSeq = m.Seq
	}
	h.lastSeq = m.Seq
	h.minArrival, h.maxArrival = min(h.minArrival, m.Arrival), max(h.maxArrival, m.Arrival)
	h.marks = append(h.marks, *m)
}

// headOf returns the tenant's active head, made if missing. t.mu is held.
func (db *DB) headOf(t *tenant) *head {
	if t.active == nil {
		t.active = &head{b: db.pool.get(t.filled), weight: headOverhead, minArrival: ^uint64(0)}
		db.headBytes.Add(headOverhead)
	}
	return t.active
}

// feed counts bytes decoded into h and says whether it is to be sealed. Its size
// takes a pass over the columns, so it is looked at every sizeEvery bytes; in
// between it is taken to grow by what it is fed.
func (db *DB) feed(h *head, bytes int) (full bool) {
	h.fed += bytes
	grown := bytes
	if int64(h.fed) >= min(sizeEvery, db.cfg.Memory.Head/4) {
		h.fed = 0
		grown = headOverhead + h.b.SizeBytes() - h.weight
		full = int64(h.weight+grown) >= db.cfg.Memory.Head
	}
	h.weight += grown
	db.headBytes.Add(int64(grown))
	return full || h.b.Rows() >= db.cfg.SealRows
}

// retire takes the active head out of the way of appends and queues it for
// sealing. t.write and t.mu are held, or nobody else has the tenant.
func (db *DB) retire(t *tenant, filled bool) {
	h := t.active
	t.active, t.filled = nil, filled
	if h.unlogged > 0 {
		h.settled = make(chan struct{})
	}
	t.sealing = append(t.sealing, h)
	db.seals.push(t, h)
}

// headPool keeps the memory of sealed heads: filling a cold one costs half as
// much again. Only tenants that fill heads are given one, so that a thousand
// tenants of few spans do not hold a thousand large ones.
type headPool struct {
	keep     int   // how many: one that fills, and those being sealed
	maxBytes int64 // of a head
	mu       sync.Mutex
	free     []*build.Builder
}

func (p *headPool) get(large bool) *build.Builder {
	if large {
		p.mu.Lock()
		defer p.mu.Unlock()
		if n := len(p.free); n > 0 {
			b := p.free[n-1]
			p.free = p.free[:n-1]
			return b
		}
	}
	return build.NewBuilder(headRows)
}

// put takes the builder of a head that nobody uses any more.
func (p *headPool) put(h *head) {
	b := h.b
	h.b = nil
	if b.Rows() < pooledRows || int64(h.weight) > 2*p.maxBytes { // too small to be worth it, too large to keep
		return
	}
	p.mu.Lock()
	full := len(p.free) >= p.keep
	p.mu.Unlock()
	if full {
		return
	}
	b.Reset()
	p.mu.Lock()
	if len(p.free) < p.keep {
		p.free = append(p.free, b)
	}
	p.mu.Unlock()
}

// let counts one reader less of each head and recycles those that were the
// last's.
func (db *DB) let(t *tenant, heads ...*head) {
	var free []*head
	t.mu.Lock()
	for _, h := range heads {
		if h.readers--; h.retired && h.readers == 0 {
			free = append(free, h)
		}
	}
	t.mu.Unlock()
	for _, h := range free {
		db.pool.put(h)
	}
}

// empty reports whether a tenant has nothing that anybody could ask for, so that
// it can be forgotten. Its resends may be: they are of rows long gone. t.write
// and t.mu are held.
func (t *tenant) empty() bool {
	return (t.active == nil || t.active.b.Rows() == 0 && t.active.readers == 0) &&
		len(t.sealing) == 0 && len(t.list.segs) == 0 && len(t.old) == 0 && t.list.readers == 0 && len(t.tail.list) == 0
}

// snapshot is what a reader sees of a tenant: fixed when it was taken.
type snapshot struct {
	db    *DB
	t     *tenant
	heads []*head
	rows  []int         // published, of heads
	views []*span.Batch // of heads; nil in a lookup, until it asks
	list  *segmentList
}

// snapshot returns the published rows of t. Release it.
func (db *DB) snapshot(t *tenant) *snapshot {
	s := &snapshot{db: db, t: t}
	t.mu.Lock()
	defer t.mu.Unlock()
	s.see()
	for i := range s.heads {
		s.view(i)
	}
	return s
}

// lookup is snapshot for who looks for rows that few heads have, and needs no view of
// the others. Release it.
func (db *DB) lookup(t *tenant) *snapshot {
	s := &snapshot{db: db, t: t}
	t.mu.Lock()
	defer t.mu.Unlock()
	s.see()
	return s
}

// see notes which heads and segments there are. t.mu is held.
func (s *snapshot) see() {
	t := s.t
	for _, h := range t.sealing {
		s.addHead(h)
	}
	if t.active != nil {
		s.addHead(t.active)
	}
	s.list = t.take()
}

// view returns the published rows of a head. t.mu is held.
func (s *snapshot) view(head int) *span.Batch {
	if s.views[head] == nil {
		s.views[head] = s.heads[head].b.View(s.rows[head])
	}
	return s.views[head]
}

func (s *snapshot) addHead(h *head) {
	if h.published == 0 {
		return
	}
	h.readers++
	s.heads = append(s.heads, h)
	s.rows = append(s.rows, h.published)
	s.views = append(s.views, nil)
}

// release lets go of heads and segments; views and what was read from them are
// not valid afterwards. Of no snapshot, or a second time, it does nothing.
func (s *snapshot) release() {
	if s == nil || s.t == nil {
		return
	}
	s.db.let(s.t, s.heads...)
	s.db.giveList(s.t, s.list)
	s.t, s.heads, s.rows, s.views, s.list = nil, nil, nil, nil, nil
}

// pin is a snapshot that waits to be used. When it is forgotten instead, the
// garbage collector lets go of it.
type pin struct {
	db      *DB
	name    clew.Tenant
	snap    *snapshot // nil once taken
	cleanup runtime.Cleanup
}

// pin takes a snapshot of a tenant, an empty one if there is no such tenant.
func (db *DB) pin(name clew.Tenant) *pin {
	p := &pin{db: db, name: name}
	if t, _ := db.tenantOf(name); t != nil {
		p.snap = db.snapshot(t)
		p.cleanup = runtime.AddCleanup(p, (*snapshot).release, p.snap)
	}
	return p
}

// take returns the snapshot, the first time; after that a new one. Its release is
// the caller's business. A closed store is an error.
func (p *pin) take() (*snapshot, error) {
	t, err := p.db.tenantOf(p.name)
	s := p.snap
	if s != nil {
		p.cleanup.Stop()
		p.snap = nil
	} else if t != nil {
		s = p.db.snapshot(t)
	} else {
		s = &snapshot{list: new(segmentList)}
	}
	runtime.KeepAlive(p)
	return s, err
}
