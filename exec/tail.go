package exec

import (
	"context"
	"iter"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// Tailed is the matching rows of one batch of new ones. The batch is the
// store's and valid until the loop body returns.
type Tailed struct {
	*span.Batch
	Rows []uint32 // ascending; of the batch
	// Lost is how many rows were passed over since the batch before, because the
	// reader was too slow; whether they match is not known.
	Lost int64
}

// Tail yields the spans that meet the plan as they become visible, from the call
// on, until ctx ends. Batches without a match are not yielded, except to tell of
// lost rows. A plan that asks about whole traces is a *traceql.Error of class
// Unsupported: when a span arrives, its trace is not whole.
func Tail(ctx context.Context, store storage.Tailer, tenant clew.Tenant, plan *Plan) (iter.Seq[Tailed], error) {
	if err := plan.wantSpans(); err != nil {
		return nil, err
	}
	if plan.whole != nil {
		return nil, plan.whole
	}
	rows := store.Tail(ctx, tenant)
	return func(yield func(Tailed) bool) {
		m := span.NewMatcher(plan.rows)
		var buf []uint32
		for t := range rows {
			t.Matched = nil
			buf = buf[:0]
			for _, row := range matching(m, t.Batch, clew.Window{}).AppendOnes(nil) {
				if int(row) >= t.First {
					buf = append(buf, row)
				}
			}
			if (len(buf) > 0 || t.Lost > 0) && !yield(Tailed{Batch: t.Batch, Rows: buf, Lost: t.Lost}) {
				return
			}
		}
	}, nil
}
