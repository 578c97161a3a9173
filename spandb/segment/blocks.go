package segment

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment/places"
)

// A BlockReader reads blocks of segments into a batch that it reuses: what it
// returns is valid until the next call. One goroutine.
type BlockReader struct {
	// Cache keeps tables and dictionaries; not nil.
	Cache *Cache
	// Keep lets the cache keep what is read of blocks, too: for scans, which come
	// again, not for single traces.
	Keep bool
	// Bytes counts what was read; the caller may set it.
	Bytes int64
	// Known are the runs of the block that is read next, should the caller have them.
	Known *Runs

	seg   *Reader
	t     *Tables
	blk   int
	rows  int      // of the block
	pick  []uint32 // the rows wanted, ascending; nil: all
	whole bool     // pick has all rows of its traces
	of    []uint32 // the traces that pick has the rows of; nil: not known
	need  *Need

	batch    span.Batch
	received span.Column
	runs     *Runs
	attrs    attrPlaces
	buf, ids []byte
	pres     column.Bitmap
	some     column.Bitmap // of the block's traces
	dict     []byte
	codes    []uint32
	ordinals []uint32
	traces   int      // of the block
	own      []uint32 // by row of the batch: its trace in the block
	found    []uint32
	lists    places.Lists // of the rows of the batch
}

// Read decodes the wanted columns of block blk.
func (r *BlockReader) Read(s *Reader, blk int, n *Need) (*span.Batch, error) {
	return r.ReadRows(s, blk, n, nil, false)
}

// ReadRows is Read for some rows of a block, ascending, at least one: those alone are
// in the batch, and only traces that they are of. n wants no parents, which are found
// among all rows of a trace (see Need.Parents), unless whole says that rows are such.
func (r *BlockReader) ReadRows(s *Reader, blk int, n *Need, rows []uint32, whole bool) (*span.Batch, error) {
	if err := r.open(s, blk, n); err != nil {
		return nil, err
	}
	return r.columns(rows, whole)
}

// ReadTrace reads the wanted columns of the rows in a block of the traces that an id
// means: those of equal low half whose high halves are equal or one of them zero. It
// returns nil if there are none.
func (r *BlockReader) ReadTrace(s *Reader, blk int, id clew.TraceID, n *Need) (*span.Batch, error) {
	if err := r.open(s, blk, n); err != nil {
		return nil, err
	}
	ids, _, err := r.records(colTraceIDs, 0, 16)
	if err != nil {
		return nil, err
	}
	ordinals := places.Traces(ids, id)
	if len(ordinals) == 0 {
		return nil, nil
	}
	x, _, col, err := r.parseDense(colTrace, r.rows)
	if err != nil {
		return nil, err
	}
	r.pres = r.pres.Reset(r.rows)
	for _, ord := range ordinals {
		if err := x.Select(r.pres, 0, 0, r.rows, column.Range{Low: uint64(ord)}); err != nil {
			return nil, s.corrupt(col, blk, err)
		}
	}
	r.found = r.pres.AppendOnes(slices.Grow(r.found[:0], r.pres.Count()))
	if len(r.found) == 0 {
		return nil, r.bad(col, "trace %s is listed, but no row is of it", id)
	}
	r.of = ordinals
	return r.columns(r.found, true)
}

// columns reads the wanted columns of the block that is open.
func (r *BlockReader) columns(pick []uint32, whole bool) (*span.Batch, error) {
	t := r.t
	r.pick, r.whole = pick, whole
	r.batch = span.Batch{ // in the memory of the block before
		StatusMessage: emptied(&r.batch.StatusMessage), TraceState: emptied(&r.batch.TraceState),
		Weight: emptied(&r.batch.Weight), Moved: emptied(&r.batch.Moved),
		Attrs: span.Attrs{Columns: r.batch.Attrs.Columns[:0], Shape: r.batch.Attrs.Shape},
		Rows:  r.rows, TraceIDs: r.batch.TraceIDs[:0], Trace: r.batch.Trace, SpanID: r.batch.SpanID, ParentID: r.batch.ParentID,
		Start: r.batch.Start, Duration: r.batch.Duration, Name: r.batch.Name, Kind: r.batch.Kind, Status: r.batch.Status,
		Flags: r.batch.Flags, Resource: r.batch.Resource, Scope: r.batch.Scope,
		Names: t.Names, NamesDictID: t.namesID, Resources: t.Resources, Scopes: t.Scopes,
	}
	if pick != nil {
		r.batch.Rows = len(pick)
	}
	for _, step := range []func() error{r.readRuns, r.readTraces, r.readTimes, r.readIDs, r.readSparse, r.readAttrs, r.readEvents, r.readLinks} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return &r.batch, nil
}

// Received tells in which order rows of equal identity came that are in one
// segment: the lesser number first. Of rows whose identity no other row has it says
// nothing. It is about the rows read last, with Need.All or Received.
func (r *BlockReader) Received(row uint32) uint64 {
	if i, ok := r.received.Find(row); ok {
		return r.received.Vals[i]
	}
	return 0
}

// Repeats reports whether a row that was read last shares its ids with another: see Received.
func (r *BlockReader) Repeats() bool { return len(r.received.Rows) > 0 }

// open begins with a block, which may be one that there is not.
func (r *BlockReader) open(s *Reader, blk int, n *Need) (err error) {
	if uint(blk) >= uint(len(s.meta.BlockRows)) {
		return clew.Corruptf(s.file, 0, "the segment has %d blocks, and number %d is to be read", len(s.meta.BlockRows), blk)
	}
	r.t, err = r.Cache.tables(s)
	r.seg, r.blk, r.need, r.rows, r.pick, r.whole, r.of = s, blk, n, s.meta.BlockRows[blk], nil, false, nil
	return err
}

// chunk reads the block's chunk of a column; nil if there is none. The bytes are
// valid until the next call.
func (r *BlockReader) chunk(name string) (b []byte, col int, err error) {
	col, ok := r.seg.blocks.Column(name)
	if !ok {
		return nil, 0, nil
	}
	b, err = r.chunkAt(col)
	return b, col, err
}

func (r *BlockReader) chunkAt(col int) ([]byte, error) { return r.chunkIn(&r.buf, col) }

// chunkIn reads a chunk into memory of its own, should it not be kept anyway.
func (r *BlockReader) chunkIn(buf *[]byte, col int) (b []byte, err error) {
	if r.Keep {
		var k *hotChunk
		if k, err = r.Cache.chunk(r.seg, r.t, col, r.blk); k != nil {
			b = k.bytes
		}
	} else if b, err = r.seg.blocks.Chunk((*buf)[:0], col, r.blk); b != nil {
		*buf = b
	}
	r.Bytes += int64(len(b))
	return b, err
}

// records reads a chunk of n records of so many bytes each, or of as many as there
// are where n is 0.
func (r *BlockReader) records(name string, n, size int) (b []byte, col int, err error) {
	col, ok := r.seg.blocks.Column(name)
	if !ok {
		return nil, 0, r.seg.lacks(name)
	}
	if b, err = r.chunkIn(&r.ids, col); err != nil {
		return nil, col, err
	}
	if len(b) == 0 || len(b)%size != 0 || n > 0 && len(b) != n*size {
		return nil, col, r.bad(col, "%d bytes are not %d records of %d", len(b), n, size)
	}
	return b, col, nil
}

func (r *BlockReader) bad(col int, format string, args ...any) error {
	return r.seg.corrupt(col, r.blk, fmt.Errorf(format, args...))
}

// dense reads the wanted rows of a column of integers, one for each row.
func dense[T column.Uint](r *BlockReader, dst []T, name string) (vals []T, rest []byte, err error) {
	return denseOf(r, dst, name, r.rows, r.pick)
}

// denseOf reads those in pick, or all, of a column of n integers, and returns what is
// behind them in the chunk.
func denseOf[T column.Uint](r *BlockReader, dst []T, name string, n int, pick []uint32) (vals []T, rest []byte, err error) {
	x, rest, col, err := r.parseDense(name, n)
	if err != nil {
		return dst, nil, err
	}
	if pick == nil {
		vals, err = column.DecodeRange(dst[:0], &x, 0, n)
	} else {
		vals, err = column.Gather(dst[:0], &x, pick)
	}
	if err != nil {
		return dst, nil, r.seg.corrupt(col, r.blk, err)
	}
	return vals, rest, nil
}

// parseDense finds the n integers of a column.
func (r *BlockReader) parseDense(name string, n int) (x column.Ints, rest []byte, col int, err error) {
	b, col, err := r.chunk(name)
	if err != nil {
		return x, nil, col, err
	}
	if x, rest, err = column.ParseInts(b, n); err != nil {
		return x, nil, col, r.seg.corrupt(col, r.blk, err)
	}
	if x.Len() != n {
		return x, nil, col, r.bad(col, "has %d values, want %d", x.Len(), n)
	}
	return x, rest, col, nil
}

// readRuns reads which template each row has, and what follows from it.
func (r *BlockReader) readRuns() (err error) {
	if r.runs, r.Known = r.Known, nil; r.runs == nil {
		if r.runs, err = r.Cache.blockRuns(r.seg, r.t, r.blk); err != nil {
			return err
		}
	}
	b, n := &r.batch, r.need
	name, kind, status, scope := n.Any(span.Name), n.Any(span.SpanKind), n.Any(span.StatusCode), n.Any(span.ScopeName, span.ScopeVersion)
	shapes := n.All
	b.Name, b.Kind, b.Status, b.Scope = wanted(name, b.Name, b.Rows), wanted(kind, b.Kind, b.Rows), wanted(status, b.Status, b.Rows), wanted(scope, b.Scope, b.Rows)
	b.Attrs.Shape = wanted(shapes, b.Attrs.Shape, b.Rows)
	if shapes {
		b.Attrs.Shapes = r.t.Shapes.Forest
	}
	if b.Resource = wanted(n.Resource(), b.Resource, 0); n.Resource() {
		if b.Resource, _, err = dense(r, b.Resource, colResource); err != nil {
			return err
		}
	}
	run := 0
	for from, to := 0, 0; from < b.Rows; from = to { // rows of the batch, that are of one run
		run = r.runs.From(run, uint32(r.row(from)))
		if to = int(r.runs.Start[run+1]); r.pick != nil {
			end := to
			for to = from + 1; to < b.Rows && int(r.pick[to]) < end; {
				to++
			}
		}
		t := &r.t.Templates[r.runs.Template[run]]
		if b.Resource != nil { // each row's place among those of its service
			base, n := r.t.Base[t.Service], r.t.Base[t.Service+1]-r.t.Base[t.Service]
			for i, place := range b.Resource[from:to] {
				if place >= n {
					col, _ := r.seg.blocks.Column(colResource)
					return r.bad(col, "row %d points outside the resources", from+i)
				}
				b.Resource[from+i] = base + place
			}
		}
		if name {
			fill(b.Name[from:to], t.Name)
		}
		if kind {
			fill(b.Kind[from:to], t.Kind)
		}
		if status {
			fill(b.Status[from:to], t.Status)
		}
		if scope {
			fill(b.Scope[from:to], t.Scope)
		}
		if shapes {
			fill(b.Attrs.Shape[from:to], r.t.Shapes.Node[t.Shape])
		}
	}
	return nil
}

// wanted returns s with n elements, nil if it is not.
func wanted[T any](yes bool, s []T, n int) []T {
	if !yes {
		return nil
	}
	return resize(s, n)
}

func fill[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

func (r *BlockReader) readTraces() (err error) {
	b := &r.batch
	ids, _, err := r.records(colTraceIDs, 0, 16)
	if err != nil {
		return err
	}
	traces := len(ids) / 16
	if len(r.of) == 1 { // the rows are known to be its
		r.traces, b.TraceIDs = traces, append(b.TraceIDs, clew.TraceID(ids[16*r.of[0]:][:16]))
		b.Trace, r.own = resize(b.Trace, b.Rows), resize(r.own, b.Rows)
		clear(b.Trace)
		fill(r.own, r.of[0])
		return nil
	}
	if b.Trace, _, err = dense(r, b.Trace, colTrace); err != nil {
		return err
	}
	for i, t := range b.Trace {
		if int(t) >= traces {
			col, _ := r.seg.blocks.Column(colTrace)
			return r.bad(col, "row %d points outside the traces", i)
		}
	}
	r.traces = traces
	r.own = append(r.own[:0], b.Trace...)
	if r.pick == nil {
		b.TraceIDs = places.IDs(b.TraceIDs, ids)
		return nil
	}
	b.TraceIDs, r.ordinals = places.Own(b.TraceIDs, b.Trace, ids, r.ordinals)
	return nil
}

func (r *BlockReader) readTimes() (err error) {
	b, n := &r.batch, r.need
	if b.Start, _, err = dense(r, b.Start, colStart); err != nil {
		return err
	}
	duration, flags := b.Duration, b.Flags
	b.Duration, b.Flags = nil, nil
	if n.Any(span.Duration) {
		if b.Duration, _, err = dense(r, duration, colDuration); err != nil {
			return err
		}
	}
	if n.All {
		b.Flags, _, err = dense(r, flags, colFlags)
	}
	return err
}

// row returns the block's row that is row i of the batch.
func (r *BlockReader) row(i int) int {
	if r.pick == nil {
		return i
	}
	return int(r.pick[i])
}

func (r *BlockReader) readIDs() error {
	b, n := &r.batch, r.need
	b.SpanID = wanted(n.Any(span.SpanID, span.ParentID), b.SpanID, b.Rows)
	b.ParentID = wanted(n.Parents(), b.ParentID, b.Rows)
	if b.SpanID == nil {
		return nil
	}
	ids, _, err := r.records(colSpanID, r.rows, 8)
	if err != nil {
		return err
	}
	for i := range b.SpanID {
		b.SpanID[i] = binary.LittleEndian.Uint64(ids[8*r.row(i):])
	}
	if b.ParentID != nil {
		return r.readParents()
	}
	return nil
}

// readParents turns places in the trace back into ids. All rows of each trace are in
// the batch.
func (r *BlockReader) readParents() error {
	b := &r.batch
	x, rest, col, err := r.parseDense(colParent, r.rows)
	if err != nil {
		return err
	}
	if r.pick == nil {
		r.codes, err = column.DecodeRange(r.codes[:0], &x, 0, r.rows)
	} else {
		r.codes, err = column.Gather(r.codes[:0], &x, r.pick)
	}
	// Ids of parents elsewhere stand in the order of the block's rows.
	r.pres = r.pres.Reset(r.rows)
	if err == nil && slices.Contains(r.codes, places.Elsewhere) {
		err = x.Select(r.pres, 0, 0, r.rows, column.Range{Low: places.Elsewhere})
	}
	if err != nil {
		return r.seg.corrupt(col, r.blk, err)
	}
	if len(rest) < 8*r.pres.Count() {
		return r.bad(col, "ids of parents elsewhere are cut off")
	}
	r.lists.BuildAll(b.Trace, len(b.TraceIDs))
	passed, next := 0, 0 // rows of the block, and ids of those
	for i, c := range r.codes {
		switch {
		case c == places.None:
			b.ParentID[i] = 0
		case c == places.Elsewhere:
			next += r.pres.CountRange(passed, r.row(i))
			passed = r.row(i)
			b.ParentID[i] = binary.LittleEndian.Uint64(rest[8*next:])
		default:
			rows := r.lists.Rows(int(b.Trace[i]))
			if int(c-places.First) >= len(rows) {
				return r.bad(col, "row %d has parent %d of a trace of %d", i, c-places.First, len(rows))
			}
			b.ParentID[i] = b.SpanID[rows[c-places.First]]
		}
	}
	return nil
}
