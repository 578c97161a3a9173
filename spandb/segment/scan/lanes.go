package scan

import (
	"context"
	"math"
	"sync"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// lanes is a pass that goes on on several cores. Each takes the next unit, in the order of
// a scan, when it has done with the one before, and what is found there goes to whom it
// works for: no batch goes from one to another.
type lanes struct {
	*Scan                // opens segments: its queue, selector and stats are used under mu
	own   lane           // of whoever ranges over the scan
	out   *storage.Stats // what is told

	running sync.WaitGroup
	asking  sync.Mutex // see Scan.asking
	idle    []*lane

	mu     sync.Mutex // over all below
	opened storage.Stats
	read   storage.Stats // of units
	damage error         // the first, in the order of units
	hurt   unit          // which has it
	taken  int64         // rows of units that are read, or were
	ahead  int           // lanes that run
	done   []*lane       // they ended, and have not been joined
	closed bool          // nothing more is to be taken
}

// A lane reads units, with memory of its own.
type lane struct {
	Scan
	did    storage.Stats // in the unit at hand
	beside storage.Beside
	fault  any // what it panicked with
}

// beside makes the rest of a pass one on several cores, if one of these is free and there
// is enough to do.
func (s *Scan) beside(ctx context.Context) (*lanes, bool) {
	if s.Request.Beside == nil || s.left(s.stats.Rows) < laneRows {
		return nil, false
	}
	share, ok := cores.Beside(ctx)
	if !ok {
		return nil, false
	}
	l := &lanes{Scan: s, out: s.stats, opened: *s.stats, taken: s.stats.Rows + s.stats.Damaged}
	l.hurt = unit{maxStart: math.MaxUint64, age: -1}
	l.damage, l.opened.Damage = l.opened.Damage, nil
	s.stats = &l.opened
	l.furnish(ctx, &l.own)
	l.start(ctx, share)
	return l, true
}

// left is how many rows are to be read behind those that were taken.
func (s *Scan) left(taken int64) int64 { return s.stats.Total - taken }

// furnish makes a lane that can read.
func (l *lanes) furnish(ctx context.Context, n *lane) {
	n.Scan = Scan{Request: l.Request, Cache: l.Cache, Damaged: l.Damaged, Traces: l.Traces, apart: l.apart, asking: &l.asking, stats: &n.did}
	n.want(ctx)
}

// start begins a lane on a core.
func (l *lanes) start(ctx context.Context, share *cores.Share) {
	var n *lane
	if last := len(l.idle) - 1; last >= 0 {
		n, l.idle = l.idle[last], l.idle[:last]
	} else {
		n = new(lane)
		l.furnish(ctx, n)
	}
	n.beside = l.Request.Beside()
	l.mu.Lock()
	l.ahead++
	l.mu.Unlock()
	l.running.Go(func() {
		defer func() {
			n.fault = recover()
			share.Leave()
			l.mu.Lock()
			defer l.mu.Unlock()
			l.ahead--
			l.done = append(l.done, n)
		}()
		for more := true; more && share.Spare(); {
			u, ok := l.take(ctx)
			if !ok {
				return
			}
			l.unit(ctx, n, &u, func(b *span.Batch) bool {
				more = n.beside.Take(b) && more
				return true
			})
		}
	})
}

// unit reads a unit.
func (l *lanes) unit(ctx context.Context, n *lane, u *unit, each func(*span.Batch) bool) {
	n.Scan.read(u, func(b *span.Batch) bool {
		b.MaxStart = clew.UnixNanos(u.maxStart)
		return ctx.Err() == nil && each(b)
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(u, &n.did)
	add(&l.read, &n.did)
	n.did = storage.Stats{}
}

// note takes over which damage was met in a unit. l.mu is held.
func (l *lanes) note(u *unit, st *storage.Stats) {
	if st.Damage != nil && (l.damage == nil || u.before(&l.hurt)) {
		l.damage, l.hurt = st.Damage, *u
	}
	st.Damage = nil
}

// take takes the next unit for a lane, if there is one and it is certain that one lane
// alone would read it.
func (l *lanes) take(ctx context.Context) (u unit, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !ok && !l.closed && ctx.Err() == nil && len(l.queue) > 0 && !l.near() {
		u, ok = l.next()
	}
	return u, ok
}

// next takes the next unit, or opens the next segment. l.mu is held.
func (l *lanes) next() (u unit, ok bool) {
	if u, ok = l.pop(); ok {
		l.taken += int64(u.rows)
	}
	l.note(&u, &l.opened)
	return u, ok
}

// near reports whether a bound may be reached by what is being read. Then whoever ranges over
// the scan goes on alone, when the others have done with that. l.mu is held.
func (l *lanes) near() bool {
	r := &l.Request
	return r.MaxRows > 0 && l.taken >= r.MaxRows || r.MaxBytes > 0 && l.opened.Bytes+l.read.Bytes >= r.MaxBytes/2
}

// pass is Scan.pass for the rest.
func (l *lanes) pass(ctx context.Context, yield func(*span.Batch, error) bool) (whole bool, err error) {
	defer func() {
		l.end(ctx)
		l.stats = l.out
	}()
	whole, err = l.each(ctx, yield)
	l.end(ctx)
	l.tell()
	if l.join(); whole {
		err = stopped(ctx)
	}
	return whole && err == nil, err
}

// each reads units until nothing is left to take.
func (l *lanes) each(ctx context.Context, yield func(*span.Batch, error) bool) (whole bool, err error) {
	for {
		u, more, near := l.mine(ctx)
		if err := stopped(ctx); err != nil || !more {
			return err == nil, err
		}
		if near {
			_ = cores.Away(ctx, l.running.Wait)
			if l.tell(); l.spent(l.out) {
				l.opened.Exhausted = true
				return false, nil
			}
		}
		l.unit(ctx, &l.own, &u, func(b *span.Batch) bool {
			l.tell()
			more = yield(b, nil)
			return more
		})
		if !more {
			return false, nil
		}
		l.help(ctx)
	}
}

// mine takes the next unit for whoever ranges over the scan.
func (l *lanes) mine(ctx context.Context) (u unit, ok, near bool) {
	for !ok && cores.Yield(ctx) == nil {
		l.tell()
		l.join()
		if l.Request.Looked != nil {
			l.Request.Looked()
		}
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.mu.Unlock()
			break
		}
		near = l.near()
		u, ok = l.next()
		l.mu.Unlock()
	}
	return u, ok, near
}

// help begins further lanes.
func (l *lanes) help(ctx context.Context) {
	for {
		l.mu.Lock()
		worth := l.ahead+1 < maxLanes && !l.near() && l.left(l.taken) >= laneRows*int64(l.ahead+1)
		l.mu.Unlock()
		if !worth {
			return
		}
		share, ok := cores.Beside(ctx)
		if !ok {
			return
		}
		l.start(ctx, share)
	}
}

// tell says what was done up to now.
func (l *lanes) tell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	*l.out = l.opened
	add(l.out, &l.read)
	add(l.out, &l.own.did)
	l.out.Damage = l.damage
}

// add adds what was done in units.
func add(to, did *storage.Stats) {
	to.Rows, to.Bytes, to.Damaged, to.Heads = to.Rows+did.Rows, to.Bytes+did.Bytes, to.Damaged+did.Damaged, to.Heads+did.Heads
	to.Blocks.Add(did.Blocks)
}

// join joins the lanes that have ended.
func (l *lanes) join() {
	l.mu.Lock()
	done := l.done
	l.done = nil
	l.mu.Unlock()
	for _, n := range done {
		if n.fault != nil {
			panic(n.fault) // as if this goroutine had read
		}
		n.beside.Join()
		l.idle = append(l.idle, n)
	}
}

// end ends all lanes.
func (l *lanes) end(ctx context.Context) {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	_ = cores.Away(ctx, l.running.Wait)
}
