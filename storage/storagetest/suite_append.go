package storagetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

func testFields(_ *testing.T, s *suite) {
	spans := s.g.Spans(60, 8)
	s.appendMany(spans, 17)
	s.equal("scan", s.scan(where(span.Condition{})), want(spans, nil))
	for _, id := range traceIDs(spans) {
		s.equal("trace "+id.String(), s.trace(tenant, id), want(spans, func(x *clew.Span) bool { return x.TraceID == id }))
	}
}

func traceIDs(spans []clew.Span) (ids []clew.TraceID) {
	for _, x := range spans {
		if !slices.Contains(ids, x.TraceID) {
			ids = append(ids, x.TraceID)
		}
	}
	return ids
}

func testVisible(_ *testing.T, s *suite) {
	var sent []clew.Span
	for range 30 {
		trace := s.g.Trace(5)
		sent = append(sent, trace...)
		if res := s.append(trace...); res.Accepted != len(trace) {
			s.Fatalf("Append(%d spans) = %+v", len(trace), res)
		}
		if got := s.scan(where(span.Condition{})); len(got) != len(sent) {
			s.Fatalf("after %d spans were acknowledged, a scan sees %d", len(sent), len(got))
		}
		s.equal("trace", s.trace(tenant, trace[0].TraceID), want(trace, nil))
	}
}

func testResend(_ *testing.T, s *suite) {
	if !s.Capabilities().Resends {
		s.Skip("the store does not claim to recognise resends")
	}
	spans := s.g.Spans(5, 5)
	spans = append(spans, clew.Span{Name: "refused"})
	body := Body(spans...)
	record := storage.Record{Tenant: tenant, Body: body, Door: "test"}
	first, err := s.Append(s.Context(), record)
	if err != nil || first.Resent || first.Accepted != len(spans)-1 || first.Refused != 1 {
		s.Fatalf("Append = %+v, %v", first, err)
	}
	for range 3 {
		record.Body = bytes.Clone(body)
		again, err := s.Append(s.Context(), record)
		if err != nil || !again.Resent {
			s.Fatalf("Append again = %+v, %v, want Resent", again, err)
		}
		if again.Accepted != first.Accepted || again.Refused != first.Refused || len(again.Refusals) != len(first.Refusals) {
			s.Errorf("Append again = %+v, the first time %+v", again, first)
		}
	}
	good := spans[:len(spans)-1]
	s.equal("scan", s.scan(where(span.Condition{})), want(good, nil))
	s.equal("trace", s.trace(tenant, good[0].TraceID), want(good, func(x *clew.Span) bool { return x.TraceID == good[0].TraceID }))

	other := storage.Record{Tenant: "t2", Body: body, Door: "test"}
	if res, err := s.Append(s.Context(), other); err != nil || res.Resent {
		s.Errorf("Append of the same body by another tenant = %+v, %v, want it taken", res, err)
	}
}

func testDuplicates(_ *testing.T, s *suite) {
	trace := []clew.Span{
		{TraceID: clew.MakeTraceID(1, 2), SpanID: 1, Name: "root", Kind: clew.KindClient, Start: Epoch, End: Epoch + 9},
		{TraceID: clew.MakeTraceID(1, 2), SpanID: 2, ParentID: 1, Name: "child", Start: Epoch + 1, End: Epoch + 5},
	}
	shared := trace[0] // Zipkin's shared span: the server's side of the same id
	shared.Kind, shared.Name = clew.KindServer, "server side"
	changed := trace[1]
	changed.Name = "changed"
	s.append(trace...)
	s.append(shared, trace[1])          // one row again, in another body
	s.append(changed, trace[0], shared) // one row with other content
	tr, err := s.Trace(s.Context(), tenant, trace[0].TraceID)
	if err != nil {
		s.Fatal(err)
	}
	s.equal("trace", batchTexts(tr.Batch), want([]clew.Span{trace[0], trace[1], shared}, nil))
	if tr.Duplicates != 3 || tr.Conflicts != 1 {
		s.Errorf("Duplicates = %d, Conflicts = %d, want 3 and 1", tr.Duplicates, tr.Conflicts)
	}
	s.equal("conflicting rows", rowTexts(tr.Batch, tr.Conflicting), want(trace[1:], nil))
}

// testConflicts holds that a trace says which of its rows conflict: those of which
// another version was left out, however many there were, and no others.
func testConflicts(_ *testing.T, s *suite) {
	id := clew.MakeTraceID(1, 2)
	var sent []clew.Span
	for i := range 12 {
		sent = append(sent, clew.Span{TraceID: id, SpanID: clew.SpanID(i + 1), Name: "first", Kind: clew.KindClient,
			Start: Epoch + clew.UnixNanos(i), End: Epoch + 20})
	}
	s.append(sent...)
	var conflicting []clew.Span
	for _, i := range []int{9, 2, 5} {
		conflicting = append(conflicting, sent[i])
		for version := range 2 {
			x := sent[i]
			x.Attrs = []clew.Attr{{Key: "version", Value: clew.IntValue(int64(version))}}
			s.append(sent[(i+1)%12], x) // beside a duplicate of another row
		}
	}
	server := sent[7] // the other side of one id is another row
	server.Kind = clew.KindServer
	s.append(server)
	tr, err := s.Trace(s.Context(), tenant, id)
	if err != nil {
		s.Fatal(err)
	}
	s.equal("trace", batchTexts(tr.Batch), want(append(sent, server), nil))
	if tr.Conflicts != 6 || tr.Duplicates != 6 || !slices.IsSorted(tr.Conflicting) {
		s.Errorf("Conflicts = %d, Duplicates = %d, Conflicting = %v, want 6, 6 and rows ascending", tr.Conflicts, tr.Duplicates, tr.Conflicting)
	}
	s.equal("conflicting rows", rowTexts(tr.Batch, tr.Conflicting), want(conflicting, nil))
}

// testCompleted holds that a row without an end is replaced by one that has it, whichever
// came first, and that this is no conflict.
func testCompleted(_ *testing.T, s *suite) {
	running := clew.Span{TraceID: clew.MakeTraceID(1, 2), SpanID: 1, Name: "a", Kind: clew.KindServer, Start: Epoch}
	ended, late := running, running
	ended.Name, ended.End, late.Name = "b", Epoch+9, "c"
	s.append(running)
	s.append(ended)
	s.append(late)
	tr, err := s.Trace(s.Context(), tenant, ended.TraceID)
	if err != nil || tr.Duplicates != 2 || tr.Conflicts != 0 {
		s.Fatalf("%d duplicates, %d conflicts, %v, want 2 and none", tr.Duplicates, tr.Conflicts, err)
	}
	s.equal("trace", batchTexts(tr.Batch), want([]clew.Span{ended}, nil))
	if s.Capabilities().TracesMode {
		r := where(span.Condition{})
		r.Mode = storage.Traces
		s.tracesOf("in a scan by traces", r, []clew.Span{ended})
	}
}

func testShortIDs(_ *testing.T, s *suite) {
	mk := func(high, low uint64, id clew.SpanID) clew.Span {
		return clew.Span{TraceID: clew.MakeTraceID(high, low), SpanID: id, Name: fmt.Sprint(id), Start: Epoch, End: Epoch}
	}
	spans := []clew.Span{mk(9, 5, 1), mk(0, 5, 2), mk(9, 6, 3), mk(8, 6, 4), mk(0, 7, 5)}
	s.append(spans...)
	f := func(high, low uint64, ids ...clew.SpanID) {
		s.Helper()
		s.equal(fmt.Sprintf("trace %d:%d", high, low), s.trace(tenant, clew.MakeTraceID(high, low)),
			want(spans, func(x *clew.Span) bool { return slices.Contains(ids, x.SpanID) }))
	}
	f(9, 5, 1, 2)
	f(0, 5, 1, 2)
	f(7, 5, 2)
	f(9, 6, 3)
	f(8, 6, 4)
	f(0, 6, 3, 4)
	f(0, 7, 5)
	f(3, 7, 5)
}

func testTenants(_ *testing.T, s *suite) {
	spans := s.g.Spans(6, 4)
	s.appendTo("t1", spans...)
	other := slices.Clone(spans)
	for i := range other {
		other[i].Name = "other"
	}
	s.appendTo("t2", other...)
	id := spans[0].TraceID
	same := func(x *clew.Span) bool { return x.TraceID == id }
	s.equal("t1", s.scan(where(span.Condition{})), want(spans, nil))
	s.equal("t2", s.scan(storage.Request{Tenant: "t2", Columns: storage.Columns{All: true}}), want(other, nil))
	s.equal("t3", s.scan(storage.Request{Tenant: "t3", Columns: storage.Columns{All: true}}), nil)
	s.equal("trace of t1", s.trace("t1", id), want(spans, same))
	s.equal("trace of t2", s.trace("t2", id), want(other, same))
	_, err := s.Trace(s.Context(), "t3", id)
	s.kind("trace of t3", err, clew.NotFound)
}

func testRefused(_ *testing.T, s *suite) {
	good := s.g.Trace(4)
	mk := func(change func([]byte) []byte) []byte { return change(encodeSpan(&good[0])) }
	zeroTrace, zeroSpan := good[0], good[0]
	zeroTrace.TraceID, zeroSpan.SpanID = clew.TraceID{}, 0
	bad := [][]byte{
		encodeSpan(&zeroTrace),
		encodeSpan(&zeroSpan),
		mk(func(b []byte) []byte { return message(b, 1, make([]byte, 8)) }),  // trace id of 8 bytes
		mk(func(b []byte) []byte { return message(b, 1, nil) }),              // none
		mk(func(b []byte) []byte { return message(b, 2, []byte{1, 2, 3}) }),  // span id of 3
		mk(func(b []byte) []byte { return message(b, 2, nil) }),              // none
		mk(func(b []byte) []byte { return message(b, 4, []byte("twelve")) }), // parent id of 6
	}
	var scope []byte
	var ordinals []int
	n := 0
	put := func(m []byte) { scope, n = message(scope, 2, m), n+1 }
	for i := range bad {
		ordinals = append(ordinals, n)
		put(bad[i])
		if i < len(good) {
			put(encodeSpan(&good[i]))
		}
	}
	body := message(nil, 1, message(encodeResourceOnly(good[0].Resource), 2, scope))
	res, err := s.Append(s.Context(), storage.Record{Tenant: tenant, Body: body, Door: "test"})
	if err != nil {
		s.Fatal(err)
	}
	if res.Accepted != len(good) || res.Refused != len(bad) {
		s.Errorf("Append = %+v, want %d accepted, %d refused", res, len(good), len(bad))
	}
	var got []int
	for _, r := range res.Refusals {
		got = append(got, r.Span)
		if r.Reason == "" || r.Code == "" {
			s.Errorf("refusal without a reason or code: %+v", r)
		}
	}
	if !slices.Equal(got, ordinals) {
		s.Errorf("refused spans %v, want %v", got, ordinals)
	}
	for i := range good {
		good[i].Resource, good[i].Scope = good[0].Resource, nil
	}
	s.equal("the good ones", s.scan(where(span.Condition{})), want(good, nil))
	s.manyRefused(good[0])
}

func encodeResourceOnly(r *clew.Resource) []byte {
	b := message(nil, 1, number(encodeAttrs(nil, 1, r.Attrs), 2, uint64(r.DroppedAttrs)))
	return text(b, 3, r.SchemaURL)
}

// manyRefused checks that refusals are named up to the limit and all counted.
func (s *suite) manyRefused(like clew.Span) {
	spans := slices.Repeat([]clew.Span{like}, storage.MaxRefusals+5)
	for i := range spans {
		spans[i].SpanID = 0
	}
	if res := s.append(spans...); res.Accepted != 0 || res.Refused != len(spans) || len(res.Refusals) != storage.MaxRefusals {
		s.Errorf("Append(%d bad spans) = %d accepted, %d refused, %d named", len(spans), res.Accepted, res.Refused, len(res.Refusals))
	}
}

func testBadBodies(_ *testing.T, s *suite) {
	good := Body(s.g.Trace(3)...)
	claim := binary.AppendUvarint([]byte{0x0a}, 1<<30)
	deep := []byte{}
	for range 2000 {
		deep = message(nil, 5, message(nil, 1, deep)) // array in array
	}
	for name, body := range map[string][]byte{
		"truncated":      good[:len(good)-1],
		"claims 1 GB":    claim,
		"text":           []byte("hello"),
		"wire type 7":    {0x0f},
		"field number 0": {0x00, 0x00},
		"long varint":    bytes.Repeat([]byte{0xff}, 20),
	} {
		_, err := s.Append(s.Context(), storage.Record{Tenant: tenant, Body: body, Door: "test"})
		s.kind(name, err, clew.Invalid)
	}
	if got := s.scan(where(span.Condition{})); len(got) != 0 {
		s.Errorf("%d spans of bad bodies were kept", len(got))
	}
	res, err := s.Append(s.Context(), storage.Record{Tenant: tenant, Door: "test"})
	if err != nil || res.Accepted != 0 {
		s.Errorf("Append(empty body) = %+v, %v", res, err)
	}
	// A value nested too deep may be refused or kept whole, not mangled.
	x := s.g.Trace(1)[0]
	x.Attrs = []clew.Attr{{Key: "deep", Value: clew.Value{Type: clew.TypeOther, Bytes: deep}}}
	if res, err := s.Append(s.Context(), storage.Record{Tenant: tenant, Body: Body(x), Door: "test"}); err == nil && res.Accepted == 1 {
		s.equal("deep value", s.scan(where(span.Condition{})), want([]clew.Span{x}, nil))
	}
}

func testOdd(_ *testing.T, s *suite) {
	var spans []clew.Span
	add := func(change func(*clew.Span)) {
		x := clew.Span{TraceID: clew.MakeTraceID(3, uint64(len(spans)+1)), SpanID: clew.SpanID(len(spans) + 1),
			Name: "odd", Start: Epoch, End: Epoch + 1, Resource: s.g.resources[0], Scope: s.g.scopes[1]}
		change(&x)
		spans = append(spans, x)
	}
	add(func(x *clew.Span) { x.End = x.Start - 1000 })
	add(func(x *clew.Span) { x.Start, x.End = 0, 0 })
	add(func(x *clew.Span) { x.Start, x.End = math.MaxUint64, math.MaxUint64 })
	add(func(x *clew.Span) { x.Start, x.End = 1, math.MaxUint64 })
	add(func(x *clew.Span) { x.Start, x.End = math.MaxUint64, 0 })
	add(func(x *clew.Span) { x.Name, x.StatusMessage, x.TraceState = "\xff", "a\x80b", "\xc3\x28" })
	add(func(x *clew.Span) { x.Name = "" })
	add(func(x *clew.Span) { x.Name = strings.Repeat("n", 100_000) })
	add(func(x *clew.Span) { x.ParentID = x.SpanID })
	add(func(x *clew.Span) { x.Kind, x.Status = 200, 77 })
	add(func(x *clew.Span) {
		x.Attrs = []clew.Attr{{Key: "", Value: clew.StringValue("")}, {Key: "\xff\x00", Value: clew.StringValue("\xfe")},
			{Key: "big", Value: clew.StringValue(strings.Repeat("v", 1<<20))}, {Key: "none", Value: clew.Value{Type: clew.TypeOther}},
			{Key: "two types", Value: clew.IntValue(1)}, {Key: "two types", Value: clew.StringValue("1")}}
	})
	add(func(x *clew.Span) {
		x.Events = []clew.Event{{}, {Time: x.Start - 5, Name: "\xff"}, {Time: math.MaxUint64}}
		x.Links = []clew.Link{{}, {TraceID: clew.MakeTraceID(1, 0), SpanID: 1}}
	})
	add(func(x *clew.Span) { x.Resource, x.Scope = nil, nil })
	for i := range spans {
		if res := s.append(spans[i]); res.Accepted != 1 {
			s.Fatalf("Append(%s) = %+v", spanText(spans[i])[:200], res)
		}
	}
	s.equal("scan", s.scan(where(span.Condition{})), want(spans, nil))
	for _, x := range spans {
		s.equal("trace", s.trace(tenant, x.TraceID), want([]clew.Span{x}, nil))
	}
}

func testNotFound(_ *testing.T, s *suite) {
	_, err := s.Trace(s.Context(), tenant, clew.MakeTraceID(1, 1))
	s.kind("trace in an empty store", err, clew.NotFound)
	s.append(s.g.Trace(3)...)
	_, err = s.Trace(s.Context(), tenant, clew.MakeTraceID(1, 1))
	s.kind("unknown trace", err, clew.NotFound)
}

func testConcurrent(_ *testing.T, s *suite) {
	const writers, each = 4, 12
	var parts [writers][][]clew.Span
	var all []clew.Span
	for w := range writers {
		for range each {
			trace := s.g.Trace(4)
			parts[w] = append(parts[w], trace)
			all = append(all, trace...)
		}
	}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for _, trace := range parts[w] {
				res, err := s.Append(s.Context(), storage.Record{Tenant: tenant, Body: Body(trace...), Door: "test"})
				if err != nil || res.Accepted != len(trace) {
					s.Errorf("Append = %+v, %v", res, err)
					return
				}
				if tr, err := s.Trace(s.Context(), tenant, trace[0].TraceID); err != nil || tr.Rows != len(trace) {
					s.Errorf("Trace right after Append: %v", err)
				}
			}
		})
	}
	wg.Go(func() {
		for range each {
			rows := 0
			for b, err := range s.Scan(s.Context(), where(span.Condition{})) {
				if err != nil {
					s.Errorf("Scan: %v", err)
					return
				}
				rows += b.Rows
			}
			if rows > len(all) {
				s.Errorf("a scan sees %d rows, only %d were sent", rows, len(all))
			}
		}
	})
	wg.Wait()
	s.equal("all", s.scan(where(span.Condition{})), want(all, nil))
}

func testClosed(_ *testing.T, s *suite) {
	if err := s.Close(); err != nil {
		s.Fatalf("Close: %v", err)
	}
	_, err := s.Append(s.Context(), storage.Record{Tenant: tenant, Body: Body(s.g.Trace(1)...), Door: "test"})
	s.kind("Append after Close", err, clew.Busy)
}
