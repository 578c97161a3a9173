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
		if text(k.typ) {
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
	bytes int  // of the texts among them
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
	if text(v.Type) {
		k.text = string(v.Bytes)
	} else {
		k.bits = v.Bits
	}
	if _, ok := c.count[k]; !ok {
		if len(c.count) >= maxCountedValues || c.bytes+len(k.text) > maxCountedBytes {
			c.more = true
			return
		}
		c.bytes += len(k.text)
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
			if text(t) {
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

// text reports whether a value's bytes say what it is.
func text(t clew.Type) bool { return t == clew.TypeString || t == clew.TypeOther }
