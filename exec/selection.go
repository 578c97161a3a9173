package exec

import (
	"strings"

	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/traceql"
)

// A selection says which spans of a trace are selected, out of those given: a
// tree over conditions. Where a condition on each span by itself says as much,
// it is a single pick.
type selection struct {
	op    selectOp
	cond  span.Condition // selectPick
	args  []selection    // the others but selectPipe; at least two
	kin   kin            // selectKin
	steps []step         // selectPipe
}

type selectOp uint8

const (
	selectPick   selectOp = iota // those that meet cond
	selectEither                 // what any argument selects
	selectBoth                   // the same, if every argument selects something
	selectInTurn                 // each argument from what the one before selected
	selectKin                    // what the second selects, by how it stands to what the first does
	selectPipe                   // what steps leave
)

// kin is an operator that looks at the places of spans in their trace.
type kin struct {
	of    span.Kinship // of the left side
	not   bool         // those that do not stand so
	union bool         // the left side, too
}

var kins = map[traceql.SpansetOp]kin{
	traceql.SpansetChild:           {of: span.Children},
	traceql.SpansetParent:          {of: span.Parents},
	traceql.SpansetDescendant:      {of: span.Descendants},
	traceql.SpansetAncestor:        {of: span.Ancestors},
	traceql.SpansetSibling:         {of: span.Siblings},
	traceql.SpansetNotChild:        {of: span.Children, not: true},
	traceql.SpansetNotParent:       {of: span.Parents, not: true},
	traceql.SpansetNotDescendant:   {of: span.Descendants, not: true},
	traceql.SpansetNotAncestor:     {of: span.Ancestors, not: true},
	traceql.SpansetNotSibling:      {of: span.Siblings, not: true},
	traceql.SpansetUnionChild:      {of: span.Children, union: true},
	traceql.SpansetUnionParent:     {of: span.Parents, union: true},
	traceql.SpansetUnionDescendant: {of: span.Descendants, union: true},
	traceql.SpansetUnionAncestor:   {of: span.Ancestors, union: true},
	traceql.SpansetUnionSibling:    {of: span.Siblings, union: true},
}

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
	if len(args) == 0 {
		return pick(span.Condition{})
	}
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
	switch s.op {
	case selectPick:
		return "{ " + s.cond.String() + " }"
	case selectPipe:
		parts := make([]string, len(s.steps))
		for i := range s.steps {
			parts[i] = s.steps[i].text
		}
		return "(" + strings.Join(parts, " | ") + ")"
	}
	parts := make([]string, len(s.args))
	for i := range s.args {
		parts[i] = s.args[i].String()
	}
	return "(" + strings.Join(parts, " "+selectSigns[s.op]+" ") + ")"
}

var selectSigns = [...]string{selectEither: "||", selectBoth: "&&", selectInTurn: "|", selectKin: "kin"}

// needsTrace reports whether the whole trace must be at hand.
func (s *selection) needsTrace() bool {
	switch s.op {
	case selectPick:
		return s.cond.OfTrace()
	case selectBoth, selectKin, selectPipe:
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
	switch s.op {
	case selectPick:
		return s.cond.RowBound()
	case selectPipe:
		var bounds []span.Condition
		for i := range s.steps {
			if s.steps[i].selects != nil {
				bounds = append(bounds, s.steps[i].selects.bound())
			}
		}
		return span.Every(bounds...)
	case selectKin:
		left, right := s.args[0].bound(), s.args[1].bound()
		switch {
		case right.Never() || left.Never() && !s.kin.not:
			return never()
		case s.kin.union:
			return span.Some(left, right)
		}
		return right
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
