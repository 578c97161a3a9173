package segment

import (
	"cmp"
	"sync/atomic"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/spandb/segment/runs"
)

// hot is what scans have read of one segment's blocks and a Cache keeps: chunks,
// verified, and directories of runs, parsed. What is in it does not change.
type hot struct {
	chunks []atomic.Pointer[hotChunk] // by number of the chunk
	runs   []atomic.Pointer[Runs]     // by block
	bytes  int64                      // guarded by Cache.mu
}

// hotChunk is a chunk of a column and block. It is shared, not to be changed.
type hotChunk struct {
	bytes []byte
	ints  column.Ints // what bytes begin with, if the column is packed: see packings

	places again[[]uint32]    // see Block.Places
	values again[runs.Values] // see Block.Values
}

// hotOf returns what is kept of the blocks of a segment.
func (t *Tables) hotOf(r *Reader) *hot {
	if h := t.hot.Load(); h != nil {
		return h
	}
	h := &hot{
		chunks: make([]atomic.Pointer[hotChunk], r.blocks.Chunks()),
		runs:   make([]atomic.Pointer[Runs], len(r.meta.BlockRows)),
	}
	if !t.hot.CompareAndSwap(nil, h) {
		if other := t.hot.Load(); other != nil {
			return other
		}
	}
	return h
}

// chunk returns the chunk of a column and block, nil if there is none; integers are
// repacked to be scanned.
func (c *Cache) chunk(r *Reader, t *Tables, col, blk int) (*hotChunk, error) {
	i, ok := r.blocks.Number(col, blk)
	if !ok {
		return nil, nil
	}
	h := t.hotOf(r)
	if k := h.chunks[i].Load(); k != nil {
		return k, nil
	}
	b, err := r.blocks.Chunk(nil, col, blk)
	if err != nil {
		return nil, err
	}
	k := &hotChunk{bytes: b}
	if p := t.packing[col]; p != packedNot {
		if err := k.pack(r.meta.BlockRows[blk], p == packedSigned); err != nil {
			return nil, r.corrupt(col, blk, err)
		}
	}
	c.keep(r, t, h, int64(len(k.bytes)), func() bool { return h.chunks[i].CompareAndSwap(nil, k) })
	return k, nil
}

func (k *hotChunk) pack(rows int, signed bool) (err error) {
	if k.bytes, err = column.Repack(k.bytes, rows, signed); err != nil {
		return err
	}
	k.ints, _, err = column.ParseInts(k.bytes, rows)
	return err
}

// blockRuns returns the runs of a block.
func (c *Cache) blockRuns(r *Reader, t *Tables, blk int) (*Runs, error) {
	h := t.hotOf(r)
	if dir := h.runs[blk].Load(); dir != nil {
		return dir, nil
	}
	dir, err := r.readRuns(t, blk)
	if err != nil {
		return nil, err
	}
	c.keep(r, t, h, dir.SizeBytes(), func() bool { return h.runs[blk].CompareAndSwap(nil, dir) })
	return dir, nil
}

// keep makes room for bytes more of a segment's blocks and puts them in their place.
//
// Once the room is used up, one in hotShare is let in, in the place of all that is
// kept of some other segment. So a scan of more than there is room for, again and
// again, finds a part of it here; if the oldest made room for the newest, it would
// find nothing.
func (c *Cache) keep(r *Reader, t *Tables, h *hot, bytes int64, put func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.tables.Load() != t || t.hot.Load() != h {
		return // they have gone already
	}
	most := cmp.Or(c.MaxBlockBytes, hotBytes)
	if c.hotBytes+bytes > most {
		if c.refused++; c.refused%hotShare != 0 {
			return
		}
		for n := len(c.holders); n > 0 && c.hotBytes+bytes > most; n-- {
			c.hand = (c.hand + 1) % len(c.holders)
			if other := c.holders[c.hand].tables.Load(); other != t {
				c.cool(other)
			}
		}
		if c.hotBytes+bytes > most {
			return
		}
	}
	if put() {
		h.bytes += bytes
		c.hotBytes += bytes
	}
}

// cool drops what is kept of a segment's blocks. c.mu is held.
func (c *Cache) cool(t *Tables) {
	if h := t.hot.Swap(nil); h != nil {
		c.hotBytes -= h.bytes
	}
}

// packing says whether the chunks of a column begin with integers.
type packing uint8

const (
	packedNot packing = iota
	packedUnsigned
	packedSigned
)

// packings returns it for each column of a segment.
func (t *Tables) packings(r *Reader) []packing {
	of := make([]packing, len(r.blocks.Columns()))
	for _, name := range []string{colResource, colTrace, colParent, colStart, colFlags} {
		if col, ok := r.blocks.Column(name); ok {
			of[col] = packedUnsigned
		}
	}
	if col, ok := r.blocks.Column(colDuration); ok {
		of[col] = packedSigned
	}
	for i := range t.Attrs {
		a := &t.Attrs[i]
		_, coded := r.blocks.Number(a.Column, block.WholeSegment)
		switch {
		case a.Partial || a.ByTrace: // begins with presence
		case a.Type == clew.TypeInt:
			of[a.Column] = packedSigned
		case a.Type == clew.TypeBool || isText(a.Type) && coded:
			of[a.Column] = packedUnsigned
		}
	}
	return of
}
