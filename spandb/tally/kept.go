package tally

import (
	"sync"

	"github.com/clew-tracing/clew/span"
)

// Kept keeps how many rows of a segment have each value of a field: that does not change.
// The zero value is ready for use, by many goroutines.
type Kept struct {
	mu    sync.Mutex
	of    map[keptKey][]counted
	bytes int64
}

type keptKey struct {
	segment uint64
	field   span.Field
}

type counted struct {
	valueKey
	rows int64
}

// maxKept bounds the values of one field in one segment that are kept, and keptBytes all
// that are: of some twenty fields of a hundred values in four hundred segments.
const (
	maxKept   = 4096
	keptBytes = 16 << 20
	keptEntry = 160 // of a field in a segment
)

// AddTo adds to c what is kept of a field in a segment; false if nothing is.
func (k *Kept) AddTo(c *Values, segment uint64, f span.Field) bool {
	k.mu.Lock()
	list, ok := k.of[keptKey{segment, f}]
	k.mu.Unlock()
	for _, v := range list {
		c.addKey(v.valueKey, v.rows)
	}
	return ok
}

// Take adds to c what was counted of a field in a segment, and keeps it, if it is told
// that it may and there are not too many values.
func (k *Kept) Take(c, own *Values, segment uint64, f span.Field, may bool) {
	list, bytes := make([]counted, 0, len(own.count)), int64(keptEntry+len(f.Key))
	for v, n := range own.count {
		c.addKey(v, n)
		list, bytes = append(list, counted{v, n}), bytes+valueBytes+int64(len(v.text))
	}
	c.more = c.more || own.more
	if !may || own.more || len(list) > maxKept || bytes > keptBytes/64 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil || k.bytes+bytes > keptBytes {
		k.of, k.bytes = make(map[keptKey][]counted), 0
	}
	if _, known := k.of[keptKey{segment, f}]; !known {
		k.of[keptKey{segment, f}] = list
		k.bytes += bytes
	}
}
