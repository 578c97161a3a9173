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

// readApart yields the traces that are remembered, one by one, and reports whether there
// is more to do.
func (s *Scan) readApart(ctx context.Context, yield func(*span.Batch, error) bool) (more bool, err error) {
	ids := s.apart.Traces()
	slices.SortFunc(ids, clew.TraceID.Compare)
	before, in := s.apart.Share()
	s.stats.Apart = s.stats.ApartRead + int(float64(len(ids))*max((1-before)/in, 1))
	for _, id := range ids {
		_ = cores.Yield(ctx)
		if err := stopped(ctx); err != nil {
			return false, err
		}
		if s.spent() {
			s.stats.Exhausted = true
			return false, nil
		}
		s.stats.ApartRead++
		if ask := s.Request.Apart; ask != nil {
			if wanted, err := ask(id); err != nil || !wanted {
				if err != nil {
					return false, err
				}
				continue
			}
		}
		if !s.readOne(ctx, id, yield) {
			return false, stopped(ctx)
		}
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
