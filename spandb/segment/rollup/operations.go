package rollup

import (
	"cmp"
	"slices"

	"github.com/clew-tracing/clew"
)

// operations is the scratch memory for the series of operations.
type operations struct {
	rows  []uint64 // by template
	keys  []templateKey
	names []nameRows
	keyOf []uint32 // by template
	runs  keyed
}

// templateKey is a template and what sorts it among the keys: its service and name,
// then kind, then status.
type templateKey struct {
	order    uint64
	template uint32
	other    bool
}

// nameRows is a span name of a service: its first template, and how many rows it
// has.
type nameRows struct {
	first int
	rows  uint64
	other bool
}

// countOperations makes the keys and series of operations.
func (b *Builder) countOperations() {
	b.operationKeys()
	o, runs := &b.ops, b.r.Runs
	o.runs.sort(len(b.out.OperationKeys), len(runs), func(i int) uint32 { return o.keyOf[runs[i].Template] })
	plain := b.plain()
	for key := range b.out.OperationKeys {
		rows := uint64(0)
		for _, i := range o.runs.of(key) {
			if !plain {
				b.takeRun(runs[i].Start, runs[i].End)
				continue
			}
			rows += uint64(runs[i].End - runs[i].Start)
			b.acc.Add(b.r.Duration[runs[i].Start:runs[i].End], uint64(clew.WeightOne))
		}
		if plain {
			b.out.Operations = b.plainSeries(b.out.Operations, uint32(key), rows)
			continue
		}
		b.out.Operations = b.flush(b.out.Operations, uint32(key))
	}
}

// operationKeys makes the keys and notes that of each template.
func (b *Builder) operationKeys() {
	o, ts := &b.ops, b.r.Templates
	o.rows = resize(o.rows, len(ts))
	clear(o.rows)
	for _, r := range b.r.Runs {
		o.rows[r.Template] += uint64(r.End - r.Start)
	}
	o.keys = o.keys[:0]
	for from := 0; from < len(ts); {
		to := from + 1
		for to < len(ts) && ts[to].Service == ts[from].Service {
			to++
		}
		o.service(ts, from, to)
		from = to
	}
	slices.SortFunc(o.keys, func(x, y templateKey) int {
		return cmp.Or(cmp.Compare(x.order, y.order), cmp.Compare(x.template, y.template))
	})
	o.keyOf = resize(o.keyOf, len(ts))
	for i, k := range o.keys {
		if i == 0 || k.order != o.keys[i-1].order {
			t := &ts[k.template]
			key := OperationKey{Service: t.Service, Name: t.Name, Kind: t.Kind, Status: t.Status}
			if k.other {
				key.Name = OtherName
			}
			b.out.OperationKeys = append(b.out.OperationKeys, key)
		}
		o.keyOf[k.template] = uint32(len(b.out.OperationKeys) - 1)
	}
}

// service lists the keys of the templates [from, to), which are those of a service.
func (o *operations) service(ts []Template, from, to int) {
	o.names = o.names[:0]
	for i := from; i < to; i++ {
		if i == from || ts[i].Name != ts[i-1].Name {
			o.names = append(o.names, nameRows{first: i})
		}
		o.names[len(o.names)-1].rows += o.rows[i]
	}
	if len(o.names) > maxOperations {
		// Of names with equally many rows the first by their bytes stay.
		slices.SortFunc(o.names, func(x, y nameRows) int {
			return cmp.Or(cmp.Compare(y.rows, x.rows), cmp.Compare(x.first, y.first))
		})
		for i := range o.names[maxOperations:] {
			o.names[maxOperations+i].other = true
		}
		slices.SortFunc(o.names, func(x, y nameRows) int { return cmp.Compare(x.first, y.first) })
	}
	for n, name := range o.names {
		end, place := to, 2*uint64(name.first)
		if n+1 < len(o.names) {
			end = o.names[n+1].first
		}
		if name.other {
			place = 2*uint64(to) - 1 // behind all names of this service, before the next
		}
		for i := name.first; i < end; i++ {
			order := place<<16 | uint64(ts[i].Kind)<<8 | uint64(ts[i].Status)
			o.keys = append(o.keys, templateKey{order: order, template: uint32(i), other: name.other})
		}
	}
}
