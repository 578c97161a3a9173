package jaegerdoor_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/agent"
	jt "github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew/format/jaeger"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/jaegerdoor"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/vfs"
)

const benchSpans = 500

// shopBatch is the spans of a request of OTLP in Jaeger's model, once as gRPC has them, each
// with its process, and once as clients of each service would send them.
func shopBatch(tb testing.TB, request []byte) (*api_v2.PostSpansRequest, []*jt.Batch) {
	tb.Helper()
	var r coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(request, &r); err != nil {
		tb.Fatal(err)
	}
	out := new(api_v2.PostSpansRequest)
	var batches []*jt.Batch
	for _, rs := range r.ResourceSpans {
		process := &model.Process{}
		batch := &jt.Batch{Process: &jt.Process{}}
		batches = append(batches, batch)
		for _, a := range rs.Resource.Attributes {
			if a.Key == "service.name" {
				process.ServiceName = a.Value.GetStringValue()
				batch.Process.ServiceName = process.ServiceName
				continue
			}
			process.Tags = append(process.Tags, model.String(a.Key, a.Value.GetStringValue()))
			text := a.Value.GetStringValue()
			batch.Process.Tags = append(batch.Process.Tags, &jt.Tag{Key: a.Key, VStr: &text})
		}
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				x := &model.Span{OperationName: s.Name, Process: process, Flags: 1}
				_ = x.TraceID.Unmarshal(s.TraceId)
				_ = x.SpanID.Unmarshal(s.SpanId)
				x.StartTime = model.EpochMicrosecondsAsTime(s.StartTimeUnixNano / 1000)
				x.Duration = model.MicrosecondsAsDuration((s.EndTimeUnixNano - s.StartTimeUnixNano) / 1000)
				y := &jt.Span{TraceIdHigh: int64(x.TraceID.High), TraceIdLow: int64(x.TraceID.Low), SpanId: int64(x.SpanID), OperationName: s.Name, Flags: 1, StartTime: int64(s.StartTimeUnixNano / 1000), Duration: x.Duration.Microseconds()}
				if len(s.ParentSpanId) > 0 {
					var parent model.SpanID
					_ = parent.Unmarshal(s.ParentSpanId)
					x.References = []model.SpanRef{{TraceID: x.TraceID, SpanID: parent}}
					y.ParentSpanId = int64(parent)
				}
				text := func(key, v string) {
					x.Tags = append(x.Tags, model.String(key, v))
					y.Tags = append(y.Tags, &jt.Tag{Key: key, VStr: &v})
				}
				text("otel.scope.name", ss.Scope.GetName())
				text("span.kind", []string{"", "internal", "server", "client", "producer", "consumer"}[s.Kind])
				for _, a := range s.Attributes {
					if n := a.Value.GetIntValue(); n != 0 {
						x.Tags = append(x.Tags, model.Int64(a.Key, n))
						y.Tags = append(y.Tags, &jt.Tag{Key: a.Key, VType: jt.TagType_LONG, VLong: &n})
						continue
					}
					text(a.Key, a.Value.GetStringValue())
				}
				for _, e := range s.Events {
					x.Logs = append(x.Logs, model.Log{Timestamp: x.StartTime, Fields: []model.KeyValue{model.String("event", e.Name)}})
					y.Logs = append(y.Logs, &jt.Log{Timestamp: y.StartTime, Fields: []*jt.Tag{{Key: "event", VStr: &e.Name}}})
				}
				out.Batch.Spans = append(out.Batch.Spans, x)
				batch.Spans = append(batch.Spans, y)
			}
		}
	}
	return out, batches
}

// void is a ResponseWriter that keeps nothing but the status.
type void struct {
	header http.Header
	code   int
}

func (v *void) Header() http.Header         { return v.header }
func (v *void) WriteHeader(code int)        { v.code = code }
func (v *void) Write(b []byte) (int, error) { return len(b), nil }

// shopBodies are requests of the shop in each form. In Thrift a request is many batches, one
// for each process.
type shopBodies struct {
	otlp, proto      [][]byte
	thrift, messages [][][]byte
}

func bodies(tb testing.TB, seed uint64, requests int) shopBodies {
	var out shopBodies
	out.otlp = corpus.Requests(corpus.Shop, seed, requests*benchSpans, benchSpans)
	for _, x := range out.otlp {
		p, batches := shopBatch(tb, x)
		b, err := p.Marshal()
		if err != nil {
			tb.Fatal(err)
		}
		out.proto = append(out.proto, append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b))), b...))
		var plain, messages [][]byte
		for _, batch := range batches {
			plain = append(plain, binaryBatch(tb, batch))
			buf := thrift.NewTMemoryBuffer()
			p := thrift.NewTCompactProtocolConf(buf, nil)
			if err := agent.NewAgentClientProtocol(buf, p, p).EmitBatch(context.Background(), batch); err != nil {
				tb.Fatal(err)
			}
			messages = append(messages, buf.Bytes())
		}
		out.thrift, out.messages = append(out.thrift, plain), append(out.messages, messages)
	}
	return out
}

// BenchmarkTranslate is the translation alone.
func BenchmarkTranslate(b *testing.B) {
	x := bodies(b, 1, 4)
	f := func(name string, translate func(dst, body []byte) ([]byte, int, error), bodies [][][]byte) {
		b.Run(name, func(b *testing.B) {
			var dst []byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				for _, body := range bodies[i%len(bodies)] {
					out, _, err := translate(dst[:0], body)
					if err != nil {
						b.Fatal(err)
					}
					dst = out
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchSpans, "ns/span")
		})
	}
	var messages [][][]byte
	for _, body := range x.proto {
		messages = append(messages, [][]byte{body[5:]})
	}
	f("protobuf", jaeger.AppendProto, messages)
	f("thrift", jaeger.AppendThrift, x.thrift)
	f("compact", jaeger.AppendMessage, x.messages)
}

// BenchmarkStore is the whole way of a request's 500 spans, store included, beside the same
// spans at OTLP's door: a request of gRPC, batches over HTTP one by one (each of a process,
// a dozen or more for one request), and as many datagrams appended together.
func BenchmarkStore(b *testing.B) {
	x := bodies(b, 1, 200)
	post := func(h http.Handler, path string, major int, kind string) func(b *testing.B, bodies [][]byte) {
		w := &void{header: http.Header{}}
		r := &http.Request{Method: "POST", URL: &url.URL{Path: path}, ProtoMajor: major, Header: http.Header{"Content-Type": {kind}}}
		return func(b *testing.B, bodies [][]byte) {
			for _, body := range bodies {
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
				clear(w.header)
				w.code = 200
				if h.ServeHTTP(w, r); w.code/100 != 2 || w.header.Get("Grpc-Status") != "" {
					b.Fatalf("HTTP %d %v", w.code, w.header)
				}
			}
		}
	}
	one := func(bodies [][]byte) (out [][][]byte) {
		for _, body := range bodies {
			out = append(out, [][]byte{body})
		}
		return out
	}
	for _, c := range []struct {
		name   string
		bodies [][][]byte
		open   func(cfg ingest.Config) func(*testing.B, [][]byte)
	}{
		{"otlp", one(x.otlp), func(cfg ingest.Config) func(*testing.B, [][]byte) {
			return post(otlpdoor.NewHTTP(cfg), otlpdoor.TracesPath, 1, ingest.TypeProtobuf)
		}},
		{"grpc", one(x.proto), func(cfg ingest.Config) func(*testing.B, [][]byte) {
			return post(jaegerdoor.NewGRPC(cfg), jaegerdoor.PostSpansPath, 2, "application/grpc")
		}},
		{"http", x.thrift, func(cfg ingest.Config) func(*testing.B, [][]byte) {
			return post(jaegerdoor.NewHTTP(cfg), jaegerdoor.TracesPath, 1, "application/x-thrift")
		}},
		{"udp", x.messages, func(cfg ingest.Config) func(*testing.B, [][]byte) {
			d := jaegerdoor.NewCompact(cfg)
			return func(b *testing.B, bodies [][]byte) {
				d.GiveEach(context.Background(), "", bodies, jaeger.AppendMessage)
				if len(d.Stats().Errors) > 0 {
					b.Fatal(d.Stats().LastRefusal)
				}
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var db *spandb.DB
			var give func(*testing.B, [][]byte)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%len(c.bodies) == 0 { // what is there already would be recognised
					b.StopTimer()
					if db != nil {
						if err := db.Close(); err != nil {
							b.Fatal(err)
						}
					}
					var err error
					if db, err = spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1}); err != nil {
						b.Fatal(err)
					}
					give = c.open(ingest.Config{Appender: db})
					b.StartTimer()
				}
				give(b, c.bodies[i%len(c.bodies)])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchSpans, "ns/span")
			if err := db.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
