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
	rows  int // in queue
	lost  int64
	wake  chan struct{} // of capacity 1; closed when the store closes
}

// tailed is rows [first, end) of a head, which counts the tailer as a reader.
type tailed struct {
	h          *head
	first, end int
}

// tell hands newly published rows to all readers; one that lags too far behind
// loses its oldest. A head that it was the last to read is left to the collector.
func (t *tailers) tell(h *head, first, end int) {
	for _, r := range t.list {
		for len(r.queue) > 0 && (len(r.queue) >= tailQueue || r.rows+end-first > tailRows) {
			old := r.pop()
			old.h.readers--
			r.lost += int64(old.end - old.first)
		}
		h.readers++
		r.queue = append(r.queue, tailed{h, first, end})
		r.rows += end - first
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

func (r *tailer) pop() tailed {
	q := r.queue[0]
	r.queue = slices.Delete(r.queue, 0, 1)
	r.rows -= q.end - q.first
	return q
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
// until the loop over it ends or ctx does. Of a store that is closed, or a tenant
// with maxTailers readers, there is no tail: the loop ends at once.
func (db *DB) Tail(ctx context.Context, name clew.Tenant) iter.Seq[storage.Tailed] {
	r := &tailer{wake: make(chan struct{}, 1)}
	t := db.listTailer(name, r)
	if t == nil {
		return func(func(storage.Tailed) bool) {}
	}
	unlist := context.AfterFunc(ctx, func() { db.stopTail(t, r) })
	return func(yield func(storage.Tailed) bool) {
		defer unlist()
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

// listTailer adds a reader to a tenant's tail; nil if that has no room.
func (db *DB) listTailer(name clew.Tenant, r *tailer) *tenant {
	for {
		t, err := db.addTenant(name)
		if err != nil {
			return nil
		}
		t.mu.Lock()
		gone, full := t.gone, t.tail.closed || len(t.tail.list) >= maxTailers
		if !gone && !full {
			t.tail.list = append(t.tail.list, r)
		}
		t.mu.Unlock()
		if full {
			return nil
		}
		if !gone {
			return t
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
	q := r.pop()
	out := storage.Tailed{Batch: q.h.b.View(q.end), First: q.first, Lost: r.lost}
	r.lost = 0
	t.mu.Unlock()
	defer db.let(t, q.h)
	return true, yield(out)
}

func (db *DB) stopTail(t *tenant, r *tailer) {
	t.mu.Lock()
	t.tail.list = slices.DeleteFunc(t.tail.list, func(x *tailer) bool { return x == r })
	heads := make([]*head, 0, len(r.queue))
	for _, q := range r.queue {
		heads = append(heads, q.h)
	}
	r.queue, r.rows = nil, 0
	t.mu.Unlock()
	db.let(t, heads...)
}
