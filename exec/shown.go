package exec

import (
	"slices"

	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/exec/judge/hit"
	"github.com/clew-tracing/clew/span"
)

// asked are the intrinsics that an answer tells of its spans where filters ask for them:
// what is short and not told in any case.
var asked = []span.Intrinsic{span.StatusCode, span.StatusMessage, span.SpanKind}

// shown returns the fields that an answer tells of its spans: those of select(…), then
// those that its filters ask for; not those that are told in any case, or that are of
// events and links, of which a span may have many.
func (p *Plan) shown() []judge.Measure {
	fields, known := slices.Clone(p.fields), make(map[string]bool)
	for i := range fields {
		known[fields[i].Text] = true
	}
	p.rows.Fields(func(f span.Field) {
		text := FieldText(f)
		if f.Intrinsic != span.None && !slices.Contains(asked, f.Intrinsic) || f.Scope == span.ScopeEvent || f.Scope == span.ScopeLink || known[text] || len(fields) == maxShown {
			return
		}
		known[text] = true
		fields = append(fields, judge.Measure{Text: text, Type: typeOfField(f), Expr: span.FieldOf(f)})
	})
	return fields
}

// full reports whether hits take more than a question may remember, and if so says so in
// the answer.
func (r *run) full(hits *hit.Summariser) bool {
	most := max(r.over.Budget.Memory, leastHitBytes)
	if hits.Size() <= most {
		return false
	}
	r.ended = true
	r.partial("what was found takes more than the %d MB of memory that one query may use for it: ask for fewer traces, or select(…) less of each span", most>>20)
	return true
}

// Selected returns the names of the fields that select(…) names, as they are in
// hit.Span.Fields.
func (p *Plan) Selected() (names []string) {
	for i := range p.fields {
		names = append(names, p.fields[i].Text)
	}
	return names
}
