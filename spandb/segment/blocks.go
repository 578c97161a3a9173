package segment

import (
	"encoding/binary"
	"fmt"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// A BlockReader reads blocks of segments into a batch that it reuses: what Read
// returns is valid until the next call. One goroutine.
type BlockReader struct {
	// Cache keeps tables and dictionaries; not nil.
	Cache *Cache
	// Bytes counts what was read; the caller may set it.
	Bytes int64

	seg  *Reader
	t    *tables
	blk  int
	rows int
	need *Need

	batch    span.Batch
	received span.Column
	buf      []byte
	runs     []run
	tmpl     []uint32
	lens     []uint32
	pres     column.Bitmap
	codes    []uint32
}

// Read decodes the wanted columns of block blk.
func (r *BlockReader) Read(s *Reader, blk int, n *Need) (*span.Batch, error) {
	t, err := r.open(s, blk, n)
	if err != nil {
		return nil, err
	}
	r.batch = span.Batch{
		Rows: r.rows, TraceIDs: r.batch.TraceIDs[:0], Trace: r.batch.Trace, SpanID: r.batch.SpanID, ParentID: r.batch.ParentID,
		Start: r.batch.Start, Duration: r.batch.Duration, Name: r.batch.Name, Kind: r.batch.Kind, Status: r.batch.Status,
		Flags: r.batch.Flags, Resource: r.batch.Resource, Scope: r.batch.Scope,
		Names: t.names, NamesDictID: t.namesID, Resources: t.resources, Scopes: t.scopes,
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
// nothing. It is about the block read last, with Need.All.
func (r *BlockReader) Received(row uint32) uint64 {
	if i, ok := r.received.Find(row); ok {
		return r.received.Vals[i]
	}
	return 0
}

// open begins with a block.
func (r *BlockReader) open(s *Reader, blk int, n *Need) (t *tables, err error) {
	t, err = r.Cache.tables(s)
	r.seg, r.t, r.blk, r.need, r.rows = s, t, blk, n, s.meta.BlockRows[blk]
	return t, err
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

func (r *BlockReader) chunkAt(col int) ([]byte, error) {
	b, err := r.seg.blocks.Chunk(r.buf[:0], col, r.blk)
	if b != nil {
		r.buf = b
		r.Bytes += int64(len(b))
	}
	return b, err
}

func (r *BlockReader) bad(col int, format string, args ...any) error {
	return r.seg.corrupt(col, r.blk, fmt.Errorf(format, args...))
}

// exactly reads a dense column of n integers.
func exactly[T column.Uint](r *BlockReader, dst []T, name string, n int) ([]T, []byte, error) {
	b, col, err := r.chunk(name)
	if err != nil {
		return dst, nil, err
	}
	v, rest, err := column.DecodeInts(dst[:0], b, n)
	if err != nil {
		return dst, nil, r.seg.corrupt(col, r.blk, err)
	}
	if len(v) != n {
		return dst, nil, r.bad(col, "has %d values, want %d", len(v), n)
	}
	return v, rest, nil
}

// readRuns reads which template each row has, and what follows from it.
func (r *BlockReader) readRuns() error {
	b, col, err := r.chunk(colRuns)
	if err != nil {
		return err
	}
	if r.tmpl, b, err = column.DecodeInts(r.tmpl[:0], b, r.rows); err == nil {
		r.lens, _, err = column.DecodeInts(r.lens[:0], b, r.rows)
	}
	if err != nil {
		return r.seg.corrupt(col, r.blk, err)
	}
	if len(r.tmpl) != len(r.lens) {
		return r.bad(col, "%d templates, %d lengths", len(r.tmpl), len(r.lens))
	}
	r.runs = r.runs[:0]
	at := uint32(0)
	for i, k := range r.tmpl {
		if int(k) >= len(r.t.templates) || r.lens[i] > uint32(r.rows)-at {
			return r.bad(col, "run %d points outside", i)
		}
		r.runs = append(r.runs, run{template: k, start: at, end: at + r.lens[i]})
		at += r.lens[i]
	}
	if at != uint32(r.rows) {
		return r.bad(col, "runs cover %d rows of %d", at, r.rows)
	}
	r.expand()
	return r.readResource()
}

// expand fills the columns that are the same in a run.
func (r *BlockReader) expand() {
	b, n := &r.batch, r.need
	if n.anyOf(span.Name) {
		b.Name = resize(b.Name, r.rows)
	}
	if n.anyOf(span.SpanKind) {
		b.Kind = resize(b.Kind, r.rows)
	}
	if n.anyOf(span.StatusCode) {
		b.Status = resize(b.Status, r.rows)
	}
	if n.anyOf(span.ScopeName, span.ScopeVersion) {
		b.Scope = resize(b.Scope, r.rows)
	}
	shapes := n.All && !r.seg.meta.Explicit
	if shapes {
		b.Attrs.Shape = make([]uint32, r.rows)
		b.Attrs.Shapes = r.t.shapes.forest
	}
	for _, run := range r.runs {
		t := &r.t.templates[run.template]
		if n.anyOf(span.Name) {
			fill(b.Name[run.start:run.end], t.name)
		}
		if n.anyOf(span.SpanKind) {
			fill(b.Kind[run.start:run.end], t.kind)
		}
		if n.anyOf(span.StatusCode) {
			fill(b.Status[run.start:run.end], t.status)
		}
		if n.anyOf(span.ScopeName, span.ScopeVersion) {
			fill(b.Scope[run.start:run.end], t.scope)
		}
		if shapes {
			fill(b.Attrs.Shape[run.start:run.end], r.t.shapes.node[t.shape])
		}
	}
}

func fill[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// readResource reads each row's resource: its place among those of its service.
func (r *BlockReader) readResource() (err error) {
	if !r.need.resource && !r.need.All {
		return nil
	}
	b := &r.batch
	if b.Resource, _, err = exactly(r, b.Resource, colResource, r.rows); err != nil {
		return err
	}
	for _, run := range r.runs {
		base := r.t.base[r.t.templates[run.template].service]
		for i := run.start; i < run.end; i++ {
			b.Resource[i] += base
			if int(b.Resource[i]) >= len(r.t.resources) {
				col, _ := r.seg.blocks.Column(colResource)
				return r.bad(col, "row %d points outside the resources", i)
			}
		}
	}
	return nil
}

func (r *BlockReader) readTraces() (err error) {
	b := &r.batch
	ids, col, err := r.chunk(colTraceIDs)
	if err != nil {
		return err
	}
	if len(ids) == 0 || len(ids)%16 != 0 {
		return r.bad(col, "%d bytes are not a list of trace ids", len(ids))
	}
	for ; len(ids) > 0; ids = ids[16:] {
		b.TraceIDs = append(b.TraceIDs, clew.TraceID(ids[:16]))
	}
	if b.Trace, _, err = exactly(r, b.Trace, colTrace, r.rows); err != nil {
		return err
	}
	for i, t := range b.Trace {
		if int(t) >= len(b.TraceIDs) {
			col, _ := r.seg.blocks.Column(colTrace)
			return r.bad(col, "row %d points outside the traces", i)
		}
	}
	return nil
}

func (r *BlockReader) readTimes() (err error) {
	b, n := &r.batch, r.need
	if b.Start, _, err = exactly(r, b.Start, colStart, r.rows); err != nil {
		return err
	}
	if n.anyOf(span.Duration) {
		if b.Duration, _, err = exactly(r, b.Duration, colDuration, r.rows); err != nil {
			return err
		}
	}
	if n.All {
		b.Flags, _, err = exactly(r, b.Flags, colFlags, r.rows)
	}
	return err
}

func (r *BlockReader) readIDs() error {
	b, n := &r.batch, r.need
	if !n.anyOf(span.SpanID, span.ParentID) {
		return nil
	}
	ids, col, err := r.chunk(colSpanID)
	if err != nil {
		return err
	}
	if len(ids) != 8*r.rows {
		return r.bad(col, "%d bytes are not %d span ids", len(ids), r.rows)
	}
	b.SpanID = resize(b.SpanID, r.rows)
	for i := range b.SpanID {
		b.SpanID[i] = binary.LittleEndian.Uint64(ids[8*i:])
	}
	if n.anyOf(span.ParentID) {
		return r.readParents()
	}
	return nil
}

// readParents turns places in the trace back into ids.
func (r *BlockReader) readParents() error {
	b := &r.batch
	codes, rest, err := exactly(r, r.codes, colParent, r.rows)
	if err != nil {
		return err
	}
	r.codes = codes
	col, _ := r.seg.blocks.Column(colParent)
	lists := listByTrace(b.Trace, identity(r.rows), len(b.TraceIDs))
	b.ParentID = resize(b.ParentID, r.rows)
	for i, c := range codes {
		switch {
		case c == parentNone:
			b.ParentID[i] = 0
		case c == parentElsewhere:
			if len(rest) < 8 {
				return r.bad(col, "ids of parents elsewhere are cut off")
			}
			b.ParentID[i] = binary.LittleEndian.Uint64(rest)
			rest = rest[8:]
		default:
			rows := lists.rows(int(b.Trace[i]))
			if int(c-parentFirst) >= len(rows) {
				return r.bad(col, "row %d has parent %d of a trace of %d", i, c-parentFirst, len(rows))
			}
			b.ParentID[i] = b.SpanID[rows[c-parentFirst]]
		}
	}
	return nil
}

func identity(n int) []uint32 {
	s := make([]uint32, n)
	for i := range s {
		s[i] = uint32(i)
	}
	return s
}
