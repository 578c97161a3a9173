package spandb

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/clew-tracing/clew"
)

// sealQueue is the retired heads in the order in which they were retired. They
// are sealed in this order, and none before the one in front of it: what the
// manifest says of a tenant is the record up to which all of its rows are in
// segments.
type sealQueue struct {
	wake chan struct{} // of capacity 1

	mu     sync.Mutex // guards all below
	list   []sealJob
	sealed chan struct{} // closed, and made anew, with every head that leaves
}

type sealJob struct {
	t *tenant
	h *head
}

func newSealQueue() *sealQueue {
	return &sealQueue{wake: make(chan struct{}, 1), sealed: make(chan struct{})}
}

// push is called under the tenant's mu, so that the queue has its heads in the
// order of tenant.sealing.
func (q *sealQueue) push(t *tenant, h *head) {
	q.mu.Lock()
	q.list = append(q.list, sealJob{t, h})
	q.mu.Unlock()
	q.nudge()
}

// nudge has the worker look at what there is to do.
func (q *sealQueue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// front returns up to most of the oldest heads, which stay in the queue.
func (q *sealQueue) front(most int) []sealJob {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.list[:min(most, len(q.list))])
}

func (q *sealQueue) empty() bool { return len(q.front(1)) == 0 }

// done takes the oldest head off the queue.
func (q *sealQueue) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = slices.Delete(q.list, 0, 1)
	close(q.sealed)
	q.sealed = make(chan struct{})
}

// wakeWaiting has whoever waits for a head to leave look again.
func (q *sealQueue) wakeWaiting() {
	q.mu.Lock()
	defer q.mu.Unlock()
	close(q.sealed)
	q.sealed = make(chan struct{})
}

// progress returns a channel that is closed when the next head leaves.
func (q *sealQueue) progress() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sealed
}

// background is the store's one worker: it seals retired heads, retires heads by
// age and for the sake of memory and log, and applies retention.
func (db *DB) background(ctx context.Context) {
	defer db.done.Done()
	tick := time.NewTicker(backgroundTick)
	defer tick.Stop()
	again := time.NewTimer(backgroundTick)
	defer again.Stop()
	delay := sealRetry
	for {
		ticked := false
		select {
		case <-ctx.Done():
			return
		case <-db.seals.wake:
		case <-again.C:
		case <-tick.C:
			ticked = true
			_ = db.space.Full() // tells of a change
			db.retireOld()
		}
		db.relieveMemory()
		db.relieveLog()
		sealed, ok := db.sealAll(ctx)
		if sealed || ok {
			delay = sealRetry
		}
		if !ok {
			again.Reset(delay)
			delay = min(2*delay, backgroundTick)
		}
		if (sealed || ticked) && db.failed.Load() == nil {
			db.retain()
		}
	}
}

// settle waits until all rows of a retired head are logged, and durable.
func (db *DB) settle(ctx context.Context, j sealJob) error {
	if j.h.settled != nil { // set before the head was queued
		select {
		case <-j.h.settled:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := db.failed.Load(); err != nil {
		return *err // some of its rows may not be in the log, and were not acknowledged
	}
	return db.log.Wait(ctx, j.h.lastSeq)
}

// retireOld queues heads whose oldest row is older than sealAge, and those worth a
// segment that nothing came to for sealIdle. When nothing came to the whole store
// for that long, it queues all of them if their log is large: a quiet store keeps
// segments and no log. It does not wait for appends: one of them may be waiting for
// a head to be sealed.
func (db *DB) retireOld() {
	old := uint64(clew.FromTime(db.cfg.Now().Add(-sealAge)))
	idle := uint64(clew.FromTime(db.cfg.Now().Add(-sealIdle)))
	quiet := db.latestArrival() < idle && db.log.SizeBytes() > quietLogBytes
	db.retireWhere(func(h *head) bool {
		return h.minArrival < old || h.maxArrival < idle && (quiet || h.b.Rows() >= closeRows)
	})
}

// latestArrival returns when the youngest row of all active heads came.
func (db *DB) latestArrival() (latest uint64) {
	for _, t := range db.allTenants() {
		t.mu.Lock()
		if t.active != nil {
			latest = max(latest, t.active.maxArrival)
		}
		t.mu.Unlock()
	}
	return latest
}

// retireWhere retires the active heads that want says, of tenants that nobody
// appends to at this moment and that have room.
func (db *DB) retireWhere(want func(*head) bool) (retired bool) {
	for _, t := range db.allTenants() {
		if !t.write.Try() {
			continue
		}
		t.mu.Lock()
		if h := t.active; h != nil && h.b.Rows() > 0 && len(t.sealing) < db.maxPending() && want(h) {
			db.retire(t, false)
			retired = true
		}
		t.mu.Unlock()
		t.write.Leave()
	}
	return retired
}

// relieveMemory retires the largest heads when all together are over their budget,
// down to half of it.
func (db *DB) relieveMemory() {
	if db.headBytes.Load() <= db.cfg.Memory.Heads {
		return
	}
	var weights []int
	total := 0
	for _, t := range db.allTenants() {
		t.mu.Lock()
		if t.active != nil {
			weights = append(weights, t.active.weight)
			total += t.active.weight
		}
		t.mu.Unlock()
	}
	slices.SortFunc(weights, func(a, b int) int { return cmp.Compare(b, a) })
	least := 0
	for _, w := range weights {
		if int64(total) <= db.cfg.Memory.Heads/2 {
			break
		}
		total -= w
		least = w
	}
	if least > 0 {
		db.retireWhere(func(h *head) bool { return h.weight >= least })
	}
}

// relieveLog retires the heads that hold the older half of the log when that has
// grown beyond its limit: a tenant of few spans keeps the log of all others from
// being cut.
func (db *DB) relieveLog() (retired bool) {
	if db.log.SizeBytes() <= db.logLimit.Load() {
		return false
	}
	oldest, next := db.oldestNeeded(), db.log.Durable()+1
	middle := oldest + (next-oldest)/2
	return db.retireWhere(func(h *head) bool { return h.firstSeq != 0 && h.firstSeq <= middle })
}

func (db *DB) allTenants() []*tenant {
	db.mu.RLock()
	defer db.mu.RUnlock()
	list := make([]*tenant, 0, len(db.tenants))
	for _, t := range db.tenants {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *tenant) int { return cmp.Compare(a.name, b.name) })
	return list
}

// trouble notes a failure that will be tried again.
func (db *DB) trouble(err error) {
	db.stats.trouble.Store(&err)
	report(db.cfg.Events.Trouble, err)
}
