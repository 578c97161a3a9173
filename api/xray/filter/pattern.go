package filter

import (
	"slices"

	"github.com/clew-tracing/clew/api/xray/view"
)

// looksLike looks for a root cause that is like a pattern.
func (j *judge) looksLike(x *CauseJSON) bool {
	for o := OfFault; o <= OfResponseTime; o++ {
		for _, c := range j.causesOf(o) {
			for i := range x.Any {
				if j.like(&x.Any[i], &c, o) {
					return true
				}
			}
		}
	}
	return false
}

// like reports whether a root cause has all that a pattern has.
func (j *judge) like(p *Pattern, c *view.Cause, o Outcome) bool {
	if !same(p.ClientImpacting, c.ClientImpacting) {
		return false
	}
	return p.Services == nil || slices.EqualFunc(p.Services, c.Services, func(s ServicePattern, have view.CauseService) bool {
		e := &j.t.Entities[have.Segment]
		if !same(s.Name, e.Node.Name) || !same(s.Type, e.Node.Type) || !same(s.AccountID, Account(e.Node.Account)) || !same(s.Inferred, e.Inferred) ||
			s.Names != nil && !slices.Equal(s.Names, Names(e)) {
			return false
		}
		return s.EntityPath == nil || slices.EqualFunc(s.EntityPath, have.Path, func(p EntityPattern, at int) bool { return j.likeEntity(&p, at, o) })
	})
}

func (j *judge) likeEntity(p *EntityPattern, at int, o Outcome) bool {
	e := &j.t.Entities[at]
	if !same(p.Name, e.Name) || !same(p.Remote, e.IsCall()) {
		return false
	}
	if p.Coverage != nil && (o != OfResponseTime || *p.Coverage != j.t.Coverage(at)) {
		return false
	}
	return p.Exceptions == nil || o != OfResponseTime && slices.EqualFunc(p.Exceptions, j.t.Exceptions(at), func(x ExceptionPattern, have view.Exception) bool {
		return same(x.Name, have.Type) && same(x.Message, have.Message)
	})
}

// same reports whether a pattern leaves a value open, or is it.
func same[T comparable](want *T, have T) bool { return want == nil || *want == have }

// Names are all names of a segment's service, the one that it is known by first.
func Names(e *view.Entity) []string {
	names := []string{e.Node.Name}
	if e.Alias != "" && e.Alias != e.Node.Name {
		names = append(names, e.Alias)
	}
	return names
}
