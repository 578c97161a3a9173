package segment

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment/order"
	"github.com/clew-tracing/clew/spandb/segment/places"
	"github.com/clew-tracing/clew/spandb/segment/pooled"
	"github.com/clew-tracing/clew/spandb/segment/rollup"
	"github.com/clew-tracing/clew/spandb/segment/shapes"
)

// A Sealer turns a head into the bytes of a segment. It keeps its memory from
// head to head; one goroutine uses it. The zero value is ready.
//
// docs/format/segment.md describes what it writes: each method below writes the
// columns of one section of that page.
type Sealer struct {
	// BlockRows and Shapes override the limits of package order where they are not 0.
	// Tests make them small.
	BlockRows, Shapes int
	// PooledShare and OwnColumns likewise override pooledShare and ownColumns.
	PooledShare, OwnColumns int
	// ByTrace overrides byTraceRows and byTraceValues.
	ByTrace int
	// Filters overrides filterValues and smallDict.
	Filters int
	// Received tells, where not nil, in which order the rows came: by row of the
	// batch, the lesser first. Without it they came in the order of the batch.
	Received []uint64

	w     *block.Writer
	b     *span.Batch
	order order.Order

	u64  []uint64
	u32  []uint32
	strs column.Strings
	lows order.Twins
	// twins are low halves of trace ids that occur under two high halves, and
	// repeats the positions of rows whose span id occurs again in their trace.
	// In repeats the first pairs are two by two of one id, the first row first.
	twins   []uint64
	repeats []uint32
	shapes  order.Shapes
	rare    []bool // the attribute columns of spans that are pooled
	pool    pooled.Builder
	pairs   int
	lists   []places.Lists // by block
	aset    attrSealer

	// By position: id, start, duration, the code of the parent and its position.
	ids, start, duration []uint64
	codes, parent        []uint32
	children             order.Children
	counter              counter
	names                []uint32 // by code of the head: place among the names of the segment
}

// Seal writes all rows of b, at least one. Of meta, the caller gives tenant,
// arrivals and log records; the rest follows from the rows. The bytes are s's until
// the next call.
func (s *Sealer) Seal(b *span.Batch, meta Meta, requests []Request) []byte {
	if s.w == nil {
		s.w = block.NewWriter(b.Rows * 48)
	}
	s.w.Reset()
	s.place(b)
	s.aset.s = s

	meta.Rows = b.Rows
	meta.Traces = len(s.order.Traces)
	meta.InMemory = b.SizeBytes() + int64(len(requests))*RequestBytes
	meta.MinStart, meta.MaxStart = slices.Min(b.Start), slices.Max(b.Start)
	meta.BlockRows = nil
	for _, blk := range s.order.Blocks {
		meta.BlockRows = append(meta.BlockRows, blk.End-blk.Start)
	}

	s.tables()
	s.traces()
	s.spans()
	s.intrinsics()
	s.received()
	s.aset.spans()
	s.pooled(colPooled, &b.Attrs, s.rare, s.order.Inv, s.order.Limits())
	s.events()
	s.links()
	s.rollup()
	s.requests(requests)
	out := s.w.Finish(meta.Append(nil))
	s.b = nil
	return out
}

// place finds the order of rows, and the parent of each.
func (s *Sealer) place(b *span.Batch) {
	s.b = b
	s.order.BlockRows, s.order.Shapes, s.order.Rare = s.BlockRows, s.Shapes, nil
	var some bool
	if s.rare, some = s.pooledColumns(&b.Attrs, b.Rows); some {
		s.order.Rare = s.rare
	}
	s.order.Build(b)
	s.ids = s.gather(s.ids, b.SpanID)
	s.start = s.gather(s.start, b.Start)
	s.duration = s.gather(s.duration, b.Duration)
	s.resolve()
}

// gather puts the values of rows in order.
func (s *Sealer) gather(dst, vals []uint64) []uint64 {
	dst = resize(dst, len(s.order.Perm))
	for k, r := range s.order.Perm {
		dst[k] = vals[r]
	}
	return dst
}

// Trim lets go of memory that only an uncommonly large head needed.
func (s *Sealer) Trim() {
	if cap(s.order.Perm) > keepRows || s.w != nil && s.w.Size() > keepBytes {
		*s = Sealer{BlockRows: s.BlockRows, Shapes: s.Shapes, PooledShare: s.PooledShare, OwnColumns: s.OwnColumns, ByTrace: s.ByTrace, Filters: s.Filters}
	}
}

// chunk writes one chunk of unknown bounds.
func (s *Sealer) chunk(col, blk int, payload []byte) {
	s.w.Chunk(col, blk, payload, 0, ^uint64(0))
}

// ints writes vals, behind what is in buf already, as a chunk with bounds. Bounds of
// signed values are shifted to their place in the order of unsigned ones.
func (s *Sealer) ints(col, blk int, buf []byte, vals []uint64, o column.IntOptions) {
	buf, lo, hi := column.AppendBoundedInts(buf, vals, o)
	if o.Signed {
		lo, hi = lo^1<<63, hi^1<<63
	}
	s.w.Chunk(col, blk, buf, lo, hi)
}

// packed are integers read at random or scanned: bit-packed, never compressed.
var (
	packed     = column.IntOptions{}
	packedInts = column.IntOptions{Signed: true}
	small      = column.IntOptions{Delta: true, Zstd: true}
	smallInts  = column.IntOptions{Delta: true, Zstd: true, Signed: true}
)

// used lists the codes that occur, ascending, and returns the table from old
// code to position in that list.
func (s *Sealer) used(codes []uint32, n int) (list, remap []uint32) {
	remap = make([]uint32, n)
	for _, c := range codes {
		remap[c] = 1
	}
	for c, v := range remap {
		if v != 0 {
			remap[c] = uint32(len(list))
			list = append(list, uint32(c))
		} else {
			remap[c] = span.NoCode
		}
	}
	return list, remap
}

// dictionary writes the given values of d as the dictionary of a column.
func (s *Sealer) dictionary(col int, d column.Strings, list []uint32) {
	s.chunk(col, block.WholeSegment, column.AppendStringsAt(s.w.Buf(), d, list, column.StringOptions{Block: dictChunk}))
}

// tables writes names, resources, scopes and templates.
func (s *Sealer) tables() {
	b, o := s.b, &s.order
	names, nameRemap := s.used(b.Name, b.Names.Len())
	s.names = nameRemap
	s.dictionary(s.w.Column(colNames), b.Names, names)

	scopes, scopeRemap := s.used(b.Scope, len(b.Scopes))
	s.strs.Reset()
	for _, c := range scopes {
		s.strs.Append(b.Scopes[c].Raw)
	}
	s.chunk(s.w.Column(colScopes), block.WholeSegment, column.AppendStrings(s.w.Buf(), s.strs, column.StringOptions{Block: dictChunk}))
	s.resources()

	var fields [templateFields][]uint64
	s.shapes.Build(&s.order, s.b, s.rare)
	rows := make([]uint64, len(o.Templates))
	for _, t := range o.Template {
		rows[t]++
	}
	for i := range o.Templates {
		t := &o.Templates[i]
		for f, v := range [...]uint64{uint64(t.Service), uint64(nameRemap[t.Name]), uint64(scopeRemap[t.Scope]), uint64(t.Kind), uint64(t.Status), uint64(s.shapes.Of[i]), rows[i]} {
			fields[f] = append(fields[f], v)
		}
	}
	buf := s.w.Buf()
	for _, f := range fields {
		buf = column.AppendInts(buf, f, small)
	}
	s.chunk(s.w.Column(colTemplates), block.WholeSegment, buf)
	s.chunk(s.w.Column(colShapes), block.WholeSegment, shapes.AppendLoose(s.w.Buf(), s.shapes.Lists, s.shapes.Loose))

	s.strs.Reset()
	for _, name := range o.Services {
		s.strs.Append([]byte(name))
	}
	s.chunk(s.w.Column(colServices), block.WholeSegment, column.AppendStrings(s.w.Buf(), s.strs, column.StringOptions{Block: dictChunk}))
}

// resources writes the resource table, ordered by service, and each row's place
// among the resources of its service.
func (s *Sealer) resources() {
	b, o := s.b, &s.order
	list, _ := s.used(b.Resource, len(b.Resources))
	slices.SortStableFunc(list, func(x, y uint32) int { return int(o.ServiceOf[x]) - int(o.ServiceOf[y]) })
	local := make([]uint32, len(b.Resources))
	perService := make([]uint32, len(o.Services))
	s.strs.Reset()
	for _, c := range list {
		s.strs.Append(b.Resources[c].Raw)
		local[c] = perService[o.ServiceOf[c]]
		perService[o.ServiceOf[c]]++
	}
	buf := column.AppendInts(s.w.Buf(), perService, small)
	s.chunk(s.w.Column(colResources), block.WholeSegment, column.AppendStrings(buf, s.strs, column.StringOptions{Block: dictChunk}))
	col := s.w.Column(colResource)
	for i, blk := range o.Blocks {
		s.u32 = resize(s.u32, blk.End-blk.Start)
		for k, r := range o.Perm[blk.Start:blk.End] {
			s.u32[k] = local[b.Resource[r]]
		}
		s.chunk(col, i, column.AppendInts(s.w.Buf(), s.u32, packed))
	}
}

// traces writes the ids of each block's traces, ascending by their low half, and
// each row's ordinal among them.
//
// Ordinals ascend within a run, so that differences are small. They were tried: packed
// they take 0.94 bytes a span instead of 1.12, as Elias and Fano's code, run by run,
// 0.71. But whoever reads columns reads the ordinals, and a lookup selects one. That code
// takes six times as long to read, which makes reading durations take 1.6 times as long,
// and neither can be searched in place.
func (s *Sealer) traces() {
	b, o := s.b, &s.order
	s.lows.Reset()
	col := s.w.Column(colTraceIDs)
	for i, blk := range o.Blocks {
		buf := s.w.Buf()
		for _, t := range o.Traces[blk.TraceStart:blk.TraceEnd] {
			id := b.TraceIDs[t]
			s.lows.Add(id.Low())
			buf = append(buf, id[:]...)
		}
		s.chunk(col, i, buf)
	}
	s.twins = s.lows.Append(s.twins[:0])
	col = s.w.Column(colTrace)
	for i, blk := range o.Blocks {
		s.u32 = resize(s.u32, blk.End-blk.Start)
		for k, r := range o.Perm[blk.Start:blk.End] {
			s.u32[k] = o.Local[r]
		}
		s.chunk(col, i, column.AppendInts(s.w.Buf(), s.u32, column.IntOptions{Delta: true}))
	}
}

// spans writes the dense columns: runs, ids, parents, times, flags.
func (s *Sealer) spans() {
	o, b := &s.order, s.b
	col := s.w.Column(colRuns)
	for i, blk := range o.Blocks {
		s.u32 = s.u32[:0]
		lens := make([]uint32, 0, len(blk.Runs))
		for _, r := range blk.Runs {
			s.u32 = append(s.u32, r.Template)
			lens = append(lens, r.End-r.Start)
		}
		s.chunk(col, i, column.AppendInts(column.AppendInts(s.w.Buf(), s.u32, small), lens, small))
	}
	col = s.w.Column(colSpanID)
	for i, blk := range o.Blocks {
		buf := s.w.Buf()
		for _, id := range s.ids[blk.Start:blk.End] {
			buf = binary.LittleEndian.AppendUint64(buf, id)
		}
		s.chunk(col, i, buf)
	}
	s.parents()
	s.dense(colStart, s.start, packed)
	s.dense(colDuration, s.duration, packedInts)
	col = s.w.Column(colFlags)
	for i, blk := range o.Blocks {
		s.u32 = resize(s.u32, blk.End-blk.Start)
		for k, r := range o.Perm[blk.Start:blk.End] {
			s.u32[k] = b.Flags[r]
		}
		s.chunk(col, i, column.AppendInts(s.w.Buf(), s.u32, small))
	}
}

func (s *Sealer) dense(name string, vals []uint64, opt column.IntOptions) {
	col := s.w.Column(name)
	for i, blk := range s.order.Blocks {
		s.ints(col, i, s.w.Buf(), vals[blk.Start:blk.End], opt)
	}
}

// resolve finds each row's parent, and the rows whose span id occurs again.
func (s *Sealer) resolve() {
	o, b := &s.order, s.b
	finder := places.NewFinder()
	s.repeats = s.repeats[:0]
	s.codes, s.parent = resize(s.codes, len(o.Perm)), resize(s.parent, len(o.Perm))
	s.lists = resize(s.lists, len(o.Blocks))
	for i, blk := range o.Blocks {
		s.lists[i].Build(o.Local, o.Perm[blk.Start:blk.End], blk.TraceEnd-blk.TraceStart)
		byTrace := &s.lists[i]
		codes, parent := s.codes[blk.Start:blk.End], s.parent[blk.Start:blk.End]
		for t := range blk.TraceEnd - blk.TraceStart {
			rows := byTrace.Rows(t)
			finder.Load(rows, s.ids[blk.Start:blk.End])
			for _, p := range finder.Twice {
				s.repeats = append(s.repeats, uint32(blk.Start)+rows[p])
			}
			for _, k := range rows {
				codes[k] = finder.Code(b.ParentID[o.Perm[blk.Start+int(k)]])
				switch c := codes[k]; c {
				case places.None:
					parent[k] = rollup.NoParent
				case places.Elsewhere:
					parent[k] = rollup.Elsewhere
				default:
					parent[k] = uint32(blk.Start) + rows[c-places.First]
				}
			}
		}
	}
	s.pairs = len(s.repeats)
}

// parents writes each row's parent as a place in its trace, and the ids of those
// that are not there.
func (s *Sealer) parents() {
	o, b := &s.order, s.b
	col := s.w.Column(colParent)
	for i, blk := range o.Blocks {
		codes := s.codes[blk.Start:blk.End]
		buf := column.AppendInts(s.w.Buf(), codes, packed)
		for k, c := range codes {
			if c == places.Elsewhere {
				buf = binary.LittleEndian.AppendUint64(buf, b.ParentID[o.Perm[blk.Start+k]])
			}
		}
		s.chunk(col, i, buf)
	}
}

// intrinsics writes the sparse intrinsic columns.
func (s *Sealer) intrinsics() {
	b := s.b
	limits := s.order.Limits()
	weights := b.Weights()
	for _, c := range []struct {
		name string
		col  *span.Column
	}{
		{colStatusMessage, &b.StatusMessage}, {colTraceState, &b.TraceState}, {colDroppedAttrs, &b.DroppedAttrs},
		{colDroppedEvents, &b.DroppedEvents}, {colDroppedLinks, &b.DroppedLinks}, {colExtra, &b.Attrs.Extra},
		{colWeight, &weights}, {colMoved, &b.Moved},
	} {
		s.aset.sparse(c.name, c.col, s.order.Inv, limits)
	}
}

// received writes the order in which rows came that share their identity with
// others: span id, and the low half of the trace id. Rows are clustered here, and
// of such rows the first received is the one that counts.
func (s *Sealer) received() {
	o := &s.order
	if len(s.twins) > 0 {
		s.repeatTwins()
	}
	if len(s.repeats) == 0 {
		return
	}
	rows := make([]uint32, 0, len(s.repeats))
	for _, p := range s.repeats {
		rows = append(rows, o.Perm[p])
	}
	slices.Sort(rows)
	rows = slices.Compact(rows)
	c := span.Column{Type: clew.TypeInt, Rows: rows, Vals: make([]uint64, len(rows))}
	for i, r := range rows {
		c.Vals[i] = uint64(r)
	}
	if s.Received != nil {
		byArrival := slices.Clone(rows)
		slices.SortStableFunc(byArrival, func(x, y uint32) int { return cmp.Compare(s.Received[x], s.Received[y]) })
		for n, r := range byArrival {
			i, _ := slices.BinarySearch(rows, r)
			c.Vals[i] = uint64(n)
		}
	}
	limits := o.Limits()
	s.aset.sparse(colReceived, &c, o.Inv, limits)
}

// repeatTwins notes all rows of the traces whose ids differ in the high half only,
// as repeated: they are one trace to whoever asks for the low half.
func (s *Sealer) repeatTwins() {
	o, b := &s.order, s.b
	seen := make(map[uint64][]uint32, len(s.twins))
	for _, t := range o.Traces {
		low := b.TraceIDs[t].Low()
		if _, ok := slices.BinarySearch(s.twins, low); ok {
			seen[low] = append(seen[low], t)
		}
	}
	for _, traces := range seen {
		for _, t := range traces {
			for _, r := range o.RowsOf(t) {
				s.repeats = append(s.repeats, o.Inv[r])
			}
		}
	}
}

// requests writes which records the rows came in.
func (s *Sealer) requests(requests []Request) {
	buf := s.w.Buf()
	for _, r := range requests {
		buf = r.Append(buf)
	}
	s.chunk(s.w.Column(colRequests), block.WholeSegment, buf)
}

// resize returns s with length n, keeping its memory; contents are unspecified.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
