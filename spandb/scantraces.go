package spandb

import (
	"context"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/admission"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/spandb/segment/scan"
	"github.com/clew-tracing/clew/spandb/traceindex"
)

// tracesOf implements scan.Traces on what a snapshot has.
type tracesOf struct {
	*traceindex.Finder
	db   *DB
	snap *snapshot
	need *segment.Need // of traces that are read by themselves
}

// tracesOf returns it, to be closed.
func (db *DB) tracesOf(snap *snapshot, need *segment.Need) *tracesOf {
	x := &tracesOf{db: db, snap: snap, need: need}
	x.Finder = db.traces.Finder(x.listed)
	return x
}

// Alone implements scan.Traces.
func (x *tracesOf) Alone(set column.Bitmap, ids []clew.TraceID, at scan.Place) {
	own := traceindex.Place{Block: -1}
	if at.Seg != nil {
		own = traceindex.Place{Segment: at.Seg.Source.(source).s.ID, Block: at.Block}
	}
	if t := x.snap.t; t != nil {
		t.mu.Lock()
		for i, h := range x.snap.heads {
			if x.snap.views[i] == at.View {
				continue
			}
			for ord := range set.Ones() {
				if h.b.HasTraceWithin(ids[ord], x.snap.views[i].Rows) {
					set.Clear(ord)
				}
			}
		}
		t.mu.Unlock()
	}
	for ord := range set.Ones() {
		if x.Elsewhere(ids[ord], own) {
			set.Clear(ord)
		}
	}
}

// listed reports whether the snapshot has a segment.
func (x *tracesOf) listed(s traceindex.Segment) bool {
	seg := x.db.segmentOf(s.ID)
	return seg != nil && x.snap.list.has(seg)
}

// Whole implements scan.Traces.
func (x *tracesOf) Whole(ctx context.Context, id clew.TraceID) (b *span.Batch, bytes int64, free func(), err error) {
	g := x.db.gatherer(id, x.need)
	err = g.from(ctx, x.snap)
	t, found := g.resolve()
	switch {
	case err == nil && !found && g.damage != nil:
		err = g.damage
	case err == nil && !found:
		err = clew.Errorf(clew.NotFound, "trace %s is not here", id)
	}
	if err != nil {
		g.loan.Return()
		return nil, g.reader.Bytes, nil, err
	}
	out := *t.Batch // a copy, whose ids may differ
	if len(out.TraceIDs) > 1 {
		for _, other := range out.TraceIDs {
			if id.High() == 0 || other.High() != 0 && other.Compare(id) < 0 {
				id = other
			}
		}
		out.TraceIDs, out.Trace = []clew.TraceID{id}, make([]uint32, out.Rows)
	}
	admission.ReturnWith(&out, g.loan)
	return &out, g.reader.Bytes, g.loan.Return, g.damage
}
