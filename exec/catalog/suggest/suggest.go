// Package suggest says why a query may have found nothing.
package suggest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/exec/catalog"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/traceql"
	"github.com/clew-tracing/clew/traceql/spelling"
)

// For says why a plan may have found nothing, one sentence for each cause: what of it is
// to be doubted by itself; then, in the order of the query: an attribute that no span of
// the window has, a value compared with an attribute of another type, a text that a field
// never is, a duration that none has; or that there are no spans at all. Where there are
// names or values much like it, or only a few, it offers them:
//
//	span.htp.route does not occur; did you mean span.http.route?
//	resource.service.name is never "crat" here; did you mean "cart"?
//	duration is at most 1.2s here
//
// Only tests that a span must meet are looked at. It is help, not an answer:
// bounded by suggestTime and maxSuggestions, and silent about what it could not
// find out.
func For(ctx context.Context, store exec.Store, over exec.Over, plan *exec.Plan) []string {
	ctx, cancel := context.WithTimeout(ctx, suggestTime)
	defer cancel()
	if over.Budget.Time <= 0 || over.Budget.Time > suggestTime {
		over.Budget.Time = suggestTime
	}
	s := &suggester{ctx: ctx, store: store, over: over, out: slices.Clone(plan.Doubts())}
	if text := outside(ctx, store, over, plan); text != "" {
		return append(s.out, text)
	}
	names, cost, err := catalog.TagNames(ctx, store, over)
	if err != nil || !cost.Complete {
		return s.out // what is not among some of the names may be among the others
	}
	if len(names) == 0 && nothingIn(ctx, store, over) {
		if over.Window != (clew.Window{}) {
			return append(s.out, "no span starts within the window")
		}
		return append(s.out, "no spans have been received yet, or retention has removed them all")
	}
	s.names = names
	for _, asked := range plan.Asked() {
		for i := range asked.Conditions {
			s.condition(&asked.Conditions[i], true)
		}
		for _, f := range asked.Read {
			s.read(f)
		}
		if len(s.out) == 0 && len(asked.Parts) > 1 {
			s.together(asked.Parts)
		}
	}
	return s.out
}

// outside says that there are matches outside of a window, if so.
func outside(ctx context.Context, store exec.Store, over exec.Over, plan *exec.Plan) string {
	if over.Window == (clew.Window{}) || plan.IsMetrics() {
		return ""
	}
	over.Window = clew.Window{}
	over.Budget.Time /= 2 // the rest is for other reasons
	res, err := exec.Search(ctx, store, exec.Request{Over: over, Plan: plan, Limit: 1, SpansPerTrace: 1})
	if err != nil || len(res.Hits) == 0 {
		return ""
	}
	return "there are matches outside of the window, such as one at " + res.Hits[0].Newest.Time().UTC().Format(time.RFC3339)
}

// together looks whether spans meet the parts of a condition one by one.
func (s *suggester) together(parts []exec.Part) {
	for i := range parts {
		if parts[i].Cond.OfTrace() {
			return
		}
		met, known := s.met(parts[i].Cond)
		if !known {
			return
		}
		if !met {
			s.say("no span meets %s", exec.Clip(parts[i].Text))
			return
		}
	}
	s.say("some span meets each of the conditions, but none meets all of them; { … } && { … } looks for traces with a span for each")
}

// met reports whether some span meets a condition, if that can be known.
func (s *suggester) met(c span.Condition) (met, known bool) {
	met, cost, err := exec.Any(s.ctx, s.store, s.over, c)
	return met, err == nil && (met || cost.Complete)
}

// nothingIn reports whether it is certain that there are no spans.
func nothingIn(ctx context.Context, store exec.Store, over exec.Over) bool {
	services, cost, err := catalog.Services(ctx, store, over)
	return err == nil && cost.Complete && len(services) == 0
}

type suggester struct {
	ctx   context.Context
	store exec.Store
	over  exec.Over
	names []storage.TagName
	out   []string
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

// read looks whether a field that is read, not tested, occurs.
func (s *suggester) read(f span.Field) {
	if f.Intrinsic == span.None && len(s.types(f)) == 0 && len(s.out) < maxSuggestions {
		s.say("%s does not occur%s", exec.FieldText(f), meant(s.similar(f)))
	}
}

func (s *suggester) test(c *span.Condition) {
	if c.Field.Intrinsic == span.None {
		types := s.types(c.Field)
		if len(types) == 0 {
			s.read(c.Field)
			return
		}
		if !slices.ContainsFunc(types, func(t clew.Type) bool { return canHold(c, t) }) {
			s.say("%s is never %s here, but %s%s", exec.FieldText(c.Field), typeText(wantedType(c)), typesText(types), requoted(c, types))
			return
		}
	}
	switch {
	case c.Field.Intrinsic == span.Duration:
		s.duration(c)
	case c.Op == span.Match:
		s.pattern(c.Field, c.Regexp)
	case c.Op == span.Eq && c.Value.Type == clew.TypeString:
		s.value(c.Field, string(c.Value.Bytes))
	}
}

// requoted says how the value of a test is written for an attribute of other types:
// with quotes, or without.
func requoted(c *span.Condition, types []clew.Type) string {
	if c.Op != span.Eq && c.Op != span.Ne {
		return ""
	}
	text := c.Value.String()
	switch c.Value.Type {
	case clew.TypeString:
		number := func(t clew.Type) bool { return t == clew.TypeInt || t == clew.TypeDouble }
		_, err := strconv.ParseFloat(text, 64)
		isBool := (text == "true" || text == "false") && slices.Contains(types, clew.TypeBool)
		if isBool || err == nil && slices.ContainsFunc(types, number) {
			return "; write " + exec.Clip(text) + " without quotes"
		}
	case clew.TypeBool:
		if c.Op == span.Eq && c.Value.Bool() {
			return "; to ask whether it is there write " + exec.FieldText(c.Field) + " != nil"
		}
	case clew.TypeInt, clew.TypeDouble:
		if slices.Contains(types, clew.TypeString) {
			return fmt.Sprintf("; write %q, in quotes", exec.Clip(text))
		}
	}
	return ""
}

// duration looks whether any span takes as long, or as short.
func (s *suggester) duration(c *span.Condition) {
	if c.Value.Type != clew.TypeInt {
		return
	}
	found, cost, err := catalog.Durations(s.ctx, s.store, s.over)
	if err != nil || !cost.Complete || found == nil {
		return
	}
	text := func(n int64) string { return traceql.Static{Type: traceql.TypeDuration, Int: n}.String() }
	switch want := c.Value.Int(); {
	case c.Op == span.Gt && found.Max <= want, (c.Op == span.Ge || c.Op == span.Eq) && found.Max < want:
		s.say("duration is at most %s here", text(found.Max))
	case c.Op == span.Lt && found.Min >= want, (c.Op == span.Le || c.Op == span.Eq) && found.Min > want:
		s.say("duration is at least %s here", text(found.Min))
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

// similar returns names like that of a field: what is mostly meant by it, the same
// in other scopes, then those that look like it in its own, then elsewhere.
func (s *suggester) similar(f span.Field) (out []string) {
	if d, err := time.ParseDuration("0." + f.Key); err == nil && f.Scope == span.ScopeAny { // .5s
		return []string{traceql.Static{Type: traceql.TypeDuration, Int: int64(d)}.String()}
	}
	if _, own := traceql.ParseIntrinsic("span:" + f.Key); own && f.Parent {
		return nil // that is meant, and is told by doubts
	}
	usual := usualName(f)
	if _, ok := traceql.ParseIntrinsic(usual); ok {
		out = append(out, usual)
	}
	renamed := renamedAs(f.Key)
	var own, others []string
	scopes := make(map[string][]span.Scope)
	for _, n := range s.names {
		text := exec.FieldText(span.Field{Parent: f.Parent, Scope: n.Scope, Key: n.Key})
		switch {
		case n.Key == f.Key || text == usual || slices.Contains(renamed, n.Key):
			out = append(out, text)
			continue
		case within(f, n.Scope):
			own = append(own, n.Key)
		default:
			others = append(others, n.Key)
		}
		scopes[n.Key] = append(scopes[n.Key], n.Scope)
	}
	if len(out) > 0 {
		return out[:min(len(out), maxNearest)] // what only looks like it would distract
	}
	for _, keys := range [][]string{own, others} {
		for _, key := range spelling.Nearest(f.Key, keys, maxNearest) {
			for _, scope := range scopes[key] {
				if text := exec.FieldText(span.Field{Parent: f.Parent, Scope: scope, Key: key}); !slices.Contains(out, text) {
					out = append(out, text)
				}
			}
		}
	}
	return out[:min(len(out), maxNearest)]
}

// usualName is what is mostly meant by an attribute that does not occur: what a
// span, an event or a link has of itself, or an attribute by its whole name.
func usualName(f span.Field) string {
	if f.Parent {
		return ""
	}
	if id, ok := traceql.ParseIntrinsic(f.Scope.String() + ":" + f.Key); ok {
		return id.String()
	}
	if f.Scope == span.ScopeEvent || f.Scope == span.ScopeLink || f.Scope == span.ScopeInstrumentation {
		return ""
	}
	return traceql.UsualName(f.Key)
}

// texts returns all texts that a field ever is; ok is false where that is not known
// or they are too many to be told.
func (s *suggester) texts(f span.Field) (texts []string, ok bool) {
	switch f.Intrinsic {
	case span.RootName:
		f = span.Field{Intrinsic: span.Name}
	case span.RootService:
		f = span.Field{Scope: span.ScopeResource, Key: "service.name"}
	case span.None, span.Name, span.EventName, span.ScopeName, span.ScopeVersion, span.StatusMessage:
	default:
		return nil, false // ids: nothing is like them
	}
	values, more, cost, err := catalog.TagValues(s.ctx, s.store, s.over, f, maxSuggestValues)
	if err != nil || more || !cost.Complete {
		return nil, false // it may be among those that are not listed
	}
	for _, v := range values {
		if v.Value.Type == clew.TypeString {
			texts = append(texts, string(v.Value.Bytes))
		}
	}
	return texts, true
}

// value looks whether a field ever is a text.
func (s *suggester) value(f span.Field, text string) {
	texts, ok := s.texts(f)
	if !ok || slices.Contains(texts, text) {
		return
	}
	rest := meant(quoted(spelling.Nearest(text, texts, maxNearest)))
	if rest == "" && len(texts) > 0 && len(texts) <= maxListed && !f.OfTrace() {
		rest = "; it is " + strings.Join(quoted(texts), " or ")
	}
	s.say("%s is never %q here%s", exec.FieldText(f), exec.Clip(text), rest)
}

// pattern looks whether a field ever matches a regular expression that would match
// a part of it.
func (s *suggester) pattern(f span.Field, whole *regexp.Regexp) {
	texts, ok := s.texts(f)
	if !ok || slices.ContainsFunc(texts, whole.MatchString) {
		return
	}
	pattern := strings.TrimSuffix(strings.TrimPrefix(whole.String(), "^(?:"), ")$")
	part, err := regexp.Compile(pattern)
	if err != nil {
		return
	}
	rest := ""
	if i := slices.IndexFunc(texts, part.MatchString); i >= 0 {
		wider := ".*" + pattern + ".*"
		if strings.Contains(pattern, "|") {
			wider = ".*(" + pattern + ").*"
		}
		rest = fmt.Sprintf("; =~ is about the whole value: %q matches %q", exec.Clip(wider), exec.Clip(texts[i]))
	}
	s.say("%s never matches %q here%s", exec.FieldText(f), exec.Clip(pattern), rest)
}

func quoted(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = fmt.Sprintf("%q", exec.Clip(t))
	}
	return out
}

func meant(near []string) string {
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near, " or ") + "?"
}

// canHold reports whether a test can hold for a value of type t. What is of another type
// may be an array with such elements.
func canHold(c *span.Condition, t clew.Type) bool {
	number := func(t clew.Type) bool { return t == clew.TypeInt || t == clew.TypeDouble }
	want := wantedType(c)
	return c.Op == span.Exists || t == want || t == clew.TypeOther || number(t) && number(want)
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
