package tally

import (
	"cmp"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

type operationKey struct {
	service, name string
	kind          clew.Kind
}

// Operations counts the rows of operations: what has service, name and kind in common.
type Operations map[operationKey]*storage.Operation

// Add counts rows of an operation.
func (c Operations) Add(service string, name []byte, kind clew.Kind, status clew.Status, rows int64) {
	op := c[operationKey{service, string(name), kind}] // does not copy the name
	if op == nil {
		op = &storage.Operation{Name: string(name), Kind: kind}
		c[operationKey{service, op.Name, kind}] = op
	}
	op.Spans += rows
	if status == clew.StatusError {
		op.Errors += rows
	}
}

// Batch counts the rows of a batch that start within w.
func (c Operations) Batch(v *span.Batch, w clew.Window) {
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
		c.Add(v.Resources[x.resource].Service, v.Names.At(int(x.name)), clew.Kind(x.kind), clew.Status(x.status), n)
	}
}

// Services returns what was counted, by service, then name, then kind.
func (c Operations) Services() []storage.Service {
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
