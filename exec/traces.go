package exec

import (
	"context"
	"slices"

	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// Traces gives the traces in which a plan selects a span of the window, whole: one or more at
// a time, as the given rows of a batch, each trace once, in no stated order. They have the
// columns that are asked for, and are valid until each returns.
//
// taker is called at once, and again for each further core that takes part: traces are told to
// the each that it returns, in a goroutine of its own, and join is called behind the last of them
// by the goroutine of the question, one after the other.
func Traces(ctx context.Context, store Store, over Over, plan *Plan, columns storage.Columns, taker func() (each func(w *span.Whole, rows column.Bitmap), join func())) (Cost, error) {
	if err := plan.wantSpans(); err != nil {
		return Cost{}, err
	}
	plan.explainSelected(over.Explain)
	g := &gathering{run: begin(store, over), plan: plan, matcher: span.NewMatcher(plan.rows)}
	g.room = g.over.Budget.ids()
	if !columns.All {
		whole := wholeColumns(&plan.selection)
		columns.Intrinsics = slices.Concat(columns.Intrinsics, whole.Intrinsics)
		columns.Fields = slices.Concat(columns.Fields, whole.Fields)
		columns.Tree = true
	}
	g.another = func() (take func(w *span.Whole, selected column.Bitmap) bool, join func()) {
		each, join := taker()
		return func(w *span.Whole, selected column.Bitmap) bool { each(w, wholeOf(w, selected)); return true }, join
	}
	each, join := taker()
	err := g.each(ctx, columns, func(w *span.Whole, selected column.Bitmap) { each(w, wholeOf(w, selected)) })
	join()
	return g.done(g.share), err
}

// wholeOf returns all rows of the traces of some rows.
func wholeOf(w *span.Whole, selected column.Bitmap) column.Bitmap {
	traces := judge.TracesOf(w, selected)
	rows := column.NewBitmap(w.Rows)
	for row := range w.Rows {
		if (w.Traced == nil || w.Traced.Get(row)) && traces.Get(int(w.Of[row])) {
			rows.Set(row)
		}
	}
	return rows
}
