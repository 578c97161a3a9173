package judge

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// A Judge evaluates a selection on batches of whole traces, one after the other. One
// goroutine at a time.
type Judge struct {
	op      Op
	matcher *span.Matcher
	args    []*Judge
	kin     Kin
	steps   []judgeStep
}

// New returns a judge of s. Once stop, where not nil, says true it ends early, and what it
// returns is nothing to rely on, as of a span.Matcher.
func New(s *Selection, stop func() bool) *Judge {
	j := &Judge{op: s.Op, kin: s.Kin}
	if s.Op == OpPick {
		j.matcher = span.NewMatcher(s.Cond)
		j.matcher.Stop = stop
	}
	for i := range s.Args {
		j.args = append(j.args, New(&s.Args[i], stop))
	}
	for i := range s.Steps {
		j.steps = append(j.steps, newJudgeStep(&s.Steps[i], stop))
	}
	return j
}

// among is what a selection selects from: rows, and those that would be if the window
// had no bounds. An operator that looks at how spans stand to others sees the others
// wherever they start.
type among struct{ rows, wide column.Bitmap }

// startingIn returns the rows, of those of whole traces, that start in a window; nil rows
// are all.
func startingIn(w *span.Whole, rows column.Bitmap, window clew.Window) among {
	if rows == nil {
		rows = column.NewBitmap(w.Rows)
		rows.Fill(w.Rows)
	}
	a := among{rows: rows, wide: rows}
	if window == (clew.Window{}) {
		return a
	}
	a.rows = column.NewBitmap(w.Rows)
	for row := range rows.Ones() {
		if window.Contains(clew.UnixNanos(w.Start[row])) {
			a.rows.Set(row)
		}
	}
	return a
}

// bounded reports whether there are rows outside of the window.
func (a among) bounded() bool { return &a.rows[0] != &a.wide[0] }

// Selected returns the rows that are selected of whole traces, which have the given rows
// (nil: all), of those that start in a window. The result is the caller's.
func (j *Judge) Selected(w *span.Whole, rows column.Bitmap, window clew.Window) column.Bitmap {
	if w.Rows == 0 {
		return nil
	}
	return j.choose(w, startingIn(w, rows, window))
}

// Sets returns what is selected of one trace, of the spans that start in a window, as the
// sets that the query leaves: one, unless it parts them.
func (j *Judge) Sets(t *span.Whole, window clew.Window) []Spanset {
	if t.Rows == 0 {
		return nil
	}
	return j.sets(t, startingIn(t, nil, window))
}

// choose selects out of a, whose bitmaps it leaves as they are.
func (j *Judge) choose(w *span.Whole, a among) column.Bitmap {
	switch j.op {
	case OpPick:
		rows := j.matcher.MatchWhole(w)
		rows.And(a.rows)
		return rows
	case OpInTurn:
		for i, arg := range j.args {
			a = arg.narrow(w, a, i+1 < len(j.args))
		}
		return a.rows
	case OpKin:
		return j.chooseKin(w, a)
	case OpPipe:
		return Union(w, j.sets(w, a))
	}
	all := column.NewBitmap(w.Rows)
	both := column.Bitmap(nil) // traces in which each argument has selected something
	for i, arg := range j.args {
		rows := arg.choose(w, a)
		all.Or(rows)
		if j.op == OpBoth {
			has := TracesOf(w, rows)
			if i > 0 {
				has.And(both)
			}
			both = has
		}
	}
	if j.op == OpBoth {
		keepTraces(w, all, both)
	}
	return all
}

// narrow is choose for both sets of a; the wide one is left as it is where nobody
// looks at it any more.
func (j *Judge) narrow(w *span.Whole, a among, more bool) among {
	rows := j.choose(w, a)
	switch {
	case !a.bounded():
		return among{rows, rows}
	case more:
		return among{rows, j.choose(w, among{a.wide, a.wide})}
	}
	return among{rows, a.wide}
}

// chooseKin selects by how spans stand to others.
func (j *Judge) chooseKin(w *span.Whole, a among) column.Bitmap {
	everywhere := among{a.wide, a.wide}
	left := j.args[0].choose(w, everywhere)
	right := j.args[1].choose(w, a)
	kin := w.Tree().Kin(j.kin.Of, left, right)
	switch {
	case j.kin.Not:
		right.AndNot(kin)
		return right
	case j.kin.Union:
		all := right
		if a.bounded() {
			all = j.args[1].choose(w, everywhere)
		}
		other := w.Tree().Kin(j.kin.Of.Inverse(), all, left)
		other.And(left)
		other.And(a.rows)
		right.And(kin)
		right.Or(other)
		return right
	}
	right.And(kin)
	return right
}

// TracesOf returns the traces of rows.
func TracesOf(w *span.Whole, rows column.Bitmap) column.Bitmap {
	traces := column.NewBitmap(w.Traces)
	for row := range rows.Ones() {
		traces.Set(int(w.Of[row]))
	}
	return traces
}

// keepTraces clears the rows of other traces.
func keepTraces(w *span.Whole, rows, traces column.Bitmap) {
	for row := range rows.Ones() {
		if !traces.Get(int(w.Of[row])) {
			rows.Clear(row)
		}
	}
}
