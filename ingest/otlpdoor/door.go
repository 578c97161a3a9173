// Package otlpdoor takes OTLP trace requests over HTTP and gRPC and appends them
// to a store. No protobuf object exists between the wire and the store.
//
//	HTTP   POST /v1/traces: the request, packed as Content-Encoding says
//	gRPC   POST /opentelemetry.proto.collector.trace.v1.TraceService/Export
//
// Life of a request. Its headers are looked at; its body is read as the budget
// allows; it is unpacked, JSON is translated, and the store parses it under the same
// budget; the store appends it; the answer says which spans were refused and why. All
// but the outermost of that is ingest.Door's.
//
// Specification: opentelemetry.io/docs/specs/otlp, "OTLP/HTTP", "OTLP/gRPC".
package otlpdoor

import "github.com/clew-tracing/clew/ingest"

// ExportPath is the one method of OTLP's trace service.
const ExportPath = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// maxNameBytes shortens what a sender sent and is told again.
const maxNameBytes = 64

// NewGRPC returns the OTLP/gRPC door.
func NewGRPC(cfg ingest.Config) *ingest.GRPC {
	return ingest.NewGRPC(cfg, "otlp-grpc", "OTLP/gRPC", "send it to the OTLP/HTTP door (--otlp-http-port), or choose grpc in the exporter",
		map[string]ingest.Method{ExportPath: {Response: appendResponse}})
}
