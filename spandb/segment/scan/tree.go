package scan

import (
	"fmt"

	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment"
)

// parents finds how the rows of blocks hang together, from the places of parents that
// are stored and without ids.
type parents struct {
	parent []int32       // as span.Batch.Parent
	twice  column.Bitmap // traces with rows whose trace and span id others have, too

	rows   column.Bitmap
	codes  []uint32
	traced []uint32
	lists  segment.Places
}

// Of a block in which more than one of manyTwice rows shares its ids with another, parents
// are not found from places: traces of such rows would have to be read each by itself.
const manyTwice = 64

// maxClimb is how far is gone up from a row that does not start after its parent, to see
// whether it is its own ancestor.
const maxClimb = 64

// repeats finds the rows of a block that share their ids with others, and how many there
// are.
func (p *parents) repeats(blk *segment.Block) (int, error) {
	if blk.Tables.Received < 0 {
		return 0, nil
	}
	src, _, err := blk.Chunk(blk.Tables.Received)
	if err != nil || src == nil {
		return 0, err
	}
	var n int
	if p.rows, n, _, err = column.DecodeBitmap(p.rows, src, blk.Rows); err == nil && n != blk.Rows {
		err = fmt.Errorf("presence of %d rows, want %d", n, blk.Rows)
	}
	if err != nil {
		return 0, blk.Corrupt(blk.Tables.Received, err)
	}
	return p.rows.Count(), nil
}

// mark notes the traces of the rows that repeats has found, if there are any.
func (p *parents) mark(b *span.Batch, some bool) {
	p.twice = p.twice.Reset(len(b.TraceIDs))
	if some {
		for row := range p.rows.Ones() {
			p.twice.Set(int(b.Trace[row]))
		}
	}
}

// tracesOf returns the traces of a block that has been read whose rows share their ids
// with others: all of them if that cannot be told.
func (p *parents) tracesOf(s *Scan, u *unit, b *span.Batch) column.Bitmap {
	n := 0
	r, err := u.seg.Take()
	if err == nil {
		defer u.seg.Give()
		var blk segment.Block
		if blk, err = s.selector.inHand(r, u.blk); err == nil {
			n, err = p.repeats(&blk)
		}
	}
	if p.mark(b, n > 0); err != nil {
		s.Damaged(err)
		p.twice.Fill(len(b.TraceIDs))
	}
	return p.twice
}

// read finds the parents of the rows of some traces of a block that has been read, of which
// it takes those with rows that share their ids with others; false if places do not tell
// parents well.
func (p *parents) read(s *Scan, u *unit, b *span.Batch, of column.Bitmap) (ok bool, err error) {
	r, err := u.seg.Take()
	if err != nil {
		return false, err
	}
	defer u.seg.Give()
	blk, err := s.selector.inHand(r, u.blk)
	if err != nil {
		return false, err
	}
	n, err := p.repeats(&blk)
	if err != nil || n*manyTwice > b.Rows {
		return false, err
	}
	p.mark(b, n > 0)
	if of.AndNot(p.twice); !of.Any() {
		return true, nil
	}
	p.trace(b, of)
	x, err := blk.Ints(blk.Tables.Parent)
	if err != nil {
		return false, err
	}
	s.stats.Bytes += blk.Bytes
	if p.codes, err = column.DecodeRange(p.codes[:0], x, 0, b.Rows); err == nil {
		p.lists.BuildSome(p.traced, b.Trace, len(b.TraceIDs))
		p.parent, err = p.lists.Parents(p.parent, p.traced, b.Trace, p.codes)
	}
	if err != nil {
		return false, blk.Corrupt(blk.Tables.Parent, err)
	}
	b.Parent = p.parent
	return !p.circular(b.Start), nil
}

// trace sets b.Traced to the rows of some traces, and lists them.
func (p *parents) trace(b *span.Batch, of column.Bitmap) {
	b.Traced = column.NewBitmap(b.Rows)
	if cap(p.traced) <= b.Rows {
		p.traced = make([]uint32, b.Rows+1)
	}
	rows, k := p.traced[:b.Rows+1], 0
	for i := range b.Traced[:(b.Rows+63)>>6] {
		word := uint64(0)
		for j, ord := range b.Trace[i<<6 : min(b.Rows, i<<6+64)] {
			in := of[ord>>6] >> (ord & 63) & 1 // no branch: it is nothing a processor can guess
			word |= in << (j & 63)
			rows[k] = uint32(i<<6 + j)
			k += int(in)
		}
		b.Traced[i] = word
	}
	p.traced = rows[:k]
}

// circular reports whether a row is its own ancestor, or may be. In a circle there is a
// row that does not start after its parent.
func (p *parents) circular(start []uint64) bool {
	for _, row := range p.traced {
		up := p.parent[row]
		if up < 0 || start[up] < start[row] {
			continue
		}
		at, n := up, 0
		for ; at >= 0 && n < maxClimb; n++ {
			if at == int32(row) {
				return true
			}
			at = p.parent[at]
		}
		if at >= 0 {
			return true
		}
	}
	return false
}
