package spandb

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/clew-tracing/clew"
)

// sealQueue is the full heads in the order in which they became full; a tenant's
// heads are sealed in order.
type sealQueue struct {
	mu   sync.Mutex
	list []sealJob
	wake chan struct{} // of capacity 1
}

type sealJob struct {
	t *tenant
	h *head
}

func (q *sealQueue) push(t *tenant, h *head) {
	q.mu.Lock()
	q.list = append(q.list, sealJob{t, h})
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *sealQueue) pop() (sealJob, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		return sealJob{}, false
	}
	j := q.list[0]
	q.list = slices.Delete(q.list, 0, 1)
	return j, true
}

// background is the store's one worker: it seals full heads, seals heads by age,
// and applies retention.
func (db *DB) background(ctx context.Context) {
	defer db.done.Done()
	tick := time.NewTicker(backgroundTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-db.seals.wake:
			for ctx.Err() == nil {
				j, ok := db.seals.pop()
				if !ok {
					break
				}
				db.sealOrFail(ctx, j)
			}
		case <-tick.C:
			db.retireOld()
			db.retain()
		}
	}
}

// sealOrFail seals a head; a store that cannot write segments stops accepting,
// since its heads and its log would grow without bound.
func (db *DB) sealOrFail(ctx context.Context, j sealJob) {
	err := db.log.Wait(ctx, j.h.lastSeq)
	if err == nil {
		err = db.seal(j)
	}
	if err != nil && ctx.Err() == nil {
		db.fail(err)
	}
	db.retain()
}

// retireOld queues heads whose oldest row is older than sealAge.
func (db *DB) retireOld() {
	limit := uint64(clew.FromTime(db.cfg.Now().Add(-sealAge)))
	for _, t := range db.allTenants() {
		t.write.Lock()
		t.mu.Lock()
		h := t.active
		old := h != nil && len(h.marks) > 0 && h.minArrival < limit && len(t.sealing) < maxPendingHeads
		if old {
			t.active = nil
			t.sealing = append(t.sealing, h)
		}
		t.mu.Unlock()
		t.write.Unlock()
		if old {
			db.seals.push(t, h)
		}
	}
}

func (db *DB) allTenants() []*tenant {
	db.mu.RLock()
	defer db.mu.RUnlock()
	list := make([]*tenant, 0, len(db.tenants))
	for _, t := range db.tenants {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *tenant) int { return compareTenants(a.name, b.name) })
	return list
}

func compareTenants(a, b clew.Tenant) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// seal writes a full, durable head as a segment and puts it in the head's place.
// Only the background worker calls it, or Open and Close while there is none.
func (db *DB) seal(j sealJob) error {
	began := time.Now()
	db.publish(j.h.lastSeq)
	j.t.mu.Lock()
	view := j.h.b.View(j.h.b.Rows())
	j.t.mu.Unlock()
	db.manMu.Lock()
	id := db.manifest.nextID
	db.manMu.Unlock()
	meta := segmentMeta{
		tenant: j.t.name, minArrival: j.h.minArrival, maxArrival: j.h.maxArrival,
		firstSeq: j.h.firstSeq, lastSeq: j.h.lastSeq,
	}
	data := db.sealer.seal(view, meta, j.h.marks)
	dir := segmentDir(db.dir, j.t.name, meta.minArrival)
	file := path.Join(dir, segmentName(id))
	if err := db.writeSegment(dir, file, data); err != nil {
		return err
	}
	seg, err := openSegment(db.fs, id, file, db.discard)
	if err != nil {
		return err
	}
	rec := segmentRecord{
		id: id, tenant: j.t.name, hour: meta.minArrival, size: uint64(len(data)), rows: uint64(view.Rows),
		minArrival: meta.minArrival, maxArrival: meta.maxArrival, firstSeq: meta.firstSeq, lastSeq: meta.lastSeq,
	}
	e := edit{add: []segmentRecord{rec}, sealed: map[clew.Tenant]uint64{j.t.name: meta.lastSeq}, nextID: id + 1, nextSeq: meta.lastSeq + 1}
	if err := db.commit(e); err != nil {
		return err
	}
	db.swap(j, seg)
	if db.log != nil {
		if err := db.log.TruncateBefore(db.oldestNeeded()); err != nil {
			return err
		}
	}
	if db.cfg.Events.Sealed != nil {
		db.cfg.Events.Sealed(SealInfo{Tenant: j.t.name, Rows: view.Rows, SizeBytes: int64(len(data)), Took: time.Since(began)})
	}
	return nil
}

func (db *DB) commit(e edit) error {
	db.manMu.Lock()
	defer db.manMu.Unlock()
	return db.manifest.commit(e)
}

// writeSegment makes the file durable under its name.
func (db *DB) writeSegment(dir, file string, data []byte) error {
	if err := db.fs.MkdirAll(dir); err != nil {
		return err
	}
	tmp := file[:len(file)-len(segSuffix)] + tmpSuffix
	if err := db.fs.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := db.fs.Create(tmp)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := db.fs.Rename(tmp, file); err != nil {
		return err
	}
	return db.fs.SyncDir(dir)
}

// swap puts a segment in the place of its head, in one step for readers.
func (db *DB) swap(j sealJob, seg *segment) {
	j.t.mu.Lock()
	j.t.sealing = slices.DeleteFunc(j.t.sealing, func(h *head) bool { return h == j.h })
	close(j.t.sealed)
	j.t.sealed = make(chan struct{})
	j.t.segs = append(j.t.segs, seg)
	j.h.retired = true
	idle := j.h.readers == 0
	j.t.mu.Unlock()
	if idle {
		db.pool.put(j.h)
	}
}

// oldestNeeded returns the least log record whose rows are in no segment.
func (db *DB) oldestNeeded() uint64 {
	db.manMu.Lock()
	oldest := db.manifest.nextSeq
	db.manMu.Unlock()
	for _, t := range db.allTenants() {
		t.mu.Lock()
		if t.logging != 0 {
			oldest = min(oldest, t.logging)
		}
		heads := t.sealing
		if t.active != nil {
			heads = append(heads[:len(heads):len(heads)], t.active)
		}
		for _, h := range heads {
			if h.firstSeq != 0 {
				oldest = min(oldest, h.firstSeq)
			}
		}
		t.mu.Unlock()
	}
	return oldest
}

// sealForClose seals what is worth it when nothing else runs any more.
func (db *DB) sealForClose() error {
	if db.failed.Load() != nil {
		return nil
	}
	for _, t := range db.allTenants() {
		heads := t.sealing
		if t.active != nil && t.active.b.Rows() >= min(closeRows, db.cfg.SealRows) {
			heads = append(heads[:len(heads):len(heads)], t.active)
			t.active = nil
		}
		for _, h := range heads {
			t.sealing = []*head{h}
			if err := db.seal(sealJob{t, h}); err != nil {
				return err
			}
		}
	}
	return nil
}

// discard removes the file of a dropped segment that nobody reads any more.
func (db *DB) discard(s *segment) {
	db.cache.forget(s)
	if err := db.fs.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		report(db.cfg.Events.Damaged, err)
	}
}
