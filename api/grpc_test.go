package api_test

import (
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/apitest"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// newGRPC serves one method of a service that is described, by answer.
func newGRPC(t *testing.T, notReady func() string, answer func(*api.RPC) error) (*apitest.Client, *api.GRPC) {
	t.Helper()
	set, err := os.ReadFile("jaeger/query.protoset")
	if err != nil {
		t.Fatal(err)
	}
	p := api.MustProtocol(set)
	g := api.NewGRPC(api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())}, notReady, p,
		api.Service{Name: "jaeger.api_v3.QueryService", Methods: map[string]func(*api.RPC) error{"GetServices": answer}})
	t.Cleanup(g.Stop)
	return &apitest.Client{Conn: apitest.Listen(t, g), Files: p}, g
}

const getServices = "/jaeger.api_v3.QueryService/GetServices"

// TestGRPCFault is the client's to know of, and not the end of the process.
func TestGRPCFault(t *testing.T) {
	c, _ := newGRPC(t, nil, func(*api.RPC) error { panic("out of order") })
	for range 2 {
		if _, err := c.Call(t.Context(), getServices, `{}`); status.Code(err) != codes.Internal || strings.Contains(err.Error(), "out of order") {
			t.Errorf("a fault: %v", err)
		}
	}
}

// TestGRPCStop waits for a method that is on its way, and ends it.
func TestGRPCStop(t *testing.T) {
	begun, ended := make(chan bool), atomic.Bool{}
	c, g := newGRPC(t, nil, func(r *api.RPC) error {
		close(begun)
		<-r.Ctx.Done()
		ended.Store(true)
		return r.Ctx.Err()
	})
	if _, _, err := c.Begin(t.Context(), getServices, `{}`); err != nil {
		t.Fatal(err)
	}
	<-begun
	g.Stop()
	if !ended.Load() {
		t.Error("Stop returned before the method")
	}
}

// TestGRPCTells is the health service, which knows when the server is not ready, and
// reflection, which describes every service with what it imports.
func TestGRPCTells(t *testing.T) {
	var why atomic.Value
	why.Store("")
	c, _ := newGRPC(t, func() string { return why.Load().(string) }, func(r *api.RPC) error { return r.Send(nil) })
	health := healthpb.NewHealthClient(c.Conn)
	watch, err := health.Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for reason, want := range map[string]healthpb.HealthCheckResponse_ServingStatus{"": healthpb.HealthCheckResponse_SERVING, "the disk is full": healthpb.HealthCheckResponse_NOT_SERVING} {
		why.Store(reason)
		if got, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "jaeger.api_v3.QueryService"}); err != nil || got.Status != want {
			t.Errorf("not ready %q: %v, %v", reason, got, err)
		}
		for { // until it is told
			got, err := watch.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if got.Status == want {
				break
			}
		}
	}
	if _, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "nobody"}); status.Code(err) != codes.NotFound {
		t.Errorf("the health of nobody: %v", err)
	}
	ask, err := reflectionpb.NewServerReflectionClient(c.Conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = ask.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "jaeger.api_v3.QueryService"}})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := ask.Recv()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, raw := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		var f descriptorpb.FileDescriptorProto
		if err := proto.Unmarshal(raw, &f); err != nil {
			t.Fatal(err)
		}
		names = append(names, f.GetName())
	}
	if got := strings.Join(names, " "); !strings.Contains(got, "query_v3.proto") || !strings.Contains(got, "opentelemetry/proto/trace/v1/trace.proto") {
		t.Errorf("described: %s", got)
	}
}

// TestGRPCAlone is told to who speaks something else.
func TestGRPCAlone(t *testing.T) {
	_, g := newGRPC(t, nil, func(r *api.RPC) error { return r.Send(nil) })
	if w := apitest.Get(g, getServices); w.Code != http.StatusUnsupportedMediaType || !strings.Contains(w.Body.String(), "gRPC") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// FuzzMessage reads a message's fields, whatever its bytes.
func FuzzMessage(f *testing.F) {
	set, err := os.ReadFile("jaeger/query.protoset")
	if err != nil {
		f.Fatal(err)
	}
	p := api.MustProtocol(set)
	d, err := p.FindDescriptorByName("jaeger.api_v3.TraceQueryParameters")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("\x0a\x01a\x1a\x04\x0a\x00\x12\x00\x22\x02\x08\x01\x32\x02\x08\x01\x40\x05"))
	f.Add([]byte("\x1a\x04\x0a\x00\x080")) // a map's entry with a key and a number as another
	f.Add([]byte("\x22\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := api.ReadMessage(d.(protoreflect.MessageDescriptor), body)
		if err != nil {
			return
		}
		_, _, _, _ = m.Text("service_name"), m.Texts("attributes"), m.Int("search_depth"), m.Strange()
		for _, name := range []protoreflect.Name{"start_time_min", "start_time_max"} {
			if at, err := m.Moment(name); err == nil && at>>63 != 0 {
				t.Errorf("a moment %d", at)
			}
		}
		if d, err := m.Duration("duration_max"); err == nil && d < 0 {
			t.Errorf("a duration %v", d)
		}
	})
}
