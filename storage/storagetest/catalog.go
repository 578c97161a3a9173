package storagetest

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// in returns the tenant's rows that start within w.
func (m *Memory) in(t clew.Tenant, w clew.Window) []*row {
	return slices.DeleteFunc(m.of(t), func(r *row) bool { return !w.Contains(r.span.Start) })
}

// TagNames implements storage.Catalog.
func (m *Memory) TagNames(ctx context.Context, t clew.Tenant, w clew.Window) ([]storage.TagName, error) {
	if err := canceled(ctx); err != nil {
		return nil, err
	}
	var out []storage.TagName
	note := func(scope span.Scope, attrs []clew.Attr) {
		for _, a := range attrs {
			i := slices.IndexFunc(out, func(n storage.TagName) bool { return n.Scope == scope && n.Key == a.Key })
			if i < 0 {
				i = len(out)
				out = append(out, storage.TagName{Scope: scope, Key: a.Key})
			}
			if !slices.Contains(out[i].Types, a.Value.Type) {
				out[i].Types = append(out[i].Types, a.Value.Type)
				slices.Sort(out[i].Types)
			}
		}
	}
	for _, r := range m.in(t, w) {
		note(span.ScopeSpan, r.span.Attrs)
		note(span.ScopeResource, r.span.Resource.Attrs)
		note(span.ScopeInstrumentation, r.span.Scope.Attrs)
		for _, e := range r.span.Events {
			note(span.ScopeEvent, e.Attrs)
		}
		for _, l := range r.span.Links {
			note(span.ScopeLink, l.Attrs)
		}
	}
	slices.SortFunc(out, func(a, b storage.TagName) int {
		return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Key, b.Key))
	})
	return out, nil
}

// TagValues implements storage.Catalog.
func (m *Memory) TagValues(ctx context.Context, t clew.Tenant, w clew.Window, f span.Field, limit int) ([]storage.TagValue, bool, error) {
	if err := canceled(ctx); err != nil {
		return nil, false, err
	}
	var out []storage.TagValue
	for _, r := range m.in(t, w) {
		var own []clew.Value // a row counts once however many of its events have a value
		for _, v := range withElements(valuesOf(f, &r.span)) {
			if v.Type == clew.TypeOther || slices.ContainsFunc(own, func(o clew.Value) bool { return compareValues(o, v) == 0 }) {
				continue
			}
			own = append(own, v)
		}
		for _, v := range own {
			i := slices.IndexFunc(out, func(x storage.TagValue) bool { return compareValues(x.Value, v) == 0 })
			if i < 0 {
				i = len(out)
				if v.Type == clew.TypeDouble && v.Double() == 0 {
					v = clew.DoubleValue(0) // not -0
				}
				out = append(out, storage.TagValue{Value: v})
			}
			out[i].Count++
		}
	}
	slices.SortFunc(out, func(a, b storage.TagValue) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), compareValues(a.Value, b.Value))
	})
	if len(out) > limit {
		return out[:limit], true, nil
	}
	return out, false, nil
}

// withElements returns values, and behind them the elements of those that are arrays.
func withElements(values []clew.Value) []clew.Value {
	out := slices.Clone(values)
	for _, v := range values {
		out = append(out, Elements(v)...)
	}
	return out
}

// compareValues orders values by type, then numbers by size and the rest by
// their bytes.
func compareValues(a, b clew.Value) int {
	if a.Type != b.Type {
		return cmp.Compare(a.Type, b.Type)
	}
	switch a.Type {
	case clew.TypeInt:
		return cmp.Compare(a.Int(), b.Int())
	case clew.TypeDouble:
		return cmp.Compare(a.Double(), b.Double()) // 0 and -0 are one value, and so are all NaN
	case clew.TypeBool:
		return cmp.Compare(a.Bits, b.Bits)
	}
	return bytes.Compare(a.Bytes, b.Bytes)
}

// Services implements storage.Catalog.
func (m *Memory) Services(ctx context.Context, t clew.Tenant, w clew.Window) ([]storage.Service, error) {
	if err := canceled(ctx); err != nil {
		return nil, err
	}
	var out []storage.Service
	for _, r := range m.in(t, w) {
		s, failed := &r.span, int64(0)
		if s.Status == clew.StatusError {
			failed = 1
		}
		i := slices.IndexFunc(out, func(x storage.Service) bool { return x.Name == s.Service() })
		if i < 0 {
			i = len(out)
			out = append(out, storage.Service{Name: s.Service()})
		}
		svc := &out[i]
		svc.Spans++
		svc.Errors += failed
		j := slices.IndexFunc(svc.Operations, func(o storage.Operation) bool { return o.Name == s.Name && o.Kind == s.Kind })
		if j < 0 {
			j = len(svc.Operations)
			svc.Operations = append(svc.Operations, storage.Operation{Name: s.Name, Kind: s.Kind})
		}
		svc.Operations[j].Spans++
		svc.Operations[j].Errors += failed
	}
	slices.SortFunc(out, func(a, b storage.Service) int { return cmp.Compare(a.Name, b.Name) })
	for _, s := range out {
		slices.SortFunc(s.Operations, func(a, b storage.Operation) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
		})
	}
	return out, nil
}
