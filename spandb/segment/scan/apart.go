package scan

import (
	"cmp"
	"context"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/traceset"
)

// runTraces goes over all places, and then reads the traces that lie in several, each
// once. If there are more of these than may be remembered, that is done once for each part
// of their ids, over the same heads and segments.
func (s *Scan) runTraces(ctx context.Context, yield func(*span.Batch, error) bool) error {
	for s.apart = traceset.New(cmp.Or(s.Room, DefaultRoom)); ; s.apart.Next() {
		before := *s.stats
		more, err := s.pass(ctx, yield)
		if !s.apart.First() { // what was pruned, read and damaged is known from the first pass
			st := s.stats
			st.Total -= st.Damaged - before.Damaged
			st.PrunedRows, st.Damaged, st.Damage = before.PrunedRows, before.Damaged, before.Damage
			st.Heads, st.Segments, st.Blocks = before.Heads, before.Segments, before.Blocks
		}
		if err == nil && more {
			more, err = s.readApart(ctx, yield)
		}
		if err != nil || !more || s.apart.Last() {
			return err
		}
		if err := s.Traces.Failed(); err != nil { // who was yielded is not to be told from who was not
			s.damaged(0, err)
			return nil
		}
	}
}

// readApart yields the traces that are remembered, some at a time, and reports whether
// there is more to do.
func (s *Scan) readApart(ctx context.Context, yield func(*span.Batch, error) bool) (more bool, err error) {
	ids := s.apart.Traces()
	slices.SortFunc(ids, clew.TraceID.Compare)
	before, in := s.apart.Share()
	s.stats.Apart = s.stats.ApartRead + int(float64(len(ids))*max((1-before)/in, 1))
	if s.together == nil {
		s.together = newTogether(s)
	}
	for part := range slices.Chunk(ids, maxPlaced) {
		for rest := s.together.place(part); len(rest) > 0; {
			var some []lying
			some, rest = s.together.next(rest)
			if more, err = s.readSome(ctx, some, yield); err != nil || !more {
				return false, err
			}
		}
	}
	return true, nil
}

// readSome yields traces that lie in several places, those that can be together.
func (s *Scan) readSome(ctx context.Context, some []lying, yield func(*span.Batch, error) bool) (more bool, err error) {
	wanted := some[:0]
	for _, t := range some {
		if more, err = s.goesOn(ctx); err != nil || !more {
			return false, err
		}
		if ask := s.Request.Apart; ask != nil {
			if yes, err := ask(t.id); err != nil {
				return false, err
			} else if !yes {
				s.stats.ApartRead++
				continue
			}
		}
		wanted = append(wanted, t)
	}
	left, more, err := s.readTogether(ctx, wanted, yield)
	if err != nil || !more {
		return false, err
	}
	for _, id := range left {
		if more, err = s.goesOn(ctx); err != nil || !more {
			return false, err
		}
		s.stats.ApartRead++
		if !s.readOne(ctx, id, yield) {
			return false, stopped(ctx)
		}
	}
	return true, nil
}

// readTogether yields those of some traces that can be read together, and returns the
// others.
func (s *Scan) readTogether(ctx context.Context, some []lying, yield func(*span.Batch, error) bool) (left []clew.TraceID, more bool, err error) {
	defer s.together.loan.Return()
	b, left, err := s.together.read(ctx, some)
	if err != nil || s.stats.Exhausted {
		return nil, false, err
	}
	s.stats.ApartRead += len(some) - len(left)
	return left, b == nil || yield(b, nil), nil
}

// goesOn reports whether more may be looked at, once others have computed.
func (s *Scan) goesOn(ctx context.Context) (more bool, err error) {
	_ = cores.Yield(ctx)
	if err := stopped(ctx); err != nil {
		return false, err
	}
	if s.spent(s.stats) {
		s.stats.Exhausted = true
		return false, nil
	}
	return true, nil
}

// readOne yields a trace, if it still has a match.
func (s *Scan) readOne(ctx context.Context, id clew.TraceID, yield func(*span.Batch, error) bool) (more bool) {
	b, bytes, free, err := s.Traces.Whole(ctx, id)
	s.stats.Bytes += bytes
	if kind := clew.KindOf(err); err != nil && kind != clew.NotFound && kind != clew.Canceled {
		s.damaged(0, err)
	}
	if b == nil {
		return ctx.Err() == nil
	}
	defer free()
	b.Matched = s.matcher.Match(b)
	s.clip(b)
	if ctx.Err() != nil {
		return false
	}
	return !b.Matched.Any() || yield(b, nil)
}
