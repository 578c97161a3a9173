package spandb

import (
	"cmp"
	"context"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/storage"
)

// Services implements storage.Catalog. Of segments that lie within the window it
// reads the table of templates only; a part of the answer that cannot be read is
// reported and left out.
func (db *DB) Services(ctx context.Context, name clew.Tenant, w clew.Window) ([]storage.Service, error) {
	c := make(operationCounter)
	err := db.eachPart(ctx, name, w, func(v *span.Batch) { c.head(v, w) },
		func(r *segment.Reader) error { return db.cache.Count(r, w, c.add) })
	if err != nil {
		return nil, err
	}
	return c.services(), nil
}

type operationKey struct {
	service, name string
	kind          clew.Kind
}

type operationCounter map[operationKey]*storage.Operation

func (c operationCounter) add(o segment.Operation, rows int64) {
	op := c[operationKey{o.Service, string(o.Name), o.Kind}] // does not copy the name
	if op == nil {
		op = &storage.Operation{Name: string(o.Name), Kind: o.Kind}
		c[operationKey{o.Service, op.Name, o.Kind}] = op
	}
	op.Spans += rows
	if o.Status == clew.StatusError {
		op.Errors += rows
	}
}

// head counts the rows of a head that start within w.
func (c operationCounter) head(v *span.Batch, w clew.Window) {
	type cell struct {
		resource, name uint32
		kind, status   uint8
	}
	cells := make(map[cell]int64)
	for i, start := range v.Start {
		if w.Contains(clew.UnixNanos(start)) {
			cells[cell{v.Resource[i], v.Name[i], v.Kind[i], v.Status[i]}]++
		}
	}
	for x, n := range cells {
		c.add(segment.Operation{Service: v.Resources[x.resource].Service, Name: v.Names.At(int(x.name)),
			Kind: clew.Kind(x.kind), Status: clew.Status(x.status)}, n)
	}
}

// services returns what was counted, by service, then name, then kind.
func (c operationCounter) services() []storage.Service {
	byName := make(map[string]*storage.Service)
	for k, op := range c {
		s := byName[k.service]
		if s == nil {
			s = &storage.Service{Name: k.service}
			byName[k.service] = s
		}
		s.Spans += op.Spans
		s.Errors += op.Errors
		s.Operations = append(s.Operations, *op)
	}
	list := make([]storage.Service, 0, len(byName))
	for _, s := range byName {
		slices.SortFunc(s.Operations, func(a, b storage.Operation) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
		})
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b storage.Service) int { return cmp.Compare(a.Name, b.Name) })
	return list
}
