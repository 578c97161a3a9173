package spandb

import (
	"slices"

	"github.com/clew-tracing/clew"
)

// segmentList is the segments of a tenant from one change to the next. It does not
// change: whoever took it reads it without a lock, and what it lists stays on disk
// until that reader lets go.
type segmentList struct {
	tenant  clew.Tenant
	segs    []*storedSegment // in order of arrival
	version uint64           // of the tenant's lists
	readers int              // the tenant's mu guards it
	gone    []*storedSegment // what the list after it has not
}

// has reports whether a segment is in the list.
func (l *segmentList) has(s *storedSegment) bool {
	return s.Tenant == l.tenant && s.since.Load() <= l.version && l.version < s.until.Load()
}

// relist puts segments into the tenant's list, and takes out others. The caller calls
// finish for what is returned, without the lock: no reader has it any more. t.mu is
// held.
func (t *tenant) relist(gone func(*storedSegment) bool, come ...*storedSegment) (finished []*storedSegment) {
	old := t.list
	next := &segmentList{tenant: t.name, version: old.version + 1, segs: make([]*storedSegment, 0, len(old.segs)+len(come))}
	for _, s := range old.segs {
		if gone(s) {
			s.until.Store(next.version)
			old.gone = append(old.gone, s)
		} else {
			next.segs = append(next.segs, s)
		}
	}
	for _, s := range come {
		s.since.Store(next.version)
		next.segs = append(next.segs, s)
	}
	slices.SortStableFunc(next.segs, byArrival)
	t.list = next
	t.old = append(t.old, old)
	return t.reclaim()
}

func keepAll(*storedSegment) bool { return false }

// take returns the tenant's list for reading. t.mu is held.
func (t *tenant) take() *segmentList {
	t.list.readers++
	return t.list
}

// give ends the reading of a list. As for relist, finish is called for what is
// returned. t.mu is held.
func (t *tenant) give(l *segmentList) (finished []*storedSegment) {
	l.readers--
	return t.reclaim()
}

// reclaim returns the segments that only lists had that nobody reads any more. t.mu
// is held.
func (t *tenant) reclaim() (finished []*storedSegment) {
	for len(t.old) > 0 && t.old[0].readers == 0 {
		finished = append(finished, t.old[0].gone...)
		t.old[0] = nil
		t.old = t.old[1:]
	}
	return finished
}

// takeList returns a tenant's list for reading, until giveList.
func (db *DB) takeList(t *tenant) *segmentList {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.take()
}

func (db *DB) giveList(t *tenant, l *segmentList) {
	t.mu.Lock()
	finished := t.give(l)
	t.mu.Unlock()
	db.finish(finished)
}
