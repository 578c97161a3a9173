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

func (k key) trace() clew.TraceID { return k.id }

// ranked is a trace's place in some order.
type ranked interface {
	comparable
	trace() clew.TraceID
}

// ranking keeps the best traces of a stream of places, of which a trace may have many
// and the best counts. A trace that was dropped comes back when a better place of it is
// offered, so what is kept at the end are the best of all, each at its best place.
type ranking[K ranked] struct {
	limit   int
	compare func(a, b K) int // negative where a comes before b
	keys    []K              // best first
	at      map[clew.TraceID]K
	// dropped is the best key that had no room; anyDropped says there is one.
	dropped    K
	anyDropped bool
}

func newRanking[K ranked](limit int, compare func(a, b K) int) *ranking[K] {
	return &ranking[K]{limit: limit, compare: compare, at: make(map[clew.TraceID]K)}
}

func (r *ranking[K]) offer(k K) {
	if old, ok := r.at[k.trace()]; ok {
		if r.compare(old, k) <= 0 {
			return
		}
		i, _ := slices.BinarySearchFunc(r.keys, old, r.compare)
		r.keys = slices.Delete(r.keys, i, i+1)
	} else if len(r.keys) == r.limit {
		last := r.keys[r.limit-1]
		if r.compare(k, last) >= 0 {
			r.drop(k)
			return
		}
		r.drop(last)
		delete(r.at, last.trace())
		r.keys = r.keys[:r.limit-1]
	}
	i, _ := slices.BinarySearchFunc(r.keys, k, r.compare)
	r.keys = slices.Insert(r.keys, i, k)
	r.at[k.trace()] = k
}

func (r *ranking[K]) drop(k K) {
	if !r.anyDropped || r.compare(k, r.dropped) < 0 {
		r.dropped, r.anyDropped = k, true
	}
}

// remove takes out the traces that are gone.
func (r *ranking[K]) remove(gone func(K) bool) {
	r.keys = slices.DeleteFunc(r.keys, func(k K) bool {
		if !gone(k) {
			return false
		}
		delete(r.at, k.trace())
		return true
	})
}

// above returns the keys of a ranking, best first, that start after bound.
func above(keys []key, bound clew.UnixNanos) []key {
	n, _ := slices.BinarySearchFunc(keys, bound, func(k key, b clew.UnixNanos) int {
		if k.start > b {
			return -1
		}
		return 1
	})
	return keys[:n]
}
