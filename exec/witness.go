package exec

import (
	"context"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// idFilter is a set of traces by the low halves of their ids; nil is all.
type idFilter map[uint64]struct{}

func (f idFilter) has(id clew.TraceID) bool {
	if f == nil {
		return true
	}
	_, ok := f[id.Low()]
	return ok
}

// witnessed returns the traces that have all witnesses, or all but those of which
// there are more than it can remember: they leave out little. Where a budget ends
// it, it returns nil.
func (r *run) witnessed(ctx context.Context, all []judge.Witness, room int) (idFilter, error) {
	var found idFilter
	for _, w := range all {
		next := make(idFilter)
		m := span.NewMatcher(w.Row)
		err := r.scan(ctx, storage.Request{Window: w.Window, Where: w.Row}, func(b *span.Batch) (bool, error) {
			r.seen = r.seen.Reset(len(b.TraceIDs))
			for i := range matching(m, b, w.Window).Ones() {
				r.seen.Set(int(b.Trace[i]))
			}
			for ord := range r.seen.Ones() {
				if id := b.TraceIDs[ord]; found.has(id) {
					next[id.Low()] = struct{}{}
				}
			}
			return len(next) <= room, nil
		})
		switch {
		case err != nil:
			return nil, err
		case r.ended:
			return nil, nil
		case len(next) <= room:
			found = next
		}
	}
	return found, nil
}
