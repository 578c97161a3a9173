package exec

import (
	"context"
	"math"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// Counted is how much meets a plan.
type Counted struct {
	Spans  int64 // matching rows
	Traces int64 // traces with a matching row
	Cost   Cost
}

// Count returns exactly how many spans in the window meet the plan, and in how
// many traces they are. Its memory is bounded: where there are more traces than
// it can remember, it goes over the data again, once for each part of the ids.
// Spans that arrive in between are in the traces counted by later passes but not
// in Spans.
//
// Rows are counted as the store yields them: a span that was sent twice in
// requests that were not identical counts twice until the store merges it.
func Count(ctx context.Context, store Store, over Over, plan *Plan) (Counted, error) {
	return countWithin(ctx, store, over, plan, countedTraces)
}

// countWithin counts with room for so many trace ids at a time.
func countWithin(ctx context.Context, store Store, over Over, plan *Plan, room int) (Counted, error) {
	if plan == nil {
		return Counted{}, clew.Errorf(clew.Invalid, "exec: count without a plan")
	}
	r := begin(store, over)
	m := span.NewMatcher(plan.where)
	ids := &idSet{room: room, ids: make(map[clew.TraceID]struct{})}
	out := Counted{}
	var seen column.Bitmap
	for first := true; ; first = false {
		ids.high = math.MaxUint64
		clear(ids.ids)
		err := r.scan(ctx, storage.Request{Window: over.Window, Where: plan.where}, func(b *span.Batch) (bool, error) {
			rows := matching(m, b, over.Window)
			if first {
				out.Spans += int64(rows.Count())
			}
			seen = seen.Reset(len(b.TraceIDs)) // the batch's traces: far fewer than rows, and no hashing
			for i := range rows.Ones() {
				seen.Set(int(b.Trace[i]))
			}
			for ord := range seen.Ones() {
				ids.add(b.TraceIDs[ord])
			}
			return true, nil
		})
		if err != nil {
			return Counted{}, err
		}
		out.Traces += ids.count()
		if ids.high == math.MaxUint64 || r.ended {
			out.Cost = r.done()
			return out, nil
		}
		ids.low = ids.high + 1
	}
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

// count returns how many traces the ids are: a 64-bit id is none of its own
// where its 128-bit form is there.
func (s *idSet) count() int64 {
	short := make(map[uint64]struct{})
	for id := range s.ids {
		if id.High() == 0 {
			short[id.Low()] = struct{}{}
		}
	}
	n := int64(len(s.ids))
	if len(short) == 0 {
		return n
	}
	for id := range s.ids {
		if id.High() == 0 {
			continue
		}
		if _, ok := short[id.Low()]; ok {
			delete(short, id.Low())
			n--
		}
	}
	return n
}
