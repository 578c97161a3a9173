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

	"google.golang.org/grpc/codes"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/zipkin"
	"github.com/clew-tracing/clew/ingest"
)

// Paths are where spans are posted.
var Paths = []string{"/api/v2/spans", "/api/v1/spans"}

// HTTP is the door. It is an http.Handler for its paths alone.
type HTTP struct {
	*ingest.Door
	now func() time.Time
}

// New returns the door.
func New(cfg ingest.Config) *HTTP {
	h := &HTTP{ingest.NewDoor(cfg, "zipkin"), cfg.Now}
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
		h.answer(w, http.StatusMethodNotAllowed, "POST spans to "+strings.Join(Paths, " or "))
		return
	}
	res, err := h.Post(w, r, h.translate)
	switch {
	case err != nil:
		a, st := h.Failed(err)
		ingest.SayRetry(w, a, err)
		h.answer(w, a.HTTP, st.Message())
	case res.Refused > 0:
		h.answer(w, http.StatusBadRequest, ingest.Refusals(&res))
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

// Deny answers a request that somebody before the door does not let through, or that met
// a fault (codes.Internal).
func (h *HTTP) Deny(w http.ResponseWriter, r *http.Request, httpStatus int, code codes.Code, text string) {
	h.Allow(w, r)
	h.Denied(h.Name(), code, text)
	h.answer(w, httpStatus, text)
}

// answer answers with a text, as Zipkin does.
func (h *HTTP) answer(w http.ResponseWriter, status int, text string) {
	h.Closing(w)
	ingest.Write(w, status, "text/plain; charset=utf-8", []byte(text+"\n"))
}
