package exec_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/exec/judge/hit"
	"github.com/clew-tracing/clew/traceql"
)

// naiveHit is what a search should say of a trace.
type naiveHit struct {
	id                      clew.TraceID
	newest, start           clew.UnixNanos
	matched, spans, errors  int
	duration                uint64
	root, services, matches string
	whole                   bool
	rootSpan                *clew.Span
}

func (h naiveHit) String() string {
	return fmt.Sprintf("%s newest %d: %d of %d matched (%s), %d errors, start %d + %d, root %s, whole %v, %s",
		h.id, h.newest, h.matched, h.spans, h.matches, h.errors, h.start, h.duration, h.root, h.whole, h.services)
}

// naiveSearch groups, judges and sorts the plainest way.
func naiveSearch(t *testing.T, spans []clew.Span, query string, w clew.Window) []naiveHit {
	t.Helper()
	q, err := traceql.Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	byTrace := make(map[clew.TraceID][]*clew.Span)
	for i := range spans {
		byTrace[spans[i].TraceID] = append(byTrace[spans[i].TraceID], &spans[i])
	}
	var out []naiveHit
	for id, trace := range byTrace {
		var from []*clew.Span
		for _, s := range trace {
			if w.Contains(s.Start) {
				from = append(from, s)
			}
		}
		if selected := naiveSelect(q.Stages, from, trace, trace); len(selected) > 0 {
			h := naiveTrace(id, trace, selected)
			h.rootSpan = nil
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b naiveHit) int { return cmp.Or(cmp.Compare(b.newest, a.newest), a.id.Compare(b.id)) })
	return out
}

// naiveTrace describes a trace of which matches were selected.
func naiveTrace(id clew.TraceID, trace, matches []*clew.Span) naiveHit {
	h := naiveHit{id: id, spans: len(trace), start: ^clew.UnixNanos(0), root: "none"}
	var end clew.UnixNanos
	var root *clew.Span
	services := make(map[string][2]int)
	h.whole = true
	for _, s := range trace {
		h.start, end = min(h.start, s.Start), max(end, s.Start, s.End)
		share := services[s.Service()]
		share[0]++
		if s.Status == clew.StatusError {
			h.errors++
			share[1]++
		}
		services[s.Service()] = share
		if s.ParentID == 0 && (root == nil || s.Start < root.Start || s.Start == root.Start && s.SpanID < root.SpanID) {
			root = s
		}
		if s.ParentID != 0 && !slices.ContainsFunc(trace, func(x *clew.Span) bool { return x.SpanID == s.ParentID }) {
			h.whole = false
		}
	}
	for _, s := range matches {
		h.newest = max(h.newest, s.Start)
	}
	h.matched = len(matches)
	h.duration = uint64(end - h.start)
	if root != nil {
		h.root, h.rootSpan = fmt.Sprintf("%q %q", root.Service(), root.Name), root
	} else {
		h.whole = false
	}
	slices.SortFunc(matches, func(a, b *clew.Span) int {
		return cmp.Or(cmp.Compare(b.Start, a.Start), cmp.Compare(a.SpanID, b.SpanID))
	})
	for _, s := range matches[:min(2, len(matches))] {
		h.matches += s.SpanID.String() + " "
	}
	var list []string
	for name, share := range services {
		list = append(list, fmt.Sprintf("%09d %q %d", 1e6-share[0], name, share[1]))
	}
	slices.Sort(list)
	h.services = strings.Join(list, ", ")
	return h
}

// asNaive brings a hit to the same form.
func asNaive(x hit.Trace) naiveHit {
	h := naiveHit{id: x.TraceID, newest: x.Newest, start: x.Start, matched: x.MatchedSpans, spans: x.Spans, errors: x.Errors,
		duration: x.Duration, root: "none", whole: x.Whole}
	if x.Root != nil {
		h.root = fmt.Sprintf("%q %q", x.Root.Service, x.Root.Name)
	}
	for _, m := range x.Matched {
		h.matches += m.SpanID.String() + " "
	}
	var list []string
	for _, s := range x.Services {
		list = append(list, fmt.Sprintf("%09d %q %d", 1e6-s.Spans, s.Name, s.Errors))
	}
	h.services = strings.Join(list, ", ")
	return h
}
