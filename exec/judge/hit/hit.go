// Package hit describes traces that a search has found: each in numbers, with the newest of
// the spans that matched, and the sets in which the query leaves them.
package hit

import (
	"cmp"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// Trace is one trace of a page: the whole trace in numbers, and its matches.
type Trace struct {
	TraceID clew.TraceID
	// Root is the earliest span without a parent; nil if none has been received.
	Root *Span
	// Start is the smallest start of any span; Duration the greatest of all starts and
	// ends minus it, in nanoseconds.
	Start    clew.UnixNanos
	Duration uint64
	Spans    int
	Errors   int // spans of status error
	// Services are the services of the trace, by spans descending, then name.
	Services []Service
	// Orphans counts spans whose parent is missing; Whole says that there is a root and
	// there are none.
	Orphans int
	Whole   bool
	// Newest is the start of the newest match in the window, MatchedSpans how
	// many matches there are, Matched the newest of them, newest first, then by
	// span id.
	Newest       clew.UnixNanos
	MatchedSpans int
	Matched      []Span
	// Sets are the matches as the query leaves them: one set, unless by(…) parted them; in
	// the order of their labels' texts.
	Sets []Set
}

// Set is spans of a trace that a query keeps together.
type Set struct {
	// Labels are by what it was parted, and what was calculated of it.
	Labels       []judge.Label
	MatchedSpans int
	// Matched are the newest of them, as Trace.Matched.
	Matched []Span
}

// Span is one span, in short.
type Span struct {
	SpanID   clew.SpanID
	ParentID clew.SpanID // 0: none
	Service  string
	Name     string
	Kind     clew.Kind
	Status   clew.Status
	Start    clew.UnixNanos
	Duration int64 // nanoseconds; negative where the span ends before it starts, 0 where it has not ended
	// Fields are what the span has of what select(…) names and the filters ask for.
	Fields []judge.Label
}

// Service is a service's part of a trace.
type Service struct {
	Name          string
	Spans, Errors int
}

func infoOf(t *storage.Trace, row int) Span {
	info := Span{
		SpanID: clew.SpanID(t.SpanID[row]), ParentID: clew.SpanID(t.ParentID[row]),
		Service: t.Service(row), Name: string(t.Names.At(int(t.Name[row]))),
		Kind: clew.Kind(t.Kind[row]), Status: clew.Status(t.Status[row]),
		Start: clew.UnixNanos(t.Start[row]),
	}
	if !t.Unfinished(row) {
		info.Duration = int64(t.Duration[row])
	}
	return info
}

// Summariser describes the traces of one search. It serves one goroutine.
type Summariser struct {
	spans  int // how many are named of each set
	size   int64
	fields []judge.Measure
	calc   []*span.Calculator

	// Scratch, of one trace.
	known  idSet     // its span ids
	of     []uint32  // by resource: 1 + the place of its service
	shares []Service // that it has
}

// NewSummariser names that many spans of each set, and tells these fields of them; stop is
// as that of judge.New.
func NewSummariser(fields []judge.Measure, spans int, stop func() bool) *Summariser {
	s := &Summariser{spans: spans, fields: fields}
	for i := range s.fields {
		s.calc = append(s.calc, span.NewCalculator(s.fields[i].Expr, stop))
	}
	return s
}

// Size is about how many bytes of memory take the traces that were described.
func (s *Summariser) Size() int64 { return s.size }

// Of describes a trace, of which at least one row matched.
func (s *Summariser) Of(t *storage.Trace, w *span.Whole, id clew.TraceID, sets []judge.Spanset) Trace {
	h := Trace{TraceID: id, Spans: t.Rows, Services: s.servicesOf(t)}
	s.known.reset(t.Rows)
	for i, status := range t.Status {
		if clew.Status(status) == clew.StatusError {
			h.Errors++
		}
		s.known.add(t.SpanID[i])
	}
	first, last := t.Extent()
	h.Start, h.Duration = first, uint64(last-first)
	if root, ok := t.Batch.Root(); ok {
		info := infoOf(t, root)
		h.Root, h.Whole = &info, true
	}
	for _, parent := range t.ParentID {
		if parent != 0 && !s.known.has(parent) {
			h.Orphans++
			h.Whole = false
		}
	}
	s.known.trim()
	var rows []uint32
	if len(sets) == 1 {
		rows = sets[0].Rows
	} else {
		rows = judge.Union(w, sets).AppendOnes(nil)
	}
	rows = newestFirst(t, rows)
	h.MatchedSpans, h.Newest = len(rows), clew.UnixNanos(t.Start[rows[0]])
	infos := s.infos(t, w, sets, rows)
	h.Matched = infos(rows)
	for _, set := range sets {
		of := Set{Labels: slices.Concat(set.By, set.Made), MatchedSpans: len(set.Rows), Matched: h.Matched}
		if len(sets) > 1 {
			of.Matched = infos(newestFirst(t, set.Rows))
		}
		h.Sets = append(h.Sets, of)
	}
	slices.SortStableFunc(h.Sets, func(a, b Set) int { return slices.CompareFunc(a.Labels, b.Labels, judge.Label.Compare) })
	s.size += h.sizeBytes()
	return h
}

// hitBytes and spanBytes are what a hit and a span of it take besides texts.
const (
	hitBytes  = 400
	spanBytes = 200
)

// sizeBytes is about what a hit takes of memory.
func (h *Trace) sizeBytes() int64 {
	n := hitBytes + spanBytes*len(h.Services)
	labels := func(list []judge.Label) {
		for i := range list {
			n += spanBytes + len(list[i].Text) + len(list[i].Value.Bytes)
		}
	}
	spans := func(list []Span) {
		for i := range list {
			n += spanBytes + len(list[i].Name) + len(list[i].Service)
			labels(list[i].Fields)
		}
	}
	spans(h.Matched)
	for i := range h.Sets {
		labels(h.Sets[i].Labels)
		spans(h.Sets[i].Matched)
	}
	return int64(n)
}

func newestFirst(t *storage.Trace, rows []uint32) []uint32 {
	slices.SortFunc(rows, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(t.Start[b], t.Start[a]), cmp.Compare(t.SpanID[a], t.SpanID[b]), cmp.Compare(t.Kind[a], t.Kind[b]))
	})
	return rows
}

// infos returns what tells of the first of some rows, each of which is among all or the
// sets.
func (s *Summariser) infos(t *storage.Trace, w *span.Whole, sets []judge.Spanset, all []uint32) func(rows []uint32) []Span {
	var named column.Bitmap
	if len(s.calc) > 0 {
		named = column.NewBitmap(t.Rows)
		for _, row := range all[:min(len(all), s.spans)] {
			named.Set(int(row))
		}
		for i := range sets {
			for _, row := range newestFirst(t, sets[i].Rows)[:min(len(sets[i].Rows), s.spans)] {
				named.Set(int(row))
			}
		}
	}
	values := make([]judge.RowValues, len(s.calc))
	for i, c := range s.calc {
		values[i] = judge.ValuesOf(w, c, named)
	}
	return func(rows []uint32) (out []Span) {
		for _, row := range rows[:min(len(rows), s.spans)] {
			info := infoOf(t, int(row))
			for i := range values {
				if v := values[i].Of(row); v.Type != clew.TypeOther {
					info.Fields = append(info.Fields, judge.LabelOf(s.fields[i].Text, s.fields[i].Type, v))
				} else if l, ok := arrayLabel(w.Batch, &s.fields[i], row); ok {
					info.Fields = append(info.Fields, l)
				}
			}
			out = append(out, info)
		}
		return out
	}
}

// fewServices is up to how many services of a trace are compared one by one, before they
// are looked up.
const fewServices = 16

func (s *Summariser) servicesOf(t *storage.Trace) []Service {
	of, shares := slices.Grow(s.of[:0], len(t.Resources))[:len(t.Resources)], s.shares[:0]
	clear(of)
	var places map[string]int // of services, if there are many
	place := func(name string) int {
		if places == nil && len(shares) <= fewServices {
			return slices.IndexFunc(shares, func(s Service) bool { return s.Name == name })
		}
		if places == nil {
			places = make(map[string]int)
		}
		for i := len(places); i < len(shares); i++ {
			places[shares[i].Name] = i
		}
		if at, ok := places[name]; ok {
			return at
		}
		return -1
	}
	at := 0
	for i, code := range t.Resource {
		if of[code] == 0 {
			name := t.Resources[code].Service
			if at >= len(shares) || shares[at].Name != name { // neighbours mostly are of one service
				at = place(name)
			}
			if at < 0 {
				at = len(shares)
				shares = append(shares, Service{Name: name})
			}
			of[code] = uint32(at) + 1
		}
		s := &shares[of[code]-1]
		s.Spans++
		if clew.Status(t.Status[i]) == clew.StatusError {
			s.Errors++
		}
	}
	slices.SortFunc(shares, func(a, b Service) int {
		if a.Spans != b.Spans {
			return cmp.Compare(b.Spans, a.Spans)
		}
		return cmp.Compare(a.Name, b.Name)
	})
	s.of, s.shares = of, shares
	return slices.Clone(shares)
}
