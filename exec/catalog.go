package exec

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec/objects"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// TagNames returns the attribute keys that occur in the window, by scope, then
// key, with the types of their values. A store with a catalogue answers from
// it; of others the window is scanned.
func TagNames(ctx context.Context, store Store, over Over) ([]storage.TagName, Cost, error) {
	r := begin(store, over)
	if c, ok := store.(storage.Catalog); ok {
		names, err := c.TagNames(ctx, over.Tenant, over.Window)
		return names, r.done(r.part), err
	}
	type name struct {
		scope span.Scope
		key   string
	}
	found := make(map[name][clew.TypeCount]bool)
	note := func(scope span.Scope, attrs []clew.Attr) {
		for _, a := range attrs {
			n := name{scope, a.Key}
			types, ok := found[n]
			if !ok && len(found) == maxTagNames {
				r.partial("there are more than %d attribute keys", maxTagNames)
				continue
			}
			types[a.Value.Type] = true
			found[n] = types
		}
	}
	err := r.eachSpan(ctx, func(s *clew.Span) {
		note(span.ScopeSpan, s.Attrs)
		note(span.ScopeResource, s.Resource.Attrs)
		note(span.ScopeInstrumentation, s.Scope.Attrs)
		for _, e := range s.Events {
			note(span.ScopeEvent, e.Attrs)
		}
		for _, l := range s.Links {
			note(span.ScopeLink, l.Attrs)
		}
	})
	if err != nil {
		return nil, Cost{}, err
	}
	out := make([]storage.TagName, 0, len(found))
	for n, types := range found {
		tag := storage.TagName{Scope: n.scope, Key: n.key}
		for t, has := range types {
			if has {
				tag.Types = append(tag.Types, clew.Type(t))
			}
		}
		out = append(out, tag)
	}
	slices.SortFunc(out, func(a, b storage.TagName) int {
		return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Key, b.Key))
	})
	return out, r.done(r.part), nil
}

// eachSpan calls f for every span of the window, as an object: for stores
// without a catalogue.
func (r *run) eachSpan(ctx context.Context, f func(*clew.Span)) error {
	m := span.NewMatcher(span.Condition{})
	req := storage.Request{Window: r.over.Window, Columns: storage.Columns{All: true}}
	return r.scan(ctx, req, func(b *span.Batch) (bool, error) {
		rows := span.NewRows(b)
		for i := range matching(m, b, r.over.Window).Ones() {
			s := rows.Span(i)
			f(&s)
		}
		return true, nil
	})
}

// tagValue is a value as a map's key.
type tagValue struct {
	t    clew.Type
	bits uint64
	text string
}

func tagValueOf(v clew.Value) tagValue {
	if v.Type == clew.TypeDouble {
		switch f := v.Double(); {
		case f == 0:
			v = clew.DoubleValue(0) // -0 is the same
		case f != f:
			v = clew.DoubleValue(math.NaN()) // whatever its payload
		}
	}
	return tagValue{v.Type, v.Bits, string(v.Bytes)}
}

// TagValues returns up to limit values of a field, most frequent first, then by
// type and value, each with how many spans of the window have it; more reports
// that there are others. Arrays, maps and bytes are left out.
func TagValues(ctx context.Context, store Store, over Over, f span.Field, limit int) (values []storage.TagValue, more bool, cost Cost, err error) {
	if limit <= 0 {
		return nil, false, Cost{}, clew.Errorf(clew.Invalid, "limit %d of tag values: want at least 1", limit)
	}
	r := begin(store, over)
	if c, ok := store.(storage.Catalog); ok {
		values, more, err = c.TagValues(ctx, over.Tenant, over.Window, f, limit)
		return values, more, r.done(r.part), err
	}
	counts := make(map[tagValue]int64)
	var own []tagValue // of one span: it counts once, however many events have it
	err = r.eachSpan(ctx, func(s *clew.Span) {
		own = own[:0]
		objects.Each(f, s, func(v clew.Value) {
			k := tagValueOf(v)
			if v.Type == clew.TypeOther || slices.Contains(own, k) {
				return
			}
			own = append(own, k)
			if _, ok := counts[k]; !ok && len(counts) == maxTagValues {
				more = true
				return
			}
			counts[k]++
		})
	})
	if err != nil {
		return nil, false, Cost{}, err
	}
	for k, n := range counts {
		v := clew.Value{Type: k.t, Bits: k.bits}
		if k.t == clew.TypeString {
			v.Bytes = []byte(k.text)
		}
		values = append(values, storage.TagValue{Value: v, Count: n})
	}
	slices.SortFunc(values, func(a, b storage.TagValue) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), orderValues(a.Value, b.Value))
	})
	if len(values) > limit {
		values, more = values[:limit], true
	}
	return values, more, r.done(r.part), nil
}

// Range is the least and the greatest of some numbers.
type Range struct{ Min, Max int64 }

// Durations returns the shortest and the longest duration of the spans of the
// window, in nanoseconds; nil if there are none. Spans that have not ended have no
// duration yet and do not count.
func Durations(ctx context.Context, store Store, over Over) (*Range, Cost, error) {
	r := begin(store, over)
	var out *Range
	m := span.NewMatcher(span.Condition{})
	req := storage.Request{Window: over.Window, Columns: storage.Columns{Intrinsics: []span.Intrinsic{span.Start, span.Duration}}}
	err := r.scan(ctx, req, func(b *span.Batch) (bool, error) {
		for i := range matching(m, b, over.Window).Ones() {
			if b.End(i) == 0 {
				continue
			}
			d := int64(b.Duration[i])
			if out == nil {
				out = &Range{d, d}
			}
			out.Min, out.Max = min(out.Min, d), max(out.Max, d)
		}
		return true, nil
	})
	return out, r.done(r.part), err
}

// Any reports whether some span of the window meets a condition on single rows; where
// the cost says that the answer is partial, none does of those that were looked at.
func Any(ctx context.Context, store Store, over Over, where span.Condition) (met bool, cost Cost, err error) {
	r := begin(store, over)
	m := span.NewMatcher(where)
	err = r.scan(ctx, storage.Request{Window: over.Window, Where: where}, func(b *span.Batch) (bool, error) {
		met = met || matching(m, b, over.Window).Any()
		return !met, nil
	})
	return met, r.done(r.part), err
}

// orderValues orders by type, then numbers by size and text by bytes.
func orderValues(a, b clew.Value) int {
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

// Services returns the services of the window and their operations, by name;
// operations by name, then kind.
func Services(ctx context.Context, store Store, over Over) ([]storage.Service, Cost, error) {
	r := begin(store, over)
	if c, ok := store.(storage.Catalog); ok {
		services, err := c.Services(ctx, over.Tenant, over.Window)
		return services, r.done(r.part), err
	}
	type operation struct {
		name string
		kind clew.Kind
	}
	type service struct {
		total      storage.Service
		operations map[operation]*storage.Operation
	}
	found := make(map[string]*service)
	err := r.eachSpan(ctx, func(s *clew.Span) {
		var failed int64
		if s.Status == clew.StatusError {
			failed = 1
		}
		svc := found[s.Service()]
		if svc == nil {
			if len(found) == maxServices {
				r.partial("there are more than %d services", maxServices)
				return
			}
			svc = &service{storage.Service{Name: s.Service()}, make(map[operation]*storage.Operation)}
			found[s.Service()] = svc
		}
		svc.total.Spans++
		svc.total.Errors += failed
		key := operation{s.Name, s.Kind}
		op := svc.operations[key]
		if op == nil {
			if len(svc.operations) == maxOperations {
				r.partial("service %.64q has more than %d operations", s.Service(), maxOperations)
				return
			}
			op = &storage.Operation{Name: s.Name, Kind: s.Kind}
			svc.operations[key] = op
		}
		op.Spans++
		op.Errors += failed
	})
	if err != nil {
		return nil, Cost{}, err
	}
	out := make([]storage.Service, 0, len(found))
	for _, svc := range found {
		for _, op := range svc.operations {
			svc.total.Operations = append(svc.total.Operations, *op)
		}
		slices.SortFunc(svc.total.Operations, func(a, b storage.Operation) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
		})
		out = append(out, svc.total)
	}
	slices.SortFunc(out, func(a, b storage.Service) int { return cmp.Compare(a.Name, b.Name) })
	return out, r.done(r.part), nil
}
