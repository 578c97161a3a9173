package spandb

import (
	"context"
	"iter"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
)

// tailers are the readers of a tenant's tail; its mu guards them.
type tailers struct {
	list   []*tailer
	closed bool
}

type tailer struct {
	queue []tailed
	lost  int64
	wake  chan struct{} // of capacity 1; closed when the store closes
}

// tailed is rows [first, end) of a head, which counts the tailer as a reader.
type tailed struct {
	h          *head
	first, end int
}

// tell hands newly published rows to all readers; one that lags too far behind
// loses its oldest.
func (t *tailers) tell(h *head, first, end int) {
	for _, r := range t.list {
		if len(r.queue) >= tailQueue {
			r.lost += int64(r.queue[0].end - r.queue[0].first)
			r.queue[0].h.readers--
			r.queue = slices.Delete(r.queue, 0, 1)
		}
		h.readers++
		r.queue = append(r.queue, tailed{h, first, end})
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

func (t *tailers) close() {
	if t.closed {
		return
	}
	t.closed = true
	for _, r := range t.list {
		close(r.wake)
	}
	t.list = nil
}

// Tail implements storage.Tailer. The reader is listed when Tail returns, and
// until the loop over it ends or ctx does.
func (db *DB) Tail(ctx context.Context, name clew.Tenant) iter.Seq[storage.Tailed] {
	none := func(func(storage.Tailed) bool) {}
	t, err := db.addTenant(name)
	if err != nil {
		return none
	}
	r := &tailer{wake: make(chan struct{}, 1)}
	t.mu.Lock()
	if t.tail.closed || len(t.tail.list) >= maxTailers {
		t.mu.Unlock()
		return none
	}
	t.tail.list = append(t.tail.list, r)
	t.mu.Unlock()
	context.AfterFunc(ctx, func() { db.stopTail(t, r) })
	return func(yield func(storage.Tailed) bool) {
		defer db.stopTail(t, r)
		for {
			select {
			case <-ctx.Done():
				return
			case _, open := <-r.wake:
				if !open {
					return
				}
			}
			for ctx.Err() == nil {
				found, more := db.tailNext(t, r, yield)
				if !more {
					return
				}
				if !found {
					break
				}
			}
		}
	}
}

// tailNext yields the oldest queued rows, if there are any; more is false when
// the reader has had enough.
func (db *DB) tailNext(t *tenant, r *tailer, yield func(storage.Tailed) bool) (found, more bool) {
	t.mu.Lock()
	if len(r.queue) == 0 {
		t.mu.Unlock()
		return false, true
	}
	q := r.queue[0]
	r.queue = slices.Delete(r.queue, 0, 1)
	out := storage.Tailed{Batch: q.h.b.View(q.end), First: q.first, Lost: r.lost}
	r.lost = 0
	t.mu.Unlock()
	more = yield(out)
	db.unread(t, q.h)
	return true, more
}

// unread lets go of a head.
func (db *DB) unread(t *tenant, h *head) {
	t.mu.Lock()
	h.readers--
	free := h.retired && h.readers == 0
	t.mu.Unlock()
	if free {
		db.pool.put(h)
	}
}

func (db *DB) stopTail(t *tenant, r *tailer) {
	t.mu.Lock()
	t.tail.list = slices.DeleteFunc(t.tail.list, func(x *tailer) bool { return x == r })
	queue := r.queue
	r.queue = nil
	t.mu.Unlock()
	for _, q := range queue {
		db.unread(t, q.h)
	}
}
