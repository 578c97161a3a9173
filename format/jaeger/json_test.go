package jaeger_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gogo/protobuf/jsonpb"
	"github.com/jaegertracing/jaeger-idl/model/v1"

	"github.com/clew-tracing/clew/format/jaeger"
)

// spanJSON is a span as Jaeger's own types write it in JSON.
func spanJSON(tb testing.TB, s *model.Span, original bool) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := (&jsonpb.Marshaler{OrigName: original}).Marshal(&b, s); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// TestSpans: a span alone, as protobuf or JSON with either spelling of names, means what it
// does in a batch.
func TestSpans(t *testing.T) {
	for i := range 300 {
		r := newRandom(i)
		b := r.batch(1)
		want, _, err := jaeger.AppendProto(nil, protoOf(t, b))
		if err != nil {
			t.Fatal(err)
		}
		s := *b.Spans[0]
		s.Process = b.Process
		if i%2 == 0 {
			s.ProcessID, s.Warnings = "p1", []string{"late"}
			b.Spans[0].Warnings = s.Warnings
			if want, _, err = jaeger.AppendProto(nil, protoOf(t, b)); err != nil {
				t.Fatal(err)
			}
		}
		body, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		f := func(what string, got []byte, unknown int, err error) {
			if err != nil || unknown != 0 || !bytes.Equal(got, append([]byte("kept"), want...)) {
				t.Errorf("%s: %v, %d unknown\n%v\nwant\n%v", name(i, what), err, unknown, read(t, got[4:]), read(t, want))
			}
		}
		got, unknown, err := jaeger.AppendSpan([]byte("kept"), body)
		f("protobuf", got, unknown, err)
		got, unknown, err = jaeger.AppendSpanJSON([]byte("kept"), spanJSON(t, &s, false))
		f("JSON", got, unknown, err)
		got, unknown, err = jaeger.AppendSpanJSON([]byte("kept"), spanJSON(t, &s, true))
		f("JSON, names of the file", got, unknown, err)
	}
}

// TestSpanJSONRefused: what is no span in JSON is refused with its place, and leaves nothing.
func TestSpanJSONRefused(t *testing.T) {
	for text, want := range map[string]string{
		``:                            "offset 0: the text ends, want '{'",
		`[]`:                          "offset 0: want '{', have '['",
		`{"operationName":1}`:         "offset 17, operationName: want a string, have '1'",
		`{"traceId":"?"}`:             "offset 11, traceId: want base64, have '\"'",
		`{"flags":1.5}`:               "offset 9, flags: want a whole number, have '1'",
		`{"startTime":"noon"}`:        "offset 13, startTime: want a time as 2006-01-02T15:04:05Z, a duration as 1.5s, have '\"'",
		`{"duration":"1h"}`:           "offset 12, duration: want a time as 2006-01-02T15:04:05Z, a duration as 1.5s, have '\"'",
		`{"tags":[{"vType":"X"}]}`:    "offset 18, tags.vType: want the name of a type, have '\"'",
		`{"tags":[{"vBool":1}]}`:      "offset 18, tags.vBool: want true or false, have '1'",
		`{"tags":[{"vFloat64":"x"}]}`: "offset 21, tags.vFloat64: want a number, have '\"'",
		`{} {}`:                       "offset 3: want nothing behind the span, have '{'",
		`{"a":{"b":}}`:                "offset 10, a: want a value, have '}'",
	} {
		out, _, err := jaeger.AppendSpanJSON([]byte("kept"), []byte(text))
		if err == nil || !strings.HasSuffix(err.Error(), "jaeger JSON: "+want) || string(out) != "kept" {
			t.Errorf("%s: %v, %q\nwant %s", text, err, out, want)
		}
	}
	out, unknown, err := jaeger.AppendSpanJSON(nil, []byte(` { "operationName" : null, "tags": [], "duration": "-0.000000001s", "flags":"1", "new":[{"a":1}] } `))
	if err != nil || unknown != 1 || len(out) == 0 {
		t.Errorf("what may be said otherwise: %v, %d unknown", err, unknown)
	}
}

func FuzzSpan(f *testing.F) {
	for i := range 4 {
		b := newRandom(i).batch(1)
		b.Spans[0].Process = b.Process
		body, err := b.Spans[0].Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
		f.Add(spanJSON(f, b.Spans[0], i%2 == 0))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		out, _, err := jaeger.AppendSpan(nil, body)
		hold(t, "a span", body, out, err)
		out, _, err = jaeger.AppendSpanJSON(nil, body)
		hold(t, "a span in JSON", body, out, err)
	})
}
