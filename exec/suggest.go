package exec

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/traceql"
)

// Suggest says why a plan may have found nothing, one sentence for each cause, in
// the order of the query: an attribute that no span of the window has, a value
// compared with an attribute of another type, a text that a field never is. Where
// there are names or values much like it, it offers them:
//
//	span.htp.route does not occur; did you mean span.http.route?
//	resource.service.name is never "crat"; did you mean "cart"?
//
// Only tests that a span must meet are looked at. It is help, not an answer:
// bounded by suggestTime and maxSuggestions, and silent about what it could not
// find out.
func Suggest(ctx context.Context, store Store, over Over, plan *Plan) []string {
	ctx, cancel := context.WithTimeout(ctx, suggestTime)
	defer cancel()
	if over.Budget.Time <= 0 || over.Budget.Time > suggestTime {
		over.Budget.Time = suggestTime
	}
	names, cost, err := TagNames(ctx, store, over)
	if err != nil || !cost.Complete {
		return nil // what is not among some of the names may be among the others
	}
	s := &suggester{ctx: ctx, store: store, over: over, names: names}
	s.selection(&plan.selection)
	return s.out
}

type suggester struct {
	ctx   context.Context
	store Store
	over  Over
	names []storage.TagName
	out   []string
}

func (s *suggester) selection(x *selection) {
	if x.op == selectPick {
		s.condition(&x.cond, true)
	}
	for i := range x.args {
		s.selection(&x.args[i])
	}
}

// condition looks at the tests in c that want a field to be there; wanted is
// false within an odd number of negations, where they want it not to be.
func (s *suggester) condition(c *span.Condition, wanted bool) {
	switch c.Op {
	case span.True:
	case span.And, span.Or:
		for i := range c.Args {
			s.condition(&c.Args[i], wanted)
		}
	case span.Not:
		s.condition(&c.Args[0], !wanted)
	case span.Relate:
		needs := c.Relation.Needs()
		s.condition(&needs, wanted)
	default:
		if wanted && len(s.out) < maxSuggestions {
			s.test(c)
		}
	}
}

// say adds a sentence, once.
func (s *suggester) say(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.out, text) {
		s.out = append(s.out, text)
	}
}

func (s *suggester) test(c *span.Condition) {
	if c.Field.Intrinsic == span.None {
		types := s.types(c.Field)
		if len(types) == 0 {
			s.say("%s does not occur%s", fieldText(c.Field), meant(s.similar(c.Field)))
			return
		}
		if !slices.ContainsFunc(types, func(t clew.Type) bool { return canHold(c, t) }) {
			s.say("%s is never %s here, but %s", fieldText(c.Field), typeText(wantedType(c)), typesText(types))
			return
		}
	}
	if c.Op == span.Eq && c.Value.Type == clew.TypeString {
		s.value(c.Field, string(c.Value.Bytes))
	}
}

// within reports whether a field finds attributes of a scope.
func within(f span.Field, scope span.Scope) bool {
	return f.Scope == scope || f.Scope == span.ScopeAny && (scope == span.ScopeSpan || scope == span.ScopeResource)
}

// types returns the types that an attribute occurs with.
func (s *suggester) types(f span.Field) (types []clew.Type) {
	for _, n := range s.names {
		if n.Key == f.Key && within(f, n.Scope) {
			types = append(types, n.Types...)
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// similar returns names like that of a field: the same in other scopes, then
// those that look like it in its own, then elsewhere.
func (s *suggester) similar(f span.Field) (out []string) {
	var own, others []string
	scopes := make(map[string][]span.Scope)
	for _, n := range s.names {
		switch {
		case n.Key == f.Key:
			out = append(out, fieldText(span.Field{Scope: n.Scope, Key: n.Key}))
			continue
		case within(f, n.Scope):
			own = append(own, n.Key)
		default:
			others = append(others, n.Key)
		}
		scopes[n.Key] = append(scopes[n.Key], n.Scope)
	}
	for _, keys := range [][]string{own, others} {
		for _, key := range traceql.Nearest(f.Key, keys, maxNearest) {
			for _, scope := range scopes[key] {
				if text := fieldText(span.Field{Scope: scope, Key: key}); !slices.Contains(out, text) {
					out = append(out, text)
				}
			}
		}
	}
	return out[:min(len(out), maxNearest)]
}

// value looks whether a field ever is a text.
func (s *suggester) value(f span.Field, text string) {
	asked := f
	switch f.Intrinsic {
	case span.RootName:
		asked = span.Field{Intrinsic: span.Name}
	case span.RootService:
		asked = span.Field{Scope: span.ScopeResource, Key: "service.name"}
	case span.None, span.Name, span.EventName, span.ScopeName, span.ScopeVersion, span.StatusMessage:
	default:
		return // ids: nothing is like them
	}
	values, more, cost, err := TagValues(s.ctx, s.store, s.over, asked, maxSuggestValues)
	if err != nil || more || !cost.Complete {
		return // it may be among those that are not listed
	}
	var texts []string
	for _, v := range values {
		if v.Value.Type == clew.TypeString {
			texts = append(texts, string(v.Value.Bytes))
		}
	}
	if slices.Contains(texts, text) {
		return
	}
	near := traceql.Nearest(text, texts, maxNearest)
	for i := range near {
		near[i] = fmt.Sprintf("%q", near[i])
	}
	s.say("%s is never %q here%s", fieldText(f), clip(text), meant(near))
}

func meant(near []string) string {
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near, " or ") + "?"
}

// canHold reports whether a test can hold for a value of type t.
func canHold(c *span.Condition, t clew.Type) bool {
	number := func(t clew.Type) bool { return t == clew.TypeInt || t == clew.TypeDouble }
	want := wantedType(c)
	return c.Op == span.Exists || t == want || number(t) && number(want)
}

func wantedType(c *span.Condition) clew.Type {
	if c.Op == span.Match || c.Op == span.NotMatch {
		return clew.TypeString
	}
	return c.Value.Type
}

func typeText(t clew.Type) string {
	return [...]string{clew.TypeString: "a text", clew.TypeInt: "a number", clew.TypeDouble: "a number",
		clew.TypeBool: "true or false", clew.TypeOther: "an array, a map or bytes"}[t]
}

func typesText(types []clew.Type) string {
	var texts []string
	for _, t := range types {
		if text := typeText(t); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " or ")
}

// fieldText writes a field as a query does, shortened if need be.
func fieldText(f span.Field) string {
	if f.Intrinsic != span.None {
		return f.String()
	}
	q := traceql.Field{Name: f.Key}
	for scope, s := range scopes {
		if s == f.Scope {
			q.Scope = traceql.Scope(scope)
		}
	}
	return clip(q.String())
}

// clip shortens a text for a message.
func clip(s string) string {
	if runes := []rune(s); len(runes) > maxSuggestRunes {
		return string(runes[:maxSuggestRunes]) + "…"
	}
	return s
}
