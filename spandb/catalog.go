package spandb

import (
	"context"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/spandb/tally"
	"github.com/clew-tracing/clew/storage"
)

// TagNames implements storage.Catalog: from the heads' columns and the segments'
// lists of columns, without reading values.
func (db *DB) TagNames(ctx context.Context, name clew.Tenant, w clew.Window) ([]storage.TagName, error) {
	found := make(tally.Names)
	err := db.eachPart(ctx, name, w, found.Rows, func(r *segment.Reader) error {
		resources, scopes, err := db.cache.Entries(r)
		if err != nil {
			return err
		}
		found.Entries(resources, scopes)
		return db.cache.Attrs(r, found.Note)
	})
	return found.List(), err
}

// TagValues implements storage.Catalog by scans of the field's column; those of segments
// that lie within the window are kept.
func (db *DB) TagValues(ctx context.Context, name clew.Tenant, w clew.Window, f span.Field, limit int) ([]storage.TagValue, bool, error) {
	snap, err := db.pin(name).take()
	defer snap.release()
	counts := tally.New(db.cfg.Memory.Values)
	r := storage.Request{Window: w, Where: span.Has(f), Columns: storage.Columns{Fields: []span.Field{f}}, Stats: new(storage.Stats)}
	into := func(c *tally.Values) func(*span.Batch, error) bool {
		return func(b *span.Batch, _ error) bool { c.Add(b, f); return true }
	}
	if err == nil {
		err = db.scan(ctx, snap, r, snap.views, nil, into(counts))
	}
	for i := len(snap.list.segs) - 1; i >= 0 && err == nil; i-- {
		s := snap.list.segs[i]
		inside := w.Contains(clew.UnixNanos(s.MinStart)) && w.Contains(clew.UnixNanos(s.MaxStart))
		if inside && db.values.AddTo(counts, s.ID, f) {
			continue
		}
		own := tally.New(db.cfg.Memory.Values)
		if err = db.scan(ctx, snap, r, nil, snap.list.segs[i:i+1], into(own)); err == nil {
			db.values.Take(counts, own, s.ID, f, inside && r.Stats.Damage == nil)
		}
	}
	if err != nil {
		return nil, false, err
	}
	values, more := counts.Top(limit)
	return values, more, storage.LackingFor(r.Stats.Damage)
}

// eachPart calls one function for the view of every head and the other for every
// segment that has rows which start within the window, or may have. A segment that
// cannot be read is reported and left out; the error is then a *storage.Lacking.
func (db *DB) eachPart(ctx context.Context, name clew.Tenant, w clew.Window, head func(*span.Batch), seg func(*segment.Reader) error) error {
	t, err := db.tenantOf(name)
	if t == nil {
		return err
	}
	snap := db.snapshot(t)
	defer snap.release()
	for _, v := range snap.views {
		if slices.ContainsFunc(v.Start, func(start uint64) bool { return w.Contains(clew.UnixNanos(start)) }) {
			head(v)
		}
	}
	var damage error
	for _, s := range snap.list.segs {
		if cores.Yield(ctx) != nil {
			return clew.Errorf(clew.Canceled, "stopped: %w", context.Cause(ctx))
		}
		if !w.Overlaps(clew.UnixNanos(s.MinStart), clew.UnixNanos(s.MaxStart)) {
			continue
		}
		r, err := db.take(s)
		if err == nil {
			err = seg(r)
			db.give(s)
		}
		if err != nil {
			db.damaged(err)
			damage = err
		}
	}
	return storage.LackingFor(damage)
}

// Services implements storage.Catalog. Of segments that lie within the window it
// reads the table of templates only; a part of the answer that cannot be read is
// reported and left out.
func (db *DB) Services(ctx context.Context, name clew.Tenant, w clew.Window) ([]storage.Service, error) {
	c := make(tally.Operations)
	err := db.eachPart(ctx, name, w, func(v *span.Batch) { c.Batch(v, w) }, func(r *segment.Reader) error {
		return db.cache.Count(r, w, func(o segment.Operation, rows int64) { c.Add(o.Service, o.Name, o.Kind, o.Status, rows) })
	})
	return c.Services(), err
}
