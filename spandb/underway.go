package spandb

import (
	"context"

	"github.com/zeebo/xxh3"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/logged"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/storage"
)

// underWay is a record whose rows are in a head and which is to be logged. A tenant's
// records are logged in the order in which they were decoded, each when the one
// before it has been: so one is decoded while another is copied into the log, and
// the rows of a head stand in the order of the log all the same.
type underWay struct {
	t       *tenant
	h       *head
	rows    int // of h, up to this record's last
	mark    segment.Request
	refused []uint32
	least   uint64        // its number in the log will be at least this
	before  *underWay     // nil: none
	done    chan struct{} // closed when it was logged, or could not be
	err     error         // valid once done: why it could not be
}

// wasLogged is the done of records that were logged before.
var wasLogged = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// find returns the record with this hash if it is there or under way, else nil.
// t.mu is held.
func (t *tenant) find(hash xxh3.Uint128) *underWay {
	if seq, ok := t.resends.Find(hash); ok {
		return &underWay{mark: segment.Request{Seq: seq}, done: wasLogged}
	}
	for _, u := range t.underWay {
		if u.mark.Hash == hash {
			return u
		}
	}
	return nil
}

// depart puts a record that was decoded into h under way. t.mu is held.
func (db *DB) depart(t *tenant, h *head, r *storage.Record, dec *otlp.Result, hash xxh3.Uint128) *underWay {
	u := &underWay{
		t: t, h: h, rows: h.b.Rows(), refused: dec.RefusedSpans, least: db.log.Durable() + 1, done: make(chan struct{}),
		mark: segment.Request{Hash: hash, Arrival: uint64(clew.FromTime(r.ReceivedAt)), Accepted: uint32(dec.Accepted), Refused: uint32(dec.Refused)},
	}
	if n := len(t.underWay); n > 0 {
		u.before = t.underWay[n-1]
	}
	t.underWay = append(t.underWay, u)
	h.unlogged++
	logged.MoveStrays(h.b, u.rows-dec.Accepted, u.mark.Arrival)
	h.minArrival, h.maxArrival = min(h.minArrival, u.mark.Arrival), max(h.maxArrival, u.mark.Arrival)
	return u
}

// arrive logs a record. It does not give up when its sender does: rows of other
// records may stand behind its own. What it waits for are records before it, and
// room in the log.
func (db *DB) arrive(u *underWay, r *storage.Record) {
	if u.before != nil {
		<-u.before.done
		u.before = nil // or every record would keep all before it
	}
	body, packing := r.Body, storage.Identity
	if r.Received != nil {
		body, packing = r.Received, r.Compression
	}
	header := folder.Record{Tenant: u.t.name, Packing: uint8(packing), Hash: u.mark.Hash, Arrival: u.mark.Arrival,
		Accepted: u.mark.Accepted, Refused: u.refused}
	seq, err := db.log.Append(context.Background(), header.AppendHeader(nil), body)
	u.t.mu.Lock()
	defer u.t.mu.Unlock()
	defer close(u.done)
	u.t.underWay = append(u.t.underWay[:0], u.t.underWay[1:]...) // it is the first
	if err != nil {
		// The rows stay in a head that will never be sealed.
		db.fail(err)
		u.err = err
	} else {
		u.mark.Seq = seq
		u.h.note(&u.mark)
		db.remember(u.t, &u.mark)
		db.pending.add(pendingRows{seq, u.t, u.h, u.rows})
		db.stats.accepted.Add(int64(u.mark.Accepted))
		db.stats.refused.Add(int64(u.mark.Refused))
	}
	if u.h.unlogged--; u.h.unlogged == 0 && u.h.settled != nil {
		close(u.h.settled)
	}
}

// remember notes a record that was logged. All tenants together remember about
// maxResends; once they do, each keeps its share. t.mu is held, or nobody else has
// the tenant.
func (db *DB) remember(t *tenant, m *segment.Request) {
	limit := maxResends
	if db.resends.Load() >= maxResends {
		limit = max(1, maxResends/int(db.tenantCount.Load()))
	}
	grown, early := t.resends.Add(m.Hash, m.Seq, m.Arrival, limit)
	db.resends.Add(int64(grown))
	db.stats.forgotten.Add(int64(early))
}
