package spandb

import (
	"cmp"
	"container/heap"
	"context"
	"iter"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/storage"
)

// unit is what a scan reads at a time: a head's rows or one block of a segment. A
// segment is a unit too, until it is opened and its blocks take its place.
type unit struct {
	maxStart uint64
	view     *span.Batch // of a head; nil for the others
	seg      *storedSegment
	blk      int // wholeSegment: its blocks are not known yet
	age      int // place among heads and segments, youngest first
	rows     int
}

const wholeSegment = -1

// before is the order of a scan: by descending bound of start. Units of equal bound
// stand in the order of their age, heads first, so that it does not depend on chance.
func (u *unit) before(v *unit) bool {
	return cmp.Or(cmp.Compare(v.maxStart, u.maxStart), cmp.Compare(u.age, v.age), cmp.Compare(u.blk, v.blk)) < 0
}

// units is a heap, the next unit at its front.
type units []unit

func (q units) Len() int           { return len(q) }
func (q units) Less(i, k int) bool { return q[i].before(&q[k]) }
func (q units) Swap(i, k int)      { q[i], q[k] = q[k], q[i] }
func (q *units) Push(x any)        { *q = append(*q, x.(unit)) }
func (q *units) Pop() any {
	last := len(*q) - 1
	u := (*q)[last]
	*q = (*q)[:last]
	return u
}

// scanner carries one scan.
type scanner struct {
	db      *DB
	req     storage.Request
	stats   *storage.Stats
	matcher *span.Matcher
	prune   *segment.Pruner
	reader  segment.BlockReader
	need    segment.Need
	queue   units
}

// Scan implements storage.Scanner. Heads and blocks are read one by one, those
// with the latest start first; blocks that cannot match are not read. A segment is
// opened when all that starts later has been read.
//
// What the scan sees is fixed when Scan returns, and kept until the loop over it
// ends or, if there is none, the garbage collector finds that there will be none.
// A second loop sees what there is when it begins.
func (db *DB) Scan(ctx context.Context, r storage.Request) iter.Seq2[*span.Batch, error] {
	pinned := db.pin(r.Tenant)
	return func(yield func(*span.Batch, error) bool) {
		snap, err := pinned.take()
		defer snap.release()
		s := &scanner{db: db, req: r, stats: r.Stats}
		if s.stats == nil {
			s.stats = new(storage.Stats)
		}
		*s.stats = storage.Stats{Watermark: db.cfg.Now()}
		switch {
		case err != nil:
		case r.Mode != storage.Rows:
			err = clew.Errorf(clew.Unsupported, "this store scans rows only")
		case r.Where.OfTrace():
			err = clew.Errorf(clew.Invalid, "a scan tests rows, and %v is of the whole trace", r.Where)
		default:
			err = s.run(ctx, snap, yield)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// run yields all batches; the error is what the scan ends with.
func (s *scanner) run(ctx context.Context, snap *snapshot, yield func(*span.Batch, error) bool) error {
	s.want()
	s.list(snap)
	for read := 0; ; read++ {
		u, more := s.next(ctx)
		if ctx.Err() != nil {
			return clew.Errorf(clew.Canceled, "scan stopped: %w", context.Cause(ctx))
		}
		if !more {
			return nil
		}
		if s.spent() {
			s.stats.Exhausted = true
			return nil
		}
		if read%matcherUnits == 0 {
			s.matcher = span.NewMatcher(s.req.Where)
		}
		b := s.read(&u)
		if b == nil {
			continue
		}
		for part := range parts(b) {
			if ctx.Err() != nil {
				return clew.Errorf(clew.Canceled, "scan stopped: %w", context.Cause(ctx))
			}
			part.MaxStart = clew.UnixNanos(u.maxStart)
			if !yield(part, nil) {
				return nil
			}
		}
	}
}

// parts yields a batch as it is or, if it is larger than a batch may be, copies of
// its matching rows: one request or one trace can be that large.
func parts(b *span.Batch) iter.Seq[*span.Batch] {
	return func(yield func(*span.Batch) bool) {
		if b.Rows <= storage.MaxBatchRows {
			yield(b)
			return
		}
		for rows := range slices.Chunk(b.Matched.AppendOnes(nil), storage.MaxBatchRows) {
			copied := span.NewBuilder(len(rows))
			copied.AppendRows(b, rows)
			part := copied.View(copied.Rows())
			part.Matched = column.NewBitmap(part.Rows)
			part.Matched.Fill(part.Rows)
			if !yield(part) {
				return
			}
		}
	}
}

// want notes which columns the scan needs.
func (s *scanner) want() {
	c := s.req.Columns
	s.need.All = c.All
	if c.Resources {
		s.need.Resources()
	}
	for _, i := range c.Intrinsics {
		s.need.Intrinsic(i)
		s.need.Resources()
	}
	s.req.Where.Fields(s.need.Field)
	s.prune = segment.NewPruner(&s.db.cache, s.req.Where)
	s.reader.Cache = &s.db.cache
}

// list queues what may hold matching rows, and says how many rows that are.
func (s *scanner) list(snap *snapshot) {
	for i := len(snap.views) - 1; i >= 0; i-- {
		v := snap.views[i]
		s.queue = append(s.queue, unit{maxStart: slices.Max(v.Start), view: v, age: len(s.queue), rows: v.Rows})
	}
	for i := len(snap.list.segs) - 1; i >= 0; i-- {
		seg := snap.list.segs[i]
		if !s.req.Window.Overlaps(clew.UnixNanos(seg.MinStart), clew.UnixNanos(seg.MaxStart)) {
			s.stats.PrunedRows += int64(seg.Rows)
			continue
		}
		s.queue = append(s.queue, unit{maxStart: seg.MaxStart, seg: seg, blk: wholeSegment, age: len(s.queue), rows: int(seg.Rows)})
	}
	for i := range s.queue {
		s.stats.Total += int64(s.queue[i].rows)
	}
	heap.Init(&s.queue)
}

// next takes the next unit off the queue, and opens the segments before it. There
// may be none, or ctx has ended.
func (s *scanner) next(ctx context.Context) (u unit, more bool) {
	for len(s.queue) > 0 && ctx.Err() == nil {
		u = heap.Pop(&s.queue).(unit)
		if u.view != nil || u.blk != wholeSegment {
			return u, true
		}
		s.open(&u)
	}
	return unit{}, false
}

// open queues the blocks of a segment that may hold matching rows.
func (s *scanner) open(u *unit) {
	r, err := s.db.take(u.seg)
	if err != nil {
		s.damaged(u.rows, err)
		return
	}
	defer s.db.give(u.seg)
	may, err := s.prune.Segment(r)
	if err != nil {
		s.damaged(u.rows, err)
		return
	}
	if !may {
		s.pruned(u.rows)
		return
	}
	for blk, rows := range r.Meta().BlockRows {
		lo, hi, err := r.Starts(blk)
		if err != nil {
			s.damaged(rows, err)
			continue
		}
		if !s.req.Window.Overlaps(clew.UnixNanos(lo), clew.UnixNanos(hi)) || !s.prune.Block(r, blk) {
			s.pruned(rows)
			continue
		}
		heap.Push(&s.queue, unit{maxStart: hi, seg: u.seg, blk: blk, age: u.age, rows: rows})
	}
}

// pruned counts rows that need not be looked at after all.
func (s *scanner) pruned(rows int) {
	s.stats.PrunedRows += int64(rows)
	s.stats.Total -= int64(rows)
}

// spent reports whether as much was looked at as the request allows.
func (s *scanner) spent() bool {
	over := func(used, bound int64) bool { return bound > 0 && used >= bound }
	return over(s.stats.Rows, s.req.MaxRows) || over(s.stats.Bytes, s.req.MaxBytes)
}

// damaged counts rows that cannot be read; the scan goes on without them.
func (s *scanner) damaged(rows int, err error) {
	s.stats.Damaged += int64(rows)
	if s.stats.Damage == nil {
		s.stats.Damage = err
	}
	s.db.damaged(err)
}

// read returns a unit's batch with the matching rows marked; nil if none match.
func (s *scanner) read(u *unit) *span.Batch {
	b := u.view
	if b == nil {
		var err error
		if b, err = s.block(u); err != nil {
			s.damaged(u.rows, err)
			return nil
		}
	}
	s.stats.Rows += int64(b.Rows)
	b.Matched = s.matcher.Match(b)
	s.clip(b)
	if !b.Matched.Any() {
		return nil
	}
	return b
}

// block reads a block. The batch does not need the segment to stay open.
func (s *scanner) block(u *unit) (*span.Batch, error) {
	wanted := &s.need
	if u.rows > storage.MaxBatchRows {
		wanted = &segment.Need{All: true} // parts copies whole rows
	}
	r, err := s.db.take(u.seg)
	if err != nil {
		return nil, err
	}
	defer s.db.give(u.seg)
	b, err := s.reader.Read(r, u.blk, wanted)
	s.stats.Bytes += s.reader.Bytes
	s.reader.Bytes = 0
	return b, err
}

// clip takes rows outside the window out of the match.
func (s *scanner) clip(b *span.Batch) {
	w := s.req.Window
	if w.Start == 0 && w.End == 0 {
		return
	}
	for i, start := range b.Start {
		if !w.Contains(clew.UnixNanos(start)) {
			b.Matched.Clear(i)
		}
	}
}
