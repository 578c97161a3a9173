package exec

import (
	"slices"

	"github.com/clew-tracing/clew"
)

// key is a trace's place in the order of search: the start of its newest
// matching span, then its id.
type key struct {
	start clew.UnixNanos
	id    clew.TraceID
}

// before reports whether k comes before o: newer first, then the lower id.
func (k key) before(o key) bool {
	if k.start != o.start {
		return k.start > o.start
	}
	return k.id.Compare(o.id) < 0
}

// order compares keys for slices: -1 where a comes before b.
func order(a, b key) int {
	switch {
	case a == b:
		return 0
	case a.before(b):
		return -1
	}
	return 1
}

// ranking keeps the best traces of a stream of (trace, start of a match). A trace
// that was dropped comes back when a newer match of it is offered, so what is
// kept at the end are the best of all, each under its newest match.
type ranking struct {
	limit int
	keys  []key // best first
	start map[clew.TraceID]clew.UnixNanos
	// dropped is the best key that had no room; anyDropped says there is one.
	dropped    key
	anyDropped bool
}

func newRanking(limit int) *ranking {
	return &ranking{limit: limit, start: make(map[clew.TraceID]clew.UnixNanos)}
}

func (r *ranking) offer(k key) {
	if old, ok := r.start[k.id]; ok {
		if old >= k.start {
			return
		}
		i, _ := slices.BinarySearchFunc(r.keys, key{old, k.id}, order)
		r.keys = slices.Delete(r.keys, i, i+1)
	} else if len(r.keys) == r.limit {
		last := r.keys[r.limit-1]
		if !k.before(last) {
			r.drop(k)
			return
		}
		r.drop(last)
		delete(r.start, last.id)
		r.keys = r.keys[:r.limit-1]
	}
	i, _ := slices.BinarySearchFunc(r.keys, k, order)
	r.keys = slices.Insert(r.keys, i, k)
	r.start[k.id] = k.start
}

func (r *ranking) drop(k key) {
	if !r.anyDropped || k.before(r.dropped) {
		r.dropped, r.anyDropped = k, true
	}
}

// remove takes out the traces that are gone.
func (r *ranking) remove(gone func(key) bool) {
	r.keys = slices.DeleteFunc(r.keys, func(k key) bool {
		if !gone(k) {
			return false
		}
		delete(r.start, k.id)
		return true
	})
}

// above returns the keys that start after bound.
func (r *ranking) above(bound clew.UnixNanos) []key {
	n, _ := slices.BinarySearchFunc(r.keys, bound, func(k key, b clew.UnixNanos) int {
		if k.start > b {
			return -1
		}
		return 1
	})
	return r.keys[:n]
}
