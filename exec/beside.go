package exec

import (
	"context"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// another makes what is told of some of the selected rows of batches, beside who is told of
// the others, until it wants no more: take, in another goroutine. join is called behind
// that, by the goroutine of the question, and adds what take has found to what that has.
type another func() (take func(w *span.Whole, selected column.Bitmap) (more bool), join func())

// matching is what a scan of rows within a window is to call beside its loop.
func (a another) matching(where span.Condition, window clew.Window) func() storage.Beside {
	if a == nil {
		return nil
	}
	return func() storage.Beside {
		take, join := a()
		m := span.NewMatcher(where)
		return storage.Beside{Join: join, Take: func(b *span.Batch) bool { return take(span.NewWhole(b), matching(m, b, window)) }}
	}
}

// judging is what a scan by traces is to call beside its loop.
func (a another) judging(ctx context.Context, s *judge.Selection, window clew.Window) func() storage.Beside {
	if a == nil {
		return nil
	}
	return func() storage.Beside {
		take, join := a()
		j := judge.New(s, gone(ctx))
		return storage.Beside{Join: join, Take: func(b *span.Batch) bool {
			w := span.NewWhole(b)
			selected := j.Selected(w, b.Traced, window)
			return !selected.Any() || take(w, selected)
		}}
	}
}
