package kafkadoor_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/gogo/protobuf/jsonpb"
	"github.com/jaegertracing/jaeger-idl/model/v1"
	jt "github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"github.com/twmb/franz-go/pkg/kfake"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest/kafkadoor"
	"github.com/clew-tracing/clew/otlp"
)

// The trace of this test: a span of 3 ms, and its child of 1 ms, both of the service "shop",
// which have its name, as segments have.
const (
	rootID, childID = 0x11, 0x22
	service         = "shop"
	millisecond     = uint64(time.Millisecond)
)

var start = uint64(began) + 250*millisecond

// messagesOf are the trace in every encoding, as one message or more.
func messagesOf(t *testing.T) map[kafkadoor.Encoding][][]byte {
	must := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	request := must(proto.Marshal(&tracev1.TracesData{ResourceSpans: []*tracev1.ResourceSpans{{
		Resource: &resourcev1.Resource{Attributes: []*commonv1.KeyValue{{Key: "service.name", Value: &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: service}}}}},
		ScopeSpans: []*tracev1.ScopeSpans{{Spans: []*tracev1.Span{
			{TraceId: traceBytes(), SpanId: []byte{0, 0, 0, 0, 0, 0, 0, rootID}, Name: service, StartTimeUnixNano: start, EndTimeUnixNano: start + 3*millisecond},
			{TraceId: traceBytes(), SpanId: []byte{0, 0, 0, 0, 0, 0, 0, childID}, ParentSpanId: []byte{0, 0, 0, 0, 0, 0, 0, rootID}, Name: service, StartTimeUnixNano: start + millisecond, EndTimeUnixNano: start + 2*millisecond},
		}}},
	}}}))
	high, low := uint64(0x6923a1b800000000), uint64(0x1122334455667788)
	process := &model.Process{ServiceName: service}
	root := &model.Span{TraceID: model.NewTraceID(high, low), SpanID: rootID, OperationName: service, StartTime: time.Unix(0, int64(start)).UTC(), Duration: 3 * time.Millisecond, Process: process}
	child := &model.Span{TraceID: root.TraceID, SpanID: childID, OperationName: service, StartTime: root.StartTime.Add(time.Millisecond), Duration: time.Millisecond, Process: process,
		References: []model.SpanRef{{TraceID: root.TraceID, SpanID: rootID}}}
	inJSON := func(s *model.Span) []byte {
		var b bytes.Buffer
		err := (&jsonpb.Marshaler{}).Marshal(&b, s)
		return must(b.Bytes(), err)
	}
	micro := int64(start / 1000)
	batch := thrift.NewTMemoryBuffer()
	if err := (&jt.Batch{Process: &jt.Process{ServiceName: service}, Spans: []*jt.Span{
		{TraceIdHigh: int64(high), TraceIdLow: int64(low), SpanId: rootID, OperationName: service, StartTime: micro, Duration: 3000},
		{TraceIdHigh: int64(high), TraceIdLow: int64(low), SpanId: childID, ParentSpanId: rootID, OperationName: service, StartTime: micro + 1000, Duration: 1000},
	}}).Write(context.Background(), thrift.NewTBinaryProtocolConf(batch, nil)); err != nil {
		t.Fatal(err)
	}
	return map[kafkadoor.Encoding][][]byte{
		kafkadoor.OTLPProto:    {request},
		kafkadoor.OTLPJSON:     {must(otlp.AppendJSON(nil, request))},
		kafkadoor.JaegerProto:  {must(root.Marshal()), must(child.Marshal())},
		kafkadoor.JaegerJSON:   {inJSON(root), inJSON(child)},
		kafkadoor.JaegerThrift: {batch.Bytes()},
		kafkadoor.ZipkinProto:  {zipkinProto()},
		kafkadoor.ZipkinJSON: {[]byte(fmt.Sprintf(`[{"traceId":%[1]q,"id":"0000000000000011","name":"shop","timestamp":%[2]d,"duration":3000,"localEndpoint":{"serviceName":"shop"}},`+
			`{"traceId":%[1]q,"id":"0000000000000022","parentId":"0000000000000011","name":"shop","timestamp":%[3]d,"duration":1000,"localEndpoint":{"serviceName":"shop"}}]`, traceID.String(), micro, micro+1000))},
		kafkadoor.ZipkinThrift: {zipkinThrift(t, int64(high), int64(low), micro)},
		kafkadoor.XRay: {[]byte(fmt.Sprintf(`{"name":"shop","id":"0000000000000011","trace_id":"1-%s-%s","start_time":%d.25,"end_time":%d.253,"subsegments":[{"name":"shop","id":"0000000000000022","start_time":%d.251,"end_time":%d.252}]}`,
			traceID.String()[:8], traceID.String()[8:], began/1_000_000_000, began/1_000_000_000, began/1_000_000_000, began/1_000_000_000))},
	}
}

// zipkinProto is a ListOfSpans.
func zipkinProto() []byte {
	var list []byte
	for _, s := range []struct{ id, parent, start, duration uint64 }{{rootID, 0, start, 3000}, {childID, rootID, start + millisecond, 1000}} {
		text := func(b []byte, num protowire.Number, v []byte) []byte {
			return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
		}
		m := text(nil, 1, traceBytes())
		if s.parent != 0 {
			m = text(m, 2, []byte{0, 0, 0, 0, 0, 0, 0, byte(s.parent)})
		}
		m = text(m, 3, []byte{0, 0, 0, 0, 0, 0, 0, byte(s.id)})
		m = text(m, 5, []byte(service))
		m = protowire.AppendFixed64(protowire.AppendTag(m, 6, protowire.Fixed64Type), s.start/1000)
		m = protowire.AppendVarint(protowire.AppendTag(m, 7, protowire.VarintType), s.duration)
		m = text(m, 8, text(nil, 1, []byte(service)))
		list = text(list, 1, m)
	}
	return list
}

// zipkinThrift is a list of spans of version 1.
func zipkinThrift(t *testing.T, high, low, micro int64) []byte {
	ctx := context.Background()
	b := thrift.NewTMemoryBuffer()
	p := thrift.NewTBinaryProtocolConf(b, nil)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	number := func(id int16, v int64) {
		check(p.WriteFieldBegin(ctx, "", thrift.I64, id))
		check(p.WriteI64(ctx, v))
	}
	text := func(id int16, v string) {
		check(p.WriteFieldBegin(ctx, "", thrift.STRING, id))
		check(p.WriteString(ctx, v))
	}
	check(p.WriteListBegin(ctx, thrift.STRUCT, 2))
	for _, s := range []struct{ id, parent, start, duration int64 }{{rootID, 0, micro, 3000}, {childID, rootID, micro + 1000, 1000}} {
		number(1, low)
		text(3, service)
		number(4, s.id)
		if s.parent != 0 {
			number(5, s.parent)
		}
		// What names the service: a local component.
		check(p.WriteFieldBegin(ctx, "", thrift.LIST, 8))
		check(p.WriteListBegin(ctx, thrift.STRUCT, 1))
		text(1, "lc")
		text(2, "")
		check(p.WriteFieldBegin(ctx, "", thrift.I32, 3))
		check(p.WriteI32(ctx, 6))
		check(p.WriteFieldBegin(ctx, "", thrift.STRUCT, 4))
		text(3, service)
		check(p.WriteFieldStop(ctx))
		check(p.WriteFieldStop(ctx))
		number(10, s.start)
		number(11, s.duration)
		number(12, high)
		check(p.WriteFieldStop(ctx))
	}
	return b.Bytes()
}

// TestEncodings: the same trace in every encoding, each in a topic of its own, comes to the
// same spans.
func TestEncodings(t *testing.T) {
	all := messagesOf(t)
	var topics []kafkadoor.Topic
	var names, have []string
	for e := range all {
		topics = append(topics, kafkadoor.Topic{Name: "spans." + string(e), Encoding: e})
		names = append(names, "spans."+string(e))
		have = append(have, string(e))
	}
	slices.Sort(have)
	if !slices.Equal(have, kafkadoor.Encodings()) {
		t.Errorf("this tests %v, there are %v", have, kafkadoor.Encodings())
	}
	k := startKafka(t, kfake.SeedTopics(1, names...))
	db := store(t)
	tenantOf := func(e kafkadoor.Encoding) clew.Tenant {
		return clew.Tenant(strings.ReplaceAll(string(e), "_", "-"))
	}
	for e, messages := range all {
		for _, m := range messages {
			k.put(message("spans."+string(e), 0, string(tenantOf(e)), m))
		}
		// And one that is in no encoding.
		k.put(message("spans."+string(e), 0, string(tenantOf(e)), []byte("\x0anonsense")))
	}
	d, stop := begin(t, k.config(db, topics...))
	await(t, "all are there", func() bool { return d.Stats().Accepted == int64(2*len(all)) && d.Consumed().Bad == int64(len(all)) })
	stop()
	want := fmt.Sprintf("%016x < %016x %s of %s, %d + %d ns\n%016x < %016x %s of %s, %d + %d ns\n", rootID, 0, service, service, start, 3*millisecond, childID, rootID, service, service, start+millisecond, millisecond)
	for e := range all {
		var got strings.Builder
		list, twice := spans(t, db, tenantOf(e))
		for _, s := range list {
			fmt.Fprintf(&got, "%016x < %016x %s of %s, %d + %d ns\n", uint64(s.SpanID), uint64(s.ParentID), s.Name, s.Service(), s.Start, s.DurationNanos())
		}
		if got.String() != want || twice != 0 {
			t.Errorf("%s: %d twice\n%swant\n%s", e, twice, got.String(), want)
		}
	}
}
