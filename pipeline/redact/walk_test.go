package redact

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
)

func str(v string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}
}

func pair(key string, v *commonpb.AnyValue) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: v}
}

// everything has a text wherever OTLP has one: put says what it is. Besides there is
// something of each other kind.
func everything(put func(place string) string) *coltracepb.ExportTraceServiceRequest {
	value := func(at string) []*commonpb.KeyValue {
		return []*commonpb.KeyValue{
			pair("n", &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: -5}}), pair("d", &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: 1.5}}),
			pair("b", &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}), pair("empty", nil), pair("", str("")),
			pair("text", str(put(at+" text"))), pair(put(at+" key"), str("v")),
			pair("bytes", &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte(put(at + " bytes"))}}),
			pair("list", &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{str("a"), str(put(at + " list")), str(strings.Repeat("z", 200))}}}}),
			pair("map", &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: []*commonpb.KeyValue{pair("k", str(put(at+" map"))), pair(put(at+" map key"), nil)}}}}),
		}
	}
	id := func(n int, c byte) []byte { return bytes.Repeat([]byte{c}, n) }
	return &coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:  &resourcepb.Resource{Attributes: value("resource"), DroppedAttributesCount: 1, EntityRefs: []*commonpb.EntityRef{{SchemaUrl: put("entity url"), Type: put("entity type"), IdKeys: []string{"a", put("entity key")}}}},
		SchemaUrl: put("resource url"),
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: put("scope name"), Version: put("scope version"), Attributes: value("scope")}, SchemaUrl: put("scope url"),
			Spans: []*tracepb.Span{
				{TraceId: id(16, 1), SpanId: id(8, 2), ParentSpanId: id(8, 3), Name: put("name"), TraceState: put("state"), Kind: 2, StartTimeUnixNano: 5, EndTimeUnixNano: 6, Flags: 1,
					Attributes: value("span"), DroppedAttributesCount: 3, Status: &tracepb.Status{Message: put("status"), Code: 2},
					Events: []*tracepb.Span_Event{{TimeUnixNano: 5, Name: put("event"), Attributes: value("event")}},
					Links:  []*tracepb.Span_Link{{TraceId: id(16, 4), SpanId: id(8, 5), TraceState: put("link state"), Attributes: value("link"), Flags: 3}}},
				{Name: "second"},
			}}},
	}}}
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestEveryPlace: a secret is taken out wherever a text can be, and all else stays equal
// byte by byte.
func TestEveryPlace(t *testing.T) {
	r := with(t, Options{Sets: Sets()})
	var places []string
	clean := marshal(t, everything(func(place string) string { places = append(places, place); return "clean text of " + place }))
	if out, changed, _, err := r.Append(nil, clean); err != nil || changed || len(out) > 0 {
		t.Fatalf("a clean request: changed %v, %v", changed, err)
	}
	if len(places) < 40 {
		t.Fatalf("%d places", len(places))
	}
	for _, where := range append(places, "all") {
		put := func(secret string) []byte {
			return marshal(t, everything(func(place string) string {
				if place == where || where == "all" {
					return "mail " + secret + " to " + place
				}
				return "clean text of " + place
			}))
		}
		for _, secret := range []string{"bob@example.com", strings.Repeat("b", 60) + "@" + strings.Repeat("example.", 20) + "com"} {
			before := r.Counts().Of(Email)
			prefix := []byte("before")
			out, changed, unknown, err := r.Append(prefix, put(secret))
			if err != nil || !changed || unknown != 0 {
				t.Fatalf("%s: changed %v, %d unknown, %v", where, changed, unknown, err)
			}
			if want := put(Mark); !bytes.Equal(out[len(prefix):], want) || !bytes.HasPrefix(out, prefix) {
				t.Errorf("%s:\n%q\nwant\n%q", where, out, want)
			}
			if n := r.Counts().Of(Email) - before; n != 1 && where != "all" {
				t.Errorf("%s: counted %d", where, n)
			}
		}
	}
}

// TestOddIDs: what stands in place of an id may be anything.
func TestOddIDs(t *testing.T) {
	r := with(t, Options{Sets: []Set{Email}})
	spans := func(id string) []byte {
		return marshal(t, &coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{
			{TraceId: []byte(id), SpanId: []byte(id), ParentSpanId: []byte(id), Links: []*tracepb.Span_Link{{TraceId: []byte(id)}}}}}}}}})
	}
	out, changed, _, err := r.Append(nil, spans("hunter2"))
	if err != nil || !changed || !bytes.Equal(out, spans("\x00\x00\x00\x00\x00\x00\x00")) {
		t.Errorf("%q, %v", out, err)
	}
	if _, changed, _, _ := r.Append(nil, spans("12345678")); changed {
		t.Error("an id is changed")
	}
}

// TestUnknownFields: what OTLP does not define is left out, since it cannot be looked into.
func TestUnknownFields(t *testing.T) {
	r := with(t, Options{Sets: []Set{Email}})
	body := marshal(t, everything(func(place string) string { return place }))
	odd := protowire.AppendTag(slices.Clone(body), 77, protowire.BytesType)
	odd = protowire.AppendString(odd, "secret")
	odd = protowire.AppendTag(odd, 99, protowire.StartGroupType)
	odd = protowire.AppendTag(odd, 1, protowire.BytesType)
	odd = protowire.AppendString(odd, "x")
	odd = protowire.AppendTag(odd, 99, protowire.EndGroupType)
	odd = protowire.AppendTag(odd, 1, protowire.VarintType) // a known number, and another type
	odd = protowire.AppendVarint(odd, 5)
	out, changed, unknown, err := r.Append(nil, odd)
	if err != nil || !changed || unknown != 3 || !bytes.Equal(out, body) {
		t.Errorf("changed %v, %d unknown, %v", changed, unknown, err)
	}
}

// TestPairsInAnyShape: a key says what its value is, wherever it stands.
func TestPairsInAnyShape(t *testing.T) {
	r := with(t, Options{Sets: []Set{Credentials, Cards}})
	value := marshal(t, str("hunter2"))
	kv := protowire.AppendTag(nil, 2, protowire.BytesType)
	kv = protowire.AppendBytes(kv, value)
	kv = protowire.AppendTag(kv, 1, protowire.BytesType)
	kv = protowire.AppendString(kv, "password")
	span := protowire.AppendTag(nil, 9, protowire.BytesType)
	span = protowire.AppendBytes(span, kv)
	nested := span
	for _, num := range []protowire.Number{2, 2, 1} {
		nested = protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), nested)
	}
	out, _, _, err := r.Append(nil, nested)
	if err != nil || bytes.Contains(out, []byte("hunter2")) || !bytes.Contains(out, []byte(Mark)) {
		t.Errorf("%q, %v", out, err)
	}
	number := func(key string, n int64) *coltracepb.ExportTraceServiceRequest {
		return &coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{
			Attributes: []*commonpb.KeyValue{pair(key, &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: n}})}}}}}}}}
	}
	for _, c := range []struct {
		key     string
		n       int64
		changed bool
	}{{"x", 4111111111111111, true}, {"x", 4111111111111112, false}, {"x", 1767225600000000000, false}, {"password", 1234, true}, {"llm.token", 1234, false}, {"cvv", 123, true}, {"x", -1, false}} {
		_, changed, _, err := r.Append(nil, marshal(t, number(c.key, c.n)))
		if err != nil || changed != c.changed {
			t.Errorf("%s %d: changed %v, %v", c.key, c.n, changed, err)
		}
	}
}

func TestBadRequests(t *testing.T) {
	r := with(t, Options{Sets: Sets()})
	body := marshal(t, everything(func(place string) string { return place }))
	deep := str("x")
	for range 120 {
		deep = &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{deep}}}}
	}
	tooDeep := marshal(t, &coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{pair("a", deep)}}}}})
	for _, bad := range [][]byte{{10}, {10, 5, 1}, {0}, {7}, {11}, {12}, body[:len(body)-1], tooDeep, bytes.Repeat([]byte{11}, 200)} {
		if _, _, _, err := r.Append(nil, bad); !errors.Is(err, ErrRequest) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

// TestDeepValues: maps within maps are looked through as deep as the store takes them, and
// what they hide is found.
func TestDeepValues(t *testing.T) {
	r := with(t, Options{Sets: Sets()})
	v := pair("password", str("hunter2"))
	for level := range 64 {
		event := &tracepb.Span_Event{Attributes: []*commonpb.KeyValue{v}}
		body := marshal(t, &coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{Events: []*tracepb.Span_Event{event}}}}}}}})
		out, changed, _, err := r.Append(nil, body)
		if err != nil || !changed || bytes.Contains(out, []byte("hunter2")) {
			t.Errorf("%d levels: changed %v, %v", level, changed, err)
		}
		v = pair("k", &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: []*commonpb.KeyValue{v}}}})
	}
}

// FuzzAppend: no bytes break the redactor; what it makes is as much OTLP as what it was
// given, with as many spans, and all but texts is the same.
func FuzzAppend(f *testing.F) {
	f.Add(marshal(f, everything(func(place string) string { return `{"password":"x","m":"bob\u0040example.com"}` })))
	f.Add(marshal(f, everything(func(place string) string { return "https://a:b@c/?token=5&x=4111 1111 1111 1111 Basic YTpi" })))
	f.Add(marshal(f, everything(func(place string) string { return "-----BEGIN PRIVATE KEY----- AKIAIOSFODNN7EXAMPLE bob@example.com" })))
	r := with(f, Options{Sets: Sets()})
	f.Fuzz(func(t *testing.T, body []byte) {
		given := slices.Clone(body)
		out, changed, _, err := r.Append(nil, body)
		if !bytes.Equal(given, body) {
			t.Fatal("the request itself was changed")
		}
		n, before := otlp.CountSpans(body)
		if err != nil || !changed {
			return
		}
		m, after := otlp.CountSpans(out)
		if (before == nil) != (after == nil) || n != m {
			t.Fatalf("%d spans, %v; then %d, %v", n, before, m, after)
		}
		if most := len(body)*len(Mark) + 64; len(out) > most {
			t.Fatalf("%d bytes came to %d", len(body), len(out))
		}
		var a, b coltracepb.ExportTraceServiceRequest
		if proto.Unmarshal(body, &a) != nil {
			return
		}
		if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(out, &b); err != nil && len(bytes.ToValidUTF8(out, nil)) == len(out) {
			t.Fatal(err)
		}
		same(t, &a, &b)
	})
}

// same compares what is no text.
func same(t *testing.T, a, b *coltracepb.ExportTraceServiceRequest) {
	t.Helper()
	for i, rs := range b.ResourceSpans {
		for j, ss := range rs.ScopeSpans {
			for k, s := range ss.Spans {
				was := a.ResourceSpans[i].ScopeSpans[j].Spans[k]
				if s.StartTimeUnixNano != was.StartTimeUnixNano || s.Kind != was.Kind || len(s.Attributes) != len(was.Attributes) || len(s.Events) != len(was.Events) ||
					(len(was.TraceId) == 16 && !bytes.Equal(s.TraceId, was.TraceId)) {
					t.Fatalf("a span\n%v\ncame to\n%v", was, s)
				}
			}
		}
	}
}

// FuzzText: no text breaks a detector, and JSON stays JSON as far as we read it.
func FuzzText(f *testing.F) {
	for _, s := range []string{`{"a":"b\u0040c.de"}`, "password=x", "SELECT 'a' FROM \"b\"", "4111-1111-1111-1111", "eyJhbGciOi.eyJ.x", "a%40b.cd", "://a:b@"} {
		f.Add("db.statement", s)
		f.Add("x", s)
	}
	r := with(f, Options{Sets: Sets(), HashKey: []byte("0123456789abcdef")})
	f.Fuzz(func(t *testing.T, key, text string) {
		got := r.Text(key, text)
		if len(got) > (len(text)+2)*(len(Mark)+1+hashDigits+2) {
			t.Fatalf("%d bytes came to %d", len(text), len(got))
		}
		x := r.runs.Get().(*run)
		defer x.reset()
		if isJSON([]byte(text)) && x.json([]byte(text), 0) && !x.json([]byte(got), 0) && key == "x" {
			t.Fatalf("JSON %q came to %q", text, got)
		}
	})
}

// BenchmarkAppend tells what redaction costs for each span of requests in which there is
// nothing to take out but for what the corpora have.
func BenchmarkAppend(b *testing.B) {
	for _, name := range corpus.Names() {
		const spans = 10_000
		bodies := corpus.Requests(name, 1, spans, 500)
		for _, set := range append([][]Set{Sets()}, []Set{Credentials}, []Set{Cards}, []Set{Email}, []Set{URLs}, []Set{SQL}) {
			label := "all"
			if len(set) == 1 {
				label = set[0].String()
			}
			b.Run(string(name)+"/"+label, func(b *testing.B) {
				r := with(b, Options{Sets: set})
				size, n := 0, 0
				for _, body := range bodies {
					size += len(body)
					k, _ := otlp.CountSpans(body)
					n += k
				}
				buf := make([]byte, 0, 2<<20)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					for _, body := range bodies {
						if _, _, _, err := r.Append(buf[:0], body); err != nil {
							b.Fatal(err)
						}
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/span")
				for _, s := range set {
					b.ReportMetric(float64(r.Counts().Of(s))/float64(b.N)/float64(n), s.String()+"/span")
				}
			})
		}
	}
}
