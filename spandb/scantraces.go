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
	db     *DB
	snap   *snapshot
	need   *segment.Need // of traces that are read by themselves
	finder *traceindex.Finder
	places []traceindex.Place
}

// Alone implements scan.Traces.
func (x *tracesOf) Alone(set column.Bitmap, ids []clew.TraceID, at scan.Place) {
	var own *storedSegment
	if at.Seg != nil {
		own = at.Seg.Source.(source).s
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
		if !x.aloneInSegments(ids[ord], own, at.Block) {
			set.Clear(ord)
		}
	}
}

// aloneInSegments reports whether no segment but a block of own may have a trace.
func (x *tracesOf) aloneInSegments(id clew.TraceID, own *storedSegment, blk int) bool {
	places, unknown := x.finder.Find(x.places[:0], id)
	x.places = places
	for _, p := range places {
		if s := x.db.segmentOf(p.Segment); s != nil && x.snap.list.has(s) && (s != own || p.Block != blk) {
			return false
		}
	}
	for _, u := range unknown {
		if s := x.db.segmentOf(u.ID); s != nil && x.snap.list.has(s) {
			return false
		}
	}
	return true
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
