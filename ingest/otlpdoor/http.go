package otlpdoor

import (
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/storage"
)

// TracesPath is where requests of HTTP are posted.
const TracesPath = "/v1/traces"

// HTTP is the OTLP/HTTP door. It is an http.Handler for the whole port.
type HTTP struct{ *ingest.Door }

// NewHTTP returns the door.
func NewHTTP(cfg ingest.Config) *HTTP { return &HTTP{ingest.NewDoor(cfg, "otlp-http")} }

// ServeHTTP implements http.Handler.
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.Allow(w, r)
	switch {
	case r.URL.Path != TracesPath:
		h.refuse(w, r, http.StatusNotFound, codes.Unimplemented, "this is clew's OTLP/HTTP door: POST traces to "+TracesPath+"; metrics, logs and profiles are not taken")
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", "POST, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST, OPTIONS")
		h.refuse(w, r, http.StatusMethodNotAllowed, codes.Unimplemented, "POST traces to "+TracesPath)
	default:
		h.post(w, r)
	}
}

// post takes one request.
func (h *HTTP) post(w http.ResponseWriter, r *http.Request) {
	isJSON, err := contentType(r.Header)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	var translate ingest.Translate
	if isJSON {
		translate = otlp.TranscodeJSON
	}
	res, err := h.Post(w, r, translate)
	switch {
	case err != nil:
		h.fail(w, r, err)
	case isJSON:
		ingest.Write(w, http.StatusOK, ingest.TypeJSON, appendResponseJSON(&res))
	default:
		ingest.Write(w, http.StatusOK, ingest.TypeProtobuf, appendResponse(nil, &res))
	}
}

// contentType reports whether a request is JSON; it is protobuf otherwise.
func contentType(h http.Header) (isJSON bool, err error) {
	text := h.Get("Content-Type")
	switch text {
	case ingest.TypeProtobuf:
		return false, nil
	case ingest.TypeJSON:
		return true, nil
	}
	kind, _, err := mime.ParseMediaType(text)
	switch {
	case err == nil && kind == ingest.TypeProtobuf:
		return false, nil
	case err == nil && kind == ingest.TypeJSON:
		return true, nil
	case strings.HasPrefix(text, "application/grpc"):
		return false, clew.Errorf(clew.Unsupported, "this is clew's OTLP/HTTP door, and the request is gRPC's: send it to the OTLP/gRPC door (--otlp-grpc-port), or choose http/protobuf in the exporter")
	}
	return false, clew.Errorf(clew.Unsupported, "content type %q is not OTLP: send %s or %s", ingest.Clip(text, maxNameBytes), ingest.TypeProtobuf, ingest.TypeJSON)
}

// appendResponseJSON is appendResponse in JSON.
func appendResponseJSON(r *storage.Result) []byte {
	if r.Refused == 0 {
		return []byte("{}")
	}
	type partial struct {
		RejectedSpans string `json:"rejectedSpans"` // 64-bit integers are strings in protobuf's JSON
		ErrorMessage  string `json:"errorMessage"`
	}
	body, _ := json.Marshal(struct { // strings only: cannot fail
		PartialSuccess partial `json:"partialSuccess"`
	}{partial{strconv.Itoa(r.Refused), ingest.Refusals(r)}})
	return body
}

// fail answers an error.
func (h *HTTP) fail(w http.ResponseWriter, r *http.Request, err error) {
	a, st := h.Failed(err)
	ingest.SayRetry(w, a, err)
	h.status(w, r, a.HTTP, st)
}

// refuse answers what is no request for spans at all.
func (h *HTTP) refuse(w http.ResponseWriter, r *http.Request, httpStatus int, code codes.Code, text string) {
	h.status(w, r, httpStatus, status.New(code, text))
}

// Deny answers a request that somebody before the door does not let through, or that
// met a fault (codes.Internal), in the form that OTLP's clients read, and lets pages of allowed origins read it.
func (h *HTTP) Deny(w http.ResponseWriter, r *http.Request, httpStatus int, code codes.Code, text string) {
	h.DenyAt(h.Name())(w, r, httpStatus, code, text)
}

// DenyAt is Deny of requests that came in somewhere else: at is where.
func (h *HTTP) DenyAt(at string) ingest.Denial {
	return func(w http.ResponseWriter, r *http.Request, httpStatus int, code codes.Code, text string) {
		h.Allow(w, r)
		h.Denied(at, code, text)
		h.status(w, r, httpStatus, status.New(code, text))
	}
}

// status answers with a Status message.
func (h *HTTP) status(w http.ResponseWriter, r *http.Request, httpStatus int, st *status.Status) {
	h.Closing(w)
	ingest.WriteStatus(w, r, httpStatus, st)
}
