// Package jaegerdoor takes spans from Jaeger's clients, agents and collectors, where they
// send them to Jaeger's own collector and agent.
//
//	gRPC   14250   POST /jaeger.api_v2.CollectorService/PostSpans
//	HTTP   14268   POST /api/traces: a Batch in Thrift's binary protocol
//	UDP     6831   emitBatch, in Thrift's compact protocol
//	UDP     6832   emitBatch, in Thrift's binary protocol; either port takes both
package jaegerdoor

import (
	"mime"
	"net/http"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/jaeger"
	"github.com/clew-tracing/clew/ingest"
)

// PostSpansPath is the one method of the collector's service.
const PostSpansPath = "/jaeger.api_v2.CollectorService/PostSpans"

// TracesPath is where batches are posted.
const TracesPath = "/api/traces"

// maxNameBytes shortens what a sender sent and is told again.
const maxNameBytes = 64

// NewGRPC returns the door of the collector's gRPC.
func NewGRPC(cfg ingest.Config) *ingest.GRPC {
	return ingest.NewGRPC(cfg, "jaeger-collector-grpc", "Jaeger gRPC", "send Thrift to the path "+TracesPath+" of the collector's HTTP port (14268)",
		map[string]ingest.Method{PostSpansPath: {Translate: jaeger.AppendProto}})
}

// HTTP is the door of the collector's HTTP. It is an http.Handler for the whole port.
type HTTP struct{ ingest.Texts }

// NewHTTP returns the door.
func NewHTTP(cfg ingest.Config) *HTTP {
	return &HTTP{ingest.Texts{Door: ingest.NewDoor(cfg, "jaeger-collector-http")}}
}

// ServeHTTP implements http.Handler. What it takes it answers with 202, as Jaeger does; the
// reasons of spans that are refused stand in the answer, 400 if none is left.
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.Allow(w, r)
	switch {
	case r.URL.Path != TracesPath:
		h.Answer(w, http.StatusNotFound, "this is clew's door for Jaeger's clients: POST batches in Thrift to "+TracesPath)
		return
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", "POST, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST, OPTIONS")
		h.Answer(w, http.StatusMethodNotAllowed, "POST batches in Thrift to "+TracesPath)
		return
	}
	if err := contentType(r.Header); err != nil {
		h.Fail(w, err)
		return
	}
	res, err := h.Post(w, r, jaeger.AppendThrift)
	switch {
	case err != nil:
		h.Fail(w, err)
	case res.Refused > 0 && res.Accepted == 0:
		h.Answer(w, http.StatusBadRequest, ingest.Refusals(&res))
	case res.Refused > 0:
		h.Answer(w, http.StatusAccepted, ingest.Refusals(&res))
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

// contentType says why a request is not Thrift.
func contentType(h http.Header) error {
	text := h.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(text)
	if err == nil && (kind == "application/x-thrift" || kind == "application/vnd.apache.thrift.binary") {
		return nil
	}
	return clew.Errorf(clew.Unsupported, "content type %q is not Thrift's binary protocol: send application/x-thrift or application/vnd.apache.thrift.binary", ingest.Clip(text, maxNameBytes))
}

// NewCompact returns the door of the port that is for the compact protocol.
func NewCompact(cfg ingest.Config) *ingest.UDP {
	return ingest.NewUDP(cfg, "jaeger-agent-compact", jaeger.AppendMessage)
}

// NewBinary returns the door of the port that is for the binary protocol.
func NewBinary(cfg ingest.Config) *ingest.UDP {
	return ingest.NewUDP(cfg, "jaeger-agent-binary", jaeger.AppendMessage)
}
