package traces

import (
	"slices"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray/filter"
	"github.com/clew-tracing/clew/api/xray/view"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// finder finds the traces of which something was in a range.
type finder struct {
	c      *api.Call
	q      *question
	budget exec.Budget // defaults filled in
	begun  time.Time
	cost   exec.Cost

	room  int          // for candidates
	after clew.TraceID // candidates have smaller ids; the zero one: any
	// ids are candidates, the greatest first once find is done. Where dropped is set there
	// were more than candidates holds: those up to bound.
	ids     []clew.TraceID
	bound   clew.TraceID
	dropped bool
	seen    column.Bitmap

	together  bool  // traces were gone through together
	processed int64 // traces in the range that were looked at
	bytes     int   // of the answer so far
}

func newFinder(c *api.Call, q *question, room int) *finder {
	budget, _ := c.Budget.Without(&exec.Cost{})
	return &finder{c: c, q: q, budget: budget, begun: time.Now(), room: room}
}

// find finds the candidates: each trace that is in the range has a row that brings it.
func (f *finder) find() error {
	q := f.q
	if q.by == byTraceID {
		// The time that an id says is near the trace's first start.
		return f.scan("{ }", q.near(), nil)
	}
	running := func(b *span.Batch, row int) bool { return b.Unfinished(row) || b.End(row) >= q.start }
	long := before(q.start, longSpan)
	if err := f.scan("{ }", clew.Window{Start: long, End: q.end}, running); err != nil || long == 0 {
		return err
	}
	// What started before and was running then took as long, or has no end.
	text := "{ duration >= " + longSpan.String() + " || duration = nil }"
	return f.scan(text, clew.Window{End: long}, running)
}

// near is when the traces start that are in a range by their ids.
func (q *question) near() clew.Window {
	return clew.Window{Start: before(q.start, nearID), End: behind(q.end, nearID)}
}

// before and behind are moments some time away, or the first or last there is.
func before(t clew.UnixNanos, d time.Duration) clew.UnixNanos { return t - min(t, clew.UnixNanos(d)) }

func behind(t clew.UnixNanos, d time.Duration) clew.UnixNanos { return t + min(^t, clew.UnixNanos(d)) }

// scan adds the traces of which a row of a window is selected.
func (f *finder) scan(query string, w clew.Window, where func(b *span.Batch, row int) bool) error {
	columns := storage.Columns{}
	if where != nil {
		columns.Intrinsics = []span.Intrinsic{span.Duration}
	}
	ended, err := f.selected(query, w, columns, func(b *span.Batch, rows column.Bitmap) {
		f.seen = f.seen.Reset(len(b.TraceIDs))
		for row := range rows.Ones() {
			if where == nil || where(b, row) {
				f.seen.Set(int(b.Trace[row]))
			}
		}
		for n := range f.seen.Ones() {
			f.add(b.TraceIDs[n])
		}
	})
	if err == nil && ended != "" {
		err = clew.Errorf(clew.Invalid, "not all traces from StartTime to EndTime could be looked at: %s; ask for a shorter time", ended)
	}
	if err == nil {
		f.shrink()
	}
	return err
}

// selected goes over the rows that a query on single rows selects; partial is why these are
// not all, "" is that they are.
func (f *finder) selected(query string, w clew.Window, columns storage.Columns, each func(b *span.Batch, rows column.Bitmap)) (partial string, err error) {
	plan, err := exec.Prepare(query)
	if err != nil {
		return "", err
	}
	over := f.c.Over
	over.Window = w
	left, ended := f.budget.Without(&f.cost)
	if ended != "" {
		return ended, nil
	}
	over.Budget = left
	cost, err := exec.Selected(f.c.Ctx, f.c.Store, over, plan, columns, each)
	f.cost.Rows, f.cost.Bytes, f.cost.Took = f.cost.Rows+cost.Rows, f.cost.Bytes+cost.Bytes, time.Since(f.begun)
	if err != nil || cost.Complete {
		return "", err
	}
	if _, ended := left.Without(&cost); ended != "" {
		return ended, nil
	}
	f.c.SayPartial(cost.Reason) // of damage; what can be read is as good as without
	return "", nil
}

// add adds a candidate.
func (f *finder) add(id clew.TraceID) {
	if !f.after.IsZero() && id.Compare(f.after) >= 0 || f.dropped && id.Compare(f.bound) <= 0 || !f.q.sampled(id) {
		return
	}
	if f.ids = append(f.ids, id); len(f.ids) >= 2*f.room {
		f.shrink()
	}
}

// shrink puts the candidates in order, each once, and drops those for which there is no room.
func (f *finder) shrink() {
	slices.SortFunc(f.ids, func(a, b clew.TraceID) int { return b.Compare(a) })
	if f.ids = slices.Compact(f.ids); len(f.ids) > f.room {
		f.ids = f.ids[:f.room]
		f.bound, f.dropped = f.ids[f.room-1], true
	}
}

// spent reports whether the budget ended, and half as much again for reading traces.
func (f *finder) spent() bool {
	most := f.budget
	most.Rows, most.Bytes, most.Time = most.Rows+most.Rows/2, most.Bytes+most.Bytes/2, most.Time+most.Time/2
	f.cost.Took = time.Since(f.begun)
	_, ended := most.Without(&f.cost)
	return ended != ""
}

// lows are the low halves of the ids of candidates.
func (f *finder) lows() map[uint64]struct{} {
	wanted := make(map[uint64]struct{}, len(f.ids))
	for _, id := range f.ids {
		wanted[id.Low()] = struct{}{}
	}
	return wanted
}

// having are the low halves of the ids of candidates that have a row which meets a clause; nil
// is that nobody knows.
func (f *finder) having(c filter.Clause) (map[uint64]struct{}, error) {
	wanted := f.lows()
	met := make(map[uint64]struct{})
	w := clew.Window{} // a trace may have begun long before the range, and go on
	switch {
	case c.OfTrace() && f.q.by != byTraceID:
		return nil, nil // every trace that there is would have to be put together
	case c.OfTrace(): // what made it a candidate meets it, too
		w = f.q.near()
	case f.q.by == byTraceID:
		w.Start = f.q.near().Start
	}
	partial, err := f.selected(c.String(), w, storage.Columns{}, func(b *span.Batch, rows column.Bitmap) {
		f.seen = f.seen.Reset(len(b.TraceIDs))
		for row := range rows.Ones() {
			f.seen.Set(int(b.Trace[row]))
		}
		for n := range f.seen.Ones() {
			low := b.TraceIDs[n].Low()
			if _, ok := wanted[low]; ok {
				met[low] = struct{}{}
			}
		}
	})
	if err != nil || partial != "" {
		return nil, err
	}
	return met, nil
}

// holding are the low halves of the ids of the candidates of which the expression holds. All
// traces near the range are gone through together, which takes a fraction of reading them one
// by one. nil is that nobody knows.
func (f *finder) holding() (map[uint64]struct{}, error) {
	left, ended := f.budget.Without(&f.cost)
	if f.q.by != byTraceID || ended != "" || f.dropped { // those of other pages would be gone through, too
		return nil, nil
	}
	over := f.c.Over
	over.Window, over.Budget = f.q.near(), left
	wanted := f.lows()
	met := make(map[uint64]struct{})
	cost, err := exec.Traces(f.c.Ctx, f.c.Store, over, exec.Everything(), storage.Columns{All: true}, func() (each func(*span.Whole, column.Bitmap), join func()) {
		var build view.Builder
		var held []uint64
		each = func(w *span.Whole, rows column.Bitmap) {
			build.Each(w, rows, func(t *view.Trace) {
				if _, ok := wanted[t.ID.Low()]; ok && filter.Holds(f.q.where, t) {
					held = append(held, t.ID.Low())
				}
			})
		}
		return each, func() {
			for _, low := range held {
				met[low] = struct{}{}
			}
		}
	})
	f.cost.Rows, f.cost.Bytes, f.cost.Took = f.cost.Rows+cost.Rows, f.cost.Bytes+cost.Bytes, time.Since(f.begun)
	if err != nil || !cost.Complete {
		return nil, err
	}
	return met, nil
}

// other reports whether a trace is, or will be, told under another id: one that came as 64
// bits is the same as that of 128.
func (f *finder) other(id clew.TraceID, t *storage.Trace) bool {
	for _, same := range t.TraceIDs {
		if same.Compare(id) > 0 && same.Low() == id.Low() && f.q.brings(t, same) {
			return true
		}
	}
	return false
}

// brings reports whether a row under an id makes the trace a candidate.
func (q *question) brings(t *storage.Trace, id clew.TraceID) bool {
	for row := range t.Rows {
		if t.TraceIDs[t.Trace[row]] != id {
			continue
		}
		start := clew.UnixNanos(t.Start[row])
		if q.by == byTraceID {
			if q.near().Contains(start) {
				return true
			}
		} else if start < q.end && (t.Unfinished(row) || t.End(row) >= q.start) {
			return true
		}
	}
	return false
}
