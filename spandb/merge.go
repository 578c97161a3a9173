package spandb

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment/merge"
)

// Segments are merged once, when no more rows of their traces are to be expected:
// the small segments of a slot of arrival time are replaced by few large ones in
// one edit of the manifest. A merge brings together the rows of a trace that were
// sealed apart, finds their parents, and drops rows that were received twice. It
// reads segments and writes segments; the log and the heads have no part in it.

// MergeInfo describes one merge.
type MergeInfo struct {
	Tenant          clew.Tenant
	Inputs, Outputs int   // segments
	Rows            int64 // of the outputs
	Duplicates      int64 // rows dropped because they equalled others
	Joined          int64 // rows that came to others of their trace
	SizeBytes       int64 // of the outputs
	Took            time.Duration
}

// mergeJob is segments of one tenant, in order of arrival, that become fewer.
type mergeJob struct {
	t      *tenant
	inputs []*storedSegment
}

// merging is the store's worker for merges, beside the one that seals.
func (db *DB) merging(ctx context.Context) {
	defer db.done.Done()
	tick := time.NewTicker(mergeTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := db.mergeAll(ctx); err != nil && ctx.Err() == nil {
			db.trouble(err)
		}
	}
}

// mergeAll does all merges that are due, those of a tenant one after the other in the same
// memory, and returns how many.
func (db *DB) mergeAll(ctx context.Context) (n int, err error) {
	var m *merge.Merger
	var of *tenant
	for ctx.Err() == nil && db.failed.Load() == nil {
		j, ok := db.nextMerge()
		if !ok {
			return n, nil
		}
		if j.t != of { // whose columns are others, and would come to those that are kept
			m, of = db.newMerger(), j.t
		}
		switch err := db.merge(ctx, j, m); {
		case err == nil:
			n++
		case err == errOvertaken || damagedInput(err) != nil:
			// The others are merged without those that went, or the one that is damaged.
		case clew.KindOf(err) == clew.Corrupt:
			// What is to be written is bad, whatever it is made of: it would be again.
			for _, s := range j.inputs {
				s.unmergeable.Store(true)
			}
			return n, clew.Errorf(clew.Corrupt, "%d segments of tenant %s cannot be merged and stay as they are until the next start: %w", len(j.inputs), j.t.name, err)
		default:
			return n, err
		}
	}
	return n, nil
}

// damagedInput returns which input a merge failed for, since it is damaged; nil if it was
// not for that.
func damagedInput(err error) (bad *merge.InputError) {
	if clew.KindOf(err) == clew.Corrupt && errors.As(err, &bad) {
		return bad
	}
	return nil
}

// nextMerge returns a merge that is due, the oldest of the first tenant that has
// one.
func (db *DB) nextMerge() (mergeJob, bool) {
	now := uint64(clew.FromTime(db.cfg.Now()))
	for _, t := range db.allTenants() {
		list, unsealed := t.unmerged()
		most := db.mergeSize()
		list = slices.DeleteFunc(list, func(s *storedSegment) bool { return s.InMemory > most.bytes+most.pull })
		if inputs := dueMerge(list, now, unsealed, most); len(inputs) > 0 {
			return mergeJob{t, inputs}, true
		}
	}
	return mergeJob{}, false
}

// unmerged returns the tenant's segments that wait for their merge, in order of
// arrival, and when the oldest row that is in no segment came.
func (t *tenant) unmerged() (list []*storedSegment, unsealed uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	unsealed = ^uint64(0)
	for _, h := range t.sealing {
		unsealed = min(unsealed, h.minArrival)
	}
	if t.active != nil {
		unsealed = min(unsealed, t.active.minArrival)
	}
	for _, s := range t.list.segs {
		if s.Merged == 0 && !s.damaged.Load() && !s.unmergeable.Load() {
			list = append(list, s)
		}
	}
	return list, unsealed
}

// mergeSize is how large an output of a merge may be: in rows, and in the memory that
// they take, with so much more for rows of later segments.
type mergeSize struct {
	rows, bytes, pull uint64
}

func (db *DB) mergeSize() mergeSize {
	m := uint64(db.cfg.Memory.Merge)
	return mergeSize{rows: uint64(db.cfg.MergeRows), bytes: m * mergeRowsPercent / 100, pull: m * mergePullPercent / 100}
}

// dueMerge returns the first segments of a list that make a merge. A slot of
// arrival time is due when it has been over for mergeLateness and all of its rows
// are sealed. If its segments are less than half an output, so that it is not worth
// it, they wait for the next longer slot to be due.
func dueMerge(list []*storedSegment, now, unsealed uint64, most mergeSize) []*storedSegment {
	for _, length := range mergeSlots {
		slot := uint64(length)
		for from := 0; from < len(list); {
			begin := list[from].MinArrival / slot * slot
			to, rows, bytes := from, uint64(0), uint64(0)
			for to < len(list) && list[to].MinArrival/slot*slot == begin {
				rows, bytes = rows+list[to].Rows, bytes+list[to].InMemory
				to++
			}
			over := begin+slot+uint64(mergeLateness) <= now && begin+slot <= unsealed
			last := length == mergeSlots[len(mergeSlots)-1]
			if over && to-from > 1 && (last || rows >= most.rows/2 || bytes >= most.bytes/2) {
				return list[from : from+together(list[from:to], most)]
			}
			from = to
		}
	}
	return nil
}

// together returns how many of a list's first segments one merge takes: those that
// make one output, or else maxMergeInputs.
func together(list []*storedSegment, most mergeSize) int {
	rows, bytes := uint64(0), uint64(0)
	for n, s := range list {
		rows, bytes = rows+s.Rows, bytes+s.InMemory
		if rows > most.rows || bytes > most.bytes || n == maxSmallInputs {
			return max(n, min(len(list), maxMergeInputs))
		}
	}
	return len(list)
}

// merge does one merge. After an error the inputs are what they were.
func (db *DB) merge(ctx context.Context, j mergeJob, m *merge.Merger) error {
	began := time.Now()
	held := db.takeList(j.t) // its segments stay on disk, even if retention drops them
	defer db.giveList(j.t, held)
	if slices.ContainsFunc(j.inputs, func(s *storedSegment) bool { return !held.has(s) }) {
		return errOvertaken
	}
	outputs, err := db.runMerge(ctx, j, m)
	if err == nil {
		err = db.installMerge(j, outputs)
	}
	if err != nil {
		// After an edit that failed for good nobody knows what is listed: the next
		// start does, and removes the others.
		if db.failed.Load() == nil {
			db.discardOutputs(outputs)
		}
		return err
	}
	info := MergeInfo{Tenant: j.t.name, Inputs: len(j.inputs), Outputs: len(outputs),
		Duplicates: m.Duplicates, Joined: m.Joined, Took: time.Since(began)}
	for _, s := range outputs {
		info.Rows += int64(s.Rows)
		info.SizeBytes += int64(s.Size)
	}
	db.stats.merges.Add(1)
	db.stats.mergedRows.Add(info.Rows)
	db.stats.duplicates.Add(info.Duplicates)
	if db.cfg.Events.Merged != nil {
		db.cfg.Events.Merged(info)
	}
	return nil
}

// newMerger returns what merges segments of a tenant, one merge after the other.
func (db *DB) newMerger() *merge.Merger {
	most := db.mergeSize()
	return &merge.Merger{Rows: int(most.rows), Bytes: int64(most.bytes), Pull: int64(most.pull), Cache: &db.cache}
}

// runMerge writes the outputs, which nothing lists yet. A segment that turns out to
// be damaged is kept from being merged again.
func (db *DB) runMerge(ctx context.Context, j mergeJob, m *merge.Merger) (outputs []*storedSegment, err error) {
	for _, s := range j.inputs {
		m.Inputs = append(m.Inputs, s.self)
	}
	defer func() { m.Inputs = nil }() // nor holds on to them until the next merge
	err = m.Run(ctx, func(data []byte) error {
		s, err := db.create(data)
		if s != nil {
			outputs = append(outputs, s)
		}
		return err
	})
	if bad := damagedInput(err); bad != nil {
		j.inputs[bad.Input].damaged.Store(true)
		db.damaged(bad.Err)
	}
	return outputs, err
}

// discardOutputs removes segments that the manifest does not list.
func (db *DB) discardOutputs(outputs []*storedSegment) {
	for _, s := range outputs {
		db.traces.Remove(indexed(&s.Segment))
		db.discard(s)
	}
}

// errOvertaken is of a merge whose inputs went before it was done.
var errOvertaken = errors.New("retention removed segments that were to be merged")

// installMerge puts the outputs in the place of the inputs: in one edit for the
// disk, in one step for readers.
func (db *DB) installMerge(j mergeJob, outputs []*storedSegment) error {
	db.listing.Lock()
	defer db.listing.Unlock()
	var e folder.Edit
	for _, s := range j.inputs {
		if s.dropped.Load() {
			return errOvertaken
		}
		e.Remove = append(e.Remove, s.ID)
	}
	for _, s := range outputs {
		e.Add = append(e.Add, s.Segment)
		e.NextID = max(e.NextID, s.ID+1)
	}
	if err := db.commit(e); err != nil {
		return err
	}
	for _, s := range j.inputs {
		s.dropped.Store(true)
	}
	for _, s := range outputs {
		db.enlist(s)
	}
	j.t.mu.Lock()
	finished := j.t.relist(func(s *storedSegment) bool { return s.dropped.Load() }, outputs...)
	j.t.mu.Unlock()
	db.finish(finished)
	return nil
}

// byArrival orders segments by the log records that they hold: so that of rows
// received twice the first is known, wherever they are.
func byArrival(a, b *storedSegment) int {
	return cmp.Or(cmp.Compare(a.FirstSeq, b.FirstSeq), cmp.Compare(a.ID, b.ID))
}

// newID returns an id for a segment file. It is durable only with the edit that
// lists it: after a crash ids come again whose files were never listed.
func (db *DB) newID() uint64 {
	db.manMu.Lock()
	defer db.manMu.Unlock()
	db.lastID = max(db.lastID, db.manifest.NextID-1) + 1
	return db.lastID
}
