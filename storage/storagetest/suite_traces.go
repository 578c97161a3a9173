package storagetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

func testTraces(_ *testing.T, s *suite) {
	c := span.Compare(span.Field{Intrinsic: span.StatusCode}, span.Eq, clew.IntValue(int64(clew.StatusError)))
	r := where(c)
	r.Mode = storage.Traces
	spans := s.g.Spans(40, 8)
	s.appendMany(spans, 29)
	if !s.Capabilities().TracesMode {
		for _, err := range s.Scan(s.Context(), r) {
			s.kind("scan by traces", err, clew.Unsupported)
			return
		}
		s.Errorf("a scan by traces ended without an error, though the store does not claim it")
		return
	}
	s.tracesOf("traces in parts", r, spans)
	// Rows that come again in another request, and traces under the short form of their
	// id, are those that there are.
	s.appendMany(spans[:len(spans)/3], 5)
	s.tracesOf("with rows twice", r, spans)
	var short []clew.Span
	for i := range spans {
		if i%7 == 0 {
			again := spans[i]
			again.TraceID, again.SpanID = clew.MakeTraceID(0, again.TraceID.Low()), again.SpanID+1<<40
			short = append(short, again)
			again.TraceID = spans[i].TraceID
			spans = append(spans, again)
		}
	}
	s.appendMany(short, 3)
	s.tracesOf("under two ids", r, spans)
	r.Window.Start = spans[0].Start
	s.tracesOf("in a window", r, spans)
	r.Columns = storage.Columns{Intrinsics: []span.Intrinsic{span.SpanID, span.ParentID, span.Name}}
	s.parentsOf(r, spans)
}

// parentsOf holds a scan by traces for a few columns to these.
func (s *suite) parentsOf(r storage.Request, spans []clew.Span) {
	s.Helper()
	text := func(id, parent clew.SpanID, name string) string { return fmt.Sprint(id, parent, name) }
	matching := s.matching(r, spans)
	var got, expected []string
	for b, err := range s.Scan(s.Context(), r) {
		if err != nil {
			s.Fatal(err)
		}
		for i := range b.Rows {
			if b.Traced == nil || b.Traced.Get(i) {
				got = append(got, text(clew.SpanID(b.SpanID[i]), clew.SpanID(b.ParentID[i]), string(b.Names.At(int(b.Name[i])))))
			}
		}
	}
	for i := range spans {
		if matching[spans[i].TraceID.Low()] {
			expected = append(expected, text(spans[i].SpanID, spans[i].ParentID, spans[i].Name))
		}
	}
	slices.Sort(got)
	slices.Sort(expected)
	s.equal("parents", got, expected)
}

// matching returns the low halves of the ids of the traces with a match.
func (s *suite) matching(r storage.Request, spans []clew.Span) map[uint64]bool {
	matching := make(map[uint64]bool)
	for i := range spans {
		if r.Window.Contains(spans[i].Start) && Holds(r.Where, &spans[i]) {
			matching[spans[i].TraceID.Low()] = true
		}
	}
	return matching
}

// tracesOf holds a scan by traces to the spans that there are, those of one trace under
// its long id if it has one.
func (s *suite) tracesOf(what string, r storage.Request, spans []clew.Span) {
	s.Helper()
	matching := s.matching(r, spans)
	var got []string
	batchOf := make(map[clew.TraceID]int)
	n := 0
	for b, err := range s.Scan(s.Context(), r) {
		if err != nil {
			s.Fatal(err)
		}
		rows := span.NewRows(b)
		for i := range b.Rows {
			if b.Traced != nil && !b.Traced.Get(i) {
				continue
			}
			x := rows.Span(i)
			got = append(got, spanText(x))
			if in, ok := batchOf[x.TraceID]; ok && in != n {
				s.Errorf("%s: trace %s is split over batches", what, x.TraceID)
			}
			batchOf[x.TraceID] = n
			if b.Matched != nil && b.Matched.Get(i) != (r.Window.Contains(x.Start) && Holds(r.Where, &x)) {
				s.Errorf("%s: Matched = %v for %s", what, b.Matched.Get(i), spanText(x))
			}
		}
		n++
	}
	slices.Sort(got)
	s.equal(what, got, want(spans, func(x *clew.Span) bool { return matching[x.TraceID.Low()] }))
}
