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
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/resolved"
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

// Blocks implements scan.Traces.
func (x *tracesOf) Blocks(dst []scan.Stored, id clew.TraceID) (blocks []scan.Stored, all bool) {
	for i, h := range x.snap.heads {
		x.snap.t.mu.Lock()
		here := h.b.HasTraceWithin(id, x.snap.views[i].Rows)
		if x.snap.t.mu.Unlock(); here {
			return dst, false
		}
	}
	for _, c := range x.db.candidates(x.snap.list, id) {
		for _, blk := range c.blocks {
			dst = append(dst, scan.Stored{Source: c.seg.self, Block: blk})
		}
		if c.blocks == nil {
			return dst, false
		}
	}
	return dst, true
}

// Lend implements scan.Traces.
func (x *tracesOf) Lend() scan.Loan { return x.db.traceRows.LendHalf() }

// Whole implements scan.Traces.
func (x *tracesOf) Whole(ctx context.Context, id clew.TraceID) (b *span.Batch, bytes int64, free func(), err error) {
	g := x.db.gatherer(id, x.need)
	var t storage.Trace
	if err = g.from(ctx, x.snap); err == nil {
		t, err = g.resolve()
	}
	if err != nil {
		g.loan.Return()
		return nil, g.reader.Bytes, nil, err
	}
	out := resolved.OneID(t.Batch, id)
	admission.ReturnWith(out, g.loan)
	return out, g.reader.Bytes, g.loan.Return, g.damage
}
