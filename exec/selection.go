package exec

import (
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// A selection says which spans of a trace are selected, out of those given: a
// tree over conditions. Where a condition on each span by itself says as much,
// it is a single pick.
type selection struct {
	op   selectOp
	cond span.Condition // selectPick
	args []selection    // the others; at least two
}

type selectOp uint8

const (
	selectPick   selectOp = iota // those that meet cond
	selectEither                 // what any argument selects
	selectBoth                   // the same, if every argument selects something
	selectInTurn                 // each argument from what the one before selected
)

func pick(c span.Condition) selection { return selection{cond: c} }

// picks returns the conditions of args if all are picks.
func picks(args []selection) (conds []span.Condition, ok bool) {
	for i := range args {
		if args[i].op != selectPick {
			return nil, false
		}
		conds = append(conds, args[i].cond)
	}
	return conds, true
}

func either(args ...selection) selection {
	if conds, ok := picks(args); ok {
		return pick(span.AnyOf(conds...))
	}
	return selection{op: selectEither, args: args}
}

func both(args ...selection) selection { return selection{op: selectBoth, args: args} }

func inTurn(args ...selection) selection {
	if len(args) == 1 {
		return args[0]
	}
	if conds, ok := picks(args); ok {
		return pick(span.AllOf(conds...))
	}
	return selection{op: selectInTurn, args: args}
}

// String returns the selection for people.
func (s selection) String() string {
	if s.op == selectPick {
		return "{ " + s.cond.String() + " }"
	}
	parts := make([]string, len(s.args))
	for i := range s.args {
		parts[i] = s.args[i].String()
	}
	return "(" + strings.Join(parts, " "+selectSigns[s.op]+" ") + ")"
}

var selectSigns = [...]string{selectEither: "||", selectBoth: "&&", selectInTurn: "|"}

// needsTrace reports whether the whole trace must be at hand.
func (s *selection) needsTrace() bool {
	switch s.op {
	case selectPick:
		return s.cond.OfTrace()
	case selectBoth:
		return true
	}
	for i := range s.args {
		if s.args[i].needsTrace() {
			return true
		}
	}
	return false
}

// bound returns what every selected span meets.
func (s *selection) bound() span.Condition {
	if s.op == selectPick {
		return s.cond.RowBound()
	}
	bounds := make([]span.Condition, len(s.args))
	for i := range s.args {
		bounds[i] = s.args[i].bound()
		if bounds[i].Never() && s.op == selectBoth {
			return never()
		}
	}
	if s.op == selectInTurn {
		return span.Every(bounds...)
	}
	return span.Some(bounds...)
}

// A judge evaluates a selection on whole traces, one after the other. One
// goroutine at a time.
type judge struct {
	op      selectOp
	matcher *span.Matcher
	args    []*judge
}

func newJudge(s *selection) *judge {
	if s.op == selectPick {
		return &judge{matcher: span.NewMatcher(s.cond)}
	}
	j := &judge{op: s.op}
	for i := range s.args {
		j.args = append(j.args, newJudge(&s.args[i]))
	}
	return j
}

// selected returns the rows of a trace that are selected, of those that start
// within w.
func (j *judge) selected(t *span.Batch, w clew.Window) column.Bitmap {
	from := column.NewBitmap(t.Rows)
	for i, start := range t.Start {
		if w.Contains(clew.UnixNanos(start)) {
			from.Set(i)
		}
	}
	return j.choose(t, from)
}

// choose selects out of from. The result is the caller's.
func (j *judge) choose(t *span.Batch, from column.Bitmap) column.Bitmap {
	switch j.op {
	case selectPick:
		rows := j.matcher.Match(t)
		rows.And(from)
		return rows
	case selectInTurn:
		for _, arg := range j.args {
			from = arg.choose(t, from)
		}
		return from
	}
	all := column.NewBitmap(t.Rows)
	for _, arg := range j.args {
		rows := arg.choose(t, from)
		if j.op == selectBoth && !rows.Any() {
			return rows
		}
		all.Or(rows)
	}
	return all
}
