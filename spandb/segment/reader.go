package segment

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment/meta"
	"github.com/clew-tracing/clew/spandb/segment/places"
)

// A Reader reads one segment. Its directory is in memory; tables are read when
// first needed and kept by a Cache. It is safe for concurrent use.
type Reader struct {
	file   string // for errors
	meta   Meta
	blocks *block.Reader

	tables atomic.Pointer[Tables] // set under Cache.mu
	load   sync.Mutex             // one goroutine reads the tables
}

// Open reads the directory of a segment of size bytes; file names it in errors. An
// unknown version is an error of kind Unsupported.
func Open(src io.ReaderAt, size int64, file string) (*Reader, error) {
	blocks, err := block.Open(src, size, file)
	if err != nil {
		return nil, err
	}
	return newReader(blocks, size, file)
}

// OpenDamaged is Open that passes over damage of the frame, where that can be.
func OpenDamaged(src io.ReaderAt, size int64, file string) (*Reader, error) {
	blocks, err := block.OpenDamaged(src, size, file)
	if err != nil {
		return nil, err
	}
	return newReader(blocks, size, file)
}

func newReader(blocks *block.Reader, size int64, file string) (*Reader, error) {
	m, err := meta.Parse(blocks.Meta())
	if err == nil && int64(m.Rows) > size/8 {
		err = fmt.Errorf("%d rows have no room for their ids in %d bytes", m.Rows, size)
	}
	if err != nil {
		return nil, clew.Corruptf(file, size, "%w", err)
	}
	return &Reader{file: file, meta: m, blocks: blocks}, nil
}

// Meta returns what the segment says of itself. It is r's.
func (r *Reader) Meta() *Meta { return &r.meta }

// SizeBytes is about the memory that the reader takes, without tables.
func (r *Reader) SizeBytes() int64 { return r.blocks.SizeBytes() + 8*int64(len(r.meta.BlockRows)) }

// Sum is a checksum of all that is in the segment: of its directory, which has that
// of every chunk.
func (r *Reader) Sum() uint32 { return r.blocks.Sum() }

// Listing is what a manifest says of the segment under an id.
func (r *Reader) Listing(id uint64) folder.Segment {
	m := &r.meta
	merged := uint64(0)
	if m.Merged {
		merged = 1
	}
	return folder.Segment{
		ID: id, Tenant: m.Tenant, Hour: m.MinArrival, Size: uint64(r.blocks.Size()), Rows: uint64(m.Rows), InMemory: uint64(m.InMemory),
		MinArrival: m.MinArrival, MaxArrival: m.MaxArrival, FirstSeq: m.FirstSeq, LastSeq: m.LastSeq, Merged: merged,
		MinStart: m.MinStart, MaxStart: m.MaxStart, Sum: uint64(r.Sum()),
	}
}

// corrupt makes an error about the content of a chunk.
func (r *Reader) corrupt(col, blk int, err error) error {
	return clew.Corruptf(r.file, r.blocks.Offset(col, blk), "%s: %w", r.blocks.Columns()[col], err)
}

// bad makes an error about a chunk of the whole segment.
func (r *Reader) bad(col int, format string, args ...any) error {
	return r.corrupt(col, block.WholeSegment, fmt.Errorf(format, args...))
}

func (r *Reader) lacks(name string) error {
	return clew.Corruptf(r.file, 0, "segment lacks %s", name)
}

// whole reads the chunk of a column that belongs to no block; nil if the segment
// does not have it.
func (r *Reader) whole(name string) ([]byte, int, error) {
	col, ok := r.blocks.Column(name)
	if !ok {
		return nil, 0, nil
	}
	b, err := r.blocks.Chunk(nil, col, block.WholeSegment)
	return b, col, err
}

// must is whole for a column that every segment has.
func (r *Reader) must(name string) ([]byte, int, error) {
	b, col, err := r.whole(name)
	if err == nil && b == nil {
		err = r.lacks(name)
	}
	return b, col, err
}

// Starts returns the least and greatest start of a block's rows.
func (r *Reader) Starts(blk int) (lo, hi uint64, err error) {
	if col, ok := r.blocks.Column(colStart); ok {
		if lo, hi, ok = r.blocks.Bounds(col, blk); ok {
			return lo, hi, nil
		}
	}
	return 0, 0, clew.Corruptf(r.file, 0, "block %d has no start times", blk)
}

// Requests reads which records the segment holds.
func (r *Reader) Requests() ([]Request, error) {
	b, col, err := r.must(colRequests)
	if err != nil {
		return nil, err
	}
	list, err := meta.ParseRequests(b)
	if err != nil {
		return nil, r.corrupt(col, block.WholeSegment, err)
	}
	return list, nil
}

// TraceIDs appends the traces of a block, ascending by their low halves: the trace
// of a row is an index into them.
func (r *Reader) TraceIDs(dst []clew.TraceID, blk int) ([]clew.TraceID, error) {
	col, ok := r.blocks.Column(colTraceIDs)
	if !ok {
		return dst, r.lacks(colTraceIDs)
	}
	b, err := r.blocks.Chunk(nil, col, blk)
	if err != nil {
		return dst, err
	}
	if len(b) == 0 || len(b)%16 != 0 {
		return dst, r.corrupt(col, blk, fmt.Errorf("%d bytes are not a list of trace ids", len(b)))
	}
	return places.IDs(dst, b), nil
}

// Checksums reads every byte and returns those parts whose checksums fail: what a copy
// must not have. Damage looks closer.
func (r *Reader) Checksums() (damage []error) { return r.blocks.Verify() }

// Damage reads every byte and decodes every row, and returns all damage found.
func (r *Reader) Damage() (damage []error) {
	if damage = r.blocks.Verify(); len(damage) > 0 {
		return damage
	}
	var c Cache
	if _, err := r.Requests(); err != nil {
		return []error{err}
	}
	t, err := c.tables(r)
	if err != nil {
		return []error{err}
	}
	left := make([]uint32, len(t.Templates))
	for i := range left {
		left[i] = t.Templates[i].rows
	}
	b := BlockReader{Cache: &c}
	all := Need{All: true}
	for blk := range r.meta.BlockRows {
		batch, err := b.Read(r, blk, &all)
		if err != nil {
			damage = append(damage, err)
			continue
		}
		if err := c.testFilters(r, t, batch); err != nil && len(damage) == 0 {
			damage = append(damage, err)
		}
		for i, k := range b.runs.Template {
			left[k] -= b.runs.Start[i+1] - b.runs.Start[i]
		}
	}
	for _, need := range []RollupNeed{{Operations: true, Edges: true, Durations: true}, {Durations: true}} {
		if _, err := c.Rollup(r, need); err != nil {
			damage = append(damage, err)
		}
	}
	for i, n := range left {
		if n != 0 && len(damage) == 0 {
			damage = append(damage, clew.Corruptf(r.file, 0, "%s counts other rows of template %d than there are", colTemplates, i))
		}
	}
	return damage
}
