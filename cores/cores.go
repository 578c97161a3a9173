// Package cores shares the processors of the machine between the questions that run
// and the spans that come in.
//
// Go runs whatever can run in turns of some milliseconds: two hundred questions before
// one request of spans are a second until it is looked at. So a question computes
// only while it holds a core of a Pool. Those that hold none wait, first come first
// served; who holds one hands it over between two pieces of its work once it had it for a
// while, so that a long question never stands before a short one for long. While spans
// come in, questions leave a core to them.
//
// All methods may be called from any goroutine.
package cores

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// slice is how long a question computes before it hands its core to the next that
// waits: longer than most questions take, so that these end in one piece, and short
// beside what a person notices.
const slice = 5 * time.Millisecond

// Pool is the cores that questions share.
type Pool struct {
	all      int
	beside   int // at so many that compute no other comes Beside
	arriving atomic.Int64
	pressed  atomic.Bool // somebody waits, or more hold than may: who holds has to look

	mu      sync.Mutex
	holding int
	queue   []*Share // who waits, in order
}

// New returns a pool of n cores, 0 is as many as Go uses.
func New(n int) *Pool {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	return &Pool{all: n, beside: n}
}

// Bound has nobody come Beside once n compute: there is memory for so many. It is called
// before the pool is used.
func (p *Pool) Bound(n int) { p.beside = min(p.all, n) }

// Arrive says that spans come in, which takes a core from the questions, though not
// their last, until the caller says that it is done with them.
func (p *Pool) Arrive() (done func()) {
	change := func(by, edge int64) {
		if p.arriving.Add(by) == edge {
			p.mu.Lock()
			p.grant()
			p.mu.Unlock()
		}
	}
	change(1, 1)
	return func() { change(-1, 0) }
}

// most is how many questions may compute at once.
func (p *Pool) most() int {
	if p.arriving.Load() > 0 {
		return max(p.all-1, 1)
	}
	return p.all
}

// grant gives cores to those that wait, as far as there are some. p.mu is held.
func (p *Pool) grant() {
	most := p.most()
	for len(p.queue) > 0 && p.holding < most {
		next := p.queue[0]
		p.queue = p.queue[1:]
		p.holding++
		next.since = time.Now()
		close(next.ready)
		next.ready = nil
		next.holds = true
		next.stay++
	}
	p.pressed.Store(len(p.queue) > 0 || p.holding > most)
}

// Share is what one question has of a pool: a core, or a place in the queue.
type Share struct {
	pool *Pool

	// Under pool.mu.
	holds bool
	stay  int // how often it was given a core, or came back with the one it had
	since time.Time
	ready chan struct{} // closed when the core is there; nil while none is waited for
}

type key struct{}

// Enter waits for a core and returns the context by which Yield knows that the
// question has it. The caller leaves when it has no more to compute. The error is
// that of ctx, which ended first.
func (p *Pool) Enter(ctx context.Context) (context.Context, *Share, error) {
	s := &Share{pool: p}
	if err := s.regain(ctx); err != nil {
		return ctx, nil, err
	}
	return context.WithValue(ctx, key{}, s), s, nil
}

// Beside takes another core for a part of the question of ctx that can be computed at the
// same time, if one is free and nobody waits for it. That part goes on while the core is
// Spare, and leaves the share. A ctx that never entered a pool gets none.
func Beside(ctx context.Context) (*Share, bool) {
	s, ok := ctx.Value(key{}).(*Share)
	if !ok {
		return nil, false
	}
	p := s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) > 0 || p.holding >= min(p.most(), p.beside) {
		return nil, false
	}
	p.holding++
	return &Share{pool: p, holds: true, stay: 1, since: time.Now()}, true
}

// Spare is called between two pieces of work by who came Beside: false once others want a
// core, be it a question that waits or spans that come in.
func (s *Share) Spare() bool { return !s.pool.pressed.Load() }

// Leave gives the core back.
func (s *Share) Leave() {
	p := s.pool
	p.mu.Lock()
	s.give()
	p.mu.Unlock()
}

// give ends that s holds a core or waits for one. p.mu is held.
func (s *Share) give() {
	p := s.pool
	switch {
	case s.holds:
		s.holds = false
		p.holding--
	case s.ready != nil:
		for i, other := range p.queue {
			if other == s {
				p.queue = append(p.queue[:i], p.queue[i+1:]...)
				break
			}
		}
		s.ready = nil
	}
	p.grant()
}

// regain waits until s holds a core.
func (s *Share) regain(ctx context.Context) error {
	p := s.pool
	p.mu.Lock()
	if !s.holds && s.ready == nil {
		s.ready = make(chan struct{})
		p.queue = append(p.queue, s)
		p.grant()
	}
	ready := s.ready
	p.mu.Unlock()
	if ready == nil {
		return nil
	}
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		s.Leave()
		return ctx.Err()
	}
}

// Away calls f, which may wait for something else than a core, such as a client that
// reads slowly. When it takes long, others have the core meanwhile. The error is that
// of ctx.
func Away(ctx context.Context, f func()) error {
	s, ok := ctx.Value(key{}).(*Share)
	if !ok {
		f()
		return ctx.Err()
	}
	stay := s.staying()
	late := time.AfterFunc(slice, func() { s.leaveIf(stay) })
	f()
	if late.Stop() || s.stays(stay) {
		return ctx.Err()
	}
	return s.regain(ctx)
}

// staying returns which stay on a core this is.
func (s *Share) staying() int {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	return s.stay
}

// leaveIf gives the core back if it is still that of a stay.
func (s *Share) leaveIf(stay int) {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	if s.holds && s.stay == stay {
		s.give()
	}
}

// stays begins a new stay if s still has the core of this one: whoever was about to
// give that back comes too late.
func (s *Share) stays(stay int) bool {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	if !s.holds || s.stay != stay {
		return false
	}
	s.stay++
	return true
}

// Yield is called between two pieces of work of some hundred microseconds to
// milliseconds. It returns the error of ctx, when that has ended, and waits for another
// turn when the question of ctx had its share and others wait. A ctx that never
// entered a pool waits for nothing.
func Yield(ctx context.Context) error {
	s, ok := ctx.Value(key{}).(*Share)
	if !ok {
		return ctx.Err()
	}
	if s.pool.arriving.Load() > 0 {
		runtime.Gosched() // behind all that could run
	}
	if s.pool.pressed.Load() {
		return s.yield(ctx)
	}
	return ctx.Err()
}

func (s *Share) yield(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := s.pool
	p.mu.Lock()
	if s.holds && time.Since(s.since) >= slice {
		switch {
		case p.holding > p.most() || len(p.queue) > 0:
			// Behind those that wait.
			s.holds = false
			p.holding--
			s.ready = make(chan struct{})
			p.queue = append(p.queue, s)
			p.grant()
		default:
			p.grant() // nobody waits any more
		}
	}
	p.mu.Unlock()
	return s.regain(ctx)
}

// State returns how many questions compute and how many wait for a core.
func (p *Pool) State() (computing, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.holding, len(p.queue)
}
