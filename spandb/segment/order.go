package segment

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/clew-tracing/clew/span"
)

// template is what the rows of one run have in common. Rows of one template lie
// next to each other in a block, so these fields cost one entry per run.
type template struct {
	service uint32 // ordinal of the service name in the order of names
	name    uint32 // head code
	scope   uint32 // head code
	shape   uint32 // node of the head's shapes; NoCode: presence is explicit
	kind    uint8
	status  uint8
}

// order is the row order of a segment: blocks hold whole traces in order of
// arrival; inside a block rows are clustered by template, and inside a run they
// stand by trace, then start. It is computed once per seal.
type order struct {
	perm  []uint32 // new position → head row
	inv   []uint32 // head row → new position
	tmpl  []uint32 // head row → template rank
	local []uint32 // head row → ordinal of its trace in its block

	templates []template // by rank
	services  []string   // by ordinal, ascending
	serviceOf []uint32   // by resource code, of those in use
	blocks    []blockRange
	explicit  bool // presence of attributes is stored per block, not per shape

	blockRows, maxShapes int // the limits in force

	traces []uint32 // traces of all blocks, block by block, by id: ordinals in the head
	counts []uint32 // scratch
	rows   []uint32 // scratch: rows in trace order
	next   []uint32 // scratch: by template, 0 between blocks
	used   []uint32 // scratch: templates of a block
	table  templateTable
}

// blockRange is where a block lies: rows [start, end) and traces
// [traceStart, traceEnd) of order.traces.
type blockRange struct {
	start, end           int
	traceStart, traceEnd int
	runs                 []run
}

// run is one template's rows in a block, [start, end) from the block's first.
type run struct{ template, start, end uint32 }

// build computes the order of all rows of b.
func (o *order) build(b *span.Batch) {
	o.rankServices(b)
	o.rankTemplates(b)
	o.traceOrder(b)
	o.cut(b)
	o.next = resize(o.next, len(o.templates))
	clear(o.next)
	for i := range o.blocks {
		o.cluster(b, &o.blocks[i])
	}
}

// rankServices numbers the services of the resources that rows have, by name. A
// head knows others too: of requests that failed.
func (o *order) rankServices(b *span.Batch) {
	const unused = span.NoCode
	o.serviceOf = resize(o.serviceOf, len(b.Resources))
	for i := range o.serviceOf {
		o.serviceOf[i] = unused
	}
	for _, r := range b.Resource {
		o.serviceOf[r] = 0
	}
	o.services = o.services[:0]
	for i, r := range b.Resources {
		if o.serviceOf[i] != unused {
			o.services = append(o.services, r.Service)
		}
	}
	slices.Sort(o.services)
	o.services = slices.Compact(o.services)
	for i, r := range b.Resources {
		if o.serviceOf[i] != unused {
			rank, _ := slices.BinarySearch(o.services, r.Service)
			o.serviceOf[i] = uint32(rank)
		}
	}
}

// rankTemplates gives every row a template and every template its rank by
// (service, name, kind, scope, shape, status).
func (o *order) rankTemplates(b *span.Batch) {
	o.explicit = o.tooManyShapes(b)
	o.tmpl = resize(o.tmpl, b.Rows)
	o.table.reset()
	for i := range b.Rows {
		t := template{
			service: o.serviceOf[b.Resource[i]], name: b.Name[i], scope: b.Scope[i],
			shape: b.Attrs.Shape[i], kind: b.Kind[i], status: b.Status[i],
		}
		if o.explicit {
			t.shape = span.NoCode
		}
		o.tmpl[i] = o.table.add(t)
	}
	n := len(o.table.list)
	byRank := make([]uint32, n)
	for i := range byRank {
		byRank[i] = uint32(i)
	}
	slices.SortFunc(byRank, func(x, y uint32) int {
		return compareTemplates(&o.table.list[x], &o.table.list[y], b)
	})
	rank := make([]uint32, n)
	o.templates = o.templates[:0]
	for r, id := range byRank {
		rank[id] = uint32(r)
		o.templates = append(o.templates, o.table.list[id])
	}
	for i, id := range o.tmpl {
		o.tmpl[i] = rank[id]
	}
}

// tooManyShapes reports whether rows differ so much in their attribute keys that
// a list of keys per shape would be larger than presence bitmaps.
func (o *order) tooManyShapes(b *span.Batch) bool {
	seen := make(map[uint32]struct{})
	for _, s := range b.Attrs.Shape {
		if s == span.NoCode {
			return true
		}
		if _, ok := seen[s]; !ok {
			seen[s] = struct{}{}
			if len(seen) > o.maxShapes {
				return true
			}
		}
	}
	return false
}

func compareTemplates(x, y *template, b *span.Batch) int {
	if x.service != y.service {
		return cmp.Compare(x.service, y.service)
	}
	if x.name != y.name {
		return bytes.Compare(b.Names.At(int(x.name)), b.Names.At(int(y.name)))
	}
	return cmp.Or(cmp.Compare(x.kind, y.kind), cmp.Compare(x.scope, y.scope), cmp.Compare(x.shape, y.shape),
		cmp.Compare(x.status, y.status))
}

// traceOrder lists rows by trace, in order of the traces' first appearance, and
// inside a trace by start.
func (o *order) traceOrder(b *span.Batch) {
	o.counts = resize(o.counts, len(b.TraceIDs)+1)
	clear(o.counts)
	for _, t := range b.Trace {
		o.counts[t+1]++
	}
	for i := 1; i < len(o.counts); i++ {
		o.counts[i] += o.counts[i-1]
	}
	o.rows = resize(o.rows, b.Rows)
	at := resize(o.local, max(len(b.TraceIDs), b.Rows))
	copy(at, o.counts[:len(b.TraceIDs)])
	for i, t := range b.Trace {
		o.rows[at[t]] = uint32(i)
		at[t]++
	}
	o.local = at
	for t := range b.TraceIDs {
		rows := o.rows[o.counts[t]:o.counts[t+1]]
		if len(rows) > 1 {
			sortByStart(rows, b.Start)
		}
	}
}

// sortByStart is stable: rows of equal start stay in order of arrival.
func sortByStart(rows []uint32, start []uint64) {
	if len(rows) > 32 {
		slices.SortStableFunc(rows, func(x, y uint32) int { return cmp.Compare(start[x], start[y]) })
		return
	}
	for i := 1; i < len(rows); i++ {
		r := rows[i]
		j := i
		for j > 0 && start[rows[j-1]] > start[r] {
			rows[j] = rows[j-1]
			j--
		}
		rows[j] = r
	}
}

// cut makes blocks of whole traces: a block ends before the trace that would
// take it past blockRows. A trace larger than that has a block of its own. Blocks
// are larger where there are so many rows and columns that a directory of all their
// chunks would be.
func (o *order) cut(b *span.Batch) {
	o.blocks, o.traces = o.blocks[:0], o.traces[:0]
	cur := blockRange{}
	limit := max(o.blockRows, b.Rows/max(1, maxChunks/columnsOf(b)))
	flush := func() {
		if cur.end > cur.start {
			cur.traceEnd = len(o.traces)
			slices.SortFunc(o.traces[cur.traceStart:], func(x, y uint32) int { return compareIDs(b, x, y) })
			o.blocks = append(o.blocks, cur)
		}
		cur = blockRange{start: cur.end, end: cur.end, traceStart: len(o.traces)}
	}
	for t := range b.TraceIDs {
		n := int(o.counts[t+1] - o.counts[t])
		if n == 0 {
			continue
		}
		if cur.end-cur.start+n > limit {
			flush()
		}
		o.traces = append(o.traces, uint32(t))
		cur.end += n
	}
	flush()
}

// columnsOf returns how many columns a segment of b has, or some more.
func columnsOf(b *span.Batch) int {
	return intrinsicColumns + len(b.Attrs.Columns) + len(b.Events.Attrs.Columns) + len(b.Links.Attrs.Columns)
}

// compareIDs orders traces by the low half of the id, then the high half.
func compareIDs(b *span.Batch, x, y uint32) int {
	a, c := b.TraceIDs[x], b.TraceIDs[y]
	return cmp.Or(cmp.Compare(a.Low(), c.Low()), cmp.Compare(a.High(), c.High()))
}

// cluster fills perm, inv and local for one block, and its runs, by a counting
// sort on template rank that keeps the order of traces.
func (o *order) cluster(b *span.Batch, blk *blockRange) {
	o.perm, o.inv = resize(o.perm, b.Rows), resize(o.inv, b.Rows)
	o.used = o.used[:0]
	for i, t := range o.traces[blk.traceStart:blk.traceEnd] {
		for _, r := range o.rows[o.counts[t]:o.counts[t+1]] {
			o.local[r] = uint32(i)
			k := o.tmpl[r]
			if o.next[k] == 0 {
				o.used = append(o.used, k)
			}
			o.next[k]++
		}
	}
	slices.Sort(o.used)
	blk.runs = make([]run, 0, len(o.used))
	at := uint32(0)
	for _, k := range o.used {
		n := o.next[k]
		blk.runs = append(blk.runs, run{template: k, start: at, end: at + n})
		o.next[k] = at
		at += n
	}
	for _, t := range o.traces[blk.traceStart:blk.traceEnd] {
		for _, r := range o.rows[o.counts[t]:o.counts[t+1]] {
			k := o.tmpl[r]
			p := uint32(blk.start) + o.next[k]
			o.next[k]++
			o.perm[p] = r
			o.inv[r] = p
		}
	}
	for _, k := range o.used {
		o.next[k] = 0
	}
}

// templateTable numbers distinct templates: open addressing, at most half full.
type templateTable struct {
	list  []template
	slots []uint32 // number + 1
	last  uint32
}

func (t *templateTable) reset() {
	t.list = t.list[:0]
	if t.slots == nil {
		t.slots = make([]uint32, 1<<12)
	}
	clear(t.slots)
	t.last = 0
}

func (x *template) hash() uint64 {
	h := uint64(x.name)<<32 | uint64(x.shape)
	h *= 0x9E3779B97F4A7C15
	h ^= uint64(x.service)<<40 ^ uint64(x.scope)<<16 ^ uint64(x.kind)<<8 ^ uint64(x.status)
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	return h ^ h>>32
}

func (t *templateTable) add(x template) uint32 {
	if len(t.list) > 0 && t.list[t.last] == x {
		return t.last
	}
	mask := uint64(len(t.slots) - 1)
	i := x.hash() & mask
	for ; t.slots[i] != 0; i = (i + 1) & mask {
		if n := t.slots[i] - 1; t.list[n] == x {
			t.last = n
			return n
		}
	}
	n := uint32(len(t.list))
	t.list = append(t.list, x)
	t.slots[i] = n + 1
	t.last = n
	if 2*len(t.list) > len(t.slots) {
		t.slots = make([]uint32, 2*len(t.slots))
		mask = uint64(len(t.slots) - 1)
		for n := range t.list {
			i := t.list[n].hash() & mask
			for t.slots[i] != 0 {
				i = (i + 1) & mask
			}
			t.slots[i] = uint32(n) + 1
		}
	}
	return n
}

// resize returns s with length n, keeping its memory; contents are unspecified.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
