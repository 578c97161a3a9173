package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/agent"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cmd/clew/serve"
)

// selfCodec has messages of Jaeger's older generated code write themselves.
type selfCodec struct{}

func (selfCodec) Name() string { return "proto" }
func (selfCodec) Marshal(v any) ([]byte, error) {
	return v.(interface{ Marshal() ([]byte, error) }).Marshal()
}
func (selfCodec) Unmarshal(b []byte, v any) error {
	return v.(interface{ Unmarshal([]byte) error }).Unmarshal(b)
}

// jaegerBatch is a batch with one span of a trace.
func jaegerBatch(id int64, service string) *jaeger.Batch {
	return &jaeger.Batch{Process: &jaeger.Process{ServiceName: service}, Spans: []*jaeger.Span{
		{TraceIdHigh: 7, TraceIdLow: 7, SpanId: id, OperationName: "get", StartTime: time.Now().UnixMicro(), Duration: 5},
	}}
}

// TestJaegerClients sends a span of one trace to each door of the real program for Jaeger's
// clients, as those write it: all are there, and a server that ends has taken what had come.
func TestJaegerClients(t *testing.T) {
	dir := t.TempDir()
	p := startServer(t, dir)
	ctx := context.Background()
	conn, err := grpc.NewClient(p.addresses[serve.DoorJaegerPost][0], grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(selfCodec{})))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = api_v2.NewCollectorServiceClient(conn).PostSpans(ctx, &api_v2.PostSpansRequest{Batch: model.Batch{
		Process: &model.Process{ServiceName: "grpc"},
		Spans:   []*model.Span{{TraceID: model.NewTraceID(7, 7), SpanID: 1, OperationName: "get", StartTime: time.Now(), Duration: 5000}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	buf := thrift.NewTMemoryBuffer()
	if err := jaegerBatch(2, "http").Write(ctx, thrift.NewTBinaryProtocolConf(buf, nil)); err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(p.url(serve.DoorJaegerThrift)+"/api/traces?format=jaeger.thrift", "application/vnd.apache.thrift.binary", bytes.NewReader(buf.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusAccepted || len(text) > 0 {
		t.Errorf("HTTP %d %s", res.StatusCode, text)
	}
	for i, door := range []string{serve.DoorJaegerCompact, serve.DoorJaegerBinary} {
		to, err := net.Dial("udp", p.addresses[door][0])
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		datagram := thrift.NewTMemoryBuffer()
		protocol := thrift.TProtocol(thrift.NewTCompactProtocolConf(datagram, nil))
		if door == serve.DoorJaegerBinary {
			protocol = thrift.NewTBinaryProtocolConf(datagram, nil)
		}
		if err := agent.NewAgentClientProtocol(datagram, protocol, protocol).EmitBatch(ctx, jaegerBatch(int64(3+i), door)); err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(datagram.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	p = startServer(t, dir)
	cl, err := newClient(resolvedFor(t, p))
	if err != nil {
		t.Fatal(err)
	}
	spans, err := fetchTrace(ctx, cl, clew.MakeTraceID(7, 7))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range spans {
		got = append(got, fmt.Sprint(s.SpanID, " ", s.Service()))
	}
	want := "0000000000000001 grpc, 0000000000000002 http, 0000000000000003 jaeger-agent-compact, 0000000000000004 jaeger-agent-binary"
	if strings.Join(got, ", ") != want {
		t.Errorf("the trace has %s, want %s", strings.Join(got, ", "), want)
	}
	metrics, err := http.Get(p.url(serve.DoorPage) + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer metrics.Body.Close()
	text, _ = io.ReadAll(metrics.Body)
	for _, line := range []string{`clew_door_datagrams_total{door="jaeger-agent-compact"} 0`, `clew_door_datagrams_dropped_total{door="jaeger-agent-binary"} 0`} {
		if !strings.Contains(string(text), line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

// TestJaegerSamplingOverGRPC asks for strategies as Jaeger's agents do, wherever they can be
// asked for.
func TestJaegerSamplingOverGRPC(t *testing.T) {
	p := startServer(t, t.TempDir())
	create := func(rule string) {
		t.Helper()
		res, err := http.Post(p.url(serve.DoorXRay)+"/CreateSamplingRule", "application/json", strings.NewReader(`{"SamplingRule":{"RuleName":`+rule+`,"ResourceARN":"*","ServiceType":"*","Host":"*","Version":1}}`))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if text, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", res.Status, text)
		}
	}
	create(`"pay","Priority":1,"FixedRate":0.75,"ReservoirSize":0,"ServiceName":"cart","HTTPMethod":"POST","URLPath":"/pay"`)
	create(`"cart","Priority":2,"FixedRate":0.1,"ReservoirSize":2,"ServiceName":"cart","HTTPMethod":"*","URLPath":"*"`)
	create(`"bank","Priority":3,"FixedRate":0,"ReservoirSize":5,"ServiceName":"bank","HTTPMethod":"*","URLPath":"*"`)
	for _, door := range []string{serve.DoorJaegerPost, serve.DoorJaegerSamplingGRPC, serve.DoorPage} {
		conn, err := grpc.NewClient(p.addresses[door][0], grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(selfCodec{})))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		client := api_v2.NewSamplingManagerClient(conn)
		s, err := client.GetSamplingStrategy(context.Background(), &api_v2.SamplingStrategyParameters{ServiceName: "cart"})
		if err != nil {
			t.Fatalf("%s: %v", door, err)
		}
		o := s.GetOperationSampling()
		if o.GetDefaultSamplingProbability() != 0.1 || o.GetDefaultLowerBoundTracesPerSecond() != 2 || len(o.GetPerOperationStrategies()) != 1 ||
			o.PerOperationStrategies[0].Operation != "POST /pay" || o.PerOperationStrategies[0].ProbabilisticSampling.GetSamplingRate() != 0.75 || s.GetProbabilisticSampling().GetSamplingRate() != 0.1 {
			t.Errorf("%s: %v", door, s)
		}
		s, err = client.GetSamplingStrategy(context.Background(), &api_v2.SamplingStrategyParameters{ServiceName: "bank"})
		if err != nil || s.StrategyType != api_v2.SamplingStrategyType_RATE_LIMITING || s.GetRateLimitingSampling().GetMaxTracesPerSecond() != 5 {
			t.Errorf("%s: %v, %v", door, s, err)
		}
		if _, err = client.GetSamplingStrategy(context.Background(), &api_v2.SamplingStrategyParameters{}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", door, err)
		}
	}
}
