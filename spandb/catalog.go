package spandb

import (
	"cmp"
	"context"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/spandb/tally"
	"github.com/clew-tracing/clew/storage"
)

// TagNames implements storage.Catalog: from the heads' columns and the segments'
// lists of columns, without reading values.
func (db *DB) TagNames(ctx context.Context, name clew.Tenant, w clew.Window) ([]storage.TagName, error) {
	found := make(map[tagKey]uint8)
	err := db.eachPart(ctx, name, w, func(v *span.Batch) {
		resources, scopes := entriesInUse(v)
		noteColumns(found, span.ScopeSpan, v.Attrs.Columns)
		noteColumns(found, span.ScopeEvent, v.Events.Attrs.Columns)
		noteColumns(found, span.ScopeLink, v.Links.Attrs.Columns)
		noteEntries(found, resources, scopes)
	}, func(r *segment.Reader) error {
		resources, scopes, err := db.cache.Entries(r)
		if err != nil {
			return err
		}
		noteEntries(found, resources, scopes)
		return db.cache.Attrs(r, func(scope span.Scope, key string, t clew.Type) { found[tagKey{scope, key}] |= 1 << t })
	})
	if err != nil {
		return nil, err
	}
	names := make([]storage.TagName, 0, len(found))
	for k, types := range found {
		n := storage.TagName{Scope: k.scope, Key: k.key}
		for t := range clew.Type(clew.TypeCount) {
			if types>>t&1 != 0 {
				n.Types = append(n.Types, t)
			}
		}
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b storage.TagName) int {
		return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Key, b.Key))
	})
	return names, nil
}

// TagValues implements storage.Catalog by a scan of the field's column.
func (db *DB) TagValues(ctx context.Context, name clew.Tenant, w clew.Window, f span.Field, limit int) ([]storage.TagValue, bool, error) {
	counts := tally.New(db.cfg.Memory.Values)
	for b, err := range db.Scan(ctx, storage.Request{Tenant: name, Window: w, Where: span.Has(f), Columns: storage.Columns{Fields: []span.Field{f}}}) {
		if err != nil {
			return nil, false, err
		}
		counts.Add(b, f)
	}
	values, more := counts.Top(limit)
	return values, more, nil
}

type tagKey struct {
	scope span.Scope
	key   string
}

func noteColumns(found map[tagKey]uint8, scope span.Scope, columns []span.Column) {
	for i := range columns {
		if c := &columns[i]; len(c.Rows) > 0 {
			found[tagKey{scope, c.Key}] |= 1 << c.Type
		}
	}
}

func noteEntries(found map[tagKey]uint8, resources []*span.ResourceEntry, scopes []*span.ScopeEntry) {
	for _, r := range resources {
		for _, a := range r.Attrs {
			found[tagKey{span.ScopeResource, a.Key}] |= 1 << a.Value.Type
		}
	}
	for _, s := range scopes {
		for _, a := range s.Attrs {
			found[tagKey{span.ScopeInstrumentation, a.Key}] |= 1 << a.Value.Type
		}
	}
}

// entriesInUse returns the resources and scopes that rows have: a head knows others
// too, of requests that failed or are not acknowledged yet.
func entriesInUse(v *span.Batch) (resources []*span.ResourceEntry, scopes []*span.ScopeEntry) {
	for i := range occurring(v.Resource, len(v.Resources)).Ones() {
		resources = append(resources, v.Resources[i])
	}
	for i := range occurring(v.Scope, len(v.Scopes)).Ones() {
		scopes = append(scopes, v.Scopes[i])
	}
	return resources, scopes
}

// occurring returns which of n codes there are.
func occurring(codes []uint32, n int) column.Bitmap {
	set := column.NewBitmap(n)
	for _, c := range codes {
		set.Set(int(c))
	}
	return set
}

// eachPart calls one function for the view of every head and the other for every
// segment that has rows which start within the window, or may have. A segment that
// cannot be read is reported and left out.
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
	for _, s := range snap.list.segs {
		if ctx.Err() != nil {
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
		}
	}
	return nil
}

// Services implements storage.Catalog. Of segments that lie within the window it
// reads the table of templates only; a part of the answer that cannot be read is
// reported and left out.
func (db *DB) Services(ctx context.Context, name clew.Tenant, w clew.Window) ([]storage.Service, error) {
	c := make(tally.Operations)
	err := db.eachPart(ctx, name, w, func(v *span.Batch) { c.Batch(v, w) }, func(r *segment.Reader) error {
		return db.cache.Count(r, w, func(o segment.Operation, rows int64) { c.Add(o.Service, o.Name, o.Kind, o.Status, rows) })
	})
	if err != nil {
		return nil, err
	}
	return c.Services(), nil
}
