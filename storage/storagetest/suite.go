package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// Open returns a new, empty store for one test and sees to it that it is closed
// when the test ends.
type Open func(t *testing.T) storage.Store

// Run holds a store to the contract. Each subtest opens a store of its own.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *suite)
	}{
		{"every field survives", testFields},
		{"visible after acknowledgement", testVisible},
		{"resend is not doubled", testResend},
		{"duplicates are resolved in trace reads", testDuplicates},
		{"conflicting rows are named", testConflicts},
		{"rows without an end are replaced", testCompleted},
		{"64-bit ids meet 128-bit ids", testShortIDs},
		{"tenants are isolated", testTenants},
		{"refused spans", testRefused},
		{"bad bodies", testBadBodies},
		{"odd spans are kept", testOdd},
		{"unknown trace", testNotFound},
		{"batches descend", testOrder},
		{"windows", testWindows},
		{"weights", testWeights},
		{"conditions of every field and operator", testLeaves},
		{"relations of fields", testRelations},
		{"conditions nested", testConditions},
		{"columns asked for are there", testColumns},
		{"rows can be counted without columns", testCounts},
		{"scan by traces", testTraces},
		{"traces are read in part", testParts},
		{"scan sees one moment", testSnapshot},
		{"scan stops where its reader stops", testStop},
		{"cancel at each batch", testCancel},
		{"stats", testStats},
		{"bounds of a scan", testBounds},
		{"conditions on whole traces are refused", testOfTrace},
		{"catalogue", testCatalog},
		{"rollups equal a full scan", testRollups},
		{"rollups of traces in parts", testRollupParts},
		{"rollups that cannot be", testRollupErrors},
		{"tail", testTail},
		{"many at once", testConcurrent},
		{"closed", testClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &suite{T: t, Store: open(t), g: NewGenerator(1)}
			c.test(t, s)
		})
	}
}

// suite is one store under test, with the questions that tests ask of it.
type suite struct {
	*testing.T
	storage.Store
	g *Generator
}

const tenant clew.Tenant = "t1"

func (s *suite) append(spans ...clew.Span) storage.Result {
	s.Helper()
	return s.appendTo(tenant, spans...)
}

func (s *suite) appendTo(t clew.Tenant, spans ...clew.Span) storage.Result {
	s.Helper()
	res, err := s.Append(s.Context(), storage.Record{Tenant: t, Body: Body(spans...), Door: "test"})
	if err != nil {
		s.Fatalf("Append: %v", err)
	}
	return res
}

// appendMany appends spans in records of at most n.
func (s *suite) appendMany(spans []clew.Span, n int) {
	s.Helper()
	for part := range slices.Chunk(spans, n) {
		if res := s.append(part...); res.Accepted != len(part) || res.Refused != 0 {
			s.Fatalf("Append(%d spans) = %+v", len(part), res)
		}
	}
}

// where is a scan's request of tenant for a condition.
func where(c span.Condition) storage.Request {
	return storage.Request{Tenant: tenant, Where: c, Columns: storage.Columns{All: true}}
}

// matches returns which rows of a batch meet a request: as the store says, or
// as a Matcher finds.
func matches(b *span.Batch, r storage.Request) column.Bitmap {
	if b.Matched != nil {
		return b.Matched
	}
	m := span.NewMatcher(r.Where).Match(b)
	for i := range b.Rows {
		if !r.Window.Contains(clew.UnixNanos(b.Start[i])) {
			m.Clear(i)
		}
	}
	return m
}

// scan returns the spans that match, as text, sorted.
func (s *suite) scan(r storage.Request) []string {
	s.Helper()
	var out []string
	for b, err := range s.Scan(s.Context(), r) {
		if err != nil {
			s.Fatalf("Scan(%v): %v", r.Where, err)
		}
		rows := span.NewRows(b)
		for i := range matches(b, r).Ones() {
			out = append(out, spanText(rows.Span(i)))
		}
	}
	slices.Sort(out)
	return out
}

// trace returns the spans of a trace as text, sorted.
func (s *suite) trace(t clew.Tenant, id clew.TraceID) []string {
	s.Helper()
	tr, err := s.Trace(s.Context(), t, id)
	if err != nil {
		s.Fatalf("Trace(%s): %v", id, err)
	}
	if tr.Damaged != nil {
		s.Fatalf("Trace(%s).Damaged = %v", id, tr.Damaged)
	}
	return batchTexts(tr.Batch)
}

func batchTexts(b *span.Batch) []string {
	all := make([]uint32, b.Rows)
	for i := range all {
		all[i] = uint32(i)
	}
	return rowTexts(b, all)
}

// rowTexts returns the given rows of a batch as text, sorted.
func rowTexts(b *span.Batch, of []uint32) (out []string) {
	rows := span.NewRows(b)
	for _, i := range of {
		out = append(out, spanText(rows.Span(int(i))))
	}
	slices.Sort(out)
	return out
}

// spanText writes every field of a span. Equal spans have equal texts.
func spanText(s clew.Span) string {
	if s.Resource == nil {
		s.Resource = new(clew.Resource)
	}
	if s.Scope == nil {
		s.Scope = new(clew.Scope)
	}
	res, scope := *s.Resource, *s.Scope
	s.Resource, s.Scope = nil, nil
	return fmt.Sprintf("%s/%s %q [%d] %s events %s links %s resource {%s %d %q} scope {%q %q %s %d %q}",
		s.TraceID, s.SpanID, s.Name, []uint64{uint64(s.ParentID), uint64(s.Kind), uint64(s.Status), uint64(s.Start), uint64(s.End),
			uint64(s.Flags), uint64(s.DroppedAttrs), uint64(s.DroppedEvents), uint64(s.DroppedLinks)},
		fmt.Sprintf("%q %q %s", s.StatusMessage, s.TraceState, attrsText(s.Attrs)), eventsText(s.Events), linksText(s.Links),
		attrsText(res.Attrs), res.DroppedAttrs, res.SchemaURL, scope.Name, scope.Version, attrsText(scope.Attrs), scope.DroppedAttrs, scope.SchemaURL)
}

func attrsText(attrs []clew.Attr) (out string) {
	for _, a := range attrs {
		out += fmt.Sprintf("%q=%v:%x:%q ", a.Key, a.Value.Type, a.Value.Bits, a.Value.Bytes)
	}
	return out
}

func eventsText(events []clew.Event) (out string) {
	for _, e := range events {
		out += fmt.Sprintf("(%d %q %s %d)", e.Time, e.Name, attrsText(e.Attrs), e.DroppedAttrs)
	}
	return out
}

func linksText(links []clew.Link) (out string) {
	for _, l := range links {
		out += fmt.Sprintf("(%s %s %q %s %d %d)", l.TraceID, l.SpanID, l.TraceState, attrsText(l.Attrs), l.DroppedAttrs, l.Flags)
	}
	return out
}

// want are the texts of spans, sorted, of those that keep.
func want(spans []clew.Span, keep func(*clew.Span) bool) []string {
	var out []string
	for i := range spans {
		if keep == nil || keep(&spans[i]) {
			out = append(out, spanText(spans[i]))
		}
	}
	slices.Sort(out)
	return out
}

// equal compares two sorted lists and shows the first difference.
func (s *suite) equal(what string, got, want []string) {
	s.Helper()
	if slices.Equal(got, want) {
		return
	}
	s.Errorf("%s: %d spans, want %d", what, len(got), len(want))
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			s.Fatalf("%s: missing\n%s", what, want[i])
		case i >= len(want):
			s.Fatalf("%s: too much\n%s", what, got[i])
		case got[i] != want[i]:
			s.Fatalf("%s: got\n%s\nwant\n%s", what, got[i], want[i])
		}
	}
}

// kind checks an error's kind.
func (s *suite) kind(what string, err error, want clew.ErrorKind) {
	s.Helper()
	if err == nil || clew.KindOf(err) != want {
		s.Errorf("%s: error %v of kind %v, want kind %v", what, err, clew.KindOf(err), want)
	}
}

var errEnough = errors.New("the test has seen enough")

func cancelable(s *suite) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(s.Context())
	s.Cleanup(func() { cancel(nil) })
	return ctx, func() { cancel(errEnough) }
}
