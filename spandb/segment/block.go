package segment

import (
	"fmt"

	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
)

// A Block is one block of a segment, for whoever tests what is stored of its rows
// and needs no columns of them. What is read is kept by the Cache.
type Block struct {
	Reader *Reader
	Number int
	Rows   int
	Tables *Tables
	Runs   *Runs
	Bytes  int64 // read so far

	cache *Cache
}

// Block begins with a block.
func (c *Cache) Block(r *Reader, blk int) (b Block, err error) {
	b = Block{Reader: r, Number: blk, Rows: r.meta.BlockRows[blk], cache: c}
	if b.Tables, err = c.tables(r); err == nil {
		b.Runs, err = c.blockRuns(r, b.Tables, blk)
	}
	return b, err
}

// Chunk returns the chunk of a column, and the integers it begins with, if the column is
// one of integers alone, or of codes; nil if there is no such chunk, or no integers. It
// is not to be changed.
func (b *Block) Chunk(col int) ([]byte, *column.Ints, error) {
	k, err := b.cache.chunk(b.Reader, b.Tables, col, b.Number)
	if err != nil || k == nil {
		return nil, nil, err
	}
	b.Bytes += int64(len(k.bytes))
	if b.Tables.packing[col] == packedNot {
		return k.bytes, nil, nil
	}
	return k.bytes, &k.ints, nil
}

// Ints returns a column of integers, of which each row has one.
func (b *Block) Ints(col int) (*column.Ints, error) {
	_, x, err := b.Chunk(col)
	switch {
	case err != nil:
		return nil, err
	case x == nil:
		return nil, b.Corrupt(col, fmt.Errorf("has no values, want %d", b.Rows))
	case x.Len() != b.Rows:
		return nil, b.Corrupt(col, fmt.Errorf("has %d values, want %d", x.Len(), b.Rows))
	}
	return x, nil
}

// Corrupt makes an error about the content of a column's chunk.
func (b *Block) Corrupt(col int, err error) error { return b.Reader.corrupt(col, b.Number, err) }

// Bounds returns the bounds of the values of a chunk, shifted by 2^63 where they are
// signed; false if there is no such chunk.
func (r *Reader) Bounds(col, blk int) (lo, hi uint64, ok bool) { return r.blocks.Bounds(col, blk) }

// Tables returns what all blocks of a segment share. It is not to be changed, and
// need not be kept: the cache keeps it while there is room.
func (c *Cache) Tables(r *Reader) (*Tables, error) { return c.tables(r) }

// Dictionary returns the values of a column, by their codes; false if it has no
// dictionary.
func (c *Cache) Dictionary(r *Reader, t *Tables, col int) (column.Strings, bool, error) {
	d, ok, err := c.dict(r, t, col)
	return d.values, ok, err
}

// CodeOf returns the code of a value in the dictionary of a column, -1 if it has none,
// and how many values have one; false if the column has no dictionary. One that is not
// kept, and has not been asked for time and again, is searched as it is stored.
func (c *Cache) CodeOf(r *Reader, t *Tables, col int, v []byte) (code, values int, ok bool, err error) {
	if t.mayPick(col) {
		b, err := r.blocks.Chunk(nil, col, block.WholeSegment)
		if err == nil && b != nil {
			code, values, err = codeOf(b, v)
			if err != nil {
				err = r.corrupt(col, block.WholeSegment, err)
			}
			return code, values, true, err
		}
	}
	d, ok, err := c.dict(r, t, col)
	return d.values.Index(v), d.values.Len(), ok, err
}

func codeOf(dict, v []byte) (code, values int, err error) {
	x, err := ParseStrings(dict, dictValues)
	if err != nil {
		return 0, 0, err
	}
	code, err = x.Index(v)
	return code, x.Len(), err
}

// ParseStrings parses a chunk of at most n strings.
func ParseStrings(src []byte, n int) (column.StringsChunk, error) {
	x, _, err := column.ParseStrings(src, n, maxText)
	return x, err
}
