package spandb

import (
	"context"
	"iter"

	"github.com/clew-tracing/clew"
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
		switch {
		case err != nil:
		case r.Mode == storage.Traces && r.Columns.None:
			err = clew.Errorf(clew.Invalid, "a scan by traces has columns: SpanID at least")
		case r.Where.OfTrace():
			err = clew.Errorf(clew.Invalid, "a scan tests rows, and %v is of the whole trace", r.Where)
		default:
			s := scan.Scan{Request: r, Heads: snap.views, Cache: &db.cache, Damaged: db.damaged, Traces: &tracesOf{db: db, snap: snap, finder: db.traces.Finder(), need: scan.NeedOfTraces(&r.Columns, &r.Where)}}
			s.Segments = make([]scan.Segment, len(snap.list.segs))
			for i, seg := range snap.list.segs {
				s.Segments[i] = scan.Segment{Source: source{db, seg}, MinStart: seg.MinStart, MaxStart: seg.MaxStart, Rows: int(seg.Rows), Resolved: seg.Merged == 1}
			}
			err = s.Run(ctx, yield)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}
