package jaeger_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/agent"
	jt "github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// protoOf is a batch as gRPC has it.
func protoOf(tb testing.TB, b *model.Batch) []byte {
	tb.Helper()
	out, err := (&api_v2.PostSpansRequest{Batch: *b}).Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// thriftOf is a batch as clients post it.
func thriftOf(tb testing.TB, b *jt.Batch) []byte {
	tb.Helper()
	t := thrift.NewTMemoryBuffer()
	if err := b.Write(context.Background(), thrift.NewTBinaryProtocolConf(t, nil)); err != nil {
		tb.Fatal(err)
	}
	return t.Bytes()
}

// protocols are those of the agent's ports, and the binary one as it was written once.
var protocols = map[string]func(thrift.TTransport) thrift.TProtocol{
	"compact": func(t thrift.TTransport) thrift.TProtocol { return thrift.NewTCompactProtocolConf(t, nil) },
	"binary":  func(t thrift.TTransport) thrift.TProtocol { return thrift.NewTBinaryProtocolConf(t, nil) },
	"old binary": func(t thrift.TTransport) thrift.TProtocol {
		no := false
		return thrift.NewTBinaryProtocolConf(t, &thrift.TConfiguration{TBinaryStrictWrite: &no})
	},
}

// messageOf is a batch as a client sends it to the agent.
func messageOf(tb testing.TB, protocol string, b *jt.Batch) []byte {
	tb.Helper()
	t := thrift.NewTMemoryBuffer()
	p := protocols[protocol](t)
	if err := agent.NewAgentClientProtocol(t, p, p).EmitBatch(context.Background(), b); err != nil {
		tb.Fatal(err)
	}
	return t.Bytes()
}

// read has OTLP's own types read a request.
func read(tb testing.TB, b []byte) *coltracepb.ExportTraceServiceRequest {
	tb.Helper()
	out := new(coltracepb.ExportTraceServiceRequest)
	if err := proto.Unmarshal(b, out); err != nil {
		tb.Fatalf("this is no OTLP: %v", err)
	}
	return out
}

// random makes batches.
type random struct{ *rand.Rand }

func (r random) text(of ...string) string { return of[r.IntN(len(of))] }

func (r random) tag() model.KeyValue {
	key := r.text("http.method", "http.url", "db.statement", "sampler.type", "peer.service", "retries", "größe", "span.kind", "error",
		"otel.status_code", "otel.status_description", "otel.scope.name", "otel.scope.version", "w3c.tracestate", "http.status_code", "event", "")
	switch r.IntN(9) {
	case 0:
		return model.Int64(key, []int64{0, 200, 404, 500, -1, 1 << 60}[r.IntN(6)])
	case 1:
		return model.Float64(key, r.NormFloat64())
	case 2:
		return model.Bool(key, r.IntN(2) == 1)
	case 3:
		return model.Binary(key, binary.BigEndian.AppendUint32(nil, r.Uint32())[:r.IntN(5)])
	}
	return model.String(key, r.text("GET", "client", "server", "OK", "ERROR", "a=1", "500", "", "a text that is longer than those others, with 漢字 in it"))
}

func (r random) tags(most int) []model.KeyValue {
	out := make([]model.KeyValue, r.IntN(most+1))
	for i := range out {
		out[i] = r.tag()
	}
	return out
}

// time is a time in whole microseconds, which Thrift has.
func (r random) time() time.Time {
	return time.UnixMicro(1_800_000_000_000_000 + r.Int64N(1<<40)).UTC()
}

// batch makes a batch that protobuf and Thrift can both say.
func (r random) batch(spans int) *model.Batch {
	b := &model.Batch{Process: &model.Process{ServiceName: r.text("cart", "shop", ""), Tags: r.tags(4)}}
	for range spans {
		s := &model.Span{
			TraceID: model.NewTraceID(r.Uint64()>>1*uint64(r.IntN(2)), r.Uint64()), SpanID: model.NewSpanID(r.Uint64()),
			OperationName: r.text("GET /", "get", ""), Flags: model.Flags(r.IntN(20)),
			StartTime: r.time(), Duration: time.Duration(r.Int64N(1<<30)-1<<20) * time.Microsecond, Tags: r.tags(8),
		}
		for range r.IntN(4) {
			ref := model.SpanRef{TraceID: s.TraceID, SpanID: model.NewSpanID(r.Uint64()), RefType: model.SpanRefType(r.IntN(2))}
			if r.IntN(2) == 0 {
				ref.TraceID.Low++
			}
			s.References = append(s.References, ref)
		}
		for range r.IntN(3) {
			s.Logs = append(s.Logs, model.Log{Timestamp: r.time(), Fields: r.tags(4)})
		}
		b.Spans = append(b.Spans, s)
	}
	return b
}

// inThrift is the same batch.
func inThrift(b *model.Batch) *jt.Batch {
	tags := func(in []model.KeyValue) []*jt.Tag {
		out := []*jt.Tag{}
		for _, t := range in {
			x := &jt.Tag{Key: t.Key}
			switch t.VType {
			case model.ValueType_STRING:
				x.VType, x.VStr = jt.TagType_STRING, &t.VStr
			case model.ValueType_BOOL:
				x.VType, x.VBool = jt.TagType_BOOL, &t.VBool
			case model.ValueType_INT64:
				x.VType, x.VLong = jt.TagType_LONG, &t.VInt64
			case model.ValueType_FLOAT64:
				x.VType, x.VDouble = jt.TagType_DOUBLE, &t.VFloat64
			case model.ValueType_BINARY:
				x.VType, x.VBinary = jt.TagType_BINARY, t.VBinary
			}
			out = append(out, x)
		}
		return out
	}
	seq := int64(7)
	out := &jt.Batch{Process: &jt.Process{ServiceName: b.Process.ServiceName, Tags: tags(b.Process.Tags)}, SeqNo: &seq, Stats: &jt.ClientStats{FullQueueDroppedSpans: 1}}
	for _, s := range b.Spans {
		x := &jt.Span{
			TraceIdHigh: int64(s.TraceID.High), TraceIdLow: int64(s.TraceID.Low), SpanId: int64(s.SpanID), OperationName: s.OperationName,
			Flags: int32(s.Flags), StartTime: s.StartTime.UnixMicro(), Duration: s.Duration.Microseconds(), Tags: tags(s.Tags),
		}
		for _, r := range s.References {
			x.References = append(x.References, &jt.SpanRef{RefType: jt.SpanRefType(r.RefType), TraceIdHigh: int64(r.TraceID.High), TraceIdLow: int64(r.TraceID.Low), SpanId: int64(r.SpanID)})
		}
		for _, l := range s.Logs {
			x.Logs = append(x.Logs, &jt.Log{Timestamp: l.Timestamp.UnixMicro(), Fields: tags(l.Fields)})
		}
		out.Spans = append(out.Spans, x)
	}
	return out
}

func newRandom(seed int) random {
	return random{rand.New(rand.NewPCG(uint64(seed), 1))}
}

// name says which case it is.
func name(i int, what string) string { return fmt.Sprintf("batch %d, %s", i, what) }
