package hit

import (
	"bytes"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
)

// arrayLabel names the array that a row has for an attribute. Nothing is calculated with
// arrays, so they are no values of a calculation; an answer tells them all the same.
func arrayLabel(b *span.Batch, m *judge.Measure, row uint32) (judge.Label, bool) {
	f := m.Expr.Field
	if m.Expr.Op != span.Reading || f.Intrinsic != span.None || f.Parent {
		return judge.Label{}, false
	}
	var v clew.Value
	if f.Scope == span.ScopeSpan || f.Scope == span.ScopeAny {
		if col := b.Attrs.Lookup(f.Key, clew.TypeOther); col != nil {
			if i, found := col.Find(row); found {
				v = col.ValueAt(i)
			}
		}
	}
	if r := b.Resources[b.Resource[row]]; r != nil && (f.Scope == span.ScopeResource || f.Scope == span.ScopeAny && len(v.Bytes) == 0) {
		i := slices.IndexFunc(r.Attrs, func(a clew.Attr) bool { return a.Key == f.Key && a.Value.Type == clew.TypeOther })
		if i >= 0 {
			v = r.Attrs[i].Value
		}
	}
	for range span.Elements(v) { // it is an array, and has some
		v.Bytes = bytes.Clone(v.Bytes)
		return judge.Label{Name: m.Text, Value: v, Text: otlp.ValueText(v)}, true
	}
	return judge.Label{}, false
}
