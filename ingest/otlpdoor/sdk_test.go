package otlpdoor_test

import (
	"context"
	"math"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
)

// TestSDK sends spans of every field and type with the exporters of the
// OpenTelemetry SDK, over each door, packed and not, and reads them back from the
// store: they are what the SDK had, field for field.
func TestSDK(t *testing.T) {
	s := start(t, ingest.Config{})
	ctx := context.Background()
	exporters := []struct {
		name string
		open func() (*otlptrace.Exporter, error)
	}{
		{"grpc", func() (*otlptrace.Exporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithInsecure(), otlptracegrpc.WithEndpoint(s.grpcAddr))
		}},
		{"grpc-gzip", func() (*otlptrace.Exporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithInsecure(), otlptracegrpc.WithEndpoint(s.grpcAddr), otlptracegrpc.WithCompressor("gzip"))
		}},
		{"http", func() (*otlptrace.Exporter, error) {
			return otlptracehttp.New(ctx, otlptracehttp.WithInsecure(), otlptracehttp.WithEndpoint(s.httpAddr))
		}},
		{"http-gzip", func() (*otlptrace.Exporter, error) {
			return otlptracehttp.New(ctx, otlptracehttp.WithInsecure(), otlptracehttp.WithEndpoint(s.httpAddr), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
		}},
	}
	for i, e := range exporters {
		t.Run(e.name, func(t *testing.T) {
			exporter, err := e.open()
			if err != nil {
				t.Fatal(err)
			}
			id := trace.TraceID{15: byte(i + 1), 0: 0xc1}
			spans := everyField(id)
			// Twice, as after a reply that got lost: no span is doubled.
			for range 2 {
				if err := exporter.ExportSpans(ctx, spans.Snapshots()); err != nil {
					t.Fatal(err)
				}
			}
			if err := exporter.Shutdown(ctx); err != nil {
				t.Fatal(err)
			}
			checkSpans(t, s, id, spans)
		})
	}
}

// checkSpans compares a trace in the store with the SDK's spans.
func checkSpans(t *testing.T, s *server, id trace.TraceID, spans tracetest.SpanStubs) {
	t.Helper()
	want := make(map[string]*tracepb.TracesData)
	for i := range spans {
		want[string(spanID(spans[i].SpanContext))] = toProto(&spans[i])
	}
	rows := span.NewRows(s.trace(t, clew.TraceID(id)).Batch)
	if n := rows.Batch().Rows; n != len(spans) {
		t.Fatalf("%d spans came back, want %d", n, len(spans))
	}
	for row := range rows.Batch().Rows {
		var got tracepb.TracesData
		if err := proto.Unmarshal(otlp.AppendTraces(nil, rows, []uint32{uint32(row)}), &got); err != nil {
			t.Fatal(err)
		}
		sent := want[string(got.ResourceSpans[0].ScopeSpans[0].Spans[0].SpanId)]
		if !proto.Equal(&got, sent) {
			t.Errorf("came back as\n%v\nwant\n%v", &got, sent)
		}
	}
}

func spanID(c trace.SpanContext) []byte { id := c.SpanID(); return id[:] }

// everyField is a root with every field set and a child with next to none.
func everyField(id trace.TraceID) tracetest.SpanStubs {
	state, err := trace.ParseTraceState("vendor=abc,other=1@2")
	if err != nil {
		panic(err) // a constant
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC)
	root := trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{1, 2, 3, 4, 5, 6, 7, 8}, TraceFlags: trace.FlagsSampled, TraceState: state})
	child := trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{9}, TraceFlags: trace.FlagsSampled})
	caller := trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{7: 7}, TraceFlags: trace.FlagsSampled, Remote: true})
	linked := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, Remote: true})
	attrs := []attribute.KeyValue{
		attribute.String("text", "käse \u2028 \x00"), attribute.String("empty", ""), attribute.Bool("yes", true), attribute.Bool("no", false),
		attribute.Int64("least", math.MinInt64), attribute.Int64("zero", 0), attribute.Float64("pi", math.Pi), attribute.Float64("-inf", math.Inf(-1)),
		attribute.StringSlice("texts", []string{"a", "", "c"}), attribute.Int64Slice("ints", []int64{1, -1}), attribute.Float64Slice("doubles", []float64{0.5}),
		attribute.BoolSlice("bools", []bool{true, false}), attribute.ByteSlice("bytes", []byte{0, 255, 128}),
		attribute.Slice("mixed", attribute.IntValue(1), attribute.StringValue("two"), attribute.SliceValue(attribute.BoolValue(true))),
		attribute.Map("map", attribute.String("inner", "x"), attribute.Map("deeper", attribute.Int("n", 3))),
	}
	res := resource.NewWithAttributes("https://opentelemetry.io/schemas/1.30.0", attribute.String("service.name", "shop"), attribute.Int("shard", 7))
	scope := instrumentation.Scope{Name: "lib", Version: "1.2.3", SchemaURL: "https://opentelemetry.io/schemas/1.29.0", Attributes: attribute.NewSet(attribute.String("side", "left"))}
	return tracetest.SpanStubs{
		{
			Name: "POST /checkout", SpanContext: root, Parent: caller, SpanKind: trace.SpanKindServer, StartTime: at, EndTime: at.Add(time.Second + time.Nanosecond),
			Attributes: attrs, DroppedAttributes: 3, DroppedEvents: 4, DroppedLinks: 5,
			Events: []sdktrace.Event{
				{Name: "exception", Time: at.Add(time.Millisecond), Attributes: attrs[:3], DroppedAttributeCount: 2}, {Name: "", Time: at},
			},
			Links:    []sdktrace.Link{{SpanContext: linked, Attributes: attrs[4:6], DroppedAttributeCount: 1}, {SpanContext: child}},
			Status:   sdktrace.Status{Code: otelcodes.Error, Description: "declined"},
			Resource: res, InstrumentationScope: scope,
		},
		{
			Name: "", SpanContext: child, Parent: root, SpanKind: trace.SpanKindInternal, StartTime: at, EndTime: at,
			Resource: resource.Empty(), InstrumentationScope: instrumentation.Scope{Name: "lib"},
		},
	}
}

// toProto is a span as OTLP's specification has it, without the fields that are
// empty: the SDK's own exporters are what is tested, so it does not ask them.
func toProto(s *tracetest.SpanStub) *tracepb.TracesData {
	id, parent := s.SpanContext.TraceID(), s.Parent.SpanID()
	out := &tracepb.Span{
		TraceId: id[:], SpanId: spanID(s.SpanContext), TraceState: s.SpanContext.TraceState().String(), ParentSpanId: parent[:],
		Flags: flags(s.SpanContext, s.Parent), Name: s.Name, Kind: tracepb.Span_SpanKind(s.SpanKind),
		StartTimeUnixNano: uint64(s.StartTime.UnixNano()), EndTimeUnixNano: uint64(s.EndTime.UnixNano()),
		Attributes: attrsToProto(s.Attributes), DroppedAttributesCount: uint32(s.DroppedAttributes),
		DroppedEventsCount: uint32(s.DroppedEvents), DroppedLinksCount: uint32(s.DroppedLinks),
	}
	for _, e := range s.Events {
		out.Events = append(out.Events, &tracepb.Span_Event{TimeUnixNano: uint64(e.Time.UnixNano()), Name: e.Name, Attributes: attrsToProto(e.Attributes), DroppedAttributesCount: uint32(e.DroppedAttributeCount)})
	}
	for _, l := range s.Links {
		id := l.SpanContext.TraceID()
		out.Links = append(out.Links, &tracepb.Span_Link{TraceId: id[:], SpanId: spanID(l.SpanContext), Attributes: attrsToProto(l.Attributes), DroppedAttributesCount: uint32(l.DroppedAttributeCount), Flags: flags(l.SpanContext, l.SpanContext)})
	}
	if s.Status.Code == otelcodes.Error {
		out.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: s.Status.Description}
	}
	scope := &commonpb.InstrumentationScope{Name: s.InstrumentationScope.Name, Version: s.InstrumentationScope.Version, Attributes: attrsToProto(s.InstrumentationScope.Attributes.ToSlice())}
	return &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: attrsToProto(s.Resource.Attributes())}, SchemaUrl: s.Resource.SchemaURL(),
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: scope, SchemaUrl: s.InstrumentationScope.SchemaURL, Spans: []*tracepb.Span{out}}},
	}}}
}

// flags are the trace flags, and that it is known whether the parent is remote.
func flags(c, parent trace.SpanContext) uint32 {
	f := uint32(c.TraceFlags()) | 0x100
	if parent.IsRemote() {
		f |= 0x200
	}
	return f
}

func attrsToProto(attrs []attribute.KeyValue) (out []*commonpb.KeyValue) {
	for _, a := range attrs {
		out = append(out, &commonpb.KeyValue{Key: string(a.Key), Value: valueToProto(a.Value)})
	}
	return out
}

func valueToProto(v attribute.Value) *commonpb.AnyValue {
	var list []*commonpb.AnyValue
	text := func(s string) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
	}
	integer := func(n int64) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: n}}
	}
	double := func(f float64) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: f}}
	}
	boolean := func(b bool) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: b}}
	}
	switch v.Type() {
	case attribute.BOOL:
		return boolean(v.AsBool())
	case attribute.INT64:
		return integer(v.AsInt64())
	case attribute.FLOAT64:
		return double(v.AsFloat64())
	case attribute.STRING:
		return text(v.AsString())
	case attribute.BYTESLICE:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: v.AsByteSlice()}}
	case attribute.MAP:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: attrsToProto(v.AsMap())}}}
	case attribute.STRINGSLICE:
		for _, x := range v.AsStringSlice() {
			list = append(list, text(x))
		}
	case attribute.INT64SLICE:
		for _, x := range v.AsInt64Slice() {
			list = append(list, integer(x))
		}
	case attribute.FLOAT64SLICE:
		for _, x := range v.AsFloat64Slice() {
			list = append(list, double(x))
		}
	case attribute.BOOLSLICE:
		for _, x := range v.AsBoolSlice() {
			list = append(list, boolean(x))
		}
	case attribute.SLICE:
		for _, x := range v.AsSlice() {
			list = append(list, valueToProto(x))
		}
	}
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: list}}}
}
