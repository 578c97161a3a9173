package tally

import (
	"sync"

	"github.com/clew-tracing/clew/span"
)

// Kept keeps how many rows of a segment have each value of a field: that does not change.
// The zero value is ready for use, by many goroutines.
type Kept struct {
	mu      sync.Mutex
	of      map[keptKey]*keptValues
	numbers map[valueKey]uint32 // of all values that are kept, since it was last emptied
	emptied uint64              // how often
	bytes   int64
}

// keptValues are the values of a field in a segment. Their numbers are good for a Values
// that has met no others than those of as many times of being emptied.
type keptValues struct {
	list    []counted
	emptied uint64
}

type keptKey struct {
	segment uint64
	field   span.Field
}

type counted struct {
	valueKey
	number uint32
	rows   int64
}

// maxKept bounds the values of one field in one segment that are kept, and keptBytes all
// that are: of some twenty fields of a hundred values in four hundred segments.
const (
	maxKept   = 4096
	keptBytes = 16 << 20
	keptEntry = 160 // of a field in a segment

	numberBytes = 80 // of the number of a value
)

// AddTo adds to c what is kept of a field in a segment; false if nothing is.
func (k *Kept) AddTo(c *Values, segment uint64, f span.Field) bool {
	k.mu.Lock()
	kept := k.of[keptKey{segment, f}]
	k.mu.Unlock()
	if kept == nil {
		return false
	}
	if c.emptied != kept.emptied {
		c.emptied, c.slots = kept.emptied, c.slots[:0]
	}
	for i := range kept.list {
		v := &kept.list[i]
		for int(v.number) >= len(c.slots) {
			c.slots = append(c.slots, noSlot)
		}
		slot := c.slots[v.number]
		if slot == noSlot { // most are known of the segments before
			if slot = c.slot(v.valueKey); slot == noSlot {
				continue
			}
			c.slots[v.number] = slot
		}
		c.rows[slot] += v.rows
	}
	return true
}

// Take adds to c what was counted of a field in a segment, and keeps it, if it is told
// that it may and there are not too many values.
func (k *Kept) Take(c, own *Values, segment uint64, f span.Field, may bool) {
	list, bytes := make([]counted, 0, len(own.count)), int64(keptEntry+len(f.Key))
	for v, slot := range own.count {
		n := own.rows[slot]
		c.addKey(v, n)
		list, bytes = append(list, counted{valueKey: v, rows: n}), bytes+valueBytes+int64(len(v.text))
	}
	c.more = c.more || own.more
	if !may || own.more || len(list) > maxKept || bytes > keptBytes/64 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil || k.bytes+bytes+numberBytes*int64(len(list)) > keptBytes {
		k.of, k.numbers, k.bytes = make(map[keptKey]*keptValues), make(map[valueKey]uint32), 0
		k.emptied++
	}
	if k.of[keptKey{segment, f}] != nil {
		return
	}
	for i := range list {
		v := &list[i]
		number, known := k.numbers[v.valueKey]
		if !known {
			number = uint32(len(k.numbers))
			k.numbers[v.valueKey] = number
			bytes += numberBytes
		}
		v.number = number
	}
	k.of[keptKey{segment, f}] = &keptValues{list, k.emptied}
	k.bytes += bytes
}
