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

// Trace implements few.Ranked.
func (k key) Trace() clew.TraceID { return k.id }

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
