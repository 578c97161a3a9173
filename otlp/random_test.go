package otlp_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// random makes requests with every field and type, of few enough distinct names,
// keys and values that dictionaries, shapes and repeated keys all happen.
type random struct{ *rand.Rand }

func newRandom(seed uint64) random { return random{rand.New(rand.NewPCG(seed, 0x0712))} }

func (r random) one(n int) bool { return r.IntN(n) == 0 }

func (r random) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	b[n-1] |= 1 // not all zeros
	return b
}

func (r random) text() string {
	switch r.IntN(8) {
	case 0:
		return ""
	case 1:
		return "grüße \u2028 \x00\n\"\\<&> 𝄞"
	case 2:
		return string(make([]byte, 100+r.IntN(300)))
	}
	return fmt.Sprint("text", r.IntN(40))
}

func (r random) count() uint32 {
	switch r.IntN(4) {
	case 0:
		return r.Uint32()
	case 1:
		return math.MaxUint32
	}
	return 0
}

func (r random) integer() int64 {
	edges := []int64{0, 1, -1, 127, 128, 1 << 53, 1<<53 + 1, math.MaxInt64, math.MinInt64}
	if r.one(2) {
		return edges[r.IntN(len(edges))]
	}
	return r.Int64() >> r.IntN(64)
}

func (r random) double() float64 {
	edges := []float64{0, math.Copysign(0, -1), 1, -1.5, math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64, math.SmallestNonzeroFloat64, 1e21, 1e-7}
	if r.one(2) {
		return edges[r.IntN(len(edges))]
	}
	return r.NormFloat64()
}

func (r random) value(depth int) *commonpb.AnyValue {
	n := 9
	if depth > 3 {
		n = 6
	}
	switch r.IntN(n) {
	case 0:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: r.one(2)}}
	case 1:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: r.integer()}}
	case 2:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: r.double()}}
	case 3:
		return &commonpb.AnyValue{}
	case 4:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: r.bytes(1 + r.IntN(20))}}
	case 5, 8:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: r.text()}}
	case 6:
		list := &commonpb.ArrayValue{}
		for range r.IntN(4) {
			list.Values = append(list.Values, r.value(depth+1))
		}
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: list}}
	}
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: r.attrs(depth + 1)}}}
}

func (r random) attrs(depth int) []*commonpb.KeyValue {
	var list []*commonpb.KeyValue
	n := r.IntN(5)
	if r.one(20) {
		n = 40
	}
	for range n {
		key := fmt.Sprint("key", r.IntN(30))
		if r.one(30) {
			key = r.text()
		}
		list = append(list, &commonpb.KeyValue{Key: key, Value: r.value(depth)})
	}
	return list
}

func (r random) nanos() uint64 {
	switch r.IntN(6) {
	case 0:
		return 0
	case 1:
		return r.Uint64()
	}
	return 1_700_000_000_000_000_000 + r.Uint64N(1e12)
}

func (r random) span() *tracepb.Span {
	s := &tracepb.Span{
		TraceId: r.bytes(16), SpanId: r.bytes(8), TraceState: r.text(), Name: r.text(),
		Kind: tracepb.Span_SpanKind(r.IntN(7)), Flags: r.count(),
		StartTimeUnixNano: r.nanos(), EndTimeUnixNano: r.nanos(),
		Attributes: r.attrs(0), DroppedAttributesCount: r.count(),
		DroppedEventsCount: r.count(), DroppedLinksCount: r.count(),
	}
	if r.one(2) {
		s.ParentSpanId = r.bytes(8)
	}
	if r.one(4) {
		s.Kind = tracepb.Span_SpanKind(r.IntN(256))
	}
	for range r.IntN(3) * r.IntN(3) {
		s.Events = append(s.Events, &tracepb.Span_Event{
			TimeUnixNano: r.nanos(), Name: r.text(), Attributes: r.attrs(0), DroppedAttributesCount: r.count(),
		})
	}
	for range r.IntN(2) * r.IntN(4) {
		l := &tracepb.Span_Link{TraceState: r.text(), Attributes: r.attrs(0), DroppedAttributesCount: r.count(), Flags: r.count()}
		if !r.one(4) {
			l.TraceId, l.SpanId = r.bytes(16), r.bytes(8)
		}
		s.Links = append(s.Links, l)
	}
	if r.one(2) {
		s.Status = &tracepb.Status{Code: tracepb.Status_StatusCode(1 + r.IntN(2)), Message: r.text()}
	}
	return s
}

func (r random) scopeSpans() *tracepb.ScopeSpans {
	s := &tracepb.ScopeSpans{SchemaUrl: r.text()}
	if !r.one(4) {
		s.Scope = &commonpb.InstrumentationScope{
			Name: r.text(), Version: r.text(), Attributes: r.attrs(0), DroppedAttributesCount: r.count(),
		}
	}
	for range r.IntN(4) {
		s.Spans = append(s.Spans, r.span())
	}
	return s
}

func (r random) request() *tracepb.TracesData {
	t := &tracepb.TracesData{}
	for range r.IntN(4) {
		rs := &tracepb.ResourceSpans{SchemaUrl: r.text()}
		if !r.one(4) {
			rs.Resource = &resourcepb.Resource{Attributes: r.attrs(0), DroppedAttributesCount: r.count()}
			if r.one(2) {
				rs.Resource.EntityRefs = append(rs.Resource.EntityRefs, &commonpb.EntityRef{
					SchemaUrl: r.text(), Type: "service", IdKeys: []string{"a", r.text()}, DescriptionKeys: []string{r.text()},
				})
			}
		}
		for range r.IntN(3) {
			rs.ScopeSpans = append(rs.ScopeSpans, r.scopeSpans())
		}
		t.ResourceSpans = append(t.ResourceSpans, rs)
	}
	return t
}

// alone returns a request for each span of t: what the export of one row is to be.
func alone(t *tracepb.TracesData) []*tracepb.TracesData {
	var out []*tracepb.TracesData
	for _, rs := range t.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				out = append(out, &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
					Resource: rs.Resource, SchemaUrl: rs.SchemaUrl,
					ScopeSpans: []*tracepb.ScopeSpans{{Scope: ss.Scope, SchemaUrl: ss.SchemaUrl, Spans: []*tracepb.Span{asKept(s)}}},
				}}})
			}
		}
	}
	return out
}

// asKept returns s without what the package comment says is not kept.
func asKept(s *tracepb.Span) *tracepb.Span {
	s = proto.Clone(s).(*tracepb.Span)
	s.Attributes = repeatedLast(s.Attributes)
	for _, e := range s.Events {
		e.Attributes = repeatedLast(e.Attributes)
	}
	for _, l := range s.Links {
		l.Attributes = repeatedLast(l.Attributes)
		l.TraceId, l.SpanId = noZeros(l.TraceId), noZeros(l.SpanId)
	}
	s.ParentSpanId = noZeros(s.ParentSpanId)
	if s.Status.GetCode() == 0 && s.Status.GetMessage() == "" {
		s.Status = nil
	}
	return s
}

func noZeros(id []byte) []byte {
	for _, b := range id {
		if b != 0 {
			return id
		}
	}
	return nil
}

// repeatedLast moves attributes whose key and type came before to the end and
// gives those without a value the empty one.
func repeatedLast(list []*commonpb.KeyValue) []*commonpb.KeyValue {
	var first, again []*commonpb.KeyValue
	seen := make(map[string]bool)
	for _, kv := range list {
		typ := "other"
		switch kv.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			typ = "string"
		case *commonpb.AnyValue_BoolValue:
			typ = "bool"
		case *commonpb.AnyValue_IntValue:
			typ = "int"
		case *commonpb.AnyValue_DoubleValue:
			typ = "double"
		}
		column := typ + "/" + kv.Key
		if seen[column] {
			again = append(again, kv)
			continue
		}
		seen[column] = true
		if kv.Value == nil {
			kv = &commonpb.KeyValue{Key: kv.Key, Value: &commonpb.AnyValue{}}
		}
		first = append(first, kv)
	}
	return append(first, again...)
}
