package otlpdoor

import (
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/storage"
)

// Names that HTTP requests are asked for by.
const (
	TracesPath   = "/v1/traces"
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// HTTP is the OTLP/HTTP door. It is an http.Handler for the whole port.
type HTTP struct {
	door
	origins origins
}

// NewHTTP returns the door.
func NewHTTP(cfg Config) *HTTP {
	return &HTTP{door: newDoor(cfg, "otlp-http"), origins: newOrigins(cfg.CORSOrigins)}
}

// ServeHTTP implements http.Handler.
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.origins.allow(w.Header(), r)
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
	var req request
	defer req.room.Release() // of a fault, too; its buffers are left to whoever has them
	res, err := h.record(w, r, &req)
	h.release(&req)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	if !req.json {
		h.write(w, http.StatusOK, typeProtobuf, appendResponse(nil, &res))
		return
	}
	h.write(w, http.StatusOK, typeJSON, appendResponseJSON(&res))
}

// record reads a request and appends it.
func (h *HTTP) record(w http.ResponseWriter, r *http.Request, req *request) (res storage.Result, err error) {
	if err := h.begin(req); err != nil {
		return res, err
	}
	if req.json, err = contentType(r.Header); err != nil {
		return res, err
	}
	if req.encoding, err = contentEncoding(r.Header); err != nil {
		w.Header().Set("Accept-Encoding", "gzip, zstd")
		return res, err
	}
	req.tenant = r.Header.Get(tenantHeader)
	limitTime(w, h.cfg.BodyTimeout)
	if err := h.read(req, r.Body, r.ContentLength, false); err != nil {
		return res, err
	}
	timeUnlimited(w)
	return h.take(r.Context(), req)
}

// contentType reports whether a request is JSON; it is protobuf otherwise.
func contentType(h http.Header) (isJSON bool, err error) {
	text := h.Get("Content-Type")
	switch text {
	case typeProtobuf:
		return false, nil
	case typeJSON:
		return true, nil
	}
	kind, _, err := mime.ParseMediaType(text)
	switch {
	case err == nil && kind == typeProtobuf:
		return false, nil
	case err == nil && kind == typeJSON:
		return true, nil
	case strings.HasPrefix(text, typeGRPC):
		return false, clew.Errorf(clew.Unsupported, "this is clew's OTLP/HTTP door, and the request is gRPC's: send it to the OTLP/gRPC door (--otlp-grpc-port), or choose http/protobuf in the exporter")
	}
	return false, clew.Errorf(clew.Unsupported, "content type %q is not OTLP: send %s or %s", clip(text, maxNameBytes), typeProtobuf, typeJSON)
}

func contentEncoding(h http.Header) (otlp.Encoding, error) {
	values := h["Content-Encoding"]
	if len(values) == 0 {
		return otlp.Identity, nil
	}
	return otlp.ParseEncoding(strings.ToLower(strings.TrimSpace(strings.Join(values, ", "))))
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
	}{partial{strconv.Itoa(r.Refused), refusals(r)}})
	return body
}

func (h *HTTP) write(w http.ResponseWriter, status int, contentType string, body []byte) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left gets no answer
}

// fail answers an error.
func (h *HTTP) fail(w http.ResponseWriter, r *http.Request, err error) {
	a, st := h.failed(err)
	if a.Retry {
		seconds := (ingest.RetryAfter(err) + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	h.status(w, r, a.HTTP, st)
}

// refuse answers what is no request for spans at all.
func (h *HTTP) refuse(w http.ResponseWriter, r *http.Request, httpStatus int, code codes.Code, text string) {
	h.status(w, r, httpStatus, status.New(code, text))
}

// Deny answers a request that somebody before the door does not let through, or that
// met a fault (codes.Internal), in the form that OTLP's clients read, and lets pages of allowed origins read it.
func (h *HTTP) Deny(w http.ResponseWriter, r *http.Request, httpStatus int, code codes.Code, text string) {
	h.DenyAt(h.name)(w, r, httpStatus, code, text)
}

// DenyAt is Deny of requests that came in somewhere else: at is where.
func (h *HTTP) DenyAt(at string) Denial {
	return func(w http.ResponseWriter, r *http.Request, httpStatus int, code codes.Code, text string) {
		h.origins.allow(w.Header(), r)
		h.denied(at, code, text)
		h.status(w, r, httpStatus, status.New(code, text))
	}
}

// status answers with a Status message in the encoding of the request, JSON where
// that is none of OTLP's: people can read it. What the request still has is read
// only if it comes at once.
func (h *HTTP) status(w http.ResponseWriter, r *http.Request, httpStatus int, st *status.Status) {
	limitTime(w, drainTimeout)
	if h.cfg.Gate.Draining() {
		w.Header().Set("Connection", "close") // the next request finds a server that stays
	}
	writeStatus(w, r, httpStatus, st)
}

func writeStatus(w http.ResponseWriter, r *http.Request, httpStatus int, st *status.Status) {
	kind, marshal := typeJSON, protojson.Marshal
	if strings.Contains(r.Header.Get("Content-Type"), "protobuf") {
		kind, marshal = typeProtobuf, proto.Marshal
	}
	body, err := marshal(st.Proto())
	if err != nil { // valid UTF-8 and known details: cannot fail
		http.Error(w, st.Message(), httpStatus)
		return
	}
	header := w.Header()
	header.Set("Content-Type", kind)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(httpStatus)
	_, _ = w.Write(body) // a client that left gets no answer
}
