package exec

import (
	"context"
	"math"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// Counted is how much a plan selects.
type Counted struct {
	Spans  int64 // selected rows
	Traces int64 // traces with a selected row
	Cost   Cost
}

// Count returns exactly how many spans in the window the plan selects, and in how
// many traces they are. Its memory is bounded: where there are more traces than
// it can remember, it goes over the data again, once for each part of the ids.
// Spans that arrive in between are in the traces counted by later passes but not
// in Spans.
//
// Rows are counted as the store yields them: a span that was sent twice in
// requests that were not identical counts twice until the store merges it. Where
// the plan asks about whole traces, each trace that may have a match is read and
// judged as Search does, and such a span counts once.
func Count(ctx context.Context, store Store, over Over, plan *Plan) (Counted, error) {
	over.Budget = over.Budget.withDefaults()
	return countWithin(ctx, store, over, plan, over.Budget.ids())
}

// countWithin counts with room for so many trace ids at a time.
func countWithin(ctx context.Context, store Store, over Over, plan *Plan, room int) (Counted, error) {
	if plan == nil {
		return Counted{}, clew.Errorf(clew.Invalid, "exec: count without a plan")
	}
	c := counting{run: begin(store, over), plan: plan, matcher: span.NewMatcher(plan.rows)}
	if plan.whole != nil {
		c.judge = newJudge(&plan.selection)
	}
	c.ids = &idSet{room: room, ids: make(map[clew.TraceID]struct{})}
	for {
		c.ids.high = math.MaxUint64
		clear(c.ids.ids)
		if err := c.pass(ctx); err != nil {
			return Counted{}, err
		}
		if c.ids.high == math.MaxUint64 || c.ended {
			// The ids are spread evenly, so that their range is a part of the rows.
			before, here := float64(c.ids.low)/(1<<64), float64(c.ids.high-c.ids.low)/(1<<64)
			c.out.Cost = c.done(before + here*c.part)
			return c.out, nil
		}
		c.ids.low = c.ids.high + 1
	}
}

// counting is one Count on its way.
type counting struct {
	*run
	plan    *Plan
	matcher *span.Matcher
	judge   *judge // nil where rows can be counted by themselves
	ids     *idSet
	out     Counted

	filtered bool // filter is known
	filter   idFilter
}

// pass counts the traces of one part of the ids, and in the first pass all rows.
func (c *counting) pass(ctx context.Context) error {
	rows := c.judge == nil && c.ids.low == 0
	err := c.scan(ctx, storage.Request{Window: c.over.Window, Where: c.plan.rows}, func(b *span.Batch) (bool, error) {
		matched := matching(c.matcher, b, c.over.Window)
		if rows {
			c.out.Spans += int64(matched.Count())
		}
		c.seen = c.seen.Reset(len(b.TraceIDs)) // the batch's traces: far fewer than rows, and no hashing
		for i := range matched.Ones() {
			c.seen.Set(int(b.Trace[i]))
		}
		for ord := range c.seen.Ones() {
			c.ids.add(b.TraceIDs[ord])
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if c.judge == nil {
		c.out.Traces += int64(len(c.ids.traces()))
		return nil
	}
	return c.read(ctx)
}

// read judges the traces that have been found.
func (c *counting) read(ctx context.Context) error {
	traces := c.ids.traces()
	if len(traces) > witnessAfter {
		if err := c.leaveOut(ctx); err != nil {
			return err
		}
		traces = slices.DeleteFunc(traces, func(id clew.TraceID) bool { return !c.filter.has(id) })
	}
	slices.SortFunc(traces, clew.TraceID.Compare)
	for i, id := range traces {
		if c.outOf(1) {
			c.part *= float64(i) / float64(len(traces))
			return nil
		}
		t, err := c.trace(ctx, id)
		if err != nil {
			return err
		}
		if t == nil {
			continue
		}
		if n := c.judge.selected(t.Batch, c.over.Window).Count(); n > 0 {
			c.out.Spans += int64(n)
			c.out.Traces++
		}
		t.Free()
	}
	return nil
}

// idSet remembers the different trace ids whose hash is in [low, high]. When it
// is full it halves the range and forgets what is outside.
type idSet struct {
	room      int
	low, high uint64
	ids       map[clew.TraceID]struct{}
}

// hashID spreads ids evenly; ids of equal low halves stay together, since a
// 64-bit id and its 128-bit form are one trace.
func hashID(id clew.TraceID) uint64 {
	h := id.Low()
	h ^= h >> 32
	h *= 0x9E3779B97F4A7C15
	h ^= h >> 29
	h *= 0xBF58476D1CE4E5B9
	return h ^ h>>32
}

func (s *idSet) add(id clew.TraceID) {
	if h := hashID(id); h < s.low || h > s.high {
		return
	}
	s.ids[id] = struct{}{}
	for len(s.ids) > s.room && s.high > s.low {
		s.high = s.low + (s.high-s.low)/2
		for id := range s.ids {
			if hashID(id) > s.high {
				delete(s.ids, id)
			}
		}
	}
}

// traces returns one id of each trace: a 64-bit id is none of its own where its
// 128-bit form is there.
func (s *idSet) traces() []clew.TraceID {
	long := make(map[uint64]struct{})
	short := false
	for id := range s.ids {
		short = short || id.High() == 0
	}
	if short {
		for id := range s.ids {
			if id.High() != 0 {
				long[id.Low()] = struct{}{}
			}
		}
	}
	out := make([]clew.TraceID, 0, len(s.ids))
	for id := range s.ids {
		if _, has := long[id.Low()]; id.High() != 0 || !has {
			out = append(out, id)
		}
	}
	return out
}

// leaveOut finds out, once, which traces have their witnesses.
func (c *counting) leaveOut(ctx context.Context) (err error) {
	if c.filtered {
		return nil
	}
	c.filtered = true
	part := c.part
	c.filter, err = c.witnessed(ctx, c.plan.selection.witnesses(nil, c.over.Window), c.ids.room)
	c.part = part
	return err
}
