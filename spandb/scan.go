package spandb

import (
	"context"
	"iter"

	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment/scan"
	"github.com/clew-tracing/clew/storage"
)

// Scan implements storage.Scanner: see scan.Scan.
//
// What the scan sees is fixed when Scan returns, and kept until the loop over it
// ends or, if there is none, the garbage collector finds that there will be none.
// A second loop sees what there is when it begins.
func (db *DB) Scan(ctx context.Context, r storage.Request) iter.Seq2[*span.Batch, error] {
	pinned := db.pin(r.Tenant)
	return func(yield func(*span.Batch, error) bool) {
		snap, err := pinned.take()
		defer snap.release()
		if r.Stats == nil {
			r.Stats = new(storage.Stats)
		}
		*r.Stats = storage.Stats{Watermark: db.cfg.Now()}
		if err == nil {
			err = db.scan(ctx, snap, r, snap.views, snap.list.segs, yield)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// scan is Scan of some heads and segments of a snapshot.
func (db *DB) scan(ctx context.Context, snap *snapshot, r storage.Request, heads []*span.Batch, segs []*storedSegment, yield func(*span.Batch, error) bool) error {
	traces := db.tracesOf(snap, scan.NeedOfTraces(&r.Columns, &r.Where))
	defer traces.Close()
	s := scan.Scan{Request: r, Heads: heads, Cache: &db.cache, Damaged: db.damaged, Traces: traces}
	s.Segments = make([]scan.Segment, len(segs))
	for i, seg := range segs {
		s.Segments[i] = scan.Segment{Source: seg.self, MinStart: seg.MinStart, MaxStart: seg.MaxStart, Rows: int(seg.Rows)}
	}
	return s.Run(ctx, yield)
}
