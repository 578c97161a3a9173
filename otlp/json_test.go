package otlp_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/otlp"
)

// eachID calls f with every id in a generic JSON value, and puts back what f
// returns.
func eachID(v any, f func(string) string) {
	switch v := v.(type) {
	case map[string]any:
		for key, x := range v {
			switch key {
			case "traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id":
				v[key] = f(x.(string))
			default:
				eachID(x, f)
			}
		}
	case []any:
		for _, x := range v {
			eachID(x, f)
		}
	}
}

func hexToBase64(s string) string {
	b, _ := hex.DecodeString(s)
	return base64.StdEncoding.EncodeToString(b)
}

func base64ToHex(s string) string {
	b, _ := base64.StdEncoding.DecodeString(s)
	return strings.ToUpper(hex.EncodeToString(b))
}

func generic(tb testing.TB, text []byte) any {
	tb.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		tb.Fatalf("not JSON: %v\n%s", err, text)
	}
	return v
}

// TestAppendJSON compares with protojson, which differs from OTLP in ids only.
func TestAppendJSON(t *testing.T) {
	for seed := range uint64(200) {
		m := newRandom(seed).request()
		text, err := otlp.AppendJSON([]byte("kept"), marshal(t, m))
		if err != nil || string(text[:4]) != "kept" {
			t.Fatalf("seed %d: AppendJSON = %.40q, %v", seed, text, err)
		}
		got := generic(t, text[4:])
		eachID(got, hexToBase64)
		official, err := protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if want := generic(t, official); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d:\n got %v\nwant %v", seed, got, want)
		}
	}
}

// TestAppendJSONScrambled reads back with the official decoder what comes of
// encodings that no encoder writes.
func TestAppendJSONScrambled(t *testing.T) {
	for seed := range uint64(200) {
		r := newRandom(seed)
		body := r.scramble(marshal(t, r.request()), "TracesData")
		text, err := otlp.AppendJSON(nil, body)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		v := generic(t, text)
		eachID(v, hexToBase64)
		text, _ = json.Marshal(v)
		var got tracepb.TracesData
		if err := protojson.Unmarshal(text, &got); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if want := unmarshal(t, body); !proto.Equal(&got, want) {
			t.Fatalf("seed %d:\n got %v\nwant %v", seed, &got, want)
		}
	}
}

// TestTranscodeJSON reads what protojson writes in its several manners.
func TestTranscodeJSON(t *testing.T) {
	manners := []protojson.MarshalOptions{
		{}, {UseProtoNames: true}, {UseEnumNumbers: true, Multiline: true}, {EmitUnpopulated: true}, {EmitDefaultValues: true, UseProtoNames: true},
	}
	for seed := range uint64(200) {
		want := newRandom(seed).request()
		official, err := manners[seed%uint64(len(manners))].Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		v := generic(t, official)
		eachID(v, base64ToHex)
		text, _ := json.Marshal(v)
		body, unknown, err := otlp.TranscodeJSON([]byte("kept"), text)
		if err != nil || unknown != 0 || string(body[:4]) != "kept" {
			t.Fatalf("seed %d: TranscodeJSON: %d unknown, %v\n%s", seed, unknown, err, text)
		}
		if got := unmarshal(t, body[4:]); !proto.Equal(got, want) {
			t.Fatalf("seed %d:\n got %v\nwant %v", seed, got, want)
		}
		if len(body)-4 > len(text) {
			t.Errorf("seed %d: %d bytes of protobuf from %d of JSON", seed, len(body)-4, len(text))
		}
	}
}

func TestJSONRoundTrip(t *testing.T) {
	for _, body := range corpus.Requests(corpus.Shop, 3, 1000, 500) {
		r, _ := decode(t, body)
		text, err := otlp.AppendTracesJSON(nil, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		again, unknown, err := otlp.TranscodeJSON(nil, text)
		if err != nil || unknown != 0 {
			t.Fatal(unknown, err)
		}
		if got, want := unmarshal(t, again), unmarshal(t, otlp.AppendTraces(nil, r, nil)); !proto.Equal(got, want) {
			t.Fatal("another request came back from JSON")
		}
	}
}

// officialExample is trace.json of the OpenTelemetry specification's examples,
// with a link, an array and a status added.
const officialExample = `{"resourceSpans": [{
  "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
  "scopeSpans": [{
    "scope": {"name": "my.library", "version": "1.0.0",
      "attributes": [{"key": "my.scope.attribute", "value": {"stringValue": "some scope attribute"}}]},
    "spans": [{
      "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174", "parentSpanId": "EEE19B7EC3C1B173",
      "name": "I'm a server span", "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": 1544712661000000000,
      "kind": 2,
      "attributes": [{"key": "my.span.attr", "value": {"stringValue": "some value"}},
        {"key": "list", "value": {"arrayValue": {"values": [{"intValue": "1"}, {"doubleValue": 0.5}, {"bytesValue": "AQI="}]}}}],
      "links": [{"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"}],
      "status": {"code": 2}
    }]
  }]
}]}`

// TestOfficialExample pins the bytes of one request, written by hand.
func TestOfficialExample(t *testing.T) {
	id := "\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c"
	field := func(tag byte, v string) string { return string([]byte{tag, byte(len(v))}) + v }
	attr := func(tag byte, key, value string) string {
		return field(tag, field(0x0a, key)+field(0x12, value))
	}
	span := field(0x0a, id) + field(0x12, "\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74") + field(0x22, "\xee\xe1\x9b\x7e\xc3\xc1\xb1\x73") +
		field(0x2a, "I'm a server span") +
		"\x39\x00\x48\x59\xe3\xfa\xeb\x6f\x15" + "\x41\x00\x12\xf4\x1e\xfb\xeb\x6f\x15" + "\x30\x02" +
		attr(0x4a, "my.span.attr", field(0x0a, "some value")) +
		attr(0x4a, "list", field(0x2a, field(0x0a, "\x18\x01")+field(0x0a, "\x21\x00\x00\x00\x00\x00\x00\xe0\x3f")+field(0x0a, "\x3a\x02\x01\x02"))) +
		field(0x6a, field(0x0a, id)+field(0x12, "\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74")) +
		field(0x7a, "\x18\x02")
	long := func(tag byte, v string) string {
		return string([]byte{tag, byte(len(v)&0x7f | 0x80), byte(len(v) >> 7)}) + v
	}
	want := long(0x0a,
		field(0x0a, attr(0x0a, "service.name", field(0x0a, "my.service")))+
			long(0x12,
				field(0x0a, field(0x0a, "my.library")+field(0x12, "1.0.0")+attr(0x1a, "my.scope.attribute", field(0x0a, "some scope attribute")))+
					long(0x12, span)))
	got, unknown, err := otlp.TranscodeJSON(nil, []byte(officialExample))
	if err != nil || unknown != 0 || string(got) != want {
		t.Fatalf("TranscodeJSON = %d unknown, %v\n%x\nwant\n%x", unknown, err, got, want)
	}
	r, _ := decode(t, got)
	s := r.Span(0)
	if s.TraceID.String() != "5b8efff798038103d269b633813fc60c" || s.SpanID.String() != "eee19b7ec3c1b174" ||
		s.ParentID.String() != "eee19b7ec3c1b173" || s.Kind != clew.KindServer || s.Start != 1544712660000000000 ||
		s.DurationNanos() != 1e9 || s.Service() != "my.service" || s.Scope.Version != "1.0.0" || s.Status != clew.StatusError {
		t.Errorf("span %+v", s)
	}
	if text := otlp.ValueText(s.Attrs[1].Value); text != `[1,0.5,"AQI="]` {
		t.Errorf("ValueText = %s", text)
	}
}

// TestTranscodeJSONForms has pairs of JSON that mean the same.
func TestTranscodeJSONForms(t *testing.T) {
	attr := func(value string) string {
		return `{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":` + value + `}]}]}]}]}`
	}
	span := func(fields string) string { return `{"resourceSpans":[{"scopeSpans":[{"spans":[{` + fields + `}]}]}]}` }
	pairs := [][2]string{
		{attr(`{"intValue":7}`), attr(`{"intValue":"7"}`)},
		{attr(`{"intValue":1e3}`), attr(`{"intValue":"1000"}`)},
		{attr(`{"intValue":-1.50e1}`), attr(`{"intValue":-15}`)},
		{attr(`{"intValue":-9223372036854775808}`), attr(`{"intValue":"-9223372036854775808.000"}`)},
		{attr(`{"intValue":0e999999999999}`), attr(`{"intValue":0}`)},
		{attr(`{"doubleValue":"1.5"}`), attr(`{"doubleValue":15e-1}`)},
		{attr(`{"bytesValue":"-_8"}`), attr(`{"bytesValue":"+/8="}`)},
		{attr(`{"stringValue":"\u00fc\ud834\udd1e\ud800"}`), attr(`{"stringValue":"ü𝄞` + "\ufffd" + `"}`)},
		{attr(`{"stringValue":"\"\\\/\b\f\n\r\t"}`), attr(`{"stringValue":"\u0022\u005c/\u0008\u000C\u000a\u000d\u0009"}`)},
		{attr(`{"stringValue":"a","stringValue":"b"}`), attr(`{"string_value":"b"}`)},
		{attr(`{"stringValue":"a","stringValue":null}`), attr(`{}`)},
		{span(`"attributes":[{"key":"a"},{"key":"b"}],"name":"n","attributes":[{"key":"c"}]`), span(`"name":"n","attributes":[{"key":"c"}]`)},
		{span(`"status":{"code":2,"message":"m"},"name":"n","status":{"code":1}`), span(`"name":"n","status":{"code":"STATUS_CODE_OK"}`)},
		{span(`"kind":"SPAN_KIND_CLIENT"`), span(`"kind":3`)},
		{span(`"traceId":"AbCd"`), span(`"trace_id":"abcd"`)},
		{span(`"name":null,"events":null,"flags":null`), span(``)},
		{span(`"new":{"a":[1,{"b":null},[],{}]},"name":"n"`), span(`"name":"n"`)},
		{" {\"resourceSpans\" :\r\n\t[ ] } ", "{}"},
		{`null{}`[4:], `{}`},
	}
	for _, p := range pairs {
		a, _, errA := otlp.TranscodeJSON(nil, []byte(p[0]))
		b, _, errB := otlp.TranscodeJSON(nil, []byte(p[1]))
		if errA != nil || errB != nil || string(a) != string(b) {
			t.Errorf("%s\n%x %v\n%s\n%x %v", p[0], a, errA, p[1], b, errB)
		}
	}
	if _, unknown, err := otlp.TranscodeJSON(nil, []byte(span(`"new":{"a":1},"old":2`))); unknown != 2 || err != nil {
		t.Errorf("%d unknown, %v; want 2", unknown, err)
	}
}

// TestTranscodeJSONKeepsBytes sends text that is not UTF-8.
func TestTranscodeJSONKeepsBytes(t *testing.T) {
	body, _, err := otlp.TranscodeJSON(nil, []byte("{\"resourceSpans\":[{\"schemaUrl\":\"a\xff\xfe\\nb\"}]}"))
	if want := "\x0a\x07\x1a\x05a\xff\xfe\nb"; string(body) != want || err != nil {
		t.Errorf("TranscodeJSON = %q, %v; want %q", body, err, want)
	}
}

func TestTranscodeJSONErrors(t *testing.T) {
	cases := []struct{ in, want string }{
		{``, `offset 0: the text ends, want '{'`},
		{`[]`, `offset 0: want '{', have '['`},
		{`{} x`, `offset 3: want nothing behind the request, have 'x'`},
		{`{"resourceSpans":{}}`, `offset 17, resourceSpans: want '[', have '{'`},
		{`{"resourceSpans":[{"scopeSpans":[{"spans":[{},{"traceId":"xy"}]}]}]}`,
			`offset 57, resourceSpans[0].scopeSpans[0].spans[1].traceId: an id wants hexadecimal digits`},
		{`{"resourceSpans":[null]}`, `offset 18, resourceSpans[0]: want '{', have 'n'`},
		{`{"resourceSpans":[{"schemaUrl":7}]}`, `offset 31, resourceSpans[0].schemaUrl: want a string, have '7'`},
		{`{"resourceSpans":[{"schemaUrl":"a`, `offset 33, resourceSpans[0].schemaUrl: the text ends within a string`},
		{`{"resourceSpans":[{"schemaUrl":"a\x"}]}`, `offset 33, resourceSpans[0].schemaUrl: an escape other than \" \\ \/ \b \f \n \r \t \u`},
		{`{"resourceSpans":[{"schemaUrl":"\u12g4"}]}`, `offset 32, resourceSpans[0].schemaUrl: \u wants four hexadecimal digits`},
		{"{\"resourceSpans\":[{\"schemaUrl\":\"a\nb\"}]}", `offset 33, resourceSpans[0].schemaUrl: a control character in a string; escape it`},
		{`{"resourceSpans":[{}`, `offset 20, resourceSpans: the text ends, want ',' or ']'`},
		{`{"resourceSpans":[{},]}`, `offset 21, resourceSpans: want another element, have ']'`},
		{`{"a":1,}`, `offset 7: want another element, have '}'`},
		{`{"a" 1}`, `offset 5: want ':', have '1'`},
		{`{"a":01}`, `offset 5: want a value, have '0'`},
		{`{"a":tru}`, `offset 5: want a value, have 't'`},
		{`{"a":[1 2]}`, `offset 8: want ',' or ']', have '2'`},
	}
	value := func(v string) string { return `{"resourceSpans":[{"resource":{"attributes":[{"value":` + v + `}]}}]}` }
	const at = "offset 68, resourceSpans[0].resource.attributes[0].value."
	for _, c := range [][2]string{
		{`{"intValue":  1.5}`, "intValue: want an integer of 64 bits, have '1'"},
		{`{"intValue":  9223372036854775808}`, "intValue: want an integer of 64 bits, have '9'"},
		{`{"intValue":  "a"}`, "intValue: want an integer of 64 bits, have '\"'"},
		{`{"intValue":  1e99999999999999999999}`, "intValue: want an integer of 64 bits, have '1'"},
		{`{"boolValue": 1}`, "boolValue: want true or false, have '1'"},
		{`{"bytesValue":"?"}`, "bytesValue: want base64"},
	} {
		cases = append(cases, struct{ in, want string }{value(c[0]), at + c[1]})
	}
	for _, c := range cases {
		out, _, err := otlp.TranscodeJSON([]byte("kept"), []byte(c.in))
		if err == nil || clew.KindOf(err) != clew.Invalid || err.Error() != "OTLP JSON: "+c.want || string(out) != "kept" {
			t.Errorf("%s\n got %v\nwant OTLP JSON: %s", c.in, err, c.want)
		}
	}
}

// TestTranscodeJSONDeep nests known and unknown values 10,000 deep, and as deep
// as is allowed.
func TestTranscodeJSONDeep(t *testing.T) {
	nest := func(n int) string {
		return `{"resourceSpans":[{"resource":{"attributes":[{"value":` + strings.Repeat(`{"arrayValue":{"values":[`, n-1) + `{}` +
			strings.Repeat(`]}}`, n-1) + `}]}}]}`
	}
	body, _, err := otlp.TranscodeJSON(nil, []byte(nest(64)))
	if err != nil {
		t.Errorf("64 values: %v", err)
	}
	if _, err := otlp.AppendJSON(nil, body); err != nil {
		t.Errorf("64 values back: %v", err)
	}
	for _, in := range []string{nest(65), nest(10_000), `{"a":` + strings.Repeat("[", 10_000), `{"a":` + strings.Repeat(`{"a":`, 10_000)} {
		if _, _, err := otlp.TranscodeJSON(nil, []byte(in)); clew.KindOf(err) != clew.Invalid || !strings.Contains(err.Error(), "nested too deep") {
			t.Errorf("%.60s: %v, want too deep", in, err)
		}
	}
}

func TestValueText(t *testing.T) {
	value := func(text string) clew.Value {
		body, _, err := otlp.TranscodeJSON(nil, []byte(`{"resourceSpans":[{"resource":{"attributes":[{"value":`+text+`}]},"scopeSpans":[]}]}`))
		if err != nil {
			t.Fatal(err)
		}
		// 0a n 0a n 0a n 12 n value
		return clew.Value{Type: clew.TypeOther, Bytes: body[8:]}
	}
	f := func(v clew.Value, text, plain, any string) {
		t.Helper()
		if got := otlp.ValueText(v); got != text {
			t.Errorf("ValueText = %s, want %s", got, text)
		}
		if got := string(otlp.AppendPlainJSON(nil, v)); got != plain {
			t.Errorf("AppendPlainJSON = %s, want %s", got, plain)
		}
		if got := string(otlp.AppendAnyValueJSON(nil, v)); got != any {
			t.Errorf("AppendAnyValueJSON = %s, want %s", got, any)
		}
	}
	f(clew.StringValue("a\"b"), `a"b`, `"a\"b"`, `{"stringValue":"a\"b"}`)
	f(clew.StringValue("a\xffb\u2028"), "a\xffb\u2028", `"a\\xffb\u2028"`, `{"stringValue":"a\\xffb\u2028"}`)
	f(clew.IntValue(math.MinInt64), "-9223372036854775808", "-9223372036854775808", `{"intValue":"-9223372036854775808"}`)
	f(clew.DoubleValue(1e21), "1e+21", "1e+21", `{"doubleValue":1e+21}`)
	f(clew.DoubleValue(math.Inf(-1)), "-Inf", `"-Infinity"`, `{"doubleValue":"-Infinity"}`)
	f(clew.BoolValue(false), "false", "false", `{"boolValue":false}`)
	f(clew.Value{Type: clew.TypeOther}, "", "null", "{}")
	f(value(`{"bytesValue":"AQI="}`), `"AQI="`, `"AQI="`, `{"bytesValue":"AQI="}`)
	f(value(`{"kvlistValue":{"values":[{"key":"a","value":{"intValue":1}},{"key":"b"}]}}`), `{"a":1,"b":null}`, `{"a":1,"b":null}`,
		`{"kvlistValue":{"values":[{"key":"a","value":{"intValue":"1"}},{"key":"b"}]}}`)
	f(value(`{"arrayValue":{}}`), `[]`, `[]`, `{"arrayValue":{}}`)
	f(clew.Value{Type: clew.TypeOther, Bytes: []byte{0x0a, 9}}, "(damaged value)", "null", "{}")
	// Two pieces of an array are one; of two kinds the last counts.
	f(clew.Value{Type: clew.TypeOther, Bytes: []byte("\x0a\x01x\x2a\x04\x0a\x02\x10\x01\x2a\x04\x0a\x02\x10\x00")}, "[true,false]", "[true,false]",
		`{"arrayValue":{"values":[{"boolValue":true},{"boolValue":false}]}}`)
}

// TestProtoJSON writes what protobuf's own JSON writer does.
func TestProtoJSON(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","kind":2,"status":{"code":2},"startTimeUnixNano":"7","flags":3,
			"links":[{"spanId":"0000000000000001"}],"attributes":[{"key":"a","value":{"intValue":"9"}},{"key":"b","value":{"bytesValue":"AQI="}}]}]}]}]}`,
			`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"W47/95gDgQPSabYzgT/GDA==","spanId":"7uGbfsPBsXQ=","flags":3,"kind":"SPAN_KIND_SERVER","startTimeUnixNano":"7",` +
				`"attributes":[{"key":"a","value":{"intValue":"9"}},{"key":"b","value":{"bytesValue":"AQI="}}],"links":[{"spanId":"AAAAAAAAAAE="}],"status":{"code":"STATUS_CODE_ERROR"}}]}]}]}`},
		{`{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":77,"status":{"code":-1}}]}]}]}`,
			`{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":77,"status":{"code":-1}}]}]}]}`},
	} {
		body, _, err := otlp.TranscodeJSON(nil, []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := otlp.AppendProtoJSON([]byte("x"), body)
		if err != nil || string(got) != "x"+c.want {
			t.Errorf("AppendProtoJSON(%s) =\n%s, %v, want\n%s", c.text, got, err, c.want)
		}
	}
}
