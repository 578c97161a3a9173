package api

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	oldreflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// HealthPath begins the paths of the health service, which everybody may ask, and
// tellingPaths those of all services that every GRPC has besides its own.
const HealthPath = "/grpc.health.v1.Health/"

var tellingPaths = []string{HealthPath, "/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"}

// GuardedGRPC is a GRPC behind a guard, but for its health service.
type GuardedGRPC struct {
	http.Handler
	paths []string // of its services
}

// Behind puts g behind a guard.
func (g *GRPC) Behind(guard func(http.Handler) http.Handler) *GuardedGRPC {
	mux := http.NewServeMux()
	mux.Handle(HealthPath, g)
	mux.Handle("/", guard(g))
	return &GuardedGRPC{mux, g.paths}
}

// Mount adds the paths of its services to mux, or those of what tells of them. Of nil there
// are none.
func (g *GuardedGRPC) Mount(mux *http.ServeMux, telling bool) {
	if g == nil {
		return
	}
	paths := g.paths
	if telling {
		paths = tellingPaths
	}
	for _, p := range paths {
		mux.Handle(p, g)
	}
}

// NewTelling returns what tells of several together, at an address that has all of them: their
// health and reflection.
func NewTelling(notReady func() string, of ...*GRPC) *GRPC {
	g := &GRPC{server: newServer()}
	g.tell(notReady, of)
	return g
}

// NewHealth returns the health service alone, at an address whose services are served by
// others: "" is all of them.
func NewHealth(notReady func() string, services ...string) *GRPC {
	g := &GRPC{server: newServer()}
	g.tellHealth(notReady, services)
	return g
}

// tellHealth adds the health service, which knows some services.
func (g *GRPC) tellHealth(notReady func() string, services []string) {
	h := &health{notReady: notReady, known: map[string]bool{"": true}}
	for _, name := range services {
		h.known[name] = true
	}
	healthpb.RegisterHealthServer(g.server, h)
}

// tell adds the services that tell of others.
func (g *GRPC) tell(notReady func() string, of several) {
	var services []string
	for _, o := range of {
		for _, p := range o.paths {
			services = append(services, strings.Trim(p, "/"))
		}
	}
	g.tellHealth(notReady, services)
	known := reflection.ServerOptions{Services: of, DescriptorResolver: of}
	reflectionpb.RegisterServerReflectionServer(g.server, reflection.NewServerV1(known))
	oldreflectionpb.RegisterServerReflectionServer(g.server, reflection.NewServer(known))
}

// several are what reflection tells of.
type several []*GRPC

// GetServiceInfo implements reflection.ServiceInfoProvider.
func (s several) GetServiceInfo() map[string]grpc.ServiceInfo {
	all := make(map[string]grpc.ServiceInfo)
	for _, g := range s {
		maps.Copy(all, g.server.GetServiceInfo())
	}
	return all
}

// FindFileByPath implements protodesc.Resolver, as the next does.
func (s several) FindFileByPath(path string) (f protoreflect.FileDescriptor, err error) {
	for _, g := range s {
		if f, err = g.known.FindFileByPath(path); err == nil {
			break
		}
	}
	return f, err
}

// FindDescriptorByName implements protodesc.Resolver.
func (s several) FindDescriptorByName(name protoreflect.FullName) (d protoreflect.Descriptor, err error) {
	for _, g := range s {
		if d, err = g.known.FindDescriptorByName(name); err == nil {
			break
		}
	}
	return d, err
}

// health is the standard health service. All services are as ready as the server.
type health struct {
	healthpb.UnimplementedHealthServer
	notReady func() string
	known    map[string]bool
}

func (h *health) status() healthpb.HealthCheckResponse_ServingStatus {
	if h.notReady != nil && h.notReady() != "" {
		return healthpb.HealthCheckResponse_NOT_SERVING
	}
	return healthpb.HealthCheckResponse_SERVING
}

// Check implements the service.
func (h *health) Check(_ context.Context, r *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if !h.known[r.GetService()] {
		return nil, status.Errorf(codes.NotFound, "no service is called %s here", Shown(r.GetService()))
	}
	return &healthpb.HealthCheckResponse{Status: h.status()}, nil
}

// Watch implements the service.
func (h *health) Watch(r *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	every := time.NewTicker(healthEvery)
	defer every.Stop()
	last := healthpb.HealthCheckResponse_UNKNOWN
	for {
		now := healthpb.HealthCheckResponse_SERVICE_UNKNOWN
		if h.known[r.GetService()] {
			now = h.status()
		}
		if now != last {
			last = now
			if err := stream.Send(&healthpb.HealthCheckResponse{Status: now}); err != nil {
				return err
			}
		}
		select {
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		case <-every.C:
		}
	}
}
