package judge

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// maxWitnesses bounds the witnesses looked for, and so the scans that takes.
const maxWitnesses = 8

// A Witness is a row that a trace must have if anything of it is selected: for
// { rootName = "x" && status = error } a row without parent of the name x, for
// { a } && { b } one that meets a, and one that meets b. To look for rows costs
// nanoseconds, to read a trace a good part of a millisecond; so before many traces
// are read in vain, those without their witnesses are left out.
type Witness struct {
	Row    span.Condition
	Window clew.Window // the zero one: anywhere
}

// Witnesses appends what every trace has of which s selects something in w.
func (s *Selection) Witnesses(out []Witness, w clew.Window) []Witness {
	switch s.Op {
	case OpPick:
		if root, ok := s.Cond.RootBound(); ok {
			out = append(out, Witness{Row: root}) // wherever the root lies
		}
	case OpBoth:
		for i := range s.Args {
			if row := s.Args[i].Bound(); !row.Always() {
				out = append(out, Witness{row, w})
			}
			out = s.Args[i].Witnesses(out, w)
		}
	case OpInTurn:
		for i := range s.Args {
			out = s.Args[i].Witnesses(out, w)
		}
	case OpPipe:
		for i := range s.Steps {
			if s.Steps[i].Selects != nil {
				out = s.Steps[i].Selects.Witnesses(out, w)
			}
		}
	case OpKin:
		if left := s.Args[0].Bound(); !s.Kin.Not && !left.Always() {
			out = append(out, Witness{Row: left}) // wherever it lies
		}
		if !s.Kin.Not {
			out = s.Args[0].Witnesses(out, clew.Window{})
		}
		if right := s.Args[1].Bound(); s.Kin.Union && !right.Always() {
			out = append(out, Witness{Row: right})
		} else if !s.Kin.Union {
			out = s.Args[1].Witnesses(out, w)
		}
	}
	return out[:min(len(out), maxWitnesses)]
}
