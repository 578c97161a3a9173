package scan

import (
	"slices"

	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment"
)

// group is templates [from, to) of which the same is known. Templates in no group
// have no row that meets the condition.
type group struct{ from, to, states uint32 }

// group finds the groups of templates.
func (s *Selector) group(x *Selection, t *segment.Tables) {
	s.groups, x.states = s.groups[:0], x.states[:0]
	known := resize(s.known, len(s.nodes))
	s.known = known
	tell := s.tell[:0] // the leaves of which a template tells more than its service
	for _, n := range s.nodes {
		p := &x.leaves[n.number]
		if p.byShape = nil; len(p.columns) > 0 && n.kind != leafChild {
			p.shapes()
		}
		if p.byCode != nil || p.byShape != nil {
			tell = append(tell, teller{n.number, n.cond.Field.Intrinsic, p.byCode, p.byShape})
		}
	}
	s.tell = tell
	none := s.notByService(x, known)
	for service := range t.ServiceNames {
		if none && s.noneOf(x, service) {
			continue
		}
		for i, n := range s.nodes {
			switch p := &x.leaves[i]; {
			case p.byService():
				known[i] = p.service[service]
			case p.within:
				known[i] = stateYes
			case n.ofColumns(p) && len(p.columns) == 0:
				known[i] = stateNo
			default:
				known[i] = stateSome
			}
		}
		from, to := t.OfService[service], t.OfService[service+1]
		switch {
		case s.combine(known) == stateNo:
		case len(tell) == 0:
			s.add(from, to, s.number(x))
		default:
			s.templates(x, t, from, to)
		}
	}
	x.groups = slices.Clone(s.groups)
	x.open = s.isOpen(x)
}

// notByService reports whether no row meets the condition where it is certain that none
// meets the leaves that services tell of, whatever the others come to.
func (s *Selector) notByService(x *Selection, known []state) bool {
	for i := range s.nodes {
		known[i] = stateSome
		if x.leaves[i].byService() {
			known[i] = stateNo
		}
	}
	return s.combine(known) == stateNo
}

// noneOf reports whether no row of a service meets any leaf that services tell of.
func (s *Selector) noneOf(x *Selection, service int) bool {
	for i := range x.leaves {
		if p := &x.leaves[i]; p.byService() && p.service[service] != stateNo {
			return false
		}
	}
	return true
}

// byService reports whether services tell whether their rows meet a leaf.
func (p *leafPlan) byService() bool { return p.service != nil && !p.other }

// teller is a leaf of which templates tell something, by a code or by their shape.
type teller struct {
	node            int
	code            span.Intrinsic
	byCode, byShape []state
}

// of returns what a template tells of the leaf.
func (l *teller) of(t *segment.Template) state {
	if l.byShape != nil {
		return l.byShape[t.Shape]
	}
	return l.byCode[codeOf(t, l.code)]
}

// outcome is what templates of a service come to that tell the same of all leaves.
type outcome struct {
	known, some bool   // some may have rows that meet the condition
	number      uint32 // of their states, if so
}

// templates adds the templates [from, to) of a service, of whose rows s.known is known,
// by what is known of each besides. What they tell of the leaves comes by again and again.
func (s *Selector) templates(x *Selection, t *segment.Tables, from, to uint32) {
	var outcomes [1 << (2 * fewTellers)]outcome
	begin, last, now := from, uint64(0), outcome{}
	for i := from; i < to; i++ {
		tells := s.tells(t, i)
		if i > from && tells == last {
			continue
		}
		if now.some {
			s.add(begin, i, now.number)
		}
		if begin, last = i, tells; len(s.tell) > fewTellers {
			now = s.outcome(x, &t.Templates[i])
			continue
		}
		if !outcomes[tells].known {
			outcomes[tells] = s.outcome(x, &t.Templates[i])
		}
		now = outcomes[tells]
	}
	if now.some {
		s.add(begin, to, now.number)
	}
}

// tells returns what a template tells of all leaves, two bits each; where these are too
// many, a number of its own.
func (s *Selector) tells(t *segment.Tables, template uint32) (all uint64) {
	if len(s.tell) > 32 {
		return uint64(template)
	}
	for j := range s.tell {
		all = all<<2 | uint64(s.tell[j].of(&t.Templates[template]))
	}
	return all
}

// outcome returns what a template comes to, of whose service s.known is known.
func (s *Selector) outcome(x *Selection, t *segment.Template) outcome {
	for j := range s.tell {
		s.known[s.tell[j].node] = s.tell[j].of(t)
	}
	o := outcome{known: true, some: s.combine(s.known) != stateNo}
	if o.some {
		o.number = s.number(x)
	}
	return o
}

// shapes finds by the shape of a template whether its rows have a value in one of the
// columns, and that meets the condition.
func (p *leafPlan) shapes() {
	p.byShape = make([]state, len(p.columns[0].inShape))
	for i := range p.columns {
		c, have := &p.columns[i], stateSome
		if c.all && !c.partial {
			have = stateYes
		}
		for shape, in := range c.inShape {
			if in != 0 {
				p.byShape[shape] = max(p.byShape[shape], have)
			}
		}
	}
}

// isOpen reports whether the leaves can be tested on any row of the segment, not only
// on those in groups. That all rows start within a window holds of any.
func (s *Selector) isOpen(x *Selection) bool {
	for _, known := range x.states {
		for i, n := range s.nodes {
			if n.kind > nodeNot && known[i] != stateSome && !x.leaves[i].within {
				return false
			}
		}
	}
	return len(x.states) == 1
}

// codeOf returns by what code of a template an intrinsic, or an attribute of the scope,
// is known.
func codeOf(t *segment.Template, i span.Intrinsic) uint32 {
	switch i {
	case span.Name:
		return t.Name
	case span.SpanKind:
		return uint32(t.Kind)
	case span.StatusCode:
		return uint32(t.Status)
	}
	return t.Scope
}

// add appends templates [from, to) of such states.
func (s *Selector) add(from, to, number uint32) {
	if from == to {
		return
	}
	last := len(s.groups) - 1
	if last >= 0 && s.groups[last].states == number && s.groups[last].to == from {
		s.groups[last].to = to
		return
	}
	s.groups = append(s.groups, group{from, to, number})
}

// byTemplate returns for each of n templates its group.states and one more, 0 if it is in
// no group.
func (x *Selection) byTemplate(n int) []uint32 {
	x.once.Do(func() {
		x.of = make([]uint32, n)
		for _, g := range x.groups {
			for i := g.from; i < g.to; i++ {
				x.of[i] = g.states + 1
			}
		}
	})
	return x.of
}

// number returns the place of s.known in x.states.
func (s *Selector) number(x *Selection) uint32 {
	if last := len(s.groups) - 1; last >= 0 && slices.Equal(x.states[s.groups[last].states], s.known) {
		return s.groups[last].states
	}
	i := slices.IndexFunc(x.states, func(other []state) bool { return slices.Equal(other, s.known) })
	if i < 0 {
		i = len(x.states)
		x.states = append(x.states, slices.Clone(s.known))
	}
	return uint32(i)
}
