package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// received is a span with the resource it came under.
type received struct {
	*tracepb.Span
	resource map[string]*commonpb.AnyValue
	scope    string
}

func (r received) service() string { return r.resource["service.name"].GetStringValue() }

func (r received) attr(key string) *commonpb.AnyValue { return attrMap(r.Attributes)[key] }

func attrMap(kvs []*commonpb.KeyValue) map[string]*commonpb.AnyValue {
	m := make(map[string]*commonpb.AnyValue, len(kvs))
	for _, kv := range kvs {
		m[kv.Key] = kv.Value
	}
	return m
}

// collector is an OTLP server for tests, over gRPC and HTTP, which keeps the
// spans it acknowledges. A resent request (equal bytes) is acknowledged and kept
// once, as the real server does.
type collector struct {
	coltracepb.UnimplementedTraceServiceServer
	// refuse, if set, says how many spans of a request are refused, or an error
	// for the whole of it. Set before serving.
	refuse func(spans int) (refused int, message string, err error)

	mu      sync.Mutex // guards what follows
	spans   []received
	seen    map[string]bool
	callers map[string]int // requests by tenant and Authorization
	refused int
}

func newCollector() *collector {
	return &collector{seen: map[string]bool{}, callers: map[string]int{}}
}

// take stores one request.
func (c *collector) take(caller string, req *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var batch []received
	for _, rs := range req.ResourceSpans {
		resource := attrMap(rs.Resource.GetAttributes())
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				batch = append(batch, received{Span: s, resource: resource, scope: ss.Scope.GetName()})
			}
		}
	}
	res := &coltracepb.ExportTraceServiceResponse{}
	if c.refuse != nil {
		refused, message, err := c.refuse(len(batch))
		if err != nil {
			return nil, err
		}
		if refused > 0 || message != "" {
			res.PartialSuccess = &coltracepb.ExportTracePartialSuccess{RejectedSpans: int64(refused), ErrorMessage: message}
			batch = batch[min(refused, len(batch)):]
			c.refused += refused
		}
	}
	c.callers[caller]++
	if !c.seen[string(raw)] {
		c.seen[string(raw)] = true
		c.spans = append(c.spans, batch...)
	}
	return res, nil
}

// Export is the gRPC door.
func (c *collector) Export(ctx context.Context, req *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	return c.take(strings.Join(append(md.Get(tenantHeader), md.Get("Authorization")...), " "), req)
}

// ServeHTTP is the HTTP door.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	req := new(coltracepb.ExportTraceServiceRequest)
	if err != nil || r.URL.Path != tracesPath || proto.Unmarshal(body, req) != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	res, err := c.take(strings.TrimSpace(r.Header.Get(tenantHeader)+" "+r.Header.Get("Authorization")), req)
	if err != nil {
		code := http.StatusBadRequest
		if status.Code(err) == codes.Unavailable {
			code = http.StatusServiceUnavailable
		}
		http.Error(w, err.Error(), code)
		return
	}
	raw, _ := proto.Marshal(res)
	w.Header().Set("Content-Type", "application/x-protobuf")
	io.Copy(w, bytes.NewReader(raw))
}

// all returns the spans so far.
func (c *collector) all() []received {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]received{}, c.spans...)
}

// door is a running server in front of a collector.
type door struct {
	address string
	close   func() // returns when the server has gone
}

// openDoor serves c on address ("127.0.0.1:0" for any). It may be called by any
// goroutine of the test.
func openDoor(t testing.TB, c *collector, protocol, address string) door {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Error(err)
		return door{close: func() {}}
	}
	var wg sync.WaitGroup
	var once sync.Once
	var stop func()
	if protocol == ProtocolGRPC {
		s := grpc.NewServer()
		coltracepb.RegisterTraceServiceServer(s, c)
		wg.Go(func() { s.Serve(l) })
		stop = s.Stop
	} else {
		s := &http.Server{Handler: c}
		wg.Go(func() { s.Serve(l) })
		stop = func() { s.Close() }
	}
	d := door{address: l.Addr().String(), close: func() { once.Do(func() { stop(); wg.Wait() }) }}
	t.Cleanup(d.close)
	return d
}

// key identifies a span.
func key(traceID, spanID []byte) string { return fmt.Sprintf("%x/%x", traceID, spanID) }
