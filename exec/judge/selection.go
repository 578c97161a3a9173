// Package judge says which spans of whole traces a query selects: by conditions, by how
// spans stand to each other, and by numbers made of sets of them.
//
// A Selection is what is asked, a Judge evaluates it on batches of whole traces. What
// follows from a selection for single rows, and which rows a trace must have, is told
// beforehand: Bound, Witnesses.
package judge

import (
	"strings"

	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/traceql"
)

// A Selection says which spans of a trace are selected, out of those given: a
// tree over conditions. Where a condition on each span by itself says as much,
// it is a single pick.
type Selection struct {
	Op    Op
	Cond  span.Condition // OpPick
	Args  []Selection    // the others but OpPipe; at least two
	Kin   Kin            // OpKin
	Steps []Step         // OpPipe
}

// Op is how a Selection selects.
type Op uint8

// The ways to select.
const (
	OpPick   Op = iota // those that meet cond
	OpEither           // what any argument selects
	OpBoth             // the same, if every argument selects something
	OpInTurn           // each argument from what the one before selected
	OpKin              // what the second selects, by how it stands to what the first does
	OpPipe             // what steps leave
)

// Kin is an operator that looks at the places of spans in their trace.
type Kin struct {
	Of    span.Kinship // of the left side
	Not   bool         // those that do not stand so
	Union bool         // the left side, too
}

// Kins are the operators of the language.
var Kins = map[traceql.SpansetOp]Kin{
	traceql.SpansetChild:           {Of: span.Children},
	traceql.SpansetParent:          {Of: span.Parents},
	traceql.SpansetDescendant:      {Of: span.Descendants},
	traceql.SpansetAncestor:        {Of: span.Ancestors},
	traceql.SpansetSibling:         {Of: span.Siblings},
	traceql.SpansetNotChild:        {Of: span.Children, Not: true},
	traceql.SpansetNotParent:       {Of: span.Parents, Not: true},
	traceql.SpansetNotDescendant:   {Of: span.Descendants, Not: true},
	traceql.SpansetNotAncestor:     {Of: span.Ancestors, Not: true},
	traceql.SpansetNotSibling:      {Of: span.Siblings, Not: true},
	traceql.SpansetUnionChild:      {Of: span.Children, Union: true},
	traceql.SpansetUnionParent:     {Of: span.Parents, Union: true},
	traceql.SpansetUnionDescendant: {Of: span.Descendants, Union: true},
	traceql.SpansetUnionAncestor:   {Of: span.Ancestors, Union: true},
	traceql.SpansetUnionSibling:    {Of: span.Siblings, Union: true},
}

// Never is true for no row.
func Never() span.Condition { return span.AnyOf() }

// Pick selects the spans that meet a condition.
func Pick(c span.Condition) Selection { return Selection{Cond: c} }

// picks returns the conditions of args if all are picks.
func picks(args []Selection) (conds []span.Condition, ok bool) {
	for i := range args {
		if args[i].Op != OpPick {
			return nil, false
		}
		conds = append(conds, args[i].Cond)
	}
	return conds, true
}

// Either selects what any argument does.
func Either(args ...Selection) Selection {
	if conds, ok := picks(args); ok {
		return Pick(span.AnyOf(conds...))
	}
	return Selection{Op: OpEither, Args: args}
}

// Both selects what any argument does, if every one selects something.
func Both(args ...Selection) Selection { return Selection{Op: OpBoth, Args: args} }

// InTurn selects with each argument from what the one before selected.
func InTurn(args ...Selection) Selection {
	if len(args) == 0 {
		return Pick(span.Condition{})
	}
	if len(args) == 1 {
		return args[0]
	}
	if conds, ok := picks(args); ok {
		return Pick(span.AllOf(conds...))
	}
	return Selection{Op: OpInTurn, Args: args}
}

// String returns the selection for people.
func (s Selection) String() string {
	switch s.Op {
	case OpPick:
		return "{ " + s.Cond.String() + " }"
	case OpPipe:
		parts := make([]string, len(s.Steps))
		for i := range s.Steps {
			parts[i] = s.Steps[i].Text
		}
		return "(" + strings.Join(parts, " | ") + ")"
	}
	parts := make([]string, len(s.Args))
	for i := range s.Args {
		parts[i] = s.Args[i].String()
	}
	return "(" + strings.Join(parts, " "+selectSigns[s.Op]+" ") + ")"
}

var selectSigns = [...]string{OpEither: "||", OpBoth: "&&", OpInTurn: "|", OpKin: "kin"}

// NeedsTrace reports whether the whole trace must be at hand.
func (s *Selection) NeedsTrace() bool {
	switch s.Op {
	case OpPick:
		return s.Cond.OfTrace()
	case OpBoth, OpKin, OpPipe:
		return true
	}
	for i := range s.Args {
		if s.Args[i].NeedsTrace() {
			return true
		}
	}
	return false
}

// ByIDs reports whether the ids of spans and of their parents must be at hand, though no
// field asks for them: where siblings are looked for, or steps part what is selected. How
// else spans stand to each other follows from a span.Tree.
func (s *Selection) ByIDs() bool {
	ids := s.Op == OpPipe || s.Op == OpKin && s.Kin.Of == span.Siblings
	for i := range s.Args {
		ids = ids || s.Args[i].ByIDs()
	}
	return ids
}

// Bound returns what every selected span meets.
func (s *Selection) Bound() span.Condition {
	switch s.Op {
	case OpPick:
		return s.Cond.RowBound()
	case OpPipe:
		var bounds []span.Condition
		for i := range s.Steps {
			if s.Steps[i].Selects != nil {
				bounds = append(bounds, s.Steps[i].Selects.Bound())
			}
		}
		return span.Every(bounds...)
	case OpKin:
		left, right := s.Args[0].Bound(), s.Args[1].Bound()
		switch {
		case right.Never() || left.Never() && !s.Kin.Not:
			return Never()
		case s.Kin.Union:
			return span.Some(left, right)
		}
		return right
	}
	bounds := make([]span.Condition, len(s.Args))
	for i := range s.Args {
		bounds[i] = s.Args[i].Bound()
		if bounds[i].Never() && s.Op == OpBoth {
			return Never()
		}
	}
	if s.Op == OpInTurn {
		return span.Every(bounds...)
	}
	return span.Some(bounds...)
}

// Fields calls f for each field that the selection reads, with repeats.
func (s *Selection) Fields(f func(span.Field)) {
	s.Cond.Fields(f)
	for i := range s.Args {
		s.Args[i].Fields(f)
	}
	for i := range s.Steps {
		switch step := &s.Steps[i]; {
		case step.Selects != nil:
			step.Selects.Fields(f)
		case step.By != nil:
			step.By.Expr.Fields(f)
		case step.Test != nil:
			step.Test.L.fields(f)
			step.Test.R.fields(f)
		}
	}
}

func (s *Scalar) fields(f func(span.Field)) {
	if s.Of != nil {
		s.Of.Expr.Fields(f)
	}
	if s.Pipe != nil {
		s.Pipe.Fields(f)
		s.Inner.fields(f)
	}
	for i := range s.Args {
		s.Args[i].fields(f)
	}
}
