// Package catalog says what there is to ask for: attributes, their values, services.
package catalog

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// TagNames returns the attribute keys that occur in the window, by scope, then
// key, with the types of their values. A store with a catalogue answers from
// it; of others the window is scanned.
func TagNames(ctx context.Context, store exec.Store, over exec.Over) ([]storage.TagName, exec.Cost, error) {
	r := &counting{ctx: ctx, store: store, over: over}
	if c, ok := store.(storage.Catalog); ok {
		var names []storage.TagName
		cost, err := told(ctx, over, func(ctx context.Context) (err error) {
			names, err = c.TagNames(ctx, over.Tenant, over.Window)
			return err
		})
		return names, cost, err
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
	cost, err := r.each(exec.Everything(), func(s *clew.Span) {
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
		return nil, exec.Cost{}, err
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
	return out, cost, nil
}

// counting is a catalogue on its way, made by scanning.
type counting struct {
	ctx   context.Context
	store exec.Store
	over  exec.Over
	left  string // what had no room, in words
}

// each calls f for every span that a plan selects, as an object.
func (c *counting) each(plan *exec.Plan, f func(*clew.Span)) (exec.Cost, error) {
	cost, err := exec.Selected(c.ctx, c.store, c.over, plan, storage.Columns{All: true}, func(b *span.Batch, selected column.Bitmap) {
		rows := span.NewRows(b)
		for i := range selected.Ones() {
			s := rows.Span(i)
			f(&s)
		}
	})
	if c.left != "" && cost.Complete {
		cost.Complete, cost.Reason = false, c.left
	}
	return cost, err
}

func (c *counting) partial(format string, args ...any) {
	if c.left == "" {
		c.left = fmt.Sprintf(format, args...)
	}
}

// told asks a store's own catalogue, within the time of the budget, and returns the cost of
// what it tells.
func told(ctx context.Context, over exec.Over, ask func(context.Context) error) (exec.Cost, error) {
	over.Explain.Say("the store is asked for what it knows of all spans")
	began, cost := time.Now(), exec.Cost{Complete: true, Searched: 1}
	err := over.Budget.InTime(ctx, "the list", func(ctx context.Context) error {
		err := ask(ctx)
		var lacking *storage.Lacking
		if !errors.As(err, &lacking) {
			return err
		}
		cost.Complete, cost.Searched, cost.Reason = false, 0, lacking.Error()+exec.Mend
		return nil
	})
	cost.Took = time.Since(began)
	return cost, err
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
// that there are others. Of arrays there are the elements; maps and bytes are left out.
func TagValues(ctx context.Context, store exec.Store, over exec.Over, f span.Field, limit int) (values []storage.TagValue, more bool, cost exec.Cost, err error) {
	if limit <= 0 {
		return nil, false, exec.Cost{}, clew.Errorf(clew.Invalid, "limit %d of tag values: want at least 1", limit)
	}
	if c, ok := store.(storage.Catalog); ok {
		cost, err = told(ctx, over, func(ctx context.Context) (err error) {
			values, more, err = c.TagValues(ctx, over.Tenant, over.Window, f, limit)
			return err
		})
		return values, more, cost, err
	}
	return ValuesOf(ctx, store, over, exec.Everything(), f, limit)
}

// ValuesOf is TagValues of the spans that a plan selects.
func ValuesOf(ctx context.Context, store exec.Store, over exec.Over, plan *exec.Plan, f span.Field, limit int) (values []storage.TagValue, more bool, cost exec.Cost, err error) {
	r := &counting{ctx: ctx, store: store, over: over}
	type spans struct{ count, last int64 } // last is the number of the one that was counted last
	counts, number := make(map[tagValue]spans), int64(0)
	size, room := int64(0), cmp.Or(over.Budget.Memory, exec.DefaultBudgetMemory) // of texts
	cost, err = r.each(plan, func(s *clew.Span) {
		number++
		eachScalar(f, s, func(v clew.Value) {
			k := tagValueOf(v)
			c, ok := counts[k]
			if !ok {
				if size += int64(len(k.text)); len(counts) == maxTagValues || size > room {
					size -= int64(len(k.text))
					more = true
					return
				}
			}
			if c.last != number { // once, however many of its events have it
				counts[k] = spans{c.count + 1, number}
			}
		})
	})
	if err != nil {
		return nil, false, exec.Cost{}, err
	}
	for k, c := range counts {
		v := clew.Value{Type: k.t, Bits: k.bits}
		if k.t == clew.TypeString {
			v.Bytes = []byte(k.text)
		}
		values = append(values, storage.TagValue{Value: v, Count: c.count})
	}
	slices.SortFunc(values, func(a, b storage.TagValue) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), orderValues(a.Value, b.Value))
	})
	if len(values) > limit {
		values, more = values[:limit], true
	}
	return values, more, cost, nil
}

// Range is the least and the greatest of some numbers.
type Range struct{ Min, Max int64 }

// Durations returns the shortest and the longest duration of the spans of the
// window, in nanoseconds; nil if there are none. Spans that have not ended have no
// duration yet and do not count.
func Durations(ctx context.Context, store exec.Store, over exec.Over) (*Range, exec.Cost, error) {
	var out *Range
	cost, err := exec.Selected(ctx, store, over, exec.Everything(), storage.Columns{Intrinsics: []span.Intrinsic{span.Start, span.Duration}}, func(b *span.Batch, rows column.Bitmap) {
		for i := range rows.Ones() {
			if b.Unfinished(i) {
				continue
			}
			d := int64(b.Duration[i])
			if out == nil {
				out = &Range{d, d}
			}
			out.Min, out.Max = min(out.Min, d), max(out.Max, d)
		}
	})
	return out, cost, err
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
func Services(ctx context.Context, store exec.Store, over exec.Over) ([]storage.Service, exec.Cost, error) {
	r := &counting{ctx: ctx, store: store, over: over}
	if c, ok := store.(storage.Catalog); ok {
		var services []storage.Service
		cost, err := told(ctx, over, func(ctx context.Context) (err error) {
			services, err = c.Services(ctx, over.Tenant, over.Window)
			return err
		})
		return services, cost, err
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
	cost, err := r.each(exec.Everything(), func(s *clew.Span) {
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
		return nil, exec.Cost{}, err
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
	return out, cost, nil
}
