// Package zipkindoor takes spans in Zipkin's formats over HTTP, as Zipkin's collector does
// on 9411:
//
//	POST /api/v2/spans   a list in JSON or protobuf
//	POST /api/v1/spans   a list in JSON or Thrift
//
// The format is told from the body, as Zipkin does it, since many clients' Content-Type is
// wrong. The answer is 202, empty, when all spans are durable; 400 where some are none of
// Zipkin's, with a text that names them; the others are kept.
//
// Source: zipkin.io/zipkin-api, zipkin2-api.yaml and zipkin-api.yaml.
package zipkindoor

import (
	"net/http"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/zipkin"
	"github.com/clew-tracing/clew/ingest"
)

// Paths are where spans are posted.
var Paths = []string{"/api/v2/spans", "/api/v1/spans"}

// HTTP is the door. It is an http.Handler for its paths alone.
type HTTP struct {
	ingest.Texts
	now func() time.Time
}

// New returns the door.
func New(cfg ingest.Config) *HTTP {
	h := &HTTP{ingest.Texts{Door: ingest.NewDoor(cfg, "zipkin")}, cfg.Now}
	if h.now == nil {
		h.now = time.Now
	}
	return h
}

// ServeHTTP implements http.Handler.
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.Allow(w, r)
	switch r.Method {
	case http.MethodOptions:
		w.Header().Set("Allow", "POST, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodPost:
	default:
		w.Header().Set("Allow", "POST, OPTIONS")
		h.Answer(w, http.StatusMethodNotAllowed, "POST spans to "+strings.Join(Paths, " or "))
		return
	}
	res, err := h.Post(w, r, h.translate)
	switch {
	case err != nil:
		h.Fail(w, err)
	case res.Refused > 0:
		h.Answer(w, http.StatusBadRequest, ingest.Refusals(&res))
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

// translate turns a list into OTLP. Its first byte tells the format: a bracket begins
// JSON, the tag of a field of spans protobuf, the type of a list's structs Thrift.
func (h *HTTP) translate(dst, body []byte) (out []byte, unknown int, err error) {
	now := uint64(h.now().UnixNano())
	for _, c := range body {
		switch c {
		case ' ', '\t', '\n', '\r':
			continue
		case '[':
			return zipkin.AppendJSON(dst, body, now)
		}
		break
	}
	switch {
	case len(body) == 0: // a list of no spans in protobuf
		return dst, 0, nil
	case body[0] == 0x0a:
		return zipkin.AppendProto(dst, body, now)
	case body[0] == 0x0c:
		return zipkin.AppendThrift(dst, body, now)
	}
	return dst, 0, clew.Errorf(clew.Invalid, "this is no list of spans of Zipkin: neither JSON, which begins with '[', nor protobuf, nor Thrift of version 1")
}
