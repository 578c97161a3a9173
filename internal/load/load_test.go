package load

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// receiver is a small true OTLP server: it decodes every request with the
// official messages and counts spans. answers, one per request in order, may
// refuse.
type receiver struct {
	collector.UnimplementedTraceServiceServer
	mu      sync.Mutex
	spans   int
	bodies  int
	tenants map[string]int
	refuse  []refuse
}

type refuse struct {
	status  int
	after   string
	grpc    error
	partial int64
}

// take counts a request unless the next refusal is its.
func (r *receiver) take(request *collector.ExportTraceServiceRequest, tenant string) (refuse, *collector.ExportTraceServiceResponse) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var answer refuse
	if len(r.refuse) > 0 {
		answer, r.refuse = r.refuse[0], r.refuse[1:]
	}
	if answer.status != 0 || answer.grpc != nil {
		return answer, nil
	}
	r.bodies++
	r.tenants[tenant]++
	for _, rs := range request.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			r.spans += len(ss.Spans)
		}
	}
	response := &collector.ExportTraceServiceResponse{}
	if answer.partial > 0 {
		response.PartialSuccess = &collector.ExportTracePartialSuccess{RejectedSpans: answer.partial, ErrorMessage: "zero id"}
	}
	return answer, response
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := decoded(request.Header.Get("Content-Encoding"), request.Body)
	var message collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &message)
	}
	if err != nil || request.URL.Path != "/v1/traces" || request.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	refused, response := r.take(&message, request.Header.Get("X-Scope-OrgID"))
	if response == nil {
		w.Header().Set("Retry-After", refused.after)
		http.Error(w, "later", refused.status)
		return
	}
	out, err := proto.Marshal(response)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.Write(out)
}

func decoded(encoding string, r io.Reader) ([]byte, error) {
	switch encoding {
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(z)
	case "zstd":
		z, err := zstd.NewReader(r)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		return io.ReadAll(z)
	}
	return io.ReadAll(r)
}

func (r *receiver) Export(ctx context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	tenant := ""
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		tenant = strings.Join(md.Get("X-Scope-OrgID"), ",")
	}
	refused, response := r.take(request, tenant)
	return response, refused.grpc
}

// zstdCodec lets the test's gRPC server read zstd, as clew's own does.
type zstdCodec struct{}

func (zstdCodec) Name() string { return "zstd" }

func (zstdCodec) Compress(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }

func (zstdCodec) Decompress(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) }

func TestMain(m *testing.M) {
	encoding.RegisterCompressor(zstdCodec{})
	os.Exit(m.Run())
}

func serve(t *testing.T, protocol Protocol, refusals ...refuse) (*receiver, Config) {
	t.Helper()
	r := &receiver{tenants: map[string]int{}, refuse: refusals}
	config := Config{Protocol: protocol, Clients: 3}
	if protocol == HTTP {
		server := httptest.NewServer(r)
		t.Cleanup(server.Close)
		config.Endpoint = server.URL
		return r, config
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, r)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	config.Endpoint = listener.Addr().String()
	return r, config
}

// spool holds 10 requests of 100 spans, most of them in the file.
func spool(t *testing.T, encoding Encoding) *Spool {
	t.Helper()
	s, err := NewSpool(t.TempDir(), encoding, 70_000)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, body := range corpus.Requests(corpus.Shop, 1, 1000, 100) {
		if err := s.Add(body, 100); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestRunDeliversEverySpanOnce(t *testing.T) {
	for _, protocol := range []Protocol{HTTP, GRPC} {
		for _, encoding := range []Encoding{Identity, Gzip, Zstd} {
			t.Run(string(protocol)+"/"+string(encoding), func(t *testing.T) {
				server, config := serve(t, protocol)
				config.Headers = map[string]string{"X-Scope-OrgID": "acme"}
				result, err := Run(t.Context(), spool(t, encoding), config)
				if err != nil || result.FirstError != nil {
					t.Fatal(err, result.FirstError)
				}
				if server.spans != 1000 || server.bodies != 10 || server.tenants["acme"] != 10 {
					t.Errorf("server has %d spans of %d requests, tenants %v", server.spans, server.bodies, server.tenants)
				}
				if result.Accepted != 1000 || result.Rejected != 0 || result.Failed != 0 || result.Throttled != 0 || result.Latency.Count() != 10 {
					t.Errorf("result = %+v", result)
				}
			})
		}
	}
}

func retryInfo(code codes.Code, after time.Duration) error {
	st, err := status.New(code, "later").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
	if err != nil {
		panic(err)
	}
	return st.Err()
}

func TestRunWaitsAsToldAndRepeats(t *testing.T) {
	for _, c := range []struct {
		protocol Protocol
		refuse   refuse
		wait     time.Duration
	}{
		{HTTP, refuse{status: 429, after: "3"}, 3 * time.Second},
		{HTTP, refuse{status: 503, after: "7"}, 7 * time.Second},
		{HTTP, refuse{status: 503, after: "86400"}, maxAdvice},
		{HTTP, refuse{status: 503}, firstWait},
		{GRPC, refuse{grpc: retryInfo(codes.ResourceExhausted, 2*time.Second)}, 2 * time.Second},
		{GRPC, refuse{grpc: retryInfo(codes.Unavailable, time.Minute)}, maxAdvice},
		{GRPC, refuse{grpc: status.Error(codes.Unavailable, "later")}, firstWait},
	} {
		server, config := serve(t, c.protocol, c.refuse)
		var waits []time.Duration
		var mu sync.Mutex
		result, err := run(t.Context(), spool(t, Identity), config, func(_ context.Context, d time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			waits = append(waits, d)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if server.spans != 1000 || result.Accepted != 1000 || result.Failed != 0 || result.Throttled != 1 {
			t.Errorf("%v: server has %d spans, result %+v", c.refuse, server.spans, result)
		}
		if len(waits) != 1 || waits[0] != c.wait {
			t.Errorf("%v: waited %v, want %v once", c.refuse, waits, c.wait)
		}
	}
}

func TestRunCountsWhatFails(t *testing.T) {
	for _, c := range []struct {
		protocol                   Protocol
		refuse                     refuse
		accepted, rejected, failed int64
		text                       string
	}{
		{HTTP, refuse{status: 400}, 900, 0, 100, "400"},
		{HTTP, refuse{partial: 7}, 993, 7, 0, "zero id"},
		{HTTP, refuse{partial: 1 << 40}, 900, 100, 0, "zero id"},
		{GRPC, refuse{grpc: status.Error(codes.InvalidArgument, "no")}, 900, 0, 100, "InvalidArgument"},
		{GRPC, refuse{grpc: status.Error(codes.ResourceExhausted, "drop it")}, 900, 0, 100, "ResourceExhausted"},
		{GRPC, refuse{partial: 7}, 993, 7, 0, "zero id"},
	} {
		_, config := serve(t, c.protocol, c.refuse)
		result, err := Run(t.Context(), spool(t, Identity), config)
		if err != nil {
			t.Fatal(err)
		}
		if result.Accepted != c.accepted || result.Rejected != c.rejected || result.Failed != c.failed {
			t.Errorf("%v: result %+v", c.refuse, result)
		}
		if result.FirstError == nil || !strings.Contains(result.FirstError.Error(), c.text) {
			t.Errorf("%v: first error %v, want it to say %q", c.refuse, result.FirstError, c.text)
		}
	}
}

func TestRunGivesUpWhenPatienceEnds(t *testing.T) {
	refusals := make([]refuse, 1000)
	for i := range refusals {
		refusals[i].status = 503
	}
	_, config := serve(t, HTTP, refusals...)
	config.Patience = time.Nanosecond
	result, err := Run(t.Context(), spool(t, Identity), config)
	if err != nil || result.Failed != 1000 || result.Accepted != 0 {
		t.Errorf("result %+v, %v; want all failed", result, err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, config := serve(t, HTTP, refuse{status: 503, after: "30"}, refuse{status: 503, after: "30"}, refuse{status: 503, after: "30"})
	_, err := run(ctx, spool(t, Identity), config, func(ctx context.Context, d time.Duration) error {
		cancel()
		return sleep(ctx, d)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run of a cancelled context = %v", err)
	}
}

func TestRunKeepsItsRate(t *testing.T) {
	_, config := serve(t, HTTP)
	config.Clients, config.SpansPerSecond = 1, 1000
	var waits []time.Duration
	_, err := run(t.Context(), spool(t, Identity), config, func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// Request i is due i × 100 ms after the start; nothing really waits here.
	for i, d := range waits {
		due := time.Duration(i) * 100 * time.Millisecond
		if d > due || due-d > 50*time.Second {
			t.Errorf("request %d waits %v, want %v less what has passed", i, d, due)
		}
	}
	if len(waits) != 10 {
		t.Errorf("%d requests waited, want 10", len(waits))
	}
}

func TestValidate(t *testing.T) {
	good := Config{Protocol: HTTP, Endpoint: "localhost:4318", Clients: 1}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []Config{
		{Protocol: HTTP, Endpoint: "x", Clients: 0},
		{Protocol: HTTP, Endpoint: "x", Clients: MaxClients + 1},
		{Protocol: HTTP, Clients: 1},
		{Protocol: "udp", Endpoint: "x", Clients: 1},
		{Protocol: GRPC, Endpoint: "x", Clients: 1, SpansPerSecond: -1},
	} {
		if err := bad.Validate(); clew.KindOf(err) != clew.Invalid || err == nil {
			t.Errorf("Validate(%+v) = %v, want kind Invalid", bad, err)
		}
	}
	if _, err := Run(t.Context(), spool(t, Identity), Config{Protocol: HTTP, Clients: 1, Endpoint: "http://"}); err == nil {
		t.Error("Run takes an endpoint without host")
	}
}

func TestSpoolGivesBackWhatItTook(t *testing.T) {
	bodies := corpus.Requests(corpus.Shop, 1, 1000, 100)
	for _, encoding := range []Encoding{Identity, Gzip, Zstd} {
		s := spool(t, encoding)
		if s.Len() != 10 || s.Spans() != 1000 || s.size == 0 || len(s.memory) == 0 {
			t.Fatalf("%s: %d bodies, %d spans, %d B in memory, %d B in the file", encoding, s.Len(), s.Spans(), len(s.memory), s.size)
		}
		if int64(len(s.memory))+s.size != s.EncodedBytes() {
			t.Errorf("%s: EncodedBytes = %d", encoding, s.EncodedBytes())
		}
		var buf []byte
		for i := range bodies {
			var n int
			var err error
			if buf, n, err = s.Read(i, buf); err != nil || n != 100 {
				t.Fatal(n, err)
			}
			got, err := decoded(string(encoding), bytes.NewReader(buf))
			if err != nil || !bytes.Equal(got, bodies[i]) {
				t.Errorf("%s: body %d differs (%v)", encoding, i, err)
			}
		}
	}
	if _, err := NewSpool("", "lzma", 1); clew.KindOf(err) != clew.Invalid {
		t.Errorf("NewSpool with lzma = %v, want kind Invalid", err)
	}
}

func TestQuantile(t *testing.T) {
	l := Latency{all: []time.Duration{5, 1, 4, 2, 3}}
	l.sort()
	for _, c := range []struct {
		q    float64
		want time.Duration
	}{{0, 1}, {0.2, 1}, {0.5, 3}, {0.8, 4}, {0.99, 5}, {1, 5}, {7, 5}, {-1, 1}} {
		if got := l.Quantile(c.q); got != c.want {
			t.Errorf("Quantile(%v) = %d, want %d", c.q, got, c.want)
		}
	}
	if got := (&Latency{}).Quantile(0.5); got != 0 {
		t.Errorf("Quantile of nothing = %v", got)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		v    string
		want time.Duration
	}{
		{"", 0}, {"2", 2 * time.Second}, {"-2", 0}, {"soon", 0}, {"0", 0},
		{"Mon, 05 Jan 2026 12:00:09 GMT", 9 * time.Second}, {"Mon, 05 Jan 2026 11:00:00 GMT", 0},
	} {
		if got := retryAfter(c.v, now); got != c.want {
			t.Errorf("retryAfter(%q) = %v, want %v", c.v, got, c.want)
		}
	}
}

func FuzzParseReply(f *testing.F) {
	for _, m := range []*collector.ExportTraceServiceResponse{{}, {PartialSuccess: &collector.ExportTracePartialSuccess{RejectedSpans: 3, ErrorMessage: "x"}}} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{0x08, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseReply(b)
		var want collector.ExportTraceServiceResponse
		if proto.Unmarshal(b, &want) != nil {
			return // stricter: it also checks UTF-8 and nesting
		}
		if err != nil {
			t.Fatalf("parseReply(%x) = %v, official code reads it", b, err)
		}
		if got.rejected != max(want.PartialSuccess.GetRejectedSpans(), 0) {
			t.Errorf("parseReply(%x) rejects %d, want %d", b, got.rejected, want.PartialSuccess.GetRejectedSpans())
		}
	})
}
