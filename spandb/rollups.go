package spandb

import (
	"context"
	"slices"
	"sync"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/spandb/segment/rollup"
	"github.com/clew-tracing/clew/storage"
)

// headCounters count heads, of which each takes some MB of scratch memory.
var headCounters = sync.Pool{New: func() any { return new(segment.Sealer) }}

// Rollups implements storage.Aggregator: from the sums that lie in segments, and
// from those of the heads, which are computed as at a seal.
func (db *DB) Rollups(ctx context.Context, r storage.RollupRequest) (storage.Rollups, error) {
	if err := r.Check(); err != nil {
		return storage.Rollups{}, err
	}
	now := db.cfg.Now()
	answer := rollup.NewAnswer(&r)
	t, err := db.tenantOf(r.Tenant)
	if err != nil {
		return storage.Rollups{}, err
	}
	if t != nil {
		snap := db.snapshot(t)
		defer snap.release()
		if err := db.rollups(ctx, &r, snap, answer); err != nil {
			return storage.Rollups{}, err
		}
	}
	out, err := answer.Finish()
	out.Watermark = now
	return out, err
}

func (db *DB) rollups(ctx context.Context, r *storage.RollupRequest, snap *snapshot, answer *rollup.Answer) error {
	sealer := headCounters.Get().(*segment.Sealer)
	defer headCounters.Put(sealer)
	for _, v := range snap.views {
		if cores.Yield(ctx) != nil {
			return clew.Errorf(clew.Canceled, "rollups stopped: %w", context.Cause(ctx))
		}
		if slices.ContainsFunc(v.Moved.Rows, func(row uint32) bool { return r.Window.Contains(clew.UnixNanos(v.Start[row])) }) {
			answer.Elsewhere()
		}
		if len(v.Moved.Rows) == 0 && v.Rows > 0 && !r.Window.Overlaps(clew.UnixNanos(slices.Min(v.Start[:v.Rows])), clew.UnixNanos(slices.Max(v.Start[:v.Rows]))) {
			continue // nothing counts elsewhere than where it starts
		}
		sums := sealer.Rollup(v)
		answer.Add(sums.Rollup, sums.Services, &sums.Names)
		sealer.Trim()
	}
	need := segment.RollupNeed{Operations: !r.Edges, Edges: r.Edges, Durations: r.Durations}
	if answer.OfServices() {
		need.Operations = false
	}
	sums := new(segment.RollupReader)
	for _, s := range snap.list.segs {
		if cores.Yield(ctx) != nil {
			return clew.Errorf(clew.Canceled, "rollups stopped: %w", context.Cause(ctx))
		}
		if rollup.MayMove(r.Window, s.MinStart, s.MaxStart, s.MinArrival, s.MaxArrival) {
			answer.Elsewhere()
		}
		if !rollup.MayCount(r.Window, s.MinStart, s.MaxStart, s.MinArrival, s.MaxArrival) {
			continue
		}
		reader, err := db.take(s)
		if err == nil {
			err = segmentRollup(r, reader, need, sums, answer)
			db.give(s)
		}
		if err != nil {
			answer.Damaged(int64(s.Rows), err)
			db.damaged(err)
		}
	}
	return nil
}

func segmentRollup(r *storage.RollupRequest, s *segment.Reader, need segment.RollupNeed, sums *segment.RollupReader, answer *rollup.Answer) error {
	first, last, err := s.Minutes()
	if err != nil || !r.Window.Overlaps(clew.UnixNanos(first)*rollup.Minute, clew.UnixNanos(last)*rollup.Minute) {
		return err
	}
	if err = sums.Read(s, need); err == nil {
		answer.Add(sums.Rollup.Rollup, sums.Services, &sums.Names)
	}
	return err
}
