// Package scan finds the rows of a store that meet a request, newest first.
//
//	Scan      goes over heads and blocks, and reads the columns of rows that match
//	Selector  tells the rows of a block that match, on what is stored of them: on
//	          dictionaries, templates and bounds first, then on packed values
package scan

import (
	"context"
	"slices"
	"sync"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/span/traceset"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/storage"
)

// A Segment is one to be scanned. Between Take and Give it can be read.
type Segment struct {
	Source
	MinStart, MaxStart uint64
	Rows               int
}

// Source opens a segment for reading.
type Source interface {
	Take() (*segment.Reader, error)
	Give()
}

// A Scan yields the rows of heads and segments that a request asks for. Its exported
// fields are set before Run.
type Scan struct {
	// Request has Stats that are not nil.
	Request  storage.Request
	Heads    []*span.Batch // the youngest last
	Segments []Segment     // likewise
	Cache    *segment.Cache
	// Damaged is told of damage that is met.
	Damaged func(error)
	// Traces is needed in Mode Traces only.
	Traces Traces
	// Room is how many traces that lie in several places are remembered at a time,
	// DefaultRoom if 0.
	Room int

	stats    *storage.Stats
	matcher  *span.Matcher // for heads
	selector *Selector
	reader   segment.BlockReader
	need     segment.Need
	ids      segment.Need // the same, and by what rows of traces are known and hang together
	tree     parents
	queue    units
	rows     []uint32
	all      column.Bitmap
	counted  span.Batch
	together *together
	apart    *traceset.Set // traces that lie in several places, of which each may have a match
	asking   *sync.Mutex   // held by who adds to apart or asks Traces; nil: there is one only
}

// Run yields all batches; the error is what the scan ends with. Heads and blocks are
// read one by one, those with the latest start first; blocks that cannot match are not
// read. A segment is opened when all that starts later has been read.
func (s *Scan) Run(ctx context.Context, yield func(*span.Batch, error) bool) error {
	switch r := &s.Request; {
	case r.Mode == storage.Traces && r.Columns.None:
		return clew.Errorf(clew.Invalid, "a scan by traces has columns: SpanID at least")
	case r.Where.OfTrace():
		return clew.Errorf(clew.Invalid, "a scan tests rows, and %v is of the whole trace", r.Where)
	}
	s.stats = s.Request.Stats
	s.want(ctx)
	if s.Request.Explain {
		s.stats.Tests = s.selector.Tests()
	}
	if s.Request.Mode == storage.Traces {
		return s.runTraces(ctx, yield)
	}
	_, err := s.pass(ctx, yield)
	return err
}

// pass goes over all heads and blocks; whole is false where it was left before their end.
func (s *Scan) pass(ctx context.Context, yield func(*span.Batch, error) bool) (whole bool, err error) {
	s.list()
	var u unit
	more := true
	each := func(b *span.Batch) bool {
		if err = stopped(ctx); err == nil {
			b.MaxStart = clew.UnixNanos(u.maxStart)
			more = yield(b, nil)
		}
		return err == nil && more
	}
	for {
		if l, ok := s.beside(ctx); ok {
			return l.pass(ctx, yield)
		}
		u, more = s.next(ctx)
		if err := stopped(ctx); err != nil || !more {
			return err == nil, err
		}
		if s.spent(s.stats) {
			s.stats.Exhausted = true
			return false, nil
		}
		if s.read(&u, each); err != nil || !more {
			return false, err
		}
	}
}

// stopped returns an error once ctx has ended.
func stopped(ctx context.Context) error {
	if ctx.Err() != nil {
		return clew.Errorf(clew.Canceled, "scan stopped: %w", context.Cause(ctx))
	}
	return nil
}

// want notes which columns the scan needs.
func (s *Scan) want(ctx context.Context) {
	noteColumns(&s.need, &s.Request.Columns)
	s.wantTraces()
	s.matcher = span.NewMatcher(s.Request.Where)
	s.selector = New(s.Cache, s.Request.Where, s.Request.Window)
	s.reader.Cache, s.reader.Keep = s.Cache, true
	stop := func() bool { return ctx.Err() != nil } // what was matched till then is not yielded
	s.matcher.Stop, s.selector.block.stop = stop, stop
}

// list queues what may hold matching rows, and says how many rows that are.
func (s *Scan) list() {
	s.queue = slices.Grow(s.queue, len(s.Heads)+len(s.Segments))
	for i := len(s.Heads) - 1; i >= 0; i-- {
		v := s.Heads[i]
		s.queue.push(unit{maxStart: slices.Max(v.Start), view: v, age: len(s.queue), rows: v.Rows})
	}
	s.stats.Segments.Total = len(s.Segments)
	for i := len(s.Segments) - 1; i >= 0; i-- {
		seg := &s.Segments[i]
		if !s.Request.Window.Overlaps(clew.UnixNanos(seg.MinStart), clew.UnixNanos(seg.MaxStart)) {
			s.stats.PrunedRows += int64(seg.Rows)
			s.stats.Segments.ByTime++
			continue
		}
		s.queue.push(unit{maxStart: seg.MaxStart, seg: seg, blk: wholeSegment, age: len(s.queue), rows: seg.Rows})
	}
	for i := range s.queue {
		s.stats.Total += int64(s.queue[i].rows)
	}
}

// next takes the next unit off the queue, and opens the segments before it. There
// may be none, or ctx has ended.
func (s *Scan) next(ctx context.Context) (u unit, more bool) {
	for len(s.queue) > 0 && cores.Yield(ctx) == nil {
		if s.Request.Looked != nil {
			s.Request.Looked()
		}
		if u, more = s.pop(); more {
			return u, true
		}
	}
	return unit{}, false
}

// pop takes the next unit off the queue. If that is a segment it is opened, and read is
// false.
func (s *Scan) pop() (u unit, read bool) {
	u = s.queue.pop()
	if u.view != nil || u.blk != wholeSegment {
		return u, true
	}
	s.open(&u)
	return u, false
}

// open queues the blocks of a segment that may hold matching rows.
func (s *Scan) open(u *unit) {
	r, err := u.seg.Take()
	if err != nil {
		s.damaged(u.rows, err)
		return
	}
	defer u.seg.Give()
	x, err := s.selector.Segment(r)
	if err != nil {
		s.damaged(u.rows, err)
		return
	}
	if x == nil {
		s.stats.Segments.ByContent++
		s.pruned(u.rows)
		return
	}
	s.stats.Segments.Read++
	s.stats.Blocks.Total += len(r.Meta().BlockRows)
	for blk, rows := range r.Meta().BlockRows {
		lo, hi, ok := r.Bounds(x.start, blk)
		if !ok {
			_, _, err := r.Starts(blk)
			s.damaged(rows, err)
			continue
		}
		if !s.Request.Window.Overlaps(clew.UnixNanos(lo), clew.UnixNanos(hi)) {
			s.stats.Blocks.ByTime++
			s.pruned(rows)
			continue
		}
		if !s.selector.Block(r, x, blk) {
			s.stats.Blocks.ByContent++
			s.pruned(rows)
			continue
		}
		s.queue.push(unit{maxStart: hi, seg: u.seg, x: x, blk: blk, age: u.age, rows: rows})
	}
}

// pruned counts rows that need not be looked at after all.
func (s *Scan) pruned(rows int) {
	s.stats.PrunedRows += int64(rows)
	s.stats.Total -= int64(rows)
}

// spent reports whether as much was looked at as the request allows.
func (s *Scan) spent(st *storage.Stats) bool {
	over := func(used, bound int64) bool { return bound > 0 && used >= bound }
	return over(st.Rows, s.Request.MaxRows) || over(st.Bytes, s.Request.MaxBytes)
}

// damaged counts rows that cannot be read; the scan goes on without them.
func (s *Scan) damaged(rows int, err error) {
	s.stats.Damaged += int64(rows)
	if s.stats.Damage == nil {
		s.stats.Damage = err
	}
	s.Damaged(err)
}

// read yields batches with the matching rows of a unit, until yield says that it wants no
// more. They do not need its segment to stay open.
func (s *Scan) read(u *unit, yield func(*span.Batch) bool) {
	if u.view != nil {
		s.stats.Heads++
	} else {
		s.stats.Blocks.Read++
	}
	switch {
	case s.Request.Mode == storage.Traces:
		s.byTraces(u, yield)
	case u.view != nil:
		s.head(u.view, yield)
	default:
		s.block(u, yield)
	}
}

// block is read for a block and Mode Rows.
func (s *Scan) block(u *unit, yield func(*span.Batch) bool) {
	matched, err := s.matched(u)
	if err != nil {
		s.damaged(u.rows, err)
		return
	}
	s.stats.Rows += int64(u.rows)
	count := matched.Count()
	switch {
	case count == 0:
	case s.Request.Columns.None:
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

// head yields what matches in the rows of a head.
func (s *Scan) head(b *span.Batch, yield func(*span.Batch) bool) {
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
		copied := build.NewBuilder(len(rows))
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
func (s *Scan) every(n int) column.Bitmap {
	s.all = s.all.Reset(n)
	s.all.Fill(n)
	return s.all
}

// matched finds the rows of a block that match.
func (s *Scan) matched(u *unit) (column.Bitmap, error) {
	r, err := u.seg.Take()
	if err != nil {
		return nil, err
	}
	defer u.seg.Give()
	matched, err := s.selector.Rows(r, u.x, u.blk)
	s.stats.Bytes += s.selector.Bytes()
	return matched, err
}

// columns reads some rows of a block, or all of them; nil if they are damaged.
func (s *Scan) columns(u *unit, rows []uint32, need *segment.Need) *span.Batch {
	r, err := u.seg.Take()
	var b *span.Batch
	if err == nil {
		defer u.seg.Give()
		if x := &s.selector.block.Block; x.Reader == r && x.Number == u.blk {
			s.reader.Known = x.Runs
		}
		if rows == nil {
			b, err = s.reader.Read(r, u.blk, need)
		} else {
			b, err = s.reader.ReadRows(r, u.blk, need, rows, false)
		}
		s.stats.Bytes += s.reader.Bytes
		s.reader.Bytes, s.reader.Known = 0, nil
	}
	if err != nil {
		s.stats.Rows -= int64(u.rows)
		s.damaged(u.rows, err)
		return nil
	}
	return b
}

// clip takes rows outside the window out of the match.
func (s *Scan) clip(b *span.Batch) {
	w := s.Request.Window
	if w.Start == 0 && w.End == 0 {
		return
	}
	for i, start := range b.Start {
		if !w.Contains(clew.UnixNanos(start)) {
			b.Matched.Clear(i)
		}
	}
}
