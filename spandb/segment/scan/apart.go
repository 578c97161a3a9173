package scan

import (
	"context"
	"maps"
	"math"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/span"
)

// apart are traces that lie in several places, of which each may have a match: those of
// a range of hashes, so that no more are remembered at a time than there is room for.
type apart struct {
	room      int
	low, high uint64
	ids       map[uint64]clew.TraceID // by their low halves
}

// hashLow spreads ids evenly, no two to one place; a 64-bit id and its 128-bit form are
// one trace.
func hashLow(low uint64) uint64 {
	low ^= low >> 32
	low *= 0x9E3779B97F4A7C15
	low ^= low >> 29
	low *= 0xBF58476D1CE4E5B9
	return low ^ low>>32
}

// add adds a trace of the range. If there is no room, it halves the range and forgets
// what is outside.
func (a *apart) add(id clew.TraceID) {
	h := hashLow(id.Low())
	if _, known := a.ids[id.Low()]; known || h < a.low || h > a.high {
		return
	}
	a.ids[id.Low()] = id
	for len(a.ids) > a.room {
		a.high = a.low + (a.high-a.low)/2
		maps.DeleteFunc(a.ids, func(low uint64, _ clew.TraceID) bool { return hashLow(low) > a.high })
	}
}

// total is about how many there are, of all hashes, if those before the range were so
// many.
func (a *apart) total(before int) int {
	left := float64(math.MaxUint64-a.low) / (float64(a.high-a.low) + 1)
	return before + int(float64(len(a.ids))*max(left, 1))
}

// next moves to the range behind; false if there is none.
func (a *apart) next() bool {
	if a.high == math.MaxUint64 {
		return false
	}
	a.low, a.high = a.high+1, math.MaxUint64
	clear(a.ids)
	return true
}

// runTraces goes over all places, and then reads the traces that lie in several, each
// once. If there are more of these than may be remembered, that is done once for each part
// of their ids, over the same heads and segments.
func (s *Scan) runTraces(ctx context.Context, yield func(*span.Batch, error) bool) error {
	s.apart = apart{room: s.Room, high: math.MaxUint64, ids: make(map[uint64]clew.TraceID)}
	if s.apart.room == 0 {
		s.apart.room = DefaultRoom
	}
	for {
		before := *s.stats
		more, err := s.pass(ctx, yield)
		if s.apart.low > 0 { // what was pruned, read and damaged is known from the first pass
			st := s.stats
			st.Total -= st.Damaged - before.Damaged
			st.PrunedRows, st.Damaged, st.Damage = before.PrunedRows, before.Damaged, before.Damage
			st.Heads, st.Segments, st.Blocks = before.Heads, before.Segments, before.Blocks
		}
		if err == nil && more {
			more, err = s.readApart(ctx, yield)
		}
		if err != nil || !more || !s.apart.next() {
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
	s.stats.Apart = s.apart.total(s.stats.ApartRead)
	for _, id := range slices.SortedFunc(maps.Values(s.apart.ids), clew.TraceID.Compare) {
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
