package jaegerdoor_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"github.com/jaegertracing/jaeger-idl/thrift-gen/agent"
	jt "github.com/jaegertracing/jaeger-idl/thrift-gen/jaeger"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/apitest"
	query "github.com/clew-tracing/clew/api/jaeger"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/jaegerdoor"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// store is an empty store.
func store(tb testing.TB) *spandb.DB {
	tb.Helper()
	db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// collector is Jaeger's client of the gRPC door before a store.
func collector(tb testing.TB, h http.Handler) api_v2.CollectorServiceClient {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	srv := &http.Server{Handler: h, Protocols: protocols}
	done := make(chan struct{})
	go func() { _ = srv.Serve(l); close(done) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(codec{})))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(); _ = srv.Close(); <-done })
	return api_v2.NewCollectorServiceClient(conn)
}

// codec has the messages write and read themselves, as in Jaeger: they are of an older kind
// of generated code, that gRPC's own codec does not know.
type codec struct{}

func (codec) Name() string { return "proto" }
func (codec) Marshal(v any) ([]byte, error) {
	return v.(interface{ Marshal() ([]byte, error) }).Marshal()
}
func (codec) Unmarshal(b []byte, v any) error {
	return v.(interface{ Unmarshal([]byte) error }).Unmarshal(b)
}

// ask returns a trace as Jaeger's query API has it.
func ask(t *testing.T, db *spandb.DB, id model.TraceID) []*model.Span {
	t.Helper()
	h := query.NewGRPC(api.Config{Store: db}, nil)
	defer h.Stop()
	stream, err := api_v2.NewQueryServiceClient(apitest.Listen(t, h)).GetTrace(t.Context(), &api_v2.GetTraceRequest{TraceID: id}, grpc.ForceCodec(codec{}))
	if err != nil {
		t.Fatal(err)
	}
	var out []*model.Span
	for {
		chunk, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range chunk.Spans {
			out = append(out, &chunk.Spans[i])
		}
	}
	slices.SortFunc(out, func(a, b *model.Span) int { return int(a.SpanID) - int(b.SpanID) })
	return out
}

var (
	traceID = model.NewTraceID(0x0123456789abcdef, 0xfedcba9876543210)
	began   = time.Unix(1_763_889_000, 123_456_789).UTC()
)

func span(id model.SpanID, name string, tags ...model.KeyValue) *model.Span {
	return &model.Span{TraceID: traceID, SpanID: id, OperationName: name, Flags: 1, StartTime: began, Duration: 1_500_001, Tags: tags}
}

// all is a batch that says all that the model can say.
func all() model.Batch {
	child := func(s *model.Span, refs ...model.SpanRef) *model.Span { s.References = refs; return s }
	parent := model.SpanRef{TraceID: traceID, SpanID: 1}
	other := model.SpanRef{TraceID: model.NewTraceID(0, 7), SpanID: 8}
	follows := func(r model.SpanRef) model.SpanRef { r.RefType = model.FollowsFrom; return r }
	text := model.String
	failed := []model.KeyValue{text("otel.status_code", "ERROR"), model.Bool("error", true), text("otel.status_description", "no")}
	logs := span(7, "logs")
	logs.Logs = []model.Log{
		{Timestamp: began, Fields: []model.KeyValue{text("event", "exception"), text("stack", "…"), model.Int64("line", 7)}},
		{Timestamp: began.Add(1), Fields: []model.KeyValue{text("event", "a"), text("event", "b")}},
		{Timestamp: began.Add(2), Fields: []model.KeyValue{model.Int64("event", 1), model.Binary("b", []byte{0})}},
	}
	debug := span(8, "debug")
	debug.Flags = 0x1003
	debug.Warnings = []string{"clock skew", "too late"}
	own := span(9, "own process")
	own.Process = &model.Process{ServiceName: "other"}
	return model.Batch{
		Process: &model.Process{ServiceName: "cart", Tags: []model.KeyValue{text("hostname", "web1"), text("jaeger.version", "Go-2.30.0"), model.Int64("pid", 7), text("ip", "::1")}},
		Spans: []*model.Span{
			span(1, "GET /cart", model.Int64("n", -1), model.Float64("f", 0.5), model.Bool("t", true), model.Binary("b", []byte{0, 255}), text("größe", "漢字"), text("span.kind", "server")),
			child(span(2, "get", text("span.kind", "client"), failed[0], failed[1], failed[2]), parent),
			child(span(3, "links", text("w3c.tracestate", "a=1")), parent, other, follows(model.SpanRef{TraceID: traceID, SpanID: 2})),
			child(span(4, "follows"), follows(parent)),
			child(span(5, "other trace"), follows(other)),
			span(6, "scoped", text("otel.scope.name", "lib"), text("otel.scope.version", "1"), text("span.kind", "internal"), text("otel.status_code", "OK")),
			logs, debug, own,
		},
	}
}

// TestRoundTrip: what Jaeger's client sends, Jaeger's query API gives back.
func TestRoundTrip(t *testing.T) {
	db := store(t)
	door := jaegerdoor.NewGRPC(ingest.Config{Appender: db})
	b := all()
	if _, err := collector(t, door).PostSpans(t.Context(), &api_v2.PostSpansRequest{Batch: b}); err != nil {
		t.Fatal(err)
	}
	hold(t, ask(t, db, traceID), b)
	if s := door.Stats(); s.Accepted != int64(len(b.Spans)) || s.Unknown != 0 || s.Flagged != 1 { // logs has a field twice
		t.Errorf("%+v", s)
	}
}

// hold compares spans with those of a batch, whatever the order of tags.
func hold(t *testing.T, got []*model.Span, b model.Batch) {
	t.Helper()
	sorted := func(tags []model.KeyValue) []model.KeyValue {
		slices.SortStableFunc(tags, func(a, b model.KeyValue) int { return a.Compare(&b) })
		return tags
	}
	shown := func(s *model.Span) string {
		sorted(s.Tags)
		sorted(s.Process.Tags)
		for i := range s.Logs {
			sorted(s.Logs[i].Fields)
		}
		return fmt.Sprintf("%v %v %q, flags %d, %v %v, references %+v\ntags %+v\nlogs %+v\nprocess %q %+v %q", s.TraceID, s.SpanID, s.OperationName, s.Flags,
			s.StartTime.UnixNano(), s.Duration, s.References, s.Tags, s.Logs, s.Process.ServiceName, s.Process.Tags, s.Warnings)
	}
	if len(got) != len(b.Spans) {
		t.Fatalf("%d spans, want %d", len(got), len(b.Spans))
	}
	for i, s := range b.Spans {
		if s.Process == nil {
			s.Process = b.Process
		}
		if g, w := shown(got[i]), shown(s); g != w {
			t.Errorf("the span is\n%s\nwant\n%s", g, w)
		}
	}
}

// batch is a batch in Thrift.
func batch(spans ...*jt.Span) *jt.Batch {
	return &jt.Batch{Process: &jt.Process{ServiceName: "cart"}, Spans: spans}
}

func thriftSpan(id int64) *jt.Span {
	return &jt.Span{TraceIdLow: 1, SpanId: id, OperationName: "get", StartTime: began.UnixMicro(), Duration: 7}
}

func binaryBatch(tb testing.TB, b *jt.Batch) []byte {
	tb.Helper()
	buf := thrift.NewTMemoryBuffer()
	if err := b.Write(context.Background(), thrift.NewTBinaryProtocolConf(buf, nil)); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// TestHTTP is what the door answers.
func TestHTTP(t *testing.T) {
	db := store(t)
	f := func(cfg ingest.Config, method, path, kind string, body []byte, code int, want string) {
		t.Helper()
		r := httptest.NewRequest(method, path, bytes.NewReader(body))
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		jaegerdoor.NewHTTP(cfg).ServeHTTP(w, r)
		if got := w.Body.String(); w.Code != code || !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s %s, %s, %.40q: HTTP %d %q, want %d %q", method, path, kind, body, w.Code, got, code, want)
		}
		if retry := w.Header().Get("Retry-After") != ""; retry != (code == 503) {
			t.Errorf("HTTP %d: Retry-After %q", code, w.Header().Get("Retry-After"))
		}
	}
	const path, kind = "/api/traces", "application/vnd.apache.thrift.binary"
	cfg := ingest.Config{Appender: db}
	good := binaryBatch(t, batch(thriftSpan(1)))
	f(cfg, "POST", path+"?format=jaeger.thrift", "application/x-thrift; charset=utf-8", good, 202, "")
	f(cfg, "POST", path, kind, binaryBatch(t, batch(thriftSpan(2), thriftSpan(0))), 202, "1 of 2 spans refused; span 1")
	f(cfg, "POST", path, kind, binaryBatch(t, batch(thriftSpan(0))), 400, "1 of 1 spans refused; span 0")
	f(cfg, "POST", path, kind, good[:len(good)-1], 400, "jaeger thrift, byte")
	f(cfg, "POST", path, "application/json", good, 415, "content type \"application/json\" is not Thrift's binary protocol")
	f(cfg, "GET", path, kind, nil, 405, "POST batches in Thrift to /api/traces")
	f(cfg, "OPTIONS", path, kind, nil, 204, "")
	f(cfg, "POST", "/", kind, good, 404, "POST batches in Thrift to /api/traces")
	cfg.Appender = failing{clew.Errorf(clew.Busy, "no room")}
	f(cfg, "POST", path, kind, good, 503, "no room")
	if n := len(ask(t, db, model.NewTraceID(0, 1))); n != 2 {
		t.Errorf("%d spans are stored, want 2", n)
	}
	w := httptest.NewRecorder()
	h := jaegerdoor.NewHTTP(cfg)
	h.Deny(w, httptest.NewRequest("POST", path, nil), 401, codes.Unauthenticated, "a token, please")
	if w.Code != 401 || w.Body.String() != "a token, please\n" || h.Stats().LastRefusal.Reason != "a token, please" {
		t.Errorf("denied: HTTP %d %s", w.Code, w.Body)
	}
}

type failing struct{ err error }

func (f failing) Append(context.Context, storage.Record) (storage.Result, error) {
	return storage.Result{}, f.err
}

// TestGRPC is what calls that fail are told.
func TestGRPC(t *testing.T) {
	c := collector(t, jaegerdoor.NewGRPC(ingest.Config{Appender: failing{errors.New("broken disk")}}))
	if _, err := c.PostSpans(t.Context(), &api_v2.PostSpansRequest{Batch: all()}); status.Code(err) != codes.Internal {
		t.Errorf("%v", err)
	}
	b := all()
	for range 1<<16 + 1 {
		b.Spans[0].Tags = append(b.Spans[0].Tags, model.KeyValue{})
	}
	if _, err := c.PostSpans(t.Context(), &api_v2.PostSpansRequest{Batch: b}); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "more than 65536 tags") {
		t.Errorf("%v", err)
	}
}

// TestUDP sends by Jaeger's own client in both protocols to each port, with datagrams
// between that are none; what was sent, was received, was refused, and is stored adds up.
func TestUDP(t *testing.T) {
	db := store(t)
	for i, door := range []*ingest.UDP{jaegerdoor.NewCompact(ingest.Config{Appender: db}), jaegerdoor.NewBinary(ingest.Config{Appender: db})} {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		to, err := net.Dial("udp", conn.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		ctx, stop := context.WithCancel(t.Context())
		var served sync.WaitGroup
		served.Go(func() {
			if err := door.Serve(ctx, conn); err != nil {
				t.Error(err)
			}
		})
		sent := int64(0)
		send := func(b []byte) {
			if _, err := to.Write(b); err != nil {
				t.Fatal(err)
			}
			// The kernel's buffer is small where nobody may enlarge it.
			for sent++; sent%50 == 0 && door.Datagrams().Received+door.Datagrams().KernelDrops < sent; {
				runtime.Gosched()
			}
		}
		const spans = 1000
		for n := range int64(spans) {
			buf := thrift.NewTMemoryBuffer()
			p := thrift.TProtocol(thrift.NewTCompactProtocolConf(buf, nil))
			if n%2 == 0 {
				p = thrift.NewTBinaryProtocolConf(buf, nil)
			}
			x := thriftSpan(n + 1)
			x.TraceIdLow = int64(i + 1)
			if err := agent.NewAgentClientProtocol(buf, p, p).EmitBatch(t.Context(), batch(x)); err != nil {
				t.Fatal(err)
			}
			send(buf.Bytes())
			if n%100 == 0 {
				send([]byte("no message"))
			}
		}
		stop()
		served.Wait()
		d, s := door.Datagrams(), door.Stats()
		stored := len(ask(t, db, model.NewTraceID(0, uint64(i+1))))
		if d.Received+d.KernelDrops != sent || s.Requests != d.Received || s.Accepted+s.Errors[clew.Invalid.String()] != d.Received || int64(stored) != s.Accepted {
			t.Errorf("%d sent, %+v, %+v, %d stored", sent, d, s, stored)
		}
		if d.KernelDrops == 0 && stored != spans {
			t.Errorf("%d spans are stored, want %d", stored, spans)
		}
	}
}

var (
	burst = flag.Int("burst", 5_000, "datagrams that TestBurst sends")
	rate  = flag.Int("rate", 5_000, "datagrams per second that TestBurst sends")
)

// TestBurst sends many datagrams as fast as an application may: each was received, or dropped
// by the kernel, which says so, and each that was received is stored.
func TestBurst(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says what it dropped")
	}
	door := jaegerdoor.NewCompact(ingest.Config{Appender: store(t)})
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to, err := net.Dial("udp", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- door.Serve(ctx, conn) }()
	text := strings.Repeat("select ", 20)
	buf := thrift.NewTMemoryBuffer()
	p := thrift.NewTCompactProtocolConf(buf, nil)
	client := agent.NewAgentClientProtocol(buf, p, p)
	began := time.Now()
	for sent := 0; sent < *burst; {
		due := min(*burst, int(time.Since(began).Seconds()*float64(*rate)))
		if due == sent {
			runtime.Gosched()
		}
		for ; sent < due; sent++ {
			buf.Reset()
			x := thriftSpan(int64(sent + 1))
			x.Tags = []*jt.Tag{{Key: "db.statement", VStr: &text}}
			if err := client.EmitBatch(ctx, batch(x)); err != nil {
				t.Fatal(err)
			}
			if _, err := to.Write(buf.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
	}
	took := time.Since(began)
	stop() // with all that has come
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	d, s := door.Datagrams(), door.Stats()
	if d.Received+d.KernelDrops != int64(*burst) || s.Requests != d.Received || s.Accepted != d.Received || len(s.Errors) > 0 {
		t.Errorf("%d sent, %+v, %+v", *burst, d, s)
	}
	t.Logf("%d sent in %v, %d received, %d dropped by the kernel, %d stored", *burst, took.Round(time.Millisecond), d.Received, d.KernelDrops, s.Accepted)
}
