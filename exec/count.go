package exec

import (
	"context"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/traceset"
	"github.com/clew-tracing/clew/storage"
)

// Counted is how much a plan selects.
type Counted struct {
	Spans  int64 // selected rows
	Traces int64 // traces with a selected row
	// Estimate is of the spans before some were left out by samplers; it is empty where
	// the plan says with (weighted = false).
	Estimate Estimate
	Cost     Cost
}

// Count returns exactly how many spans in the window the plan selects, and in how
// many traces they are. Where there are more traces than it can remember, it goes over
// the data again, once for each part of the ids. Spans that arrive in between are in
// the traces counted by later passes but not in Spans.
//
// Rows are counted as the store yields them: a span that was sent twice in
// requests that were not identical counts twice until the store merges it. Where
// the plan asks about whole traces, such a span counts once: the store is scanned by
// traces, if it can be, or each trace that may have a match is read as Search does.
func Count(ctx context.Context, store Store, over Over, plan *Plan) (Counted, error) {
	over.Budget = over.Budget.withDefaults()
	return countWithin(ctx, store, over, plan, over.Budget.ids())
}

// countWithin counts with room for so many trace ids at a time.
func countWithin(ctx context.Context, store Store, over Over, plan *Plan, room int) (Counted, error) {
	if err := plan.wantSpans(); err != nil {
		return Counted{}, err
	}
	c := &gathering{run: begin(store, over), plan: plan, matcher: span.NewMatcher(plan.rows), room: room}
	var out Counted
	var err error
	plan.explainCount(over.Explain)
	if plan.whole != nil {
		columns := wholeColumns(&plan.selection)
		columns.Weights = !plan.raw
		c.another = func() (take func(*span.Whole, column.Bitmap) bool, join func()) {
			var other Counted
			take = func(w *span.Whole, selected column.Bitmap) bool { other.add(plan, w, selected); return true }
			return take, func() { out.join(&other) }
		}
		err = c.each(ctx, columns, func(w *span.Whole, selected column.Bitmap) { out.add(plan, w, selected) })
	} else {
		err = c.parts(ctx, storage.Columns{Weights: !plan.raw}, func(first bool, b *span.Batch, matched column.Bitmap) {
			if first {
				out.estimate(plan, b, matched)
				out.Spans += int64(matched.Count())
			}
		}, func(ids []clew.TraceID) error {
			out.Traces += int64(len(ids))
			return nil
		})
	}
	if err != nil {
		return Counted{}, err
	}
	out.Cost = c.done(c.share)
	return out, nil
}

// estimate adds selected rows to the estimate.
func (c *Counted) estimate(plan *Plan, b *span.Batch, selected column.Bitmap) {
	if !plan.raw && selected.Any() {
		weights := b.Weights()
		c.Estimate.add(&weights, selected)
	}
}

// add counts selected rows of whole traces.
func (c *Counted) add(plan *Plan, w *span.Whole, selected column.Bitmap) {
	c.estimate(plan, w.Batch, selected)
	c.Spans += int64(selected.Count())
	c.Traces += int64(judge.TracesOf(w, selected).Count())
}

// join adds what was counted of other traces.
func (c *Counted) join(o *Counted) {
	c.Spans, c.Traces = c.Spans+o.Spans, c.Traces+o.Traces
	c.Estimate.join(&o.Estimate)
}

// gathering goes through the traces in which a plan may select something, in parts by
// their ids, as many at a time as there is room for.
type gathering struct {
	*run
	plan    *Plan
	matcher *span.Matcher
	room    int
	ids     *traceset.Set
	share   float64 // of the question that was looked at

	another another // for each, beside its f; may be nil

	filtered bool // filter is known
	filter   idFilter
}

// parts calls rows for each batch, once for each part, and then then with the traces of
// the part. Batches have the columns that are asked for, in the first part.
func (g *gathering) parts(ctx context.Context, columns storage.Columns, rows func(first bool, b *span.Batch, matched column.Bitmap), then func([]clew.TraceID) error) error {
	for g.ids = traceset.New(g.room); ; g.ids.Next() {
		first := g.ids.First()
		if !first {
			columns = storage.Columns{}
		}
		err := g.scan(ctx, storage.Request{Window: g.over.Window, Where: g.plan.rows, Columns: columns}, func(b *span.Batch) (bool, error) {
			matched := matching(g.matcher, b, g.over.Window)
			rows(first, b, matched)
			g.seen = g.seen.Reset(len(b.TraceIDs)) // the batch's traces: far fewer than rows, and no hashing
			for i := range matched.Ones() {
				g.seen.Set(int(b.Trace[i]))
			}
			for ord := range g.seen.Ones() {
				g.ids.Add(b.TraceIDs[ord])
			}
			return true, nil
		})
		if err == nil {
			err = then(g.ids.Traces())
		}
		if err != nil {
			return err
		}
		if g.ids.Last() || g.ended {
			// The ids are spread evenly, so that their range is a part of the rows.
			before, here := g.ids.Share()
			g.share = before + here*g.part
			return nil
		}
	}
}

// each calls f for the traces of which something is selected, whole: one or more at a
// time, with the rows that are. They are f's until it returns, and have the columns that
// are asked for.
func (g *gathering) each(ctx context.Context, columns storage.Columns, f func(w *span.Whole, selected column.Bitmap)) error {
	j := judge.New(&g.plan.selection, gone(ctx))
	judged := func(w *span.Whole, rows column.Bitmap) (selected column.Bitmap) {
		if selected = j.Selected(w, rows, g.over.Window); selected.Any() {
			f(w, selected)
		}
		return selected
	}
	if s, ok := g.store.(storage.Store); ok && s.Capabilities().TracesMode {
		g.over.Explain.Say("traces with such a row are gone through whole, by a scan by traces")
		inVain := 0 // traces that were read by themselves
		req := storage.Request{Mode: storage.Traces, Window: g.over.Window, Where: g.plan.rows, Columns: columns, Beside: g.another.judging(ctx, &g.plan.selection, g.over.Window)}
		req.Apart = func(id clew.TraceID) (bool, error) {
			if inVain++; inVain > witnessAfter {
				if err := g.leaveOut(ctx); err != nil {
					return false, err
				}
			}
			return g.filter.has(id), nil
		}
		err := g.scan(ctx, req, func(b *span.Batch) (bool, error) {
			w := span.NewWhole(b)
			if selected := judged(w, b.Traced); inVain > 0 { // it was asked for, and so were all after it
				inVain = max(inVain-judge.TracesOf(w, selected).Count(), 0)
			}
			return true, nil
		})
		g.share = g.part
		return err
	}
	g.over.Explain.Say("traces with such a row are read whole, one by one")
	return g.parts(ctx, storage.Columns{}, func(bool, *span.Batch, column.Bitmap) {}, func(traces []clew.TraceID) error {
		if len(traces) > witnessAfter {
			if err := g.leaveOut(ctx); err != nil {
				return err
			}
			traces = slices.DeleteFunc(traces, func(id clew.TraceID) bool { return !g.filter.has(id) })
		}
		slices.SortFunc(traces, clew.TraceID.Compare)
		for i, id := range traces {
			if g.outOf(1) {
				g.part *= float64(i) / float64(len(traces))
				return nil
			}
			t, err := g.trace(ctx, id)
			if err != nil {
				return err
			}
			if t != nil {
				judged(span.OneTrace(t.Batch), nil)
				t.Free()
			}
			if err := canceled(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// Selected calls each for the spans that a plan selects: for the given rows of one batch
// after the other, which is each's until it returns and has the columns that are asked
// for.
func Selected(ctx context.Context, store Store, over Over, plan *Plan, columns storage.Columns, each func(b *span.Batch, rows column.Bitmap)) (Cost, error) {
	if err := plan.wantSpans(); err != nil {
		return Cost{}, err
	}
	plan.explainSelected(over.Explain)
	g := &gathering{run: begin(store, over), plan: plan, matcher: span.NewMatcher(plan.rows)}
	g.room = g.over.Budget.ids()
	if plan.whole != nil {
		if !columns.All {
			whole := wholeColumns(&plan.selection)
			columns.Intrinsics = append(columns.Intrinsics, whole.Intrinsics...)
			columns.Fields = append(columns.Fields, whole.Fields...)
			columns.Tree = true
		}
		err := g.each(ctx, columns, func(w *span.Whole, selected column.Bitmap) { each(w.Batch, selected) })
		return g.done(g.share), err
	}
	err := g.scan(ctx, storage.Request{Window: over.Window, Where: plan.rows, Columns: columns}, func(b *span.Batch) (bool, error) {
		each(b, matching(g.matcher, b, over.Window))
		return true, nil
	})
	return g.done(g.part), err
}

// Any reports whether some span of the window meets a condition on single rows; where
// the cost says that the answer is partial, none does of those that were looked at.
func Any(ctx context.Context, store Store, over Over, where span.Condition) (met bool, cost Cost, err error) {
	r := begin(store, over)
	m := span.NewMatcher(where)
	err = r.scan(ctx, storage.Request{Window: over.Window, Where: where}, func(b *span.Batch) (bool, error) {
		met = met || matching(m, b, over.Window).Any()
		return !met, nil
	})
	return met, r.done(r.part), err
}

// byIDs are the intrinsics by which the spans of a trace know each other.
var byIDs = []span.Intrinsic{span.SpanID, span.ParentID, span.SpanKind}

// wholeColumns are what a judge of a selection looks at.
func wholeColumns(s *judge.Selection) storage.Columns {
	c := storage.Columns{Tree: true}
	if s.ByIDs() {
		c.Intrinsics = byIDs
	}
	s.Fields(func(f span.Field) { addWhole(&c, f) })
	return c
}

// ofTraces are what a search looks at of traces that it reads whole, with fields that it
// shows.
func (p *Plan) ofTraces(shown []judge.Measure) *storage.Columns {
	c := wholeColumns(&p.selection)
	for i := range shown {
		shown[i].Expr.Fields(func(f span.Field) { addWhole(&c, f) })
	}
	return &c
}

// addWhole adds what a field is told by, where whole traces are at hand.
func addWhole(c *storage.Columns, f span.Field) {
	f.Parent = false
	if f.Intrinsic.OfTrace() {
		c.Intrinsics = append(slices.Clip(c.Intrinsics), byIDs...)
	}
	duration := span.Field{Intrinsic: span.Duration} // all that is known of a trace is found out at once
	switch f.Intrinsic {
	case span.TraceDuration:
		f = duration
	case span.RootName:
		c.Fields, f = append(c.Fields, duration), span.Field{Intrinsic: span.Name}
	case span.RootService:
		c.Fields, f = append(c.Fields, duration), serviceName
	case span.ChildCount, span.NestedSetLeft, span.NestedSetRight, span.NestedSetParent:
		return
	}
	c.Fields = append(c.Fields, f)
}

// leaveOut finds out, once, which traces have their witnesses.
func (g *gathering) leaveOut(ctx context.Context) (err error) {
	if g.filtered {
		return nil
	}
	g.filtered = true
	part, scans := g.part, g.scans
	g.filter, err = g.witnessed(ctx, g.plan.selection.Witnesses(nil, g.over.Window), g.room)
	g.part, g.scans = part, scans
	return err
}
