package spandb

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/spandb/segment/selector"
	"github.com/clew-tracing/clew/storage"
)

// unit is what a scan reads at a time: a head's rows or one block of a segment. A
// segment is a unit too, until it is opened and its blocks take its place.
type unit struct {
	maxStart uint64
	view     *span.Batch // of a head; nil for the others
	seg      *storedSegment
	x        *selector.Selection
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

// units is a heap: the next unit is at its front, and each before those at twice its
// place and behind.
type units []unit

func (q *units) push(u unit) {
	*q = append(*q, u)
	h := *q
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(&h[up]) {
			return
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

// pop takes out the next unit, of at least one.
func (q *units) pop() unit {
	h := *q
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h[last] = unit{}
	h = h[:last]
	for i := 0; ; {
		next := 2*i + 1
		if next >= last {
			break
		}
		if next+1 < last && h[next+1].before(&h[next]) {
			next++
		}
		if !h[next].before(&h[i]) {
			break
		}
		h[i], h[next] = h[next], h[i]
		i = next
	}
	*q = h
	return first
}

// scanner carries one scan.
type scanner struct {
	db       *DB
	req      storage.Request
	stats    *storage.Stats
	matcher  *span.Matcher // for heads
	selector *selector.Selector
	reader   segment.BlockReader
	need     segment.Need
	queue    units
	rows     []uint32
	all      column.Bitmap
	counted  span.Batch
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
	for {
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
		for b := range s.read(&u) {
			if ctx.Err() != nil {
				return clew.Errorf(clew.Canceled, "scan stopped: %w", context.Cause(ctx))
			}
			b.MaxStart = clew.UnixNanos(u.maxStart)
			if !yield(b, nil) {
				return nil
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
	for _, f := range c.Fields {
		s.need.Field(f)
	}
	s.matcher = span.NewMatcher(s.req.Where)
	s.selector = selector.New(&s.db.cache, s.req.Where, s.req.Window)
	s.reader.Cache, s.reader.Keep = &s.db.cache, true
}

// list queues what may hold matching rows, and says how many rows that are.
func (s *scanner) list(snap *snapshot) {
	for i := len(snap.views) - 1; i >= 0; i-- {
		v := snap.views[i]
		s.queue.push(unit{maxStart: slices.Max(v.Start), view: v, age: len(s.queue), rows: v.Rows})
	}
	for i := len(snap.list.segs) - 1; i >= 0; i-- {
		seg := snap.list.segs[i]
		if !s.req.Window.Overlaps(clew.UnixNanos(seg.MinStart), clew.UnixNanos(seg.MaxStart)) {
			s.stats.PrunedRows += int64(seg.Rows)
			continue
		}
		s.queue.push(unit{maxStart: seg.MaxStart, seg: seg, blk: wholeSegment, age: len(s.queue), rows: int(seg.Rows)})
	}
	for i := range s.queue {
		s.stats.Total += int64(s.queue[i].rows)
	}
}

// next takes the next unit off the queue, and opens the segments before it. There
// may be none, or ctx has ended.
func (s *scanner) next(ctx context.Context) (u unit, more bool) {
	for len(s.queue) > 0 && ctx.Err() == nil {
		u = s.queue.pop()
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
	x, err := s.selector.Segment(r)
	if err != nil {
		s.damaged(u.rows, err)
		return
	}
	if x == nil {
		s.pruned(u.rows)
		return
	}
	for blk, rows := range r.Meta().BlockRows {
		lo, hi, err := r.Starts(blk)
		if err != nil {
			s.damaged(rows, err)
			continue
		}
		if !s.req.Window.Overlaps(clew.UnixNanos(lo), clew.UnixNanos(hi)) || !s.selector.Block(r, x, blk) {
			s.pruned(rows)
			continue
		}
		s.queue.push(unit{maxStart: hi, seg: u.seg, x: x, blk: blk, age: u.age, rows: rows})
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

// read yields batches with the matching rows of a unit. They do not need its segment
// to stay open.
func (s *scanner) read(u *unit) iter.Seq[*span.Batch] {
	return func(yield func(*span.Batch) bool) {
		if u.view != nil {
			s.head(u.view, yield)
			return
		}
		matched, err := s.matched(u)
		if err != nil {
			s.damaged(u.rows, err)
			return
		}
		s.stats.Rows += int64(u.rows)
		count := matched.Count()
		switch {
		case count == 0:
		case s.req.Columns.None:
			s.counted.Rows, s.counted.Matched = count, s.every(count)
			yield(&s.counted)
		case s.need.Parents() && u.rows > storage.MaxBatchRows: // all rows of a trace at a time, more than a batch may have
			if b := s.columns(u, nil, &segment.Need{All: true}); b != nil {
				copies(b, matched.AppendOnes(nil), yield)
			}
		case s.need.Parents() || u.rows <= storage.MaxBatchRows && count*pickRows > u.rows:
			if b := s.columns(u, nil, &s.need); b != nil {
				b.Matched = matched
				yield(b)
			}
		default:
			s.rows = matched.AppendOnes(s.rows[:0])
			for rows := range slices.Chunk(s.rows, storage.MaxBatchRows) {
				b := s.columns(u, rows, &s.need)
				if b == nil {
					return
				}
				if b.Matched = s.every(b.Rows); !yield(b) {
					return
				}
			}
		}
	}
}

// head yields what matches in the rows of a head.
func (s *scanner) head(b *span.Batch, yield func(*span.Batch) bool) {
	s.stats.Rows += int64(b.Rows)
	b.Matched = s.matcher.Match(b)
	s.clip(b)
	switch {
	case !b.Matched.Any():
	case b.Rows <= storage.MaxBatchRows:
		yield(b)
	default:
		copies(b, b.Matched.AppendOnes(nil), yield)
	}
}

// copies yields the given rows of a batch that is larger than one may be: one request
// or one trace can be that large.
func copies(b *span.Batch, rows []uint32, yield func(*span.Batch) bool) {
	for rows := range slices.Chunk(rows, storage.MaxBatchRows) {
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

// every returns the set of all of n rows. It is the scanner's until the next call.
func (s *scanner) every(n int) column.Bitmap {
	s.all = s.all.Reset(n)
	s.all.Fill(n)
	return s.all
}

// matched finds the rows of a block that match.
func (s *scanner) matched(u *unit) (column.Bitmap, error) {
	r, err := s.db.take(u.seg)
	if err != nil {
		return nil, err
	}
	defer s.db.give(u.seg)
	matched, err := s.selector.Rows(r, u.x, u.blk)
	s.stats.Bytes += s.selector.Bytes()
	return matched, err
}

// columns reads some rows of a block, or all of them; nil if they are damaged.
func (s *scanner) columns(u *unit, rows []uint32, need *segment.Need) *span.Batch {
	r, err := s.db.take(u.seg)
	var b *span.Batch
	if err == nil {
		defer s.db.give(u.seg)
		if rows == nil {
			b, err = s.reader.Read(r, u.blk, need)
		} else {
			b, err = s.reader.ReadRows(r, u.blk, need, rows)
		}
		s.stats.Bytes += s.reader.Bytes
		s.reader.Bytes = 0
	}
	if err != nil {
		s.stats.Rows -= int64(u.rows)
		s.damaged(u.rows, err)
		return nil
	}
	return b
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
