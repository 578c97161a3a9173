package wire_test

import (
	"bytes"
	"strings"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/wire"
)

// TestRequest writes every kind of field and has OTLP's own types read them.
func TestRequest(t *testing.T) {
	long := strings.Repeat("long ", 60) // lengths of two bytes, in messages within messages
	b, resourceSpans := wire.Open(nil, wire.RequestResourceSpans)
	b, resource := wire.Open(b, wire.ResourceSpansResource)
	b = wire.AppendTextAttr(b, wire.ResourceAttributes, "service.name", "cart")
	b = wire.Close(b, resource)
	b, scopeSpans := wire.Open(b, wire.ResourceSpansScope)
	b, scope := wire.Open(b, wire.ScopeSpansScope)
	b = wire.AppendText(b, wire.ScopeName, "lib")
	b = wire.AppendText(b, wire.ScopeVersion, "")
	b = wire.Close(b, scope)
	b, span := wire.Open(b, wire.ScopeSpansSpans)
	id := clew.MakeTraceID(1, 2)
	b = wire.AppendBytes(b, wire.SpanTraceID, id[:])
	b = wire.AppendSpanID(b, wire.SpanSpanID, 3)
	b = wire.AppendText(b, wire.SpanName, []byte("get"))
	b = wire.AppendCount(b, wire.SpanKind, 2)
	b = wire.AppendNanos(b, wire.SpanStart, 5)
	b = wire.AppendNanos(b, wire.SpanEnd, 0)
	b = wire.AppendTextAttr(b, wire.SpanAttributes, "text", []byte(long))
	b = wire.AppendIntAttr(b, wire.SpanAttributes, "int", -7)
	b = wire.AppendIntAttr(b, wire.SpanAttributes, "zero", 0)
	b = wire.AppendBoolAttr(b, wire.SpanAttributes, "yes", true)
	b = wire.AppendBoolAttr(b, wire.SpanAttributes, "no", false)
	b = wire.AppendDoubleAttr(b, wire.SpanAttributes, "double", 0.5)
	b = wire.AppendTextsAttr(b, wire.SpanAttributes, "texts", []string{"a", "", long})
	b = wire.AppendCount(b, wire.SpanDroppedAttrs, 0)
	b, status := wire.Open(b, wire.SpanStatus)
	b = wire.AppendText(b, wire.StatusMessage, "no")
	b = wire.AppendVarint(b, wire.StatusCode, 2)
	b = wire.Close(b, status)
	b = wire.AppendFixed32(b, wire.SpanFlags, 1)
	b = wire.Close(wire.Close(wire.Close(b, span), scopeSpans), resourceSpans)

	var got, want coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(`resource_spans {
	resource { attributes { key: "service.name" value { string_value: "cart" } } }
	scope_spans {
		scope { name: "lib" }
		spans {
			trace_id: "\000\000\000\000\000\000\000\001\000\000\000\000\000\000\000\002"
			span_id: "\000\000\000\000\000\000\000\003"
			name: "get" kind: SPAN_KIND_SERVER start_time_unix_nano: 5
			attributes { key: "text" value { string_value: "LONG" } }
			attributes { key: "int" value { int_value: -7 } }
			attributes { key: "zero" value { int_value: 0 } }
			attributes { key: "yes" value { bool_value: true } }
			attributes { key: "no" value { bool_value: false } }
			attributes { key: "double" value { double_value: 0.5 } }
			attributes { key: "texts" value { array_value {
				values { string_value: "a" } values { string_value: "" } values { string_value: "LONG" } } } }
			status { message: "no" code: STATUS_CODE_ERROR }
			flags: 1
		}
	}
}`, "LONG", long)
	if err := prototext.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(&got, &want) {
		t.Errorf("got\n%s\nwant\n%s", prototext.Format(&got), prototext.Format(&want))
	}
	// What was left out left no bytes either: the fields stand in the order of their numbers.
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(&got)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, again) {
		t.Errorf("%d bytes, protobuf itself writes %d:\n%x\n%x", len(b), len(again), b, again)
	}
}
