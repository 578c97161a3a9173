package scan

import (
	"context"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// Place is where rows lie: in a head, or in a block of a segment.
type Place struct {
	View  *span.Batch // of the head; nil for a block
	Seg   *Segment
	Block int
}

// Stored is a block by its segment, which is one of the scan's.
type Stored struct {
	Source
	Block int
}

// Loan is memory, of what there is for traces that are read.
type Loan interface {
	// Grow makes it so many bytes in all; false if there are not so many.
	Grow(bytes int64) bool
	// Return gives them back. It may be called again.
	Return()
}

// Traces says where else traces lie, and reads them.
type Traces interface {
	// Alone clears from set the numbers of the ids of traces that may have rows at other
	// places, too.
	Alone(set column.Bitmap, ids []clew.TraceID, at Place)
	// Failed returns an error once Alone may say otherwise than before.
	Failed() error
	// Blocks appends the blocks in which a trace may be; false if it may be elsewhere, or
	// that is not known.
	Blocks(dst []Stored, id clew.TraceID) (blocks []Stored, all bool)
	// Lend begins a loan for traces that are read together.
	Lend() Loan
	// Whole returns a whole trace, resolved, under one id, and what gives back its memory;
	// an error of kind NotFound if it is gone, and one beside the trace if that is damaged.
	// So many bytes were looked at.
	Whole(ctx context.Context, id clew.TraceID) (b *span.Batch, bytes int64, free func(), err error)
}

// byTraces yields the traces that have a match in a unit and lie there alone, whole, with
// the unit's columns, and remembers the others. Where it comes by once more to remember
// further ones, it yields none.
func (s *Scan) byTraces(u *unit, yield func(*span.Batch) bool) {
	b, at := u.view, Place{View: u.view, Seg: u.seg, Block: u.blk}
	var matched column.Bitmap
	if b != nil {
		s.stats.Rows += int64(b.Rows)
		b.Matched = s.matcher.Match(b)
		s.clip(b)
		matched = b.Matched
	} else {
		var err error
		if matched, err = s.matched(u); err != nil {
			s.damaged(u.rows, err)
			return
		}
		s.stats.Rows += int64(u.rows)
	}
	if !matched.Any() {
		return
	}
	var found, alone column.Bitmap
	if b != nil {
		found, alone = s.alone(b, matched, at)
		withoutRepeats(alone, b, alone) // any trace of a head may have rows of one identity
	} else if b, found, alone = s.wholeBlock(u, matched, at); b == nil {
		return
	}
	if alone.Any() && s.apart.First() {
		if b.Matched = matched; b.Parent == nil {
			s.tree.trace(b, alone)
		}
		if !yield(b) {
			return
		}
	}
	b.Traced = nil
	found.AndNot(alone)
	s.remember(b, found)
}

// alone returns which traces of a unit have a match, and which of these lie there alone.
func (s *Scan) alone(b *span.Batch, matched column.Bitmap, at Place) (found, alone column.Bitmap) {
	found = column.NewBitmap(len(b.TraceIDs))
	for row := range matched.Ones() {
		found.Set(int(b.Trace[row]))
	}
	alone = append(column.Bitmap(nil), found...)
	if s.asking != nil {
		s.asking.Lock()
		defer s.asking.Unlock()
	}
	s.Traces.Alone(alone, b.TraceIDs, at)
	withoutShort(alone, b.TraceIDs)
	return found, alone
}

// remember remembers traces of a batch that lie in several places.
func (s *Scan) remember(b *span.Batch, traces column.Bitmap) {
	if s.asking != nil {
		s.asking.Lock()
		defer s.asking.Unlock()
	}
	for ord := range traces.Ones() {
		s.apart.Add(b.TraceIDs[ord])
	}
}

// withoutShort clears ids of 64 bits from a set, and those of which such a one is the
// short form: each would be a trace of its own.
func withoutShort(set column.Bitmap, ids []clew.TraceID) {
	var short map[uint64]bool
	for _, id := range ids {
		if id.High() == 0 {
			if short == nil {
				short = make(map[uint64]bool)
			}
			short[id.Low()] = true
		}
	}
	if short == nil {
		return
	}
	for ord := range set.Ones() {
		if short[ids[ord].Low()] {
			set.Clear(ord)
		}
	}
}

// withoutRepeats clears traces, of those that may, that have two rows of one identity.
func withoutRepeats(set column.Bitmap, b *span.Batch, may column.Bitmap) {
	type identity struct {
		trace uint32
		span.Identity
	}
	seen := make(map[identity]struct{})
	for row, ord := range b.Trace {
		if !may.Get(int(ord)) || !set.Get(int(ord)) {
			continue
		}
		k := identity{ord, b.Identity(uint32(row))}
		if _, twice := seen[k]; twice {
			set.Clear(int(ord))
			continue
		}
		seen[k] = struct{}{}
	}
}

// wantTraces notes what a scan by traces needs besides what is asked for.
func (s *Scan) wantTraces() {
	if s.Request.Mode != storage.Traces {
		return
	}
	s.ids = s.need
	s.ids.Intrinsic(span.SpanID)
	s.ids.Intrinsic(span.SpanKind)
	if s.Request.Columns.Tree {
		s.ids.Intrinsic(span.ParentID)
	}
}

// wholeBlock reads a block, and says which of its traces have a match, and which of these
// lie there alone and have no two rows of one identity; nil if it is damaged. Where it is
// asked how rows hang together, that is taken from where parents are said to be, unless too
// many traces are such that this tells too little of.
func (s *Scan) wholeBlock(u *unit, matched column.Bitmap, at Place) (b *span.Batch, found, alone column.Bitmap) {
	if s.Request.Columns.Tree {
		if b = s.columns(u, nil, &s.need); b == nil {
			return nil, nil, nil
		}
		found, alone = s.alone(b, matched, at)
		ok, err := s.tree.read(s, u, b, alone)
		if err != nil {
			s.stats.Rows -= int64(u.rows)
			s.damaged(u.rows, err)
			return nil, nil, nil
		}
		if ok {
			return b, found, alone
		}
	}
	if b = s.columns(u, nil, &s.ids); b == nil {
		return nil, nil, nil
	}
	found, alone = s.alone(b, matched, at)
	if twice := s.tree.tracesOf(s, u, b); twice.Any() { // after a merge those are left that differ
		withoutRepeats(alone, b, twice)
	}
	return b, found, alone
}
