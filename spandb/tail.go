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

// Tail implements storage.Tailer.
func (db *DB) Tail(ctx context.Context, name clew.Tenant) iter.Seq[storage.Tailed] {
	return func(yield func(storage.Tailed) bool) {
		t, err := db.addTenant(name)
		if err != nil {
			return
		}
		r := &tailer{wake: make(chan struct{}, 1)}
		t.mu.Lock()
		if t.tail.closed || len(t.tail.list) >= maxTailers {
			t.mu.Unlock()
			return
		}
		t.tail.list = append(t.tail.list, r)
		t.mu.Unlock()
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
			for db.tailNext(t, r, yield) {
				if ctx.Err() != nil {
					return
				}
			}
			t.mu.Lock()
			stopped := r.queue == nil && !slices.Contains(t.tail.list, r)
			t.mu.Unlock()
			if stopped {
				return
			}
		}
	}
}

// tailNext yields the oldest queued rows; false when there are none or the
// reader has had enough.
func (db *DB) tailNext(t *tenant, r *tailer, yield func(storage.Tailed) bool) bool {
	t.mu.Lock()
	if len(r.queue) == 0 {
		t.mu.Unlock()
		return false
	}
	q := r.queue[0]
	r.queue = slices.Delete(r.queue, 0, 1)
	out := storage.Tailed{Batch: q.h.b.View(q.end), First: q.first, Lost: r.lost}
	r.lost = 0
	t.mu.Unlock()
	more := yield(out)
	db.unread(t, q.h)
	if !more {
		db.stopTail(t, r)
	}
	return more
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
