package exec

import (
	"context"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec/explain"
	"github.com/clew-tracing/clew/exec/few"
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/exec/judge/hit"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// Request asks for one page of traces.
type Request struct {
	Over
	Plan *Plan
	// Limit is how many traces, DefaultLimit if 0; at most MaxLimit.
	Limit int
	// Cursor is Result.Next of the page before, "" for the first.
	Cursor string
	// SpansPerTrace is how many matching spans are named with each trace,
	// DefaultSpansPerTrace if 0; at most MaxSpansPerTrace.
	SpansPerTrace int
}

// Result is one page.
type Result struct {
	// Hits are the traces, by the start of their newest match in the window
	// descending, then by trace id.
	Hits []hit.Trace
	// Next is the cursor of the next page, "" where this is the last. Behind a
	// partial page (Cost.Complete) traces may be missing on the next one too.
	Next string
	Cost Cost
}

// Search returns the traces that have a span in the window which meets the plan,
// newest match first. The order is total and the same on every store. Paging by
// cursor neither repeats nor skips a trace, however many arrive in between;
// a trace whose newest match has come to lie above the cursor is not shown again.
//
// How it works. Batches come newest first, each with a bound that no later row
// exceeds. The best traces so far are kept by their newest row that may be a
// match, which for most plans is one. As soon as enough of them lie above the
// bound they cannot rise any more: they are read whole, the plan is evaluated on
// all of their spans, wherever they lie, and those that pass are the page. Traces
// that fail (the plan asks for more than a row shows, their newest match is on an
// earlier page, or it was a duplicate that another row overrules) make room for
// the next ones. A plan that says its order itself is answered by searchOrdered.
//
// Only if there was too little room are the batches gone through
// again, with more of it and without the traces that failed; and once if many
// failed that had no witness.
func Search(ctx context.Context, store Store, r Request) (Result, error) {
	if err := r.normalise(); err != nil {
		return Result{}, err
	}
	if r.Plan.order != nil {
		return searchOrdered(ctx, store, &r)
	}
	s := &search{
		run: begin(store, r.Over), r: &r, ctx: ctx, want: r.Limit + 1, // one more tells whether there is a next page
		matcher: span.NewMatcher(r.Plan.rows), judge: judge.New(&r.Plan.selection, gone(ctx)),
		verdicts: make(map[clew.TraceID]*verdict), window: r.Window,
	}
	fields := r.Plan.shown()
	s.hits, s.wanted = hit.NewSummariser(fields, r.SpansPerTrace, gone(ctx)), r.Plan.ofTraces(fields)
	if r.Plan.whole != nil {
		s.witnesses = r.Plan.selection.Witnesses(nil, r.Window)
	}
	if r.Cursor != "" {
		after, err := parseCursor(&r)
		if err != nil {
			return Result{}, err
		}
		s.after = &after
		if end := after.start + 1; end != 0 && (s.window.End == 0 || end < s.window.End) {
			s.window.End = end // no newer match can put a trace on this page
		}
	}
	r.Plan.explainSearch(r.Explain, r.Limit)
	if err := s.passes(); err != nil {
		return Result{}, err
	}
	return s.result(), nil
}

// passes goes through the batches until the page is settled or a budget ends.
func (s *search) passes() error {
	room := s.want + candidateSlack
	if s.r.Plan.whole != nil {
		room = s.want + wholeTraceSlack
	}
	for {
		s.best = few.NewRanking(room, order)
		failed := s.failed
		if err := s.pass(); err != nil {
			return err
		}
		switch {
		case s.ended:
			return nil
		case s.unwitnessed: // again, with the same room
			if err := s.leaveOut(); err != nil || s.ended {
				return err
			}
		case !s.crowded:
			return nil
		case room == maxCandidates && s.failed == failed:
			s.partial("more than %d traces have matches on both sides of this page's edge", maxCandidates)
			return nil
		default:
			room = min(4*room, maxCandidates)
		}
	}
}

func (r *Request) normalise() error {
	switch {
	case r.Plan.wantSpans() != nil:
		return r.Plan.wantSpans()
	case r.Limit < 0 || r.Limit > MaxLimit:
		return clew.Errorf(clew.Invalid, "limit %d: want 1 to %d", r.Limit, MaxLimit)
	case r.SpansPerTrace < 0 || r.SpansPerTrace > MaxSpansPerTrace:
		return clew.Errorf(clew.Invalid, "spans per trace %d: want 1 to %d", r.SpansPerTrace, MaxSpansPerTrace)
	}
	if r.Limit == 0 {
		r.Limit = DefaultLimit
	}
	if r.SpansPerTrace == 0 {
		r.SpansPerTrace = DefaultSpansPerTrace
	}
	return nil
}

// search is one Search on its way.
type search struct {
	*run
	r      *Request
	ctx    context.Context
	want   int
	after  *key        // what the page comes behind
	window clew.Window // what is scanned

	matcher *span.Matcher // for scanned batches
	judge   *judge.Judge  // for whole traces
	best    *few.Ranking[key]
	hits    *hit.Summariser
	newest  []clew.UnixNanos // by trace of a batch; scratch
	touched []uint32

	verdicts map[clew.TraceID]*verdict // nil: the trace failed
	failed   int                       // how many did
	page     []*verdict                // what settle found, in order
	crowded  bool                      // the ranking had too little room
	unread   int                       // candidates for which there was no time

	witnesses   []judge.Witness // those not yet looked for
	unwitnessed bool            // now it is worth it
	filter      idFilter
}

// verdict is what reading a candidate's whole trace said.
type verdict struct {
	key key // of the whole trace: its own id, its newest match
	hit hit.Trace
}

// pass goes through the batches once.
func (s *search) pass() error {
	s.page, s.crowded, s.unwitnessed, s.enough = nil, false, false, false
	settled := false
	err := s.scan(s.ctx, storage.Request{Window: s.window, Where: s.r.Plan.rows}, func(b *span.Batch) (bool, error) {
		var err error
		if settled, err = s.settle(above(s.best.Keys, b.MaxStart), b.MaxStart, false); settled || err != nil {
			return false, err
		}
		s.offer(b)
		return true, nil
	})
	if err != nil || settled {
		return err
	}
	_, err = s.settle(s.best.Keys, 0, true)
	return err
}

// offer ranks the traces of a batch by their newest match in it.
func (s *search) offer(b *span.Batch) {
	if len(s.newest) < len(b.TraceIDs) {
		s.newest = make([]clew.UnixNanos, len(b.TraceIDs))
	}
	s.touched = s.touched[:0]
	for i := range matching(s.matcher, b, s.window).Ones() {
		// One more than the start, so that 0 is "none yet"; the last nanosecond
		// of time shares its place with the one before.
		start := clew.UnixNanos(b.Start[i])
		mark := max(start, start+1)
		if ord := b.Trace[i]; mark > s.newest[ord] {
			if s.newest[ord] == 0 {
				s.touched = append(s.touched, ord)
			}
			s.newest[ord] = mark
		}
	}
	for _, ord := range s.touched {
		id := b.TraceIDs[ord]
		if v, judged := s.verdicts[id]; (v != nil || !judged) && s.filter.has(id) {
			s.best.Offer(key{s.newest[ord] - 1, id})
		}
		s.newest[ord] = 0
	}
}

// settle reads candidates, best first, until the page is full. bound is the
// newest start that later batches may still have; final says that there are
// none. It reports whether nothing later can change the page.
func (s *search) settle(candidates []key, bound clew.UnixNanos, final bool) (bool, error) {
	if !final && len(candidates) < s.want {
		return false, nil
	}
	s.page = s.page[:0]
	failed := s.failed
	for i, c := range candidates {
		if len(s.page) >= s.want && !c.before(s.page[s.want-1].key) {
			break
		}
		v, judged := s.verdicts[c.id]
		if !judged {
			if s.outOf(1.5) || s.tooMany() || s.full(s.hits) {
				s.unread = len(candidates) - i
				return true, nil
			}
			if s.unwitnessed = s.failed >= witnessAfter && len(s.witnesses) > 0; s.unwitnessed {
				return true, nil
			}
			var err error
			if v, err = s.verify(c.id); err != nil {
				return false, err
			}
		}
		if v != nil && (final || v.key.start > bound) {
			s.place(v)
		}
	}
	full := len(s.page) >= s.want
	s.enough = full
	s.crowded = s.best.AnyDropped && (!full || s.best.Dropped.before(s.page[s.want-1].key))
	if s.failed > failed {
		s.best.Remove(func(k key) bool {
			v, judged := s.verdicts[k.id]
			return judged && v == nil
		})
	}
	return full || final, nil
}

// leaveOut finds out, once, which traces have their witnesses.
func (s *search) leaveOut() (err error) {
	part := s.part
	s.filter, err = s.witnessed(s.ctx, s.witnesses, s.over.Budget.ids())
	s.part, s.witnesses = part, nil
	return err
}

// tooMany reports whether no further verdict can be remembered.
func (s *search) tooMany() bool {
	most := s.over.Budget.ids()
	if len(s.verdicts) < most {
		return false
	}
	s.ended = true
	s.partial("more than %d traces had to be read", most)
	return true
}

// place puts a verdict into the page in order, once.
func (s *search) place(v *verdict) {
	i, found := slices.BinarySearchFunc(s.page, v.key, func(p *verdict, k key) int { return order(p.key, k) })
	if !found {
		s.page = slices.Insert(s.page, i, v)
	}
}

// verify reads a candidate's trace and judges it; nil where it fails.
func (s *search) verify(id clew.TraceID) (*verdict, error) {
	t, err := s.trace(s.ctx, id)
	if err != nil {
		return nil, err
	}
	if t != nil {
		defer t.Free()
	}
	v := s.judged(id, t)
	if err := canceled(s.ctx); err != nil {
		return nil, err
	}
	if v != nil {
		s.verdicts[id] = v
		return v, nil
	}
	s.verdicts[id] = nil
	s.failed++
	return nil, nil
}

func (s *search) judged(id clew.TraceID, t *storage.Trace) *verdict {
	if t == nil {
		return nil
	}
	defer s.over.Explain.Begin(explain.Judge, "").End()
	w := span.OneTrace(t.Batch)
	sets := s.judge.Sets(w, s.r.Window)
	if len(sets) == 0 {
		return nil
	}
	h := s.hits.Of(t, w, canonical(id, t.TraceIDs), sets)
	k := key{h.Newest, h.TraceID}
	if s.after != nil && !s.after.before(k) {
		return nil
	}
	return &verdict{key: k, hit: h}
}

// canonical is the id under which a trace is shown: its 128-bit form where any
// of its rows has one, the lowest if there are several.
func canonical(id clew.TraceID, all []clew.TraceID) clew.TraceID {
	if id.High() != 0 {
		return id
	}
	for _, other := range all {
		if other.Low() == id.Low() && other.High() != 0 && (id.High() == 0 || other.Compare(id) < 0) {
			id = other
		}
	}
	return id
}

func (s *search) result() Result {
	if s.ended { // the last pass may have come less far than those before
		for _, v := range s.verdicts {
			if v != nil {
				s.place(v)
			}
		}
	}
	out := Result{}
	for _, v := range s.page[:min(len(s.page), s.r.Limit)] {
		out.Hits = append(out.Hits, v.hit)
	}
	if len(s.page) > s.r.Limit {
		out.Next = s.page[s.r.Limit-1].key.cursor(s.r)
	}
	searched := s.part
	if s.unread > 0 {
		searched *= float64(len(s.verdicts)) / float64(len(s.verdicts)+s.unread)
	}
	if s.crowded && !s.ended {
		searched = 0 // nobody knows how many traces had no room
	}
	out.Cost = s.done(searched)
	return out
}
