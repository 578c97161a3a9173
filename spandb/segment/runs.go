package segment

import (
	"sync/atomic"

	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/spandb/segment/runs"
)

// Runs is the directory of a block.
type Runs = runs.Runs

// readRuns reads which template each row of a block has.
func (r *Reader) readRuns(t *Tables, blk int) (*Runs, error) {
	col, ok := r.blocks.Column(colRuns)
	if !ok {
		return nil, r.lacks(colRuns)
	}
	b, err := r.blocks.Chunk(nil, col, blk)
	if err != nil {
		return nil, err
	}
	dir, err := runs.Parse(b, r.meta.BlockRows[blk], len(t.Templates), func(k uint32) uint32 { return t.Templates[k].Shape })
	if err != nil {
		return nil, r.corrupt(col, blk, err)
	}
	return dir, nil
}

// again is something found out about a chunk that was asked for it before. Of one that
// is not asked again, or not kept, it would be found out for nothing.
type again[T any] struct {
	asked atomic.Bool
	found atomic.Pointer[T]
}

// keep has the cache keep what was found out about a chunk, if it keeps the chunk.
func (b *Block) keep(col int, k *hotChunk, bytes int64, put func() bool) {
	h := b.Tables.hotOf(b.Reader)
	i, _ := b.Reader.blocks.Number(col, b.Number)
	b.cache.keep(b.Reader, b.Tables, h, bytes, func() bool { return h.chunks[i].Load() == k && put() })
}

// Places is Runs.Places for a column, in dst or shared and not to be changed.
func (b *Block) Places(dst []uint32, col int, having []uint32) ([]uint32, error) {
	k, err := b.cache.chunk(b.Reader, b.Tables, col, b.Number)
	if err != nil || k == nil || !k.places.asked.Swap(true) {
		b.Runs.Places(dst, having)
		return dst, err
	}
	if at := k.places.found.Load(); at != nil {
		return *at, nil
	}
	at := make([]uint32, len(b.Runs.Start))
	b.Runs.Places(at, having)
	b.keep(col, k, 4*int64(len(at)), func() bool { return k.places.found.CompareAndSwap(nil, &at) })
	return at, nil
}

// Values is Runs.Values for a column of ints or codes: also nil if they are not such as
// repeat, or have not been asked for before. Not to be changed.
func (b *Block) Values(col int, having []uint32) (*runs.Values, error) {
	k, err := b.cache.chunk(b.Reader, b.Tables, col, b.Number)
	if err != nil || k == nil || k.ints.Kind() != column.IntRuns || !k.values.asked.Swap(true) {
		return nil, err
	}
	if v := k.values.found.Load(); v != nil {
		return v, nil
	}
	vals, err := k.ints.Decode(nil)
	if err != nil {
		return nil, b.Corrupt(col, err)
	}
	v, err := b.Runs.Values(vals, having)
	if err != nil {
		return nil, b.Corrupt(col, err)
	}
	if v != nil {
		b.keep(col, k, v.SizeBytes(), func() bool { return k.values.found.CompareAndSwap(nil, v) })
	}
	return v, nil
}
