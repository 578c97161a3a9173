// Package order puts the rows of a head into the order in which they stand in a
// segment: blocks of whole traces, in each block clustered by template, in each
// template by trace and start. Rows that have most in common are neighbours, so that
// most columns need little, and a scan reads the runs of the templates it wants.
package order

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// Template is what the rows of one run have in common. Rows of one template lie
// next to each other in a block, so these fields cost one entry per run.
type Template struct {
	Service uint32 // ordinal of the service name in the order of names
	Name    uint32 // head code
	Scope   uint32 // head code
	Shape   uint32 // node of the head's shapes; NoCode: the template is loose
	Kind    uint8
	Status  uint8
}

// Order is the row order of a segment: blocks hold whole traces in order of
// arrival; inside a block rows are clustered by template, and inside a run they
// stand by trace, then start. It is computed once per seal.
type Order struct {
	Perm     []uint32 // new position → head row
	Inv      []uint32 // head row → new position
	Template []uint32 // head row → template rank
	Local    []uint32 // head row → ordinal of its trace in its block

	Templates []Template // by rank
	Services  []string   // by ordinal, ascending
	ServiceOf []uint32   // by resource code, of those in use
	Blocks    []Block

	// BlockRows and Shapes override the constants BlockRows and MaxShapes where they
	// are not 0.
	BlockRows, Shapes int
	// Rare are the attribute columns, by number in the head, that stand in no shape:
	// rows that have one are of loose templates. Nil: there is none.
	Rare []bool

	Traces []uint32 // traces of all blocks, block by block, by id: ordinals in the head
	counts []uint32 // scratch
	rows   []uint32 // scratch: rows in trace order
	next   []uint32 // scratch: by template, 0 between blocks
	used   []uint32 // scratch: templates of a block
	table  templateTable

	operations []operation
	seen       column.Bitmap // shapes
	rare       column.Bitmap // shapes with rare columns
	words      []uint64      // scratch, as those below: of a trace to be sorted
	unsorted   []uint32
	sorted     []started
}

// Block is where a block lies: rows [start, end) and traces
// [traceStart, traceEnd) of order.traces.
type Block struct {
	Start, End           int
	TraceStart, TraceEnd int
	Runs                 []Run
}

// Run is one template's rows in a block, [start, end) from the block's first.
type Run struct{ Template, Start, End uint32 }

// Build computes the order of all rows of b.
func (o *Order) Build(b *span.Batch) {
	o.rankServices(b)
	o.rankTemplates(b)
	o.traceOrder(b)
	o.cut(b)
	o.next = resize(o.next, len(o.Templates))
	clear(o.next)
	for i := range o.Blocks {
		o.cluster(b, &o.Blocks[i])
	}
}

// rankServices numbers the services of the resources that rows have, by name. A
// head knows others too: of requests that failed.
func (o *Order) rankServices(b *span.Batch) {
	const unused = span.NoCode
	o.ServiceOf = resize(o.ServiceOf, len(b.Resources))
	for i := range o.ServiceOf {
		o.ServiceOf[i] = unused
	}
	for _, r := range b.Resource {
		o.ServiceOf[r] = 0
	}
	o.Services = o.Services[:0]
	for i, r := range b.Resources {
		if o.ServiceOf[i] != unused {
			o.Services = append(o.Services, r.Service)
		}
	}
	slices.Sort(o.Services)
	o.Services = slices.Compact(o.Services)
	for i, r := range b.Resources {
		if o.ServiceOf[i] != unused {
			rank, _ := slices.BinarySearch(o.Services, r.Service)
			o.ServiceOf[i] = uint32(rank)
		}
	}
}

// rankTemplates gives every row a template and every template its rank by
// (service, name, kind, scope, shape, status).
func (o *Order) rankTemplates(b *span.Batch) {
	o.Template = resize(o.Template, b.Rows)
	o.findRare(b)
	var exact []bool // by operation; nil: all are
	if !o.fewShapes(b) {
		exact = o.exact(b)
	}
	o.table.reset()
	for i := range b.Rows {
		if i > 0 && exact == nil && o.sameTemplate(b, i) {
			o.Template[i] = o.Template[i-1]
			continue
		}
		t := Template{
			Service: o.ServiceOf[b.Resource[i]], Name: b.Name[i], Scope: b.Scope[i],
			Shape: b.Attrs.Shape[i], Kind: b.Kind[i], Status: b.Status[i],
		}
		if exact != nil && !exact[o.Template[i]] || o.isRare(t.Shape) {
			t.Shape = span.NoCode
		}
		o.Template[i] = o.table.add(t)
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
	o.Templates = o.Templates[:0]
	for r, id := range byRank {
		rank[id] = uint32(r)
		o.Templates = append(o.Templates, o.table.list[id])
	}
	for i, id := range o.Template {
		o.Template[i] = rank[id]
	}
}

// sameTemplate reports whether a row has all of the row before that makes a template.
func (o *Order) sameTemplate(b *span.Batch, i int) bool {
	return b.Name[i] == b.Name[i-1] && b.Attrs.Shape[i] == b.Attrs.Shape[i-1] && o.ServiceOf[b.Resource[i]] == o.ServiceOf[b.Resource[i-1]] &&
		b.Scope[i] == b.Scope[i-1] && b.Kind[i] == b.Kind[i-1] && b.Status[i] == b.Status[i-1]
}

// findRare finds the shapes that have rare columns. A node comes after those it leads on
// from.
func (o *Order) findRare(b *span.Batch) {
	o.rare = o.rare.Reset(0)
	if o.Rare == nil {
		return
	}
	s := &b.Attrs.Shapes
	o.rare = o.rare.Reset(len(s.Parent))
	for n, col := range s.Column {
		if col != span.NoCode && (o.Rare[col] || o.rare.Get(int(s.Parent[n]))) {
			o.rare.Set(n)
		}
	}
}

func (o *Order) isRare(shape uint32) bool {
	return o.Rare != nil && shape != span.NoCode && o.rare.Get(int(shape))
}

// operation is what the rows have in common that share service, name, kind and scope.
type operation struct{ rows, shapes int }

// fewShapes reports whether the rows have no more shapes than the limit. Then all of
// them are kept.
func (o *Order) fewShapes(b *span.Batch) bool {
	o.seen = o.seen.Reset(len(b.Attrs.Shapes.Parent))
	shapes, last := 0, span.NoCode
	for _, s := range b.Attrs.Shape {
		if s == last || s == span.NoCode || o.seen.Get(int(s)) || o.isRare(s) {
			continue
		}
		o.seen.Set(int(s))
		last = s
		shapes++
	}
	return shapes <= cmp.Or(o.Shapes, MaxShapes)
}

// exact tells by operation whether its templates keep the shapes of their rows. Where
// the shapes are too many it is those with few rows for each that do not: their rows
// differ in what they have, and are of one loose template. It sets o.Template to the
// operations of the rows.
func (o *Order) exact(b *span.Batch) []bool {
	o.table.reset()
	o.operations = o.operations[:0]
	o.seen = o.seen.Reset(len(b.Attrs.Shapes.Parent))
	shapes := 0
	for i := range b.Rows {
		id := o.table.add(Template{Service: o.ServiceOf[b.Resource[i]], Name: b.Name[i], Scope: b.Scope[i], Kind: b.Kind[i]})
		if int(id) == len(o.operations) {
			o.operations = append(o.operations, operation{})
		}
		o.Template[i] = id
		op := &o.operations[id]
		op.rows++
		if s := b.Attrs.Shape[i]; s != span.NoCode && !o.seen.Get(int(s)) && !o.isRare(s) {
			o.seen.Set(int(s))
			op.shapes++
			shapes++
		}
	}
	exact := make([]bool, len(o.operations))
	for i := range exact {
		exact[i] = true
	}
	for _, few := range []func(op *operation) bool{
		func(op *operation) bool { return op.shapes <= keptShapes || op.shapes*shapeRows <= op.rows },
		func(op *operation) bool { return op.shapes <= 1 },
		func(*operation) bool { return false },
	} {
		if shapes <= cmp.Or(o.Shapes, MaxShapes) {
			break
		}
		for i := range o.operations {
			if op := &o.operations[i]; exact[i] && !few(op) {
				exact[i] = false
				shapes -= op.shapes
			}
		}
	}
	return exact
}

func compareTemplates(x, y *Template, b *span.Batch) int {
	if x.Service != y.Service {
		return cmp.Compare(x.Service, y.Service)
	}
	if x.Name != y.Name {
		return bytes.Compare(b.Names.At(int(x.Name)), b.Names.At(int(y.Name)))
	}
	return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Scope, y.Scope), cmp.Compare(x.Shape, y.Shape),
		cmp.Compare(x.Status, y.Status))
}

// traceOrder lists rows by trace, in order of the traces' first appearance, and
// inside a trace as they came.
func (o *Order) traceOrder(b *span.Batch) {
	o.counts = resize(o.counts, len(b.TraceIDs)+1)
	clear(o.counts)
	for _, t := range b.Trace {
		o.counts[t+1]++
	}
	for i := 1; i < len(o.counts); i++ {
		o.counts[i] += o.counts[i-1]
	}
	o.rows = resize(o.rows, b.Rows)
	at := resize(o.Local, max(len(b.TraceIDs), b.Rows))
	copy(at, o.counts[:len(b.TraceIDs)])
	for i, t := range b.Trace {
		o.rows[at[t]] = uint32(i)
		at[t]++
	}
	o.Local = at
}

// started is a row of a long trace to be sorted.
type started struct {
	at  uint64
	row uint32
}

// Starts of a trace lie close together: counted from the first of them they leave room
// in a word for a place among the trace's rows. Words are sorted in half the time.
const (
	placeBits = 20
	startBits = 64 - placeBits // of nanoseconds: close to five hours
)

// sortByStart is stable: rows of equal start, which ascend, stay in that order.
func (o *Order) sortByStart(rows []uint32, start []uint64) {
	if len(rows) > 32 {
		if !o.sortWords(rows, start) {
			o.sortPairs(rows, start)
		}
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

// sortWords sorts rows by words of start and place, if those of the rows fit in one.
func (o *Order) sortWords(rows []uint32, start []uint64) bool {
	first, last := start[rows[0]], start[rows[0]]
	for _, r := range rows[1:] {
		first, last = min(first, start[r]), max(last, start[r])
	}
	if len(rows) > 1<<placeBits || (last-first)>>startBits != 0 {
		return false
	}
	o.words, o.unsorted = o.words[:0], append(o.unsorted[:0], rows...)
	for i, r := range rows {
		o.words = append(o.words, (start[r]-first)<<placeBits|uint64(i))
	}
	slices.Sort(o.words)
	for i, w := range o.words {
		rows[i] = o.unsorted[w&(1<<placeBits-1)]
	}
	return true
}

func (o *Order) sortPairs(rows []uint32, start []uint64) {
	o.sorted = o.sorted[:0]
	for _, r := range rows {
		o.sorted = append(o.sorted, started{start[r], r})
	}
	slices.SortFunc(o.sorted, func(x, y started) int {
		return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.row, y.row))
	})
	for i := range o.sorted {
		rows[i] = o.sorted[i].row
	}
}

// cut makes blocks of whole traces: a block ends before the trace that would
// take it past blockRows. A trace larger than that has a block of its own. Blocks
// are larger where there are so many rows and columns that a directory of all their
// chunks would be.
func (o *Order) cut(b *span.Batch) {
	o.Blocks, o.Traces = o.Blocks[:0], o.Traces[:0]
	cur := Block{}
	limit := max(cmp.Or(o.BlockRows, BlockRows), b.Rows/max(1, MaxChunks/columnsOf(b)))
	flush := func() {
		if cur.End > cur.Start {
			cur.TraceEnd = len(o.Traces)
			slices.SortFunc(o.Traces[cur.TraceStart:], func(x, y uint32) int { return compareIDs(b, x, y) })
			o.Blocks = append(o.Blocks, cur)
		}
		cur = Block{Start: cur.End, End: cur.End, TraceStart: len(o.Traces)}
	}
	for t := range b.TraceIDs {
		n := int(o.counts[t+1] - o.counts[t])
		if n == 0 {
			continue
		}
		if cur.End-cur.Start+n > limit {
			flush()
		}
		o.Traces = append(o.Traces, uint32(t))
		cur.End += n
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
// sort on template rank that keeps the order of traces. Only then the rows of a trace
// that are in one run are sorted by start: they are few, and mostly came in that order.
func (o *Order) cluster(b *span.Batch, blk *Block) {
	o.Perm, o.Inv = resize(o.Perm, b.Rows), resize(o.Inv, b.Rows)
	o.used = o.used[:0]
	for i, t := range o.Traces[blk.TraceStart:blk.TraceEnd] {
		for _, r := range o.rows[o.counts[t]:o.counts[t+1]] {
			o.Local[r] = uint32(i)
			k := o.Template[r]
			if o.next[k] == 0 {
				o.used = append(o.used, k)
			}
			o.next[k]++
		}
	}
	slices.Sort(o.used)
	blk.Runs = make([]Run, 0, len(o.used))
	at := uint32(0)
	for _, k := range o.used {
		n := o.next[k]
		blk.Runs = append(blk.Runs, Run{Template: k, Start: at, End: at + n})
		o.next[k] = at
		at += n
	}
	for _, t := range o.Traces[blk.TraceStart:blk.TraceEnd] {
		for _, r := range o.rows[o.counts[t]:o.counts[t+1]] {
			k := o.Template[r]
			p := uint32(blk.Start) + o.next[k]
			o.next[k]++
			o.Perm[p] = r
		}
	}
	for _, k := range o.used {
		o.next[k] = 0
	}
	for _, run := range blk.Runs {
		o.sortRun(b, o.Perm[blk.Start+int(run.Start):blk.Start+int(run.End)])
	}
	for k, r := range o.Perm[blk.Start:blk.End] {
		o.Inv[r] = uint32(blk.Start + k)
	}
}

// sortRun sorts the rows of each trace by start; those of a trace stand together.
func (o *Order) sortRun(b *span.Batch, rows []uint32) {
	first, sorted := 0, true // of the rows of a trace
	before := b.Start[rows[0]]
	for i := 1; i < len(rows); i++ {
		r := rows[i]
		start := b.Start[r]
		if b.Trace[r] != b.Trace[rows[first]] {
			if !sorted {
				o.sortByStart(rows[first:i], b.Start)
			}
			first, sorted = i, true
		} else if start < before {
			sorted = false
		}
		before = start
	}
	if !sorted {
		o.sortByStart(rows[first:], b.Start)
	}
}

// templateTable numbers distinct templates: open addressing, at most half full.
type templateTable struct {
	list  []Template
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

func (x *Template) hash() uint64 {
	h := uint64(x.Name)<<32 | uint64(x.Shape)
	h *= 0x9E3779B97F4A7C15
	h ^= uint64(x.Service)<<40 ^ uint64(x.Scope)<<16 ^ uint64(x.Kind)<<8 ^ uint64(x.Status)
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	return h ^ h>>32
}

func (t *templateTable) add(x Template) uint32 {
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

// Limits returns where blocks end.
func (o *Order) Limits() (limits []int) {
	for _, blk := range o.Blocks {
		limits = append(limits, blk.End)
	}
	return limits
}

// RowsOf returns the rows of a trace of the head, as they came.
func (o *Order) RowsOf(trace uint32) []uint32 { return o.rows[o.counts[trace]:o.counts[trace+1]] }

// resize returns s with length n, keeping its memory; contents are unspecified.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
