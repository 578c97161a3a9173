package tally

import (
	"cmp"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// Names are the keys of attributes that occur, with the types of their values as bits.
type Names map[nameKey]uint8

// Note notes an attribute.
func (n Names) Note(scope span.Scope, key string, t clew.Type) { n[nameKey{scope, key}] |= 1 << t }

// Rows notes the attributes of rows.
func (n Names) Rows(v *span.Batch) {
	resources, scopes := entriesInUse(v)
	n.columns(span.ScopeSpan, v.Attrs.Columns)
	n.columns(span.ScopeEvent, v.Events.Attrs.Columns)
	n.columns(span.ScopeLink, v.Links.Attrs.Columns)
	n.Entries(resources, scopes)
}

// List returns the names by scope, then key.
func (n Names) List() []storage.TagName {
	names := make([]storage.TagName, 0, len(n))
	for k, types := range n {
		name := storage.TagName{Scope: k.scope, Key: k.key}
		for t := range clew.Type(clew.TypeCount) {
			if types>>t&1 != 0 {
				name.Types = append(name.Types, t)
			}
		}
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b storage.TagName) int {
		return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Key, b.Key))
	})
	return names
}

type nameKey struct {
	scope span.Scope
	key   string
}

func (n Names) columns(scope span.Scope, columns []span.Column) {
	for i := range columns {
		if c := &columns[i]; len(c.Rows) > 0 {
			n[nameKey{scope, c.Key}] |= 1 << c.Type
		}
	}
}

// Entries notes the attributes of resources and scopes.
func (n Names) Entries(resources []*span.ResourceEntry, scopes []*span.ScopeEntry) {
	var before []clew.Attr
	for _, r := range resources {
		before = n.attrs(span.ScopeResource, r.Attrs, before)
	}
	before = nil
	for _, s := range scopes {
		before = n.attrs(span.ScopeInstrumentation, s.Attrs, before)
	}
}

// attrs notes attributes, and returns them. Those that were noted before mostly have the
// same keys in the same order, and to compare these is faster than to look them up.
func (n Names) attrs(scope span.Scope, attrs, before []clew.Attr) []clew.Attr {
	for i := range attrs {
		a := &attrs[i]
		if i >= len(before) || before[i].Key != a.Key || before[i].Value.Type != a.Value.Type {
			n.Note(scope, a.Key, a.Value.Type)
		}
	}
	return attrs
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
