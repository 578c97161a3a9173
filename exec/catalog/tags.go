package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// TagUse is one attribute: with which types it occurs, and how many spans have it, however
// many of their events or links do.
type TagUse struct {
	storage.TagName
	Spans int64
}

// CountTags returns the attributes of the spans that a plan selects in the window, by scope,
// then key.
func CountTags(ctx context.Context, store exec.Store, over exec.Over, plan *exec.Plan) ([]TagUse, exec.Cost, error) {
	c := counter{found: make(map[tag]*TagUse)}
	cost, err := exec.Selected(ctx, store, over, plan, storage.Columns{All: true}, c.batch)
	if err != nil {
		return nil, cost, err
	}
	if c.left && cost.Complete {
		cost.Complete, cost.Reason = false, fmt.Sprintf("there are more than %d attributes", maxTagNames)
	}
	out := make([]TagUse, 0, len(c.found))
	for _, n := range c.found {
		slices.Sort(n.Types)
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b TagUse) int { return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Key, b.Key)) })
	return out, cost, nil
}

type tag struct {
	scope span.Scope
	key   string
}

// counter counts batch by batch.
type counter struct {
	found map[tag]*TagUse
	left  bool // an attribute had no room
	rows  column.Bitmap
}

// batch counts the given rows of a batch.
func (c *counter) batch(b *span.Batch, rows column.Bitmap) {
	if !rows.Any() {
		return
	}
	c.tables(b, rows)
	c.columns(span.ScopeSpan, &b.Attrs, nil, b.Rows, rows)
	c.columns(span.ScopeEvent, &b.Events.Attrs, b.Events.Row, b.Rows, rows)
	c.columns(span.ScopeLink, &b.Links.Attrs, b.Links.Row, b.Rows, rows)
}

// note counts rows that have an attribute, which occurs with a type.
func (c *counter) note(scope span.Scope, key string, typ clew.Type, rows int) {
	at := tag{scope, key}
	n := c.found[at]
	if n == nil {
		if len(c.found) == maxTagNames {
			c.left = true
			return
		}
		n = &TagUse{TagName: storage.TagName{Scope: scope, Key: key}}
		c.found[at] = n
	}
	n.Spans += int64(rows)
	if !slices.Contains(n.Types, typ) {
		n.Types = append(n.Types, typ)
	}
}

// tables counts the attributes of resources and scopes, by how many rows have each.
func (c *counter) tables(b *span.Batch, rows column.Bitmap) {
	resources, scopes := make([]int, len(b.Resources)), make([]int, len(b.Scopes))
	for row := range rows.Ones() {
		resources[b.Resource[row]]++
		scopes[b.Scope[row]]++
	}
	for i, r := range b.Resources {
		if resources[i] > 0 {
			c.attrs(span.ScopeResource, r.Attrs, resources[i])
		}
	}
	for i, s := range b.Scopes {
		if scopes[i] > 0 {
			c.attrs(span.ScopeInstrumentation, s.Attrs, scopes[i])
		}
	}
}

// attrs counts the attributes of so many rows; those of a repeated key once.
func (c *counter) attrs(scope span.Scope, attrs []clew.Attr, rows int) {
	for i, a := range attrs {
		fresh := rows
		if slices.ContainsFunc(attrs[:i], func(x clew.Attr) bool { return x.Key == a.Key }) {
			fresh = 0
		}
		c.note(scope, a.Key, a.Value.Type, fresh)
	}
}

// holders are the rows that have an attribute, as they lie in a batch.
type holders struct {
	columns []*span.Column
	extra   map[clew.Type][]uint32
}

// columns counts the attributes of spans; or of events or links, of which of tells the
// spans.
func (c *counter) columns(scope span.Scope, a *span.Attrs, of []uint32, n int, rows column.Bitmap) {
	by := make(map[string]*holders)
	holder := func(key string) *holders {
		h := by[key]
		if h == nil {
			h = new(holders)
			by[key] = h
		}
		return h
	}
	for i := range a.Columns {
		h := holder(a.Columns[i].Key)
		h.columns = append(h.columns, &a.Columns[i])
	}
	for i, row := range a.Extra.Rows {
		// What cannot be read any more has no attribute.
		_ = otlp.EachExtra(a.Extra.ValueAt(i).Bytes, func(key string, v clew.Value) {
			h := holder(key)
			if h.extra == nil {
				h.extra = make(map[clew.Type][]uint32)
			}
			h.extra[v.Type] = append(h.extra[v.Type], row)
		})
	}
	for key, h := range by {
		c.rows = c.rows.Reset(n)
		for _, col := range h.columns {
			c.hold(scope, key, col.Type, col.Rows, of, rows)
		}
		for typ, held := range h.extra {
			c.hold(scope, key, typ, held, of, rows)
		}
	}
}

// hold counts the rows, of those that are selected, which have a value, but for those
// that have one of the same key and are counted.
func (c *counter) hold(scope span.Scope, key string, typ clew.Type, held, of []uint32, rows column.Bitmap) {
	fresh, any := 0, false
	for _, row := range held {
		if of != nil {
			row = of[row]
		}
		if !rows.Get(int(row)) {
			continue
		}
		any = true
		if !c.rows.Get(int(row)) {
			c.rows.Set(int(row))
			fresh++
		}
	}
	if any {
		c.note(scope, key, typ, fresh)
	}
}
