package spandb

import (
	"context"
	"runtime"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment"
)

// encoded is a retired head as the bytes of its segment, or why it is not.
type encoded struct {
	data []byte
	rows int
	took time.Duration
	err  error
}

// sealFront seals up to most of the heads in front of the queue, and returns how many
// it did: they are encoded beside each other, when ready says so of each, and become
// visible in their order. It is called by one goroutine at a time. After an error the
// head is where it was, and may be sealed again.
func (db *DB) sealFront(most int, ready func(sealJob) error) (sealed int, err error) {
	jobs := db.seals.front(most)
	results := make([]chan encoded, len(jobs))
	for i, j := range jobs {
		results[i] = make(chan encoded, 1)
		sealer := db.sealerOf(i)
		run := func() {
			if err := ready(j); err != nil {
				results[i] <- encoded{err: err}
				return
			}
			results[i] <- db.encode(sealer, j)
		}
		if i == len(jobs)-1 {
			run()
		} else {
			go run()
		}
	}
	for i, j := range jobs {
		e := <-results[i]
		if err == nil {
			err = e.err
		}
		if err != nil {
			continue // those behind it are waited for, and encoded again later
		}
		if err = db.install(j, &e); err == nil {
			db.seals.done()
			sealed++
		}
	}
	for i := range jobs {
		db.sealerOf(i).Trim()
	}
	return sealed, err
}

// maxPending is maxPendingHeads, and as many more as are sealed beside the first.
func (db *DB) maxPending() int { return maxPendingHeads + db.cfg.Sealers - 1 }

// sealerOf returns what encodes the i-th head of those encoded beside each other.
func (db *DB) sealerOf(i int) *segment.Sealer {
	if i == 0 {
		return &db.sealer
	}
	for len(db.moreSealers) < i {
		db.moreSealers = append(db.moreSealers, &segment.Sealer{
			BlockRows: db.sealer.BlockRows, Shapes: db.sealer.Shapes, PooledShare: db.sealer.PooledShare,
			OwnColumns: db.sealer.OwnColumns, ByTrace: db.sealer.ByTrace, Filters: db.sealer.Filters,
		})
	}
	return db.moreSealers[i-1]
}

// encode writes a head whose rows are all durable as a segment, in memory.
func (db *DB) encode(sealer *segment.Sealer, j sealJob) encoded {
	began := time.Now()
	db.publish(j.h.lastSeq)
	j.t.mu.Lock()
	view := j.h.b.View(j.h.b.Rows())
	j.t.mu.Unlock()
	data := sealer.Seal(view, segment.Meta{
		Tenant: j.t.name, MinArrival: j.h.minArrival, MaxArrival: j.h.maxArrival, FirstSeq: j.h.firstSeq, LastSeq: j.h.lastSeq,
	}, j.h.marks)
	return encoded{data: data, rows: view.Rows, took: time.Since(began)}
}

// install makes a head's segment durable and puts it in the head's place. It is
// called for the first of its tenant's retired heads.
func (db *DB) install(j sealJob, e *encoded) error {
	began := time.Now()
	seg, err := db.create(e.data)
	if err != nil {
		return err
	}
	if err := db.commit(folder.Addition(seg.Segment)); err != nil {
		if clew.KindOf(err) == clew.Busy { // surely not listed, and the next try has another id
			db.discardOutputs([]*storedSegment{seg})
		}
		return err
	}
	db.swap(j, seg)
	db.truncateLog()
	if db.cfg.Events.Sealed != nil {
		db.cfg.Events.Sealed(SealInfo{Tenant: j.t.name, Rows: e.rows, SizeBytes: int64(seg.Size), Took: e.took + time.Since(began)})
	}
	return nil
}

// sealAll seals the queue's heads, oldest first, and returns whether it sealed any
// and whether it sealed all. A head that cannot be written stays at the front and is
// tried again soon: the disk may be full for a while only. Meanwhile appends go on
// until their tenant has too many that wait. A log or manifest that fails is for good.
func (db *DB) sealAll(ctx context.Context) (sealed, all bool) {
	for ctx.Err() == nil && db.failed.Load() == nil {
		if db.seals.empty() {
			return sealed, true
		}
		n, err := db.sealFront(db.cfg.Sealers, func(j sealJob) error { return db.settle(ctx, j) })
		sealed = sealed || n > 0
		if err != nil {
			if ctx.Err() == nil {
				db.trouble(err)
			}
			return sealed, false
		}
	}
	return sealed, true
}

// sealQueued seals all retired heads while there is no worker: nothing else is done, so
// that all cores are free for it.
func (db *DB) sealQueued() error {
	most := max(db.cfg.Sealers, min(runtime.GOMAXPROCS(0), db.cfg.Memory.Sealers))
	for !db.seals.empty() {
		if _, err := db.sealFront(most, func(sealJob) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}
