package jaeger_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jaegertracing/jaeger-idl/model/v1"
	jt "github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/jaeger"
)

var update = flag.Bool("update", false, "write the golden files anew")

// shop is a batch with all that is mapped.
func shop() *model.Batch {
	trace := model.NewTraceID(0x0123456789abcdef, 0xfedcba9876543210)
	other := model.NewTraceID(0, 0x77)
	at := time.Unix(1_800_000_000, 123_456_000).UTC()
	f := func(id model.SpanID, name string, tags ...model.KeyValue) *model.Span {
		return &model.Span{TraceID: trace, SpanID: id, OperationName: name, Flags: 1, StartTime: at, Duration: 1500 * time.Microsecond, Tags: tags}
	}
	server := f(1, "GET /cart", model.String("span.kind", "server"), model.String("internal.span.format", "jaeger"), model.Int64("http.status_code", 404))
	client := f(2, "get", model.String("span.kind", "client"), model.Int64("http.status_code", 404), model.String("http.status_message", "Not Found"))
	client.References = []model.SpanRef{{TraceID: trace, SpanID: 1}, {TraceID: other, SpanID: 8}, {TraceID: trace, SpanID: 9, RefType: model.FollowsFrom}}
	broken := f(3, "put", model.Bool("error", true), model.String("otel.status_code", "ERROR"), model.String("otel.status_description", "no"), model.String("w3c.tracestate", "a=1"))
	broken.References = []model.SpanRef{{TraceID: trace, SpanID: 1, RefType: model.FollowsFrom}}
	broken.Logs = []model.Log{
		{Timestamp: at, Fields: []model.KeyValue{model.String("event", "exception"), model.String("stack", "…")}},
		{Timestamp: at.Add(time.Millisecond), Fields: []model.KeyValue{model.String("event", "a"), model.String("event", "b")}},
		{Timestamp: at},
	}
	broken.Flags = 3
	scoped := f(4, "scoped", model.String("otel.scope.name", "lib"), model.String("otel.scope.version", "1"), model.String("otel.library.name", "lib"), model.String("otel.status_code", "OK"))
	library := f(5, "library", model.String("otel.library.name", "lib"), model.String("otel.library.version", "1"), model.String("otel.status_code", "UNSET"), model.Bool("error", false))
	odd := f(6, "odd", model.String("span.kind", "loopback"), model.Int64("otel.scope.name", 1), model.Binary("bytes", []byte{0, 255}), model.Float64("π", 3.14), model.String("", ""), model.Int64("http.status_code", 500))
	odd.Flags = 0x1001
	odd.Duration = -time.Second
	return &model.Batch{
		Process: &model.Process{ServiceName: "cart", Tags: []model.KeyValue{model.String("hostname", "web1"), model.String("jaeger.version", "Go-2.30.0"), model.Int64("pid", 7), model.String("service.name", "other")}},
		Spans:   []*model.Span{server, client, broken, scoped, library, odd},
	}
}

// TestGolden is how everything is mapped, from protobuf and from Thrift alike.
func TestGolden(t *testing.T) {
	const file = "testdata/shop.json"
	out, unknown, err := jaeger.AppendProto(nil, protoOf(t, shop()))
	if err != nil || unknown != 0 {
		t.Fatal(unknown, err)
	}
	got, err := protojson.MarshalOptions{Indent: "  "}.Marshal(read(t, out))
	if err != nil {
		t.Fatal(err)
	}
	// protojson spaces as it likes, to be told from a format.
	got = bytes.ReplaceAll(append(got, '\n'), []byte(":  "), []byte(": "))
	if *update {
		if err := os.WriteFile(file, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the mapping is another than in %s (-update writes it): %s", file, got)
	}
	same(t, "shop", shop())
}

// same holds that a batch is translated alike, whatever it is written in.
func same(t *testing.T, what string, b *model.Batch) {
	t.Helper()
	want, unknown, err := jaeger.AppendProto([]byte{}, protoOf(t, b))
	if err != nil || unknown != 0 {
		t.Fatalf("%s: %d unknown, %v", what, unknown, err)
	}
	read(t, want)
	f := func(protocol string, got []byte, unknown int, err error) {
		t.Helper()
		if err != nil || unknown != 0 {
			t.Errorf("%s, %s: %d unknown, %v", what, protocol, unknown, err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s: in %s it is\n%v\nin protobuf\n%v", what, protocol, read(t, got), read(t, want))
		}
	}
	x := inThrift(b)
	got, unknown, err := jaeger.AppendThrift([]byte{}, thriftOf(t, x))
	f("Thrift", got, unknown, err)
	for protocol := range protocols {
		got, unknown, err := jaeger.AppendMessage([]byte{}, messageOf(t, protocol, x))
		f("a message, "+protocol, got, unknown, err)
	}
}

func TestSame(t *testing.T) {
	for i := range 300 {
		r := newRandom(i)
		same(t, name(i, "random"), r.batch(r.IntN(8)))
	}
}

// TestAppends: what stands in dst stays, and an error leaves it alone.
func TestAppends(t *testing.T) {
	body := protoOf(t, shop())
	alone, _, err := jaeger.AppendProto(nil, body)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := jaeger.AppendProto([]byte("kept"), body)
	if err != nil || string(out) != "kept"+string(alone) {
		t.Errorf("behind other bytes it is another: %v", err)
	}
	out, _, err = jaeger.AppendProto([]byte("kept"), body[:len(body)-1])
	if err == nil || string(out) != "kept" {
		t.Errorf("an error leaves %q, %v", out, err)
	}
}

// TestProcesses: a process of a span goes before that of the batch, and spans of one process
// that follow each other are together.
func TestProcesses(t *testing.T) {
	b := shop()
	own := &model.Process{ServiceName: "own"}
	b.Spans[1].Process, b.Spans[2].Process = own, &model.Process{ServiceName: "own"}
	b.Spans = b.Spans[:4]
	out, _, err := jaeger.AppendProto(nil, protoOf(t, b))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, rs := range read(t, out).ResourceSpans {
		line := rs.Resource.Attributes[0].Value.GetStringValue()
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				line += " " + s.Name
			}
		}
		got = append(got, line)
	}
	if want := "cart GET /cart, own get put, cart scoped"; strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
	b.Process = nil
	out, _, err = jaeger.AppendProto(nil, protoOf(t, b))
	if err != nil || len(read(t, out).ResourceSpans[0].Resource.Attributes) != 0 {
		t.Errorf("spans without a process: %v", err)
	}
}

// TestOrder: a process may stand behind its spans, in Thrift, too.
func TestOrder(t *testing.T) {
	x := inThrift(shop())
	want, _, err := jaeger.AppendThrift(nil, thriftOf(t, x))
	if err != nil {
		t.Fatal(err)
	}
	head := thriftOf(t, &jt.Batch{Process: x.Process, Spans: []*jt.Span{}}) // process, list of none, end
	process := head[:len(head)-9]
	spans := thriftOf(t, &jt.Batch{Process: &jt.Process{}, Spans: x.Spans})
	spans = spans[3+3+4+1 : len(spans)-1] // behind an empty process
	got, unknown, err := jaeger.AppendThrift(nil, append(append(bytes.Clone(spans), process...), 0))
	if unknown > 1 || err != nil || !proto.Equal(read(t, got), read(t, want)) {
		t.Errorf("spans first: %d unknown, %v", unknown, err)
	}
	got, _, err = jaeger.AppendThrift(nil, append(bytes.Clone(spans), 0))
	if err != nil || len(read(t, got).ResourceSpans[0].Resource.Attributes) != 0 {
		t.Errorf("spans without a process: %v", err)
	}
}

// TestUnknown: fields that are not known are passed over, and counted.
func TestUnknown(t *testing.T) {
	body := protoOf(t, &model.Batch{Spans: []*model.Span{{SpanID: 1, TraceID: model.NewTraceID(1, 2)}}})
	extra := protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1)
	extra = protowire.AppendBytes(protowire.AppendTag(extra, 98, protowire.BytesType), []byte("x"))
	extra = protowire.AppendFixed32(protowire.AppendTag(extra, 97, protowire.Fixed32Type), 1)
	if _, unknown, err := jaeger.AppendProto(nil, append(body, extra...)); unknown != 3 || err != nil {
		t.Errorf("%d unknown, want 3; %v", unknown, err)
	}
	tag := protowire.AppendVarint([]byte{1<<3 | 2, 1, 'k', 3<<3 | 2, 1, 'v', 2 << 3}, 77) // of a type to come
	msg := protowire.AppendBytes(protowire.AppendTag(nil, 8, protowire.BytesType), tag)
	msg = protowire.AppendBytes(protowire.AppendTag(msg, 12, protowire.BytesType), []byte("odd clock"))
	msg = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), msg)
	out, unknown, err := jaeger.AppendProto(nil, protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), msg))
	if unknown != 1 || err != nil {
		t.Fatalf("%d unknown, want 1; %v", unknown, err)
	}
	attrs := read(t, out).ResourceSpans[0].ScopeSpans[0].Spans[0].Attributes
	if len(attrs) != 2 || attrs[0].Value.GetStringValue() != "v" || attrs[1].Key != "jaeger.warnings" || attrs[1].Value.GetArrayValue().Values[0].GetStringValue() != "odd clock" {
		t.Errorf("%v", attrs)
	}
	x := thriftOf(t, inThrift(shop()))
	if _, unknown, err := jaeger.AppendThrift(nil, append(x, "more"...)); unknown != 1 || err != nil {
		t.Errorf("bytes behind: %d unknown, %v", unknown, err)
	}
	// Every type of Thrift's as fields of the batch: bool, byte, double, i16, string, map, set, uuid.
	odd := "\x02\x00\x0b\x01" + "\x03\x00\x0c\x01" + "\x04\x00\x0d12345678" + "\x06\x00\x0e12" + "\x0b\x00\x0f\x00\x00\x00\x01x" +
		"\x0d\x00\x10\x0b\x08\x00\x00\x00\x01\x00\x00\x00\x01k1234" + "\x0e\x00\x11\x02\x00\x00\x00\x02\x01\x00" + "\x10\x00\x121234567812345678"
	if _, unknown, err := jaeger.AppendThrift(nil, append([]byte(odd), x...)); unknown != 8 || err != nil {
		t.Errorf("unknown fields: %d unknown, want 8; %v", unknown, err)
	}
}

// TestRefused is what is wrong, and what is said of it.
func TestRefused(t *testing.T) {
	type translate = func(dst, body []byte) ([]byte, int, error)
	f := func(tr translate, body []byte, kind clew.ErrorKind, want string) {
		t.Helper()
		_, _, err := tr(nil, body)
		if err == nil || clew.KindOf(err) != kind || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %v: %s", body, err, kind, want)
		}
	}
	many := &jt.Batch{Process: &jt.Process{}, Spans: []*jt.Span{{}}}
	for range 1<<16 + 1 {
		many.Spans[0].Tags = append(many.Spans[0].Tags, &jt.Tag{})
	}
	f(jaeger.AppendThrift, thriftOf(t, many), clew.Invalid, "more than 65536 tags")
	f(jaeger.AppendThrift, nil, clew.Invalid, "byte 0: it ends within a value")
	f(jaeger.AppendThrift, []byte("{}{}"), clew.Invalid, "byte 3: a field 32123 has a type that Thrift has not")
	f(jaeger.AppendThrift, []byte("\x0f\x00\x02\x0c\xff\xff\xff\xff"), clew.Invalid, "4294967295 bytes or elements are to follow, and 0 bytes are left")
	f(jaeger.AppendThrift, []byte("\x0c\x00\x01\x00\x0f\x00\x02\x08\x00\x00\x00\x01\x00\x00\x00\x01"), clew.Invalid, "spans are no structs")
	f(jaeger.AppendThrift, bytes.Repeat([]byte("\x0c\x00\x09"), 99), clew.Invalid, "nested too deep")
	f(jaeger.AppendMessage, nil, clew.Invalid, "4 bytes are to follow, and 0 are left")
	f(jaeger.AppendMessage, []byte("{}"), clew.Invalid, "it begins with 0x7b, as neither the compact nor the binary protocol does")
	f(jaeger.AppendMessage, []byte("\x82\x82\x00\x00"), clew.Invalid, "version 2 of the compact protocol")
	f(jaeger.AppendMessage, []byte("\x80\x02\x00\x01"), clew.Invalid, "version 2 of the binary protocol")
	f(jaeger.AppendMessage, []byte("\x82\x41\x00\x00"), clew.Invalid, "answers a call")
	f(jaeger.AppendMessage, []byte("\x82\x21\x00\x03xyz"), clew.Unsupported, `no method "xyz"`)
	f(jaeger.AppendMessage, []byte("\x82\x81\x00\x0femitZipkinBatch"), clew.Unsupported, "POST them to Zipkin's path")
	f(jaeger.AppendProto, []byte("\x0a\x05abc"), clew.Invalid, "jaeger protobuf, request, byte 1")
	f(jaeger.AppendProto, []byte("\x0a\x02\x0a\x09"), clew.Invalid, "jaeger protobuf, batch, byte 1")
	f(jaeger.AppendProto, bytes.Repeat([]byte{0xff}, 20), clew.Invalid, "jaeger protobuf, request, byte 0")
}

// TestIDs: an id of 8 bytes is a trace's second half; others are given on, for the store to
// refuse that span alone.
func TestIDs(t *testing.T) {
	f := func(trace, span string, wantTrace, wantSpan string) {
		t.Helper()
		msg := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), []byte(trace))
		msg = protowire.AppendBytes(protowire.AppendTag(msg, 2, protowire.BytesType), []byte(span))
		msg = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), msg)
		out, _, err := jaeger.AppendProto(nil, protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), msg))
		if err != nil {
			t.Fatal(err)
		}
		s := read(t, out).ResourceSpans[0].ScopeSpans[0].Spans[0]
		if string(s.TraceId) != wantTrace || string(s.SpanId) != wantSpan {
			t.Errorf("%x %x", s.TraceId, s.SpanId)
		}
	}
	f("0123456789abcdef", "01234567", "0123456789abcdef", "01234567")
	f("89abcdef", "01234567", "\x00\x00\x00\x00\x00\x00\x00\x0089abcdef", "01234567")
	f("", "", strings.Repeat("\x00", 16), strings.Repeat("\x00", 8))
	f("abc", "0123456789", "abc", "0123456789")
}
