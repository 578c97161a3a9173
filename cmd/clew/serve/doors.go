package serve

import (
	"errors"

	"github.com/clew-tracing/clew/api/sampling"
	"github.com/clew-tracing/clew/ingest/jaegerdoor"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/listen"
)

// The names of what a server listens for, as health and metrics say them.
const (
	DoorPage       = "page"
	DoorOTLPGRPC   = "otlp-grpc"
	DoorOTLPHTTP   = "otlp-http"
	DoorJaeger     = "jaeger"
	DoorJaegerGRPC = "jaeger-grpc"
	DoorZipkin     = "zipkin"
	DoorTempo      = "tempo"
	DoorProm       = "prometheus"
	DoorXRay       = "xray"
	DoorXRayUDP    = "xray-udp"

	DoorKafka = "kafka"

	DoorJaegerPost    = "jaeger-collector-grpc"
	DoorJaegerThrift  = "jaeger-collector-http"
	DoorJaegerCompact = "jaeger-agent-compact"
	DoorJaegerBinary  = "jaeger-agent-binary"

	DoorJaegerSampling     = "jaeger-sampling"
	DoorJaegerSamplingGRPC = "jaeger-sampling-grpc"
)

// serverDoors are the doors of the settings, not opened yet.
func serverDoors(c *config.Config) []*listen.Door {
	return []*listen.Door{
		{Name: DoorPage, Title: "page and API", Protocol: "http", Setting: "http-port", Port: c.HTTPPort},
		{Name: DoorOTLPGRPC, Title: "OTLP gRPC", Protocol: "grpc", Setting: "otlp-grpc-port", Port: c.OTLPGRPCPort},
		{Name: DoorOTLPHTTP, Title: "OTLP HTTP", Protocol: "http", Path: otlpdoor.TracesPath, Setting: "otlp-http-port", Port: c.OTLPHTTPPort},
		{Name: DoorJaeger, Title: "Jaeger API", Protocol: "http", Setting: "jaeger-port", Port: c.JaegerPort, Spare: true},
		{Name: DoorJaegerGRPC, Title: "Jaeger gRPC", Protocol: "grpc", Setting: "jaeger-grpc-port", Port: c.JaegerGRPCPort, Spare: true},
		{Name: DoorZipkin, Title: "Zipkin", Protocol: "http", Setting: "zipkin-port", Port: c.ZipkinPort, Spare: true},
		{Name: DoorTempo, Title: "Tempo API", Protocol: "http", Setting: "tempo-port", Port: c.TempoPort, Spare: true},
		{Name: DoorProm, Title: "Prometheus API", Protocol: "http", Setting: "prometheus-port", Port: c.PromPort, Spare: true},
		{Name: DoorXRay, Title: "X-Ray", Protocol: "http", Setting: "xray-port", Port: c.XRayPort, Spare: true},
		{Name: DoorXRayUDP, Title: "X-Ray UDP", Protocol: "udp", Setting: "xray-udp-port", Port: c.XRayUDPPort, Spare: true},
		{Name: DoorJaegerPost, Title: "Jaeger spans, gRPC", Protocol: "grpc", Setting: "jaeger-collector-grpc-port", Port: c.JaegerPostPort, Spare: true},
		{Name: DoorJaegerThrift, Title: "Jaeger spans, HTTP", Protocol: "http", Path: jaegerdoor.TracesPath, Setting: "jaeger-collector-http-port", Port: c.JaegerThriftPort, Spare: true},
		{Name: DoorJaegerCompact, Title: "Jaeger spans, UDP, compact", Protocol: "udp", Setting: "jaeger-agent-compact-port", Port: c.JaegerCompactPort, Spare: true},
		{Name: DoorJaegerBinary, Title: "Jaeger spans, UDP, binary", Protocol: "udp", Setting: "jaeger-agent-binary-port", Port: c.JaegerBinaryPort, Spare: true},
		{Name: DoorJaegerSampling, Title: "Jaeger sampling", Protocol: "http", Path: sampling.Paths[0], Setting: "jaeger-sampling-port", Port: c.JaegerSamplingPort, Spare: true},
		{Name: DoorJaegerSamplingGRPC, Title: "Jaeger sampling, gRPC", Protocol: "grpc", Setting: "jaeger-sampling-grpc-port", Port: c.JaegerSamplingGRPCPort, Spare: true},
	}
}

// errBarred is why a door of datagrams is kept closed on purpose.
var errBarred = errors.New("a datagram has no token, and this server asks for one; choose a port to open it all the same")

// barDatagrams keeps doors of datagrams closed on a server with tokens, since a datagram
// shows none, unless their port was chosen by somebody who wants them all the same.
func barDatagrams(doors []*listen.Door, r *config.Resolved) {
	for _, d := range doors {
		if d.Protocol == "udp" && len(r.Tokens) > 0 && r.Origin[d.Setting] == "" {
			d.Refusal = errBarred
		}
	}
}

// listenHosts returns the hosts to listen on; the empty host is every interface.
func listenHosts(c *config.Config) []string {
	if c.ListenAll {
		return []string{""}
	}
	return c.Listen
}
