package spandb

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
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
	}, func(_ *segment, t *tables) error {
		for _, f := range []struct {
			scope span.Scope
			list  []attrColumnInfo
		}{{span.ScopeSpan, t.attrs}, {span.ScopeEvent, t.eventAttrs}, {span.ScopeLink, t.linkAttrs}} {
			for i := range f.list {
				found[tagKey{f.scope, f.list[i].key}] |= 1 << f.list[i].typ
			}
		}
		noteEntries(found, t.resources, t.scopes)
		return nil
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

// eachPart calls one function for every head's view and the other for every
// segment's tables, of what overlaps the window.
func (db *DB) eachPart(ctx context.Context, name clew.Tenant, w clew.Window, head func(*span.Batch), seg func(*segment, *tables) error) error {
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
	for _, s := range snap.segs {
		if ctx.Err() != nil {
			return clew.Errorf(clew.Canceled, "stopped: %w", context.Cause(ctx))
		}
		if !w.Overlaps(clew.UnixNanos(s.meta.minStart), clew.UnixNanos(s.meta.maxStart)) {
			continue
		}
		tab, err := db.cache.tablesOf(s)
		if err == nil {
			err = seg(s, tab)
		}
		if err != nil {
			db.damaged(err)
		}
	}
	return nil
}

// maxCountedValues bounds the distinct values counted in one answer.
const maxCountedValues = 100_000

// TagValues implements storage.Catalog by a scan of the field's column.
func (db *DB) TagValues(ctx context.Context, name clew.Tenant, w clew.Window, f span.Field, limit int) ([]storage.TagValue, bool, error) {
	counts := newValueCounter()
	req := storage.Request{Tenant: name, Window: w, Where: span.Has(f)}
	for b, err := range db.Scan(ctx, req) {
		if err != nil {
			return nil, false, err
		}
		counts.batch(b, f)
	}
	values := make([]storage.TagValue, 0, len(counts.count))
	for k, n := range counts.count {
		v := clew.Value{Type: k.typ, Bits: k.bits}
		if isText(k.typ) {
			v.Bytes = []byte(k.text)
		}
		values = append(values, storage.TagValue{Value: v, Count: n})
	}
	slices.SortFunc(values, func(a, b storage.TagValue) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), compareValues(a.Value, b.Value))
	})
	if limit > 0 && len(values) > limit {
		return values[:limit], true, nil
	}
	return values, counts.more, nil
}

// compareValues orders values by type, then numbers by size and text by bytes.
func compareValues(a, b clew.Value) int {
	if a.Type != b.Type {
		return cmp.Compare(a.Type, b.Type)
	}
	switch a.Type {
	case clew.TypeInt:
		return cmp.Compare(a.Int(), b.Int())
	case clew.TypeDouble:
		return cmp.Compare(a.Double(), b.Double())
	case clew.TypeBool:
		return cmp.Compare(a.Bits, b.Bits)
	}
	return bytes.Compare(a.Bytes, b.Bytes)
}

type valueKey struct {
	typ  clew.Type
	bits uint64
	text string
}

// valueCounter counts the values of a field over batches.
type valueCounter struct {
	count map[valueKey]int64
	more  bool // there were more distinct values than are counted
}

func newValueCounter() *valueCounter { return &valueCounter{count: make(map[valueKey]int64)} }

func (c *valueCounter) add(v clew.Value, n int64) {
	if v.Type == clew.TypeOther { // arrays, maps, bytes: nothing to choose from
		return
	}
	if v.Type == clew.TypeDouble && v.Double() == 0 {
		v.Bits = 0 // -0 and 0 are one value
	}
	k := valueKey{typ: v.Type}
	if isText(v.Type) {
		k.text = string(v.Bytes)
	} else {
		k.bits = v.Bits
	}
	if _, ok := c.count[k]; !ok && len(c.count) >= maxCountedValues {
		c.more = true
		return
	}
	c.count[k] += n
}

// batch counts the values of matching rows: each once per row, however many of
// its events or links have it.
func (c *valueCounter) batch(b *span.Batch, f span.Field) {
	if f.Intrinsic != span.None {
		c.intrinsic(b, f.Intrinsic)
		return
	}
	switch f.Scope {
	case span.ScopeSpan:
		c.attrs(&b.Attrs, f.Key, nil, b.Matched)
	case span.ScopeEvent:
		c.attrs(&b.Events.Attrs, f.Key, b.Events.Row, b.Matched)
	case span.ScopeLink:
		c.attrs(&b.Links.Attrs, f.Key, b.Links.Row, b.Matched)
	case span.ScopeResource:
		c.resources(b, f.Key, b.Matched)
	case span.ScopeInstrumentation:
		for i := range b.Matched.Ones() {
			c.list(b.Scopes[b.Scope[i]].Attrs, f.Key, 1)
		}
	default:
		c.attrs(&b.Attrs, f.Key, nil, b.Matched)
		rest := append(column.Bitmap(nil), b.Matched...)
		for t := range clew.Type(clew.TypeCount) {
			if col := b.Attrs.Lookup(f.Key, t); col != nil {
				for _, r := range col.Rows {
					rest.Clear(int(r))
				}
			}
		}
		c.resources(b, f.Key, rest)
	}
}

func (c *valueCounter) resources(b *span.Batch, key string, rows column.Bitmap) {
	counts := make([]int64, len(b.Resources))
	for i := range rows.Ones() {
		counts[b.Resource[i]]++
	}
	for i, n := range counts {
		if n > 0 {
			c.list(b.Resources[i].Attrs, key, n)
		}
	}
}

// list counts the values of key, each once.
func (c *valueCounter) list(attrs []clew.Attr, key string, n int64) {
	for i, a := range attrs {
		repeated := func(o clew.Attr) bool { return o.Key == key && compareValues(o.Value, a.Value) == 0 }
		if a.Key == key && !slices.ContainsFunc(attrs[:i], repeated) {
			c.add(a.Value, n)
		}
	}
}

// attrs counts values by row; owner, where not nil, leads from a child to its row.
func (c *valueCounter) attrs(a *span.Attrs, key string, owner []uint32, matched column.Bitmap) {
	for t := range clew.Type(clew.TypeOther) {
		col := a.Lookup(key, t)
		if col == nil {
			continue
		}
		type cell struct {
			count   int64
			lastRow uint32
		}
		counts := make(map[uint64]cell)
		for i, r := range col.Rows {
			if owner != nil {
				r = owner[r]
			}
			x := counts[col.Vals[i]]
			if matched.Get(int(r)) && (x.count == 0 || x.lastRow != r) {
				counts[col.Vals[i]] = cell{x.count + 1, r}
			}
		}
		for bits, x := range counts {
			v := clew.Value{Type: t, Bits: bits}
			if isText(t) {
				v.Bytes = col.Strings.At(int(bits))
			}
			c.add(v, x.count)
		}
	}
}

func (c *valueCounter) intrinsic(b *span.Batch, i span.Intrinsic) {
	for row := range b.Matched.Ones() {
		switch i {
		case span.Name:
			c.add(clew.Value{Type: clew.TypeString, Bytes: b.Names.At(int(b.Name[row]))}, 1)
		case span.SpanKind:
			c.add(clew.StringValue(clew.Kind(b.Kind[row]).String()), 1)
		case span.StatusCode:
			c.add(clew.StringValue(clew.Status(b.Status[row]).String()), 1)
		case span.ScopeName:
			c.add(clew.StringValue(b.Scopes[b.Scope[row]].Name), 1)
		case span.ScopeVersion:
			c.add(clew.StringValue(b.Scopes[b.Scope[row]].Version), 1)
		}
	}
	if i == span.EventName {
		for e, row := range b.Events.Row {
			if b.Matched.Get(int(row)) {
				c.add(clew.Value{Type: clew.TypeString, Bytes: b.Events.Names.At(int(b.Events.Name[e]))}, 1)
			}
		}
	}
}

// Services implements storage.Catalog by counting rows per service, name, kind
// and status.
func (db *DB) Services(ctx context.Context, name clew.Tenant, w clew.Window) ([]storage.Service, error) {
	type opKey struct {
		service, name string
		kind          uint8
	}
	found := make(map[opKey]*storage.Operation)
	req := storage.Request{Tenant: name, Window: w, Columns: storage.Columns{
		Intrinsics: []span.Intrinsic{span.Name, span.SpanKind, span.StatusCode}, Resources: true}}
	for b, err := range db.Scan(ctx, req) {
		if err != nil {
			return nil, err
		}
		type cell struct {
			resource, name uint32
			kind, status   uint8
		}
		cells := make(map[cell]int64)
		for i := range b.Matched.Ones() {
			cells[cell{b.Resource[i], b.Name[i], b.Kind[i], b.Status[i]}]++
		}
		for c, n := range cells {
			k := opKey{b.Resources[c.resource].Service, string(b.Names.At(int(c.name))), c.kind}
			op := found[k]
			if op == nil {
				op = &storage.Operation{Name: k.name, Kind: clew.Kind(c.kind)}
				found[k] = op
			}
			op.Spans += n
			if c.status == uint8(clew.StatusError) {
				op.Errors += n
			}
		}
	}
	services := make(map[string]*storage.Service)
	for k, op := range found {
		s := services[k.service]
		if s == nil {
			s = &storage.Service{Name: k.service}
			services[k.service] = s
		}
		s.Spans += op.Spans
		s.Errors += op.Errors
		s.Operations = append(s.Operations, *op)
	}
	list := make([]storage.Service, 0, len(services))
	for _, s := range services {
		slices.SortFunc(s.Operations, func(a, b storage.Operation) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
		})
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b storage.Service) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}
