// Package resend knows the records that may be sent again.
package resend

import (
	"time"

	"github.com/zeebo/xxh3"
)

// Window is how long the hash of a record is remembered.
const Window = 10 * time.Minute

// A Table remembers the records of the last Window by the hash of their bodies, so
// that a byte-identical one is known. The zero value is ready; it is not safe for
// concurrent use.
type Table struct {
	byHash map[xxh3.Uint128]sent
	queue  []xxh3.Uint128 // by arrival, oldest at first
	first  int
}

// sent is a record that was logged.
type sent struct {
	seq     uint64
	arrival uint64 // unix nanoseconds
}

// Len returns how many records are remembered.
func (t *Table) Len() int { return len(t.byHash) }

// Find returns the number in the log of the record with this hash, if it is
// remembered.
func (t *Table) Find(h xxh3.Uint128) (seq uint64, ok bool) {
	m, ok := t.byHash[h]
	return m.seq, ok
}

// Add remembers a record and forgets those older than the window at its arrival, in
// unix nanoseconds, and the oldest while there are more than limit. grown is by how
// many records more it remembers, early how many were forgotten before their time.
func (t *Table) Add(h xxh3.Uint128, seq, arrival uint64, limit int) (grown, early int) {
	if t.byHash == nil {
		t.byHash = make(map[xxh3.Uint128]sent)
	}
	if _, ok := t.byHash[h]; ok {
		return 0, 0
	}
	before := len(t.byHash)
	t.byHash[h] = sent{seq: seq, arrival: arrival}
	t.queue = append(t.queue, h)
	for len(t.byHash) > 1 {
		oldest := t.queue[t.first]
		fresh := t.byHash[oldest].arrival+uint64(Window) >= arrival
		if fresh && len(t.byHash) <= limit {
			break
		}
		if fresh {
			early++
		}
		delete(t.byHash, oldest)
		t.first++
	}
	if t.first > 1024 && t.first > len(t.queue)/2 {
		t.queue = append(t.queue[:0], t.queue[t.first:]...)
		t.first = 0
	}
	return len(t.byHash) - before, early
}
