package spandb

import (
	"github.com/zeebo/xxh3"

	"github.com/clew-tracing/clew/spandb/segment"
)

// resendTable remembers the records of the last resendWindow by the hash of
// their bodies, so that a byte-identical resend is known. Its tenant's mu guards
// it.
type resendTable struct {
	byHash map[xxh3.Uint128]sent
	queue  []xxh3.Uint128 // by arrival, oldest at first
	first  int
}

// sent is a record that was logged.
type sent struct {
	seq     uint64
	arrival uint64 // unix nanoseconds
}

// find returns the record with this hash if it is remembered.
func (r *resendTable) find(h xxh3.Uint128) (sent, bool) {
	m, ok := r.byHash[h]
	return m, ok
}

// add remembers a record and forgets those older than the window at its arrival,
// and the oldest while there are more than limit. grown is by how many records
// more it remembers, early how many were forgotten before their time.
func (r *resendTable) add(m *segment.Request, limit int) (grown, early int) {
	if r.byHash == nil {
		r.byHash = make(map[xxh3.Uint128]sent)
	}
	if _, ok := r.byHash[m.Hash]; ok {
		return 0, 0
	}
	before := len(r.byHash)
	r.byHash[m.Hash] = sent{seq: m.Seq, arrival: m.Arrival}
	r.queue = append(r.queue, m.Hash)
	for len(r.byHash) > 1 {
		h := r.queue[r.first]
		fresh := r.byHash[h].arrival+uint64(resendWindow) >= m.Arrival
		if fresh && len(r.byHash) <= limit {
			break
		}
		if fresh {
			early++
		}
		delete(r.byHash, h)
		r.first++
	}
	if r.first > 1024 && r.first > len(r.queue)/2 {
		r.queue = append(r.queue[:0], r.queue[r.first:]...)
		r.first = 0
	}
	return len(r.byHash) - before, early
}

// remember notes a record that was logged. All tenants together remember about
// maxResends; once they do, each keeps its share. t.mu is held, or nobody else has
// the tenant.
func (db *DB) remember(t *tenant, m *segment.Request) {
	limit := maxResends
	if db.resends.Load() >= maxResends {
		limit = max(1, maxResends/int(db.tenantCount.Load()))
	}
	grown, early := t.resends.add(m, limit)
	db.resends.Add(int64(grown))
	db.stats.forgotten.Add(int64(early))
}
