package spandb

import (
	"github.com/zeebo/xxh3"
)

// resendTable remembers the records of the last resendWindow by the hash of
// their bodies, so that a byte-identical resend is known. Its tenant's mu guards
// it.
type resendTable struct {
	byHash map[xxh3.Uint128]requestMark
	queue  []xxh3.Uint128 // by arrival, oldest at first
	first  int
	early  int64 // forgotten before their time, for want of room
}

// find returns the record with this hash if it is remembered.
func (r *resendTable) find(h xxh3.Uint128) (requestMark, bool) {
	m, ok := r.byHash[h]
	return m, ok
}

// add remembers a record and forgets those older than the window at its arrival.
func (r *resendTable) add(m requestMark) {
	if r.byHash == nil {
		r.byHash = make(map[xxh3.Uint128]requestMark)
	}
	if _, ok := r.byHash[m.hash]; ok {
		return
	}
	r.byHash[m.hash] = m
	r.queue = append(r.queue, m.hash)
	for r.first < len(r.queue) {
		h := r.queue[r.first]
		old := r.byHash[h]
		over := len(r.byHash) > maxResends
		if !over && old.arrival+uint64(resendWindow) >= m.arrival {
			break
		}
		if over && old.arrival+uint64(resendWindow) >= m.arrival {
			r.early++
		}
		delete(r.byHash, h)
		r.first++
	}
	if r.first > 1024 && r.first > len(r.queue)/2 {
		r.queue = append(r.queue[:0], r.queue[r.first:]...)
		r.first = 0
	}
}

// remove forgets a record that was not kept after all; it is the newest.
func (r *resendTable) remove(h xxh3.Uint128) {
	delete(r.byHash, h)
	if n := len(r.queue); n > r.first && r.queue[n-1] == h {
		r.queue = r.queue[:n-1]
	}
}
