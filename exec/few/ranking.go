// Package few keeps the best of many traces, in some order.
package few

import (
	"slices"

	"github.com/clew-tracing/clew"
)

// Ranked is a trace's place in some order.
type Ranked interface {
	comparable
	Trace() clew.TraceID
}

// Ranking keeps the best traces of a stream of places, of which a trace may have many
// and the best counts. A trace that was dropped comes back when a better place of it is
// offered, so what is kept at the end are the best of all, each at its best place.
type Ranking[K Ranked] struct {
	Limit   int
	compare func(a, b K) int // negative where a comes before b
	Keys    []K              // best first
	at      map[clew.TraceID]K
	// Dropped is the best key that had no room; AnyDropped says there is one.
	Dropped    K
	AnyDropped bool
}

// NewRanking returns a ranking of at most limit traces.
func NewRanking[K Ranked](limit int, compare func(a, b K) int) *Ranking[K] {
	return &Ranking[K]{Limit: limit, compare: compare, at: make(map[clew.TraceID]K)}
}

// Offer offers a place of a trace.
func (r *Ranking[K]) Offer(k K) {
	if old, ok := r.at[k.Trace()]; ok {
		if r.compare(old, k) <= 0 {
			return
		}
		i, _ := slices.BinarySearchFunc(r.Keys, old, r.compare)
		r.Keys = slices.Delete(r.Keys, i, i+1)
	} else if len(r.Keys) == r.Limit {
		last := r.Keys[r.Limit-1]
		if r.compare(k, last) >= 0 {
			r.Drop(k)
			return
		}
		r.Drop(last)
		delete(r.at, last.Trace())
		r.Keys = r.Keys[:r.Limit-1]
	}
	i, _ := slices.BinarySearchFunc(r.Keys, k, r.compare)
	r.Keys = slices.Insert(r.Keys, i, k)
	r.at[k.Trace()] = k
}

// Drop notes a place for which there is no room.
func (r *Ranking[K]) Drop(k K) {
	if !r.AnyDropped || r.compare(k, r.Dropped) < 0 {
		r.Dropped, r.AnyDropped = k, true
	}
}

// Remove takes out the traces that are gone.
func (r *Ranking[K]) Remove(gone func(K) bool) {
	r.Keys = slices.DeleteFunc(r.Keys, func(k K) bool {
		if !gone(k) {
			return false
		}
		delete(r.at, k.Trace())
		return true
	})
}
