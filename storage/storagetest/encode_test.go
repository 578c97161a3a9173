package storagetest

import (
	"math"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// The official types read what Body writes, and decode reads what they write:
// so that the two are not wrong together.
func TestBodyIsOTLP(t *testing.T) {
	g := NewGenerator(7)
	spans := g.Spans(50, 6)
	for i := range spans { // the official types refuse what is no UTF-8
		spans[i] = validText(spans[i])
	}
	var req coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(Body(spans...), &req); err != nil {
		t.Fatal(err)
	}
	theirs, err := proto.Marshal(&req)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := decode(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(spans) {
		t.Fatalf("%d spans, want %d", len(rows), len(spans))
	}
	for i := range rows {
		if got, want := spanText(rows[i].span), spanText(spans[i]); got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	}
	first := req.ResourceSpans[0].ScopeSpans[0].Spans[0]
	if first.Name != spans[0].Name || first.StartTimeUnixNano != uint64(spans[0].Start) || len(first.Attributes) != len(spans[0].Attrs) {
		t.Errorf("the official types read %v, want %s", first, spanText(spans[0]))
	}
}

func validText(s clew.Span) clew.Span {
	fix := func(attrs []clew.Attr) (out []clew.Attr) {
		for _, a := range attrs {
			if a.Value.Type == clew.TypeString && string(a.Value.Bytes) == texts[5] {
				a.Value = clew.StringValue("valid")
			}
			if a.Value.Type == clew.TypeOther {
				a.Value = clew.IntValue(3) // may hold such a string deep inside
			}
			out = append(out, a)
		}
		return out
	}
	text := func(s string) string {
		if s == texts[5] {
			return "valid"
		}
		return s
	}
	res, scope := *s.Resource, *s.Scope
	res.Attrs, scope.Attrs = fix(res.Attrs), fix(scope.Attrs)
	s.Resource, s.Scope, s.Attrs = &res, &scope, fix(s.Attrs)
	s.StatusMessage, s.TraceState = text(s.StatusMessage), text(s.TraceState)
	s.Events, s.Links = append([]clew.Event(nil), s.Events...), append([]clew.Link(nil), s.Links...)
	for i := range s.Events {
		s.Events[i].Attrs = fix(s.Events[i].Attrs)
	}
	for i := range s.Links {
		s.Links[i].Attrs, s.Links[i].TraceState = fix(s.Links[i].Attrs), text(s.Links[i].TraceState)
	}
	return s
}

func TestRepeatedKeys(t *testing.T) {
	kv := func(v clew.Value) []byte { return message(message(nil, 1, []byte("k")), 2, encodeValue(v)) }
	s := clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: 1}
	m := encodeSpan(&s)
	second := protowire.AppendBytes(protowire.AppendTag(nil, 9, bytesT), kv(clew.IntValue(2)))
	m = message(m, 9, kv(clew.IntValue(1)))
	m = append(m, second...)
	m = message(m, 9, kv(clew.StringValue("x")))
	r, err := decodeSpan(m)
	if err != nil || len(r.span.Attrs) != 2 || string(r.extra) != string(second) {
		t.Errorf("decodeSpan = %v, extra %x, %v", r.span.Attrs, r.extra, err)
	}
}

func TestHolds(t *testing.T) {
	s := clew.Span{
		Name: "n", Start: 10, End: 5, Attrs: []clew.Attr{{Key: "i", Value: clew.IntValue(math.MaxInt64)}, {Key: "nan", Value: clew.DoubleValue(math.NaN())}},
		Resource: &clew.Resource{Attrs: []clew.Attr{{Key: "i", Value: clew.StringValue("r")}, {Key: "only", Value: clew.BoolValue(true)}}},
		Events:   []clew.Event{{Name: "a", Time: 11}, {Name: "b", Time: 9}},
	}
	any := func(key string) span.Field { return span.Field{Key: key} }
	in := func(i span.Intrinsic) span.Field { return span.Field{Intrinsic: i} }
	f := func(c span.Condition, want bool) {
		t.Helper()
		if Holds(c, &s) != want {
			t.Errorf("%v = %v", c, !want)
		}
	}
	f(span.Condition{}, true)
	f(span.AllOf(), true)
	f(span.AnyOf(), false)
	f(span.Compare(any("i"), span.Eq, clew.IntValue(math.MaxInt64)), true)
	f(span.Compare(any("i"), span.Eq, clew.DoubleValue(math.MaxInt64)), false) // 2^63 is one more
	f(span.Compare(any("i"), span.Lt, clew.DoubleValue(math.MaxInt64)), true)
	f(span.Compare(any("i"), span.Eq, clew.StringValue("r")), false) // the span's own wins
	f(span.Compare(any("only"), span.Eq, clew.BoolValue(true)), true)
	f(span.Compare(any("nan"), span.Eq, clew.DoubleValue(math.NaN())), false)
	f(span.Compare(any("nan"), span.Ne, clew.IntValue(1)), true)
	f(span.Compare(any("nan"), span.Ge, clew.IntValue(1)), false)
	f(span.Compare(any("absent"), span.Ne, clew.IntValue(1)), false)
	f(span.Negate(span.Compare(any("absent"), span.Ne, clew.IntValue(1))), true)
	f(span.Compare(in(span.Duration), span.Eq, clew.IntValue(-5)), true)
	f(span.Compare(in(span.EventName), span.Ne, clew.StringValue("a")), true) // some event is not a
	f(span.Compare(in(span.EventTimeSinceStart), span.Lt, clew.IntValue(0)), true)
	f(span.Has(in(span.ParentID)), false)
	f(span.Has(in(span.StatusMessage)), false)
}
