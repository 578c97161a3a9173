package otlpdoor_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/storage"
)

func dial(tb testing.TB, s *server) *grpc.ClientConn {
	tb.Helper()
	conn, err := grpc.NewClient(s.grpcAddr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(1<<30)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestGRPCClient calls with gRPC's own client: what it makes of the answers is
// what senders see.
func TestGRPCClient(t *testing.T) {
	s := start(t, ingest.Config{MaxBodyBytes: maxBody})
	client := coltracepb.NewTraceServiceClient(dial(t, s))
	ctx := context.Background()
	export := func(spans []*tracepb.Span, o ...grpc.CallOption) (*coltracepb.ExportTraceServiceResponse, *status.Status) {
		req := &coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}}}}}
		res, err := client.Export(ctx, req, o...)
		return res, status.Convert(err)
	}
	id := goodID()
	good := &tracepb.Span{TraceId: id[:], SpanId: []byte("12345678"), Name: "good"}
	for name, o := range map[string][]grpc.CallOption{"identity": nil, "gzip": {grpc.UseCompressor(gzip.Name)}} {
		if res, st := export([]*tracepb.Span{good}, o...); st.Code() != codes.OK || res.PartialSuccess != nil {
			t.Errorf("%s: %v %v", name, res, st)
		}
		if res, st := export(nil, o...); st.Code() != codes.OK || res.PartialSuccess != nil {
			t.Errorf("%s, no spans: %v %v", name, res, st)
		}
		bad := &tracepb.Span{TraceId: id[:], Name: "bad"}
		if res, st := export([]*tracepb.Span{bad, good}, o...); st.Code() != codes.OK || res.PartialSuccess.GetRejectedSpans() != 1 || !strings.Contains(res.PartialSuccess.ErrorMessage, `span 0 "bad"`) {
			t.Errorf("%s, one bad: %v %v", name, res, st)
		}
		large := &tracepb.Span{TraceId: id[:], SpanId: []byte("12345678"), Name: strings.Repeat("long", maxBody)}
		if res, st := export([]*tracepb.Span{large}, o...); st.Code() != codes.ResourceExhausted || !strings.Contains(st.Message(), "--max-request") || len(st.Details()) != 0 {
			t.Errorf("%s, too large: %v %v", name, res, st)
		}
	}
	s.gate.Drain()
	if _, st := export([]*tracepb.Span{good}); st.Code() != codes.Unavailable || retryInfo(st) != 2*time.Second {
		t.Errorf("leaving: %v, retry in %v", st, retryInfo(st))
	}
}

// TestGRPCProtocol wants each answer that gRPC's specification has for what is not
// quite a call of Export.
func TestGRPCProtocol(t *testing.T) {
	s := start(t, ingest.Config{})
	err := dial(t, s).Invoke(context.Background(), "/opentelemetry.proto.collector.logs.v1.LogsService/Export", &coltracepb.ExportTraceServiceRequest{}, &coltracepb.ExportTraceServiceResponse{})
	if status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "LogsService/Export: it takes traces") {
		t.Errorf("logs: %v", err)
	}
	good := request(goodTrace + goodSpan)
	f := func(name, body string, code codes.Code, text string, headers ...string) {
		t.Helper()
		_, st := s.call(t, strings.NewReader(body), headers...)
		if st.Code() != code || !strings.Contains(st.Message(), text) {
			t.Errorf("%s: %v, want %v with %q", name, st, code, text)
		}
	}
	one := string(frame(0, len(good), []byte(good)))
	packed := string(gzipped(t, []byte(good)))
	f("good", one, codes.OK, "")
	f("with a content type in full", one, codes.OK, "", "Content-Type", "application/grpc+proto; x=y")
	f("with a timeout", one, codes.OK, "", "Grpc-Timeout", "10S")
	f("with the longest timeout", one, codes.OK, "", "Grpc-Timeout", "99999999H")
	f("not packed, though it could be", one, codes.OK, "", "Grpc-Encoding", "gzip")
	f("not packed in a way nobody knows", one, codes.OK, "", "Grpc-Encoding", "snappy")
	f("bad timeout", one, codes.InvalidArgument, "grpc-timeout", "Grpc-Timeout", "soon")
	f("bad timeout", one, codes.InvalidArgument, "grpc-timeout", "Grpc-Timeout", "123456789S")
	f("two messages", one+one, codes.InvalidArgument, "more than one message")
	f("an unknown flag", "\x02"+one[1:], codes.InvalidArgument, "byte 2")
	f("packed, nobody says how", string(frame(1, len(packed), []byte(packed))), codes.InvalidArgument, "does not say how")
	f("bad tenant", one, codes.InvalidArgument, "tenant", "X-Scope-Orgid", "ä/b")

	for _, c := range []struct {
		client      *http.Client
		method      string
		contentType string
		code        int
		text        string
	}{
		{s.client, "POST", "application/x-protobuf", 415, "--otlp-http-port"},
		{s.client, "GET", "", 415, "--otlp-http-port"},
		{s.client2, "POST", "application/json", 415, "--otlp-http-port"},
		{s.client2, "POST", "application/grpc-web", 415, "--otlp-http-port"},
		{s.client2, "POST", "application/grpc+json", 415, "--otlp-http-port"},
		{s.client, "POST", "application/grpc", 415, "HTTP/2"},
	} {
		other := &server{httpAddr: s.grpcAddr}
		a := other.do(t, c.client, c.method, "/v1/traces", strings.NewReader("x"), "Content-Type", c.contentType)
		if a.code != c.code || !strings.Contains(readStatus(t, a).Message(), c.text) {
			t.Errorf("%s %s: HTTP %d %q", c.method, c.contentType, a.code, a.body)
		}
	}
	other := &server{httpAddr: s.grpcAddr}
	if a := other.do(t, s.client2, "GET", otlpdoor.ExportPath, nil, "Content-Type", "application/grpc"); a.code != 405 || a.header.Get("Allow") != "POST" {
		t.Errorf("GET: HTTP %d %v", a.code, a.header)
	}
}

// TestGRPCDeadline wants the sender's patience to reach the store, as its deadline
// and when it hangs up.
func TestGRPCDeadline(t *testing.T) {
	stopped := make(chan error, 2)
	s := start(t, ingest.Config{Appender: appender(func(ctx context.Context, _ storage.Record) (storage.Result, error) {
		<-ctx.Done()
		stopped <- context.Cause(ctx)
		return storage.Result{}, clew.Errorf(clew.Canceled, "gave up: %w", ctx.Err())
	})})
	client := coltracepb.NewTraceServiceClient(dial(t, s))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if _, err := client.Export(ctx, &coltracepb.ExportTraceServiceRequest{}); status.Code(err) != codes.DeadlineExceeded && status.Code(err) != codes.Unavailable {
		t.Errorf("%v: want a code that lets the sender try again", err)
	}
	<-stopped
	good := request(goodTrace + goodSpan)
	// The sender itself waits; only the deadline in its header ends the call.
	if _, st := s.call(t, strings.NewReader(string(frame(0, len(good), []byte(good)))), "Grpc-Timeout", "20m"); st.Code() == codes.OK {
		t.Error("the deadline passed and the call went well")
	}
	<-stopped
}

// TestDeny answers in place of whoever guards the doors.
func TestDeny(t *testing.T) {
	s := start(t, ingest.Config{CORSOrigins: []string{"*"}})
	guarded := func(deny func(http.ResponseWriter, *http.Request, int, codes.Code, string)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			deny(w, r, http.StatusUnauthorized, codes.Unauthenticated, "no tökens, 100 %")
		})
	}
	s.httpAddr, _ = listen(t, guarded(s.http.Deny))
	s.grpcAddr, _ = listen(t, guarded(s.grpc.Deny))
	for _, kind := range []string{"application/json", "application/x-protobuf"} {
		a := s.post(t, strings.NewReader("{}"), "Content-Type", kind, "Origin", "https://a.example")
		if a.code != 401 || a.header.Get("Content-Type") != kind || readStatus(t, a).Message() != "no tökens, 100 %" || a.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("HTTP %d %v %q", a.code, a.header, a.body)
		}
	}
	ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer x")
	_, err := coltracepb.NewTraceServiceClient(dial(t, s)).Export(ctx, &coltracepb.ExportTraceServiceRequest{})
	if st := status.Convert(err); st.Code() != codes.Unauthenticated || st.Message() != "no tökens, 100 %" {
		t.Errorf("gRPC %v", err)
	}
	if n := s.http.Stats().Errors["invalid"] + s.grpc.Stats().Errors["invalid"]; n != 3 {
		t.Errorf("%d denials counted", n)
	}
}
