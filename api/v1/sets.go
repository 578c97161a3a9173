package v1

import (
	"slices"

	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/exec/judge/hit"
)

// spanSet is spans of a trace that a query keeps together, with what it was parted by and
// what was calculated of it.
type spanSet struct {
	Labels       []told    `json:"labels,omitempty"`
	MatchedSpans int       `json:"matchedSpans"`
	Spans        []setSpan `json:"spans,omitempty"`
}

// setSpan is a span with what it has of the fields that select(…) names.
type setSpan struct {
	SpanID string `json:"spanId"`
	Fields []told `json:"fields"`
}

// told is a value that a query asks for by name.
type told struct {
	Name  string `json:"name"`
	Text  string `json:"text"` // for people: 20ms, where the value is of nanoseconds
	Value value  `json:"value"`
}

// setsOf returns the sets of a trace, if there is something to tell of them: they have
// labels, or their spans are asked for fields that are selected by name. more is how many
// are left out.
func setsOf(h *hit.Trace, selected []string) (sets []spanSet, more int) {
	some := len(h.Sets) > 1
	for i := range h.Sets[:min(len(h.Sets), maxSets)] {
		s := &h.Sets[i]
		out := spanSet{Labels: toldOf(s.Labels, nil), MatchedSpans: s.MatchedSpans}
		for k := range s.Matched {
			if fields := toldOf(s.Matched[k].Fields, selected); len(selected) > 0 && len(fields) > 0 {
				out.Spans = append(out.Spans, setSpan{s.Matched[k].SpanID.String(), fields})
			}
		}
		some = some || len(out.Labels)+len(out.Spans) > 0
		sets = append(sets, out)
	}
	if !some {
		return nil, 0
	}
	return sets, len(h.Sets) - len(sets)
}

// toldOf tells the first of some labels: of all, or of those that have a name of a list.
func toldOf(labels []judge.Label, names []string) (out []told) {
	d := detailer{limit: maxToldBytes}
	for _, l := range labels {
		name := api.Shown(l.Name)
		if names != nil && !slices.Contains(names, l.Name) || slices.ContainsFunc(out, func(o told) bool { return o.Name == name }) {
			continue
		}
		if len(out) == maxTold {
			break
		}
		text := l.Text
		if len(text) > maxToldBytes {
			text = text[:api.WholeRunes([]byte(text), maxToldBytes)] + "…"
		}
		out = append(out, told{name, api.Shown(text), d.value(l.Value, 1)})
	}
	return out
}
