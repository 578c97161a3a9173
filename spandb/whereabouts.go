package spandb

import (
	"context"
	"path"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/spandb/traceindex"
)

// Where a trace is says the index of traces. A segment is added to it before readers
// see it. What the index does not cover, since it is new and the segments are not, or
// was damaged, is looked through block by block, until the worker has added it.

// openTraces opens the index of traces. What it does not cover is left to the worker.
func (db *DB) openTraces() {
	var listed []traceindex.Segment
	for _, r := range db.manifest.Segments {
		listed = append(listed, indexed(&r))
	}
	db.traces = traceindex.Open(db.fs, path.Join(db.dir, folder.TracesDir), listed, db.trouble)
}

// indexed is what the index calls a segment.
func indexed(r *folder.Segment) traceindex.Segment {
	return traceindex.Segment{ID: r.ID, Sum: uint32(r.Sum)}
}

// enlist makes a segment known by its id. Readers do not see it yet.
func (db *DB) enlist(s *storedSegment) {
	db.traces.List(indexed(&s.Segment))
	db.segMu.Lock()
	db.byID[s.ID] = s
	db.segMu.Unlock()
}

// delist undoes enlist: nobody will ask for the segment again.
func (db *DB) delist(s *storedSegment) {
	db.segMu.Lock()
	delete(db.byID, s.ID)
	db.segMu.Unlock()
	db.traces.Remove(indexed(&s.Segment))
}

func (db *DB) segmentOf(id uint64) *storedSegment {
	db.segMu.RLock()
	defer db.segMu.RUnlock()
	return db.byID[id]
}

// addTraces adds a segment to the index; r reads it.
func (db *DB) addTraces(s *folder.Segment, r *segment.Reader) error {
	var traces []traceindex.Trace
	var ids []clew.TraceID
	var err error
	for blk := range r.Meta().BlockRows {
		if ids, err = r.TraceIDs(ids[:0], blk); err != nil {
			return err
		}
		for _, id := range ids {
			traces = append(traces, traceindex.Trace{ID: id, Block: blk})
		}
	}
	db.traces.Add(indexed(s), traces)
	db.nudgeIndexing()
	return nil
}

// nudgeIndexing has the worker look whether there is something to do.
func (db *DB) nudgeIndexing() {
	if !db.traces.Due() {
		return
	}
	select {
	case db.indexWake <- struct{}{}:
	default:
	}
}

// indexing is the worker that adds segments to the index of traces that it does not
// cover, and writes its files.
func (db *DB) indexing(ctx context.Context) {
	defer db.done.Done()
	for {
		db.coverAll(ctx)
		db.traces.Flush()
		select {
		case <-ctx.Done():
			return
		case <-db.indexWake:
		}
	}
}

// coverAll adds all segments to the index that it does not cover and that can be
// read.
func (db *DB) coverAll(ctx context.Context) {
	for _, x := range db.traces.Uncovered() {
		s := db.segmentOf(x.ID)
		if s == nil || s.lost.Load() || s.damaged.Load() || ctx.Err() != nil {
			continue
		}
		r, err := db.take(s)
		if err == nil {
			err = db.addTraces(&s.Segment, r)
			db.give(s)
		}
		if err != nil && !s.dropped.Load() {
			s.damaged.Store(true) // or it would be tried for ever
			db.damaged(err)
		}
		if db.segmentOf(x.ID) == nil {
			db.traces.Remove(x) // it went before it was added
		}
		db.traces.Flush()
	}
}

// candidate is a segment that may have a trace.
type candidate struct {
	seg    *storedSegment
	blocks []int // ascending; nil: any may have it
}

// candidates returns the segments of a list that may have a trace, in order of
// arrival.
func (db *DB) candidates(l *segmentList, id clew.TraceID) (found []candidate) {
	places, unknown := db.traces.Find(nil, id)
	blocks := make(map[*storedSegment][]int)
	for _, p := range places {
		if s := db.segmentOf(p.Segment); s != nil && l.has(s) {
			blocks[s] = append(blocks[s], p.Block)
		}
	}
	for _, x := range unknown {
		if s := db.segmentOf(x.ID); s != nil && l.has(s) {
			blocks[s] = nil
		}
	}
	if len(unknown) > 0 {
		db.nudgeIndexing()
	}
	for s, list := range blocks {
		slices.Sort(list)
		found = append(found, candidate{s, slices.Compact(list)})
	}
	slices.SortFunc(found, func(a, b candidate) int { return byArrival(a.seg, b.seg) })
	return found
}

// blocksOf returns the blocks of a candidate that may have the trace; r reads it. If
// the index names one that there is not, it is not believed: any may have it, and the
// worker adds the segment again.
func (db *DB) blocksOf(c candidate, r *segment.Reader) []int {
	there := len(r.Meta().BlockRows)
	n := len(c.blocks)
	if n > 0 && c.blocks[n-1] < there {
		return c.blocks
	}
	if n > 0 {
		db.damaged(clew.Corruptf(path.Join(db.dir, folder.TracesDir), 0, "the index of traces names block %d of segment %s, which has %d: it is made anew for that segment",
			c.blocks[n-1], c.seg.path, there))
		db.traces.Doubt(indexed(&c.seg.Segment))
		db.nudgeIndexing()
	}
	all := make([]int, there)
	for blk := range all {
		all[blk] = blk
	}
	return all
}
