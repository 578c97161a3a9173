package zipkin_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/zipkin"
)

// now is the time of arrival in these tests, in ns.
const now = 9_000_000_000

// lines writes a request of OTLP, a line for each span.
func lines(t *testing.T, request []byte) string {
	t.Helper()
	var r coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(request, &r); err != nil {
		t.Fatal(err)
	}
	attrs := func(list []*commonpb.KeyValue) string {
		var out []string
		for _, a := range list {
			switch v := a.Value.Value.(type) {
			case *commonpb.AnyValue_StringValue:
				out = append(out, fmt.Sprintf("%s=%q", a.Key, v.StringValue))
			case *commonpb.AnyValue_IntValue:
				out = append(out, fmt.Sprintf("%s=%d", a.Key, v.IntValue))
			case *commonpb.AnyValue_DoubleValue:
				out = append(out, fmt.Sprintf("%s=%v", a.Key, v.DoubleValue))
			case *commonpb.AnyValue_BoolValue:
				out = append(out, fmt.Sprintf("%s=%v", a.Key, v.BoolValue))
			default:
				t.Fatalf("%s has a %T", a.Key, v)
			}
		}
		return "{" + strings.Join(out, " ") + "}"
	}
	var b strings.Builder
	for _, rs := range r.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				fmt.Fprintf(&b, "%s", attrs(rs.Resource.GetAttributes()))
				if ss.Scope != nil {
					fmt.Fprintf(&b, " by %s %s", ss.Scope.Name, ss.Scope.Version)
				}
				fmt.Fprintf(&b, " %x/%x<%x %s %q %d..%d %s", s.TraceId, s.SpanId, s.ParentSpanId, strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_"), s.Name, s.StartTimeUnixNano, s.EndTimeUnixNano, attrs(s.Attributes))
				for _, e := range s.Events {
					fmt.Fprintf(&b, " @%d %q", e.TimeUnixNano, e.Name)
				}
				if s.Status != nil {
					fmt.Fprintf(&b, " %s %q", strings.TrimPrefix(s.Status.Code.String(), "STATUS_CODE_"), s.Status.Message)
				}
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

func TestJSON(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"all of version 2", `[{"traceId":"5af7183fb1d4cf5f6b221d5bc9e6496c","parentId":"6b221d5bc9e6496c","id":"5b4185666d50f68b","kind":"CLIENT",
			"name":"get /api","timestamp":1556604172355737,"duration":1431,"localEndpoint":{"serviceName":"front","ipv4":"10.0.0.1","port":80},
			"remoteEndpoint":{"serviceName":"back","ipv4":"10.0.0.2","ipv6":"::1","port":9000},
			"annotations":[{"timestamp":1556604172355800,"value":"retry \"1\""}],
			"tags":{"http.status_code":"500","n":"7","error":"no route"},"debug":true,"new":[{"a":1}]}]`,
			`{service.name="front"} 5af7183fb1d4cf5f6b221d5bc9e6496c/5b4185666d50f68b<6b221d5bc9e6496c CLIENT "get /api" 1556604172355737000..1556604172357168000 ` +
				`{network.local.address="10.0.0.1" network.local.port=80 peer.service="back" network.peer.address="10.0.0.2" zipkin.remote_endpoint.ipv6="::1" network.peer.port=9000 ` +
				`zipkin.debug=true http.status_code=500 n="7" error="no route"} @1556604172355800000 "retry \"1\"" ERROR "no route"` + "\n"},
		{"ids of 64 bits, shared, of one service", `[{"traceId":"6b221d5bc9e6496c","id":"1","timestamp":1,"localEndpoint":{"serviceName":"a"}},
			{"traceId":"6b221d5bc9e6496c","id":"1","kind":"SERVER","shared":true,"timestamp":2,"duration":0,"localEndpoint":{"serviceName":"a"},"tags":{"http.status_code":"0500"}}]`,
			`{service.name="a"} 00000000000000006b221d5bc9e6496c/0000000000000001< UNSPECIFIED "" 1000..0 {}` + "\n" +
				`{service.name="a"} 00000000000000006b221d5bc9e6496c/0000000000000001< SERVER "" 2000..2000 {zipkin.shared=true http.status_code="0500"}` + "\n"},
		{"what OpenTelemetry's exporters add", `[{"traceId":"1","id":"2","timestamp":1,"duration":1,"tags":{"otel.status_code":"ERROR","error":"bad","otel.scope.name":"lib","otel.scope.version":"1"}},
			{"traceId":"1","id":"3","timestamp":1,"duration":1,"tags":{"otel.status_code":"OK","error":"false"}}]`,
			`{} by lib 1 00000000000000000000000000000001/0000000000000002< UNSPECIFIED "" 1000..2000 {} ERROR "bad"` + "\n" +
				`{} 00000000000000000000000000000001/0000000000000003< UNSPECIFIED "" 1000..2000 {error="false"} OK ""` + "\n"},
		{"no timestamp", `[{"traceId":"1","id":"2","annotations":[{"timestamp":8,"value":"b"},{"timestamp":7,"value":"a"}]},{"traceId":"1","id":"3","duration":5}]`,
			`{} 00000000000000000000000000000001/0000000000000002< UNSPECIFIED "" 7000..0 {} @8000 "b" @7000 "a"` + "\n" +
				`{} 00000000000000000000000000000001/0000000000000003< UNSPECIFIED "" 9000000000..9000005000 {otel.zipkin.absentField.startTime=true}` + "\n"},
		{"what clients should not send", `[{"traceId":"1","id":"2","timestamp":"1","duration":1.0,"parentId":null,"tags":{"a":1,"b":2.5,"c":true,"d":{"x":[1]},"e":null}}]`,
			`{} 00000000000000000000000000000001/0000000000000002< UNSPECIFIED "" 1000..2000 {a=1 b=2.5 c=true d="{\"x\":[1]}"}` + "\n"},
		{"no ids", `[{"traceId":"xyz","id":"2","timestamp":1},{"traceId":"0","id":"2","timestamp":1},{"id":"11112222333344445","timestamp":1}]`,
			strings.Repeat(`{} /< UNSPECIFIED "" 1000..0 {}`+"\n", 3)},
		{"version 1, both sides", `[{"traceId":"a","id":"b","parentId":"9","name":"get","timestamp":100,"duration":50,"annotations":[
			{"timestamp":100,"value":"cs","endpoint":{"serviceName":"front"}},{"timestamp":110,"value":"sr","endpoint":{"serviceName":"back","ipv4":"10.0.0.2"}},
			{"timestamp":120,"value":"cache miss","endpoint":{"serviceName":"back"}},{"timestamp":140,"value":"ss","endpoint":{"serviceName":"back"}},
			{"timestamp":150,"value":"cr","endpoint":{"serviceName":"front"}}],
			"binaryAnnotations":[{"key":"sa","value":true,"endpoint":{"serviceName":"back","port":80}},{"key":"ca","value":true,"endpoint":{"ipv4":"10.0.0.1"}},
			{"key":"http.path","value":"/","endpoint":{"serviceName":"front"}},{"key":"sql","value":"select 1","endpoint":{"serviceName":"back"}}]}]`,
			`{service.name="front"} 0000000000000000000000000000000a/000000000000000b<0000000000000009 CLIENT "get" 100000..150000 {peer.service="back" network.peer.port=80 http.path="/"}` + "\n" +
				`{service.name="back"} 0000000000000000000000000000000a/000000000000000b<0000000000000009 SERVER "get" 110000..140000 ` +
				`{network.local.address="10.0.0.2" network.peer.address="10.0.0.1" zipkin.shared=true sql="select 1"} @120000 "cache miss"` + "\n"},
		{"version 1, a server alone", `[{"traceId":"a","id":"b","annotations":[{"timestamp":110,"value":"sr","endpoint":{"serviceName":"back"}},{"timestamp":140,"value":"ss","endpoint":{"serviceName":"back"}}]},
			{"traceId":"a","id":"c","timestamp":5,"duration":2,"binaryAnnotations":[{"key":"lc","value":"thing","endpoint":{"serviceName":"back"}}]}]`,
			`{service.name="back"} 0000000000000000000000000000000a/000000000000000b< SERVER "" 110000..140000 {zipkin.shared=true}` + "\n" +
				`{service.name="back"} 0000000000000000000000000000000a/000000000000000c< UNSPECIFIED "" 5000..7000 {lc="thing"}` + "\n"},
		{"nothing", " [ ] ", ""},
	} {
		out, _, err := zipkin.AppendJSON([]byte{}, []byte(c.text), now)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := lines(t, out); got != c.want {
			t.Errorf("%s:\n%swant\n%s", c.name, got, c.want)
		}
	}
}

func TestUnknownKeysAreCounted(t *testing.T) {
	_, unknown, err := zipkin.AppendJSON(nil, []byte(`[{"traceId":"1","id":"1","new":[{"a":1}],"localEndpoint":{"zone":"x"}}]`), now)
	if unknown != 2 || err != nil {
		t.Errorf("%d, %v; want 2", unknown, err)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"traceId":"1"}`, `Zipkin JSON: offset 0: want a list of spans: '[', have '{'`},
		{`[{"id":"1"},{"kind":"client"}]`, `Zipkin JSON: offset 20, [1].kind: want CLIENT, SERVER, PRODUCER or CONSUMER, have "client"`},
		{`[{"timestamp":1556604172355737000}]`, `Zipkin JSON: offset 14, [0].timestamp: want microseconds, have 1556604172355737000, which is beyond the year 2262`},
		{`[{"timestamp":1.5}]`, `Zipkin JSON: offset 14, [0].timestamp: want microseconds, a whole number, have 1.5`},
		{`[{"annotations":[{"value":1}]}]`, `Zipkin JSON: offset 26, [0].annotations[0].value: want a string, have '1'`},
		{`[{"tags":[]}]`, `Zipkin JSON: offset 9, [0].tags: want '{', have '['`},
		{"[" + strings.Repeat("{},", 999) + "{}]", "a list of spans that say nothing: they come to more than 4 times its size"},
		{`[{}] x`, `Zipkin JSON: offset 5: want nothing behind the list, have 'x'`},
	} {
		dst := []byte("before")
		out, _, err := zipkin.AppendJSON(dst, []byte(c.text), now)
		if err == nil || err.Error() != c.want || string(out) != "before" {
			t.Errorf("%s: %v, %q; want %s", c.text, err, out, c.want)
		}
	}
}

// proto3 writes a span of Zipkin's protobuf from its fields.
func proto3(fields ...any) []byte {
	var b []byte
	for i := 0; i < len(fields); i += 2 {
		num := protowire.Number(fields[i].(int))
		switch v := fields[i+1].(type) {
		case string:
			b = protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), v)
		case []byte:
			b = protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
		case uint64:
			b = protowire.AppendFixed64(protowire.AppendTag(b, num, protowire.Fixed64Type), v)
		case int:
			b = protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(v))
		}
	}
	return b
}

func TestProto(t *testing.T) {
	id := func(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
	body := proto3(1, proto3(1, append(id(5), id(6)...), 2, id(7), 3, id(8), 4, 1, 5, "get", 6, uint64(1000), 7, 50,
		8, proto3(1, "front", 2, []byte{10, 0, 0, 1}, 4, 80), 9, proto3(1, "back", 3, append(make([]byte, 15), 1)),
		10, proto3(1, uint64(1010), 2, "retry"), 11, proto3(1, "k", 2, "v"), 12, 1, 13, 1, 99, 1),
		1, proto3(1, id(6), 3, []byte{1, 2}))
	out, unknown, err := zipkin.AppendProto(nil, body, now)
	if err != nil || unknown != 1 {
		t.Fatal(unknown, err)
	}
	want := `{service.name="front"} 00000000000000050000000000000006/0000000000000008<0000000000000007 CLIENT "get" 1000000..1050000 ` +
		`{network.local.address="10.0.0.1" network.local.port=80 peer.service="back" network.peer.address="::1" zipkin.shared=true zipkin.debug=true k="v"} @1010000 "retry"` + "\n" +
		`{} /< UNSPECIFIED "" 9000000000..0 {otel.zipkin.absentField.startTime=true}` + "\n"
	if got := lines(t, out); got != want {
		t.Errorf("%swant\n%s", got, want)
	}
	for cut := 1; cut < len(body); cut++ {
		if out, _, err := zipkin.AppendProto(nil, body[:cut], now); err != nil && (out != nil || !strings.HasPrefix(err.Error(), "Zipkin protobuf: ")) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	_, _, err = zipkin.AppendProto(nil, proto3(1, proto3(6, uint64(1556604172355737000))), now)
	if want := "Zipkin protobuf: spans[0]: timestamp: want microseconds, have 1556604172355737000, which is beyond the year 2262"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// thrift writes structs of the binary protocol.
type thrift []byte

func (b thrift) field(kind, id int) thrift {
	return append(b, byte(kind), byte(id>>8), byte(id))
}

func (b thrift) text(id int, s string) thrift {
	return append(binary.BigEndian.AppendUint32(b.field(11, id), uint32(len(s))), s...)
}

func (b thrift) i64(id int, v uint64) thrift {
	return binary.BigEndian.AppendUint64(b.field(10, id), v)
}

func (b thrift) i32(id int, v uint32) thrift { return binary.BigEndian.AppendUint32(b.field(8, id), v) }

func (b thrift) end(id int, of thrift) thrift { return append(append(b.field(12, id), of...), 0) }

func (b thrift) list(id int, of ...thrift) thrift {
	b = binary.BigEndian.AppendUint32(append(b.field(15, id), 12), uint32(len(of)))
	for _, x := range of {
		b = append(append(b, x...), 0)
	}
	return b
}

// listOfSpans is what clients post: a list without a field around it.
func listOfSpans(spans ...thrift) []byte { return thrift{}.list(0, spans...)[3:] }

// thriftSpan is a span with all there is, and with what no version of Zipkin has.
func thriftSpan() thrift {
	at := thrift{}.i32(1, 0x0a000001).text(3, "front")
	at = append(at.field(6, 2), 0, 80)
	return thrift{}.i64(1, 6).text(3, "get").i64(4, 8).i64(5, 7).i64(10, 1000).i64(11, 50).i64(12, 5).
		list(6, thrift{}.i64(1, 1000).text(2, "cs").end(3, at), thrift{}.i64(1, 1010).text(2, "retry").end(3, at)).
		list(8, thrift{}.text(1, "sa").text(2, "\x01").i32(3, 0).end(4, thrift{}.text(3, "back")),
			thrift{}.text(1, "n").text(2, "\x00\x00\x00\x07").i32(3, 3).end(4, at),
			thrift{}.text(1, "s").text(2, "text").i32(3, 6)).
		end(77, thrift{}.list(1, thrift{}.text(1, "x")).i32(2, 1))
}

func TestThrift(t *testing.T) {
	body := listOfSpans(thriftSpan())
	out, unknown, err := zipkin.AppendThrift(nil, body, now)
	if err != nil || unknown != 1 {
		t.Fatal(unknown, err)
	}
	want := `{service.name="front"} 00000000000000050000000000000006/0000000000000008<0000000000000007 CLIENT "get" 1000000..1050000 ` +
		`{network.local.address="10.0.0.1" network.local.port=80 peer.service="back" n=7 s="text"} @1010000 "retry"` + "\n"
	if got := lines(t, out); got != want {
		t.Errorf("%swant\n%s", got, want)
	}
	for cut := range len(body) {
		if out, _, err := zipkin.AppendThrift(nil, body[:cut], now); err == nil || out != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	if _, _, err := zipkin.AppendThrift(nil, append(body, 0), now); err == nil || !strings.Contains(err.Error(), "1 bytes more behind the list") {
		t.Errorf("%v", err)
	}
}

// TestTooManyParts: what a span has of the smallest parts is held in a bounded memory, in
// each format, and one more is refused.
func TestTooManyParts(t *testing.T) {
	const most = 1 << 16
	many := func(n int) map[string][]byte {
		list := func(id int) []byte { return listOfSpans(thrift{}.list(id, make([]thrift, n)...)) }
		return map[string][]byte{
			"JSON annotations":          []byte(`[{"annotations":[` + strings.Repeat("{},", n-1) + `{}]}]`),
			"JSON tags":                 []byte(`[{"tags":{` + strings.Repeat(`"":"",`, n-1) + `"":""}}]`),
			"JSON binary annotations":   []byte(`[{"binaryAnnotations":[` + strings.Repeat("{},", n-1) + `{}]}]`),
			"proto annotations":         proto3(1, bytes.Repeat(proto3(10, ""), n)),
			"proto tags":                proto3(1, bytes.Repeat(proto3(11, ""), n)),
			"thrift annotations":        list(6),
			"thrift binary annotations": list(8),
		}
	}
	translators := map[string]func(dst, src []byte, now uint64) ([]byte, int, error){"JSON": zipkin.AppendJSON, "proto": zipkin.AppendProto, "thrift": zipkin.AppendThrift}
	for name, body := range many(most + 1) {
		format, _, _ := strings.Cut(name, " ")
		if _, _, err := translators[format](nil, body, now); err == nil || !strings.Contains(err.Error(), "the span has more than 65536 ") || clew.KindOf(err) != clew.Invalid {
			t.Errorf("one %s too many: %v", name, err)
		}
		if _, _, err := translators[format](nil, many(most)[name], now); err != nil && strings.Contains(err.Error(), "the span has more") {
			t.Errorf("as many %s as may be: %v", name, err)
		}
	}
}

// FuzzTranslate holds all formats to two promises: what comes out can be read as OTLP, and
// is no more than a constant times what came.
func FuzzTranslate(f *testing.F) {
	f.Add([]byte(`[{"traceId":"a","id":"b","annotations":[{"timestamp":1,"value":"cs","endpoint":{"serviceName":"x"}}],"binaryAnnotations":[{"key":"ca","value":true,"endpoint":{"ipv4":"1.2.3.4"}}]}]`))
	f.Add([]byte(`[{"traceId":"a","id":"b","timestamp":1,"duration":2,"tags":{"error":"\u00e9"},"kind":"SERVER","shared":true}]`))
	f.Add(proto3(1, proto3(1, make([]byte, 16), 3, make([]byte, 8), 8, proto3(1, "a", 2, []byte{1, 2, 3, 4}), 11, proto3(1, "k", 2, "v"))))
	f.Add(listOfSpans(thriftSpan(), thriftSpan()))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, translate := range []func(dst, src []byte, now uint64) ([]byte, int, error){zipkin.AppendJSON, zipkin.AppendProto, zipkin.AppendThrift} {
			out, _, err := translate(nil, body, now)
			if err != nil {
				continue
			}
			if n := 5*len(body) + 5<<10; len(out) > n {
				t.Fatalf("%d bytes of %d", len(out), len(body))
			}
			var r coltracepb.ExportTraceServiceRequest
			// Texts need not be UTF-8; the store keeps them as they came.
			if err := (proto.UnmarshalOptions{}).Unmarshal([]byte(strings.ToValidUTF8(string(out), "")), &r); err != nil && strings.ToValidUTF8(string(out), "") == string(out) {
				t.Fatalf("%x: %v", out, err)
			}
		}
	})
}
