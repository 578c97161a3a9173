package exec

import (
	"context"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// A witness is a row that a trace must have if anything of it is selected: for
// { rootName = "x" && status = error } a row without parent of the name x, for
// { a } && { b } one that meets a, and one that meets b. To look for rows costs
// nanoseconds, to read a trace a good part of a millisecond; so before many traces
// are read in vain, those without their witnesses are left out.
type witness struct {
	row    span.Condition
	window clew.Window
}

// witnesses appends what every trace has of which s selects something in w.
func (s *selection) witnesses(out []witness, w clew.Window) []witness {
	switch s.op {
	case selectPick:
		if root, ok := s.cond.RootBound(); ok {
			out = append(out, witness{row: root}) // wherever the root lies
		}
	case selectBoth:
		for i := range s.args {
			if row := s.args[i].bound(); !row.Always() {
				out = append(out, witness{row, w})
			}
			out = s.args[i].witnesses(out, w)
		}
	case selectInTurn:
		for i := range s.args {
			out = s.args[i].witnesses(out, w)
		}
	case selectPipe:
		for i := range s.steps {
			if s.steps[i].selects != nil {
				out = s.steps[i].selects.witnesses(out, w)
			}
		}
	case selectKin:
		if left := s.args[0].bound(); !s.kin.not && !left.Always() {
			out = append(out, witness{row: left}) // wherever it lies
		}
		if !s.kin.not {
			out = s.args[0].witnesses(out, clew.Window{})
		}
		if right := s.args[1].bound(); s.kin.union && !right.Always() {
			out = append(out, witness{row: right})
		} else if !s.kin.union {
			out = s.args[1].witnesses(out, w)
		}
	}
	return out[:min(len(out), maxWitnesses)]
}

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
func (r *run) witnessed(ctx context.Context, all []witness, room int) (idFilter, error) {
	var found idFilter
	for _, w := range all {
		next := make(idFilter)
		m := span.NewMatcher(w.row)
		err := r.scan(ctx, storage.Request{Window: w.window, Where: w.row}, func(b *span.Batch) (bool, error) {
			r.seen = r.seen.Reset(len(b.TraceIDs))
			for i := range matching(m, b, w.window).Ones() {
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
