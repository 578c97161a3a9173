package otlpdoor

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/storage"
)

// Names that HTTP requests are asked for by.
const (
	TracesPath   = "/v1/traces"
	tenantHeader = "X-Scope-OrgID"
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// HTTP is the OTLP/HTTP door. It is an http.Handler for the whole port.
type HTTP struct{ door }

// NewHTTP returns the door.
func NewHTTP(cfg Config) *HTTP {
	return &HTTP{door{cfg: cfg.withDefaults(), name: "otlp-http"}}
}

// Stats returns what came through the door.
func (h *HTTP) Stats() ingest.Stats { return h.counters.Stats() }

// ServeHTTP implements http.Handler.
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.cors(w, r)
	switch {
	case r.URL.Path != TracesPath:
		h.plain(w, http.StatusNotFound, "this is clew's OTLP/HTTP door: POST traces to "+TracesPath+"; metrics and logs are not taken")
	case r.Method == http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST, OPTIONS")
		h.plain(w, http.StatusMethodNotAllowed, "POST traces to "+TracesPath)
	default:
		h.post(w, r)
	}
}

func (h *HTTP) plain(w http.ResponseWriter, status int, text string) {
	http.Error(w, text, status)
}

// cors lets pages of the configured origins send from a browser.
func (h *HTTP) cors(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	if origin == "" || len(h.cfg.CORSOrigins) == 0 {
		return
	}
	header := w.Header()
	header.Add("Vary", "Origin")
	if !slices.Contains(h.cfg.CORSOrigins, origin) && !slices.Contains(h.cfg.CORSOrigins, "*") {
		return
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Expose-Headers", "Retry-After")
	if r.Method == http.MethodOptions {
		header.Set("Access-Control-Allow-Methods", "POST, OPTIONS")
		header.Set("Access-Control-Allow-Headers", "Content-Type, Content-Encoding, Authorization, X-Scope-OrgID, Traceparent, Tracestate")
		header.Set("Access-Control-Max-Age", "7200")
	}
}

// post takes one request.
func (h *HTTP) post(w http.ResponseWriter, r *http.Request) {
	req := request{tenant: r.Header.Get(tenantHeader)}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == typeJSON:
		req.json = true
	case err == nil && kind == typeProtobuf:
	default:
		h.fail(w, r, false, clew.Errorf(clew.Unsupported, "content type %q is not OTLP: send %s or %s", clip(r.Header.Get("Content-Type"), 64), typeProtobuf, typeJSON))
		return
	}
	if err := h.cfg.Gate.Err(); err != nil {
		h.fail(w, r, req.json, err)
		return
	}
	if req.encoding, err = otlp.ParseEncoding(strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))); err != nil {
		h.fail(w, r, req.json, err)
		return
	}
	buf := h.buffer()
	defer h.recycle(buf)
	reserved, err := h.read(buf, w, r)
	defer func() { h.cfg.Budget.Give(reserved) }()
	if err != nil {
		h.fail(w, r, req.json, err)
		return
	}
	req.packed, req.arrived = *buf, h.cfg.Now()
	h.counters.Came(len(*buf))
	res, err := h.take(r.Context(), &req)
	if err != nil {
		h.fail(w, r, req.json, err)
		return
	}
	h.counters.Took(h.name, &res, req.arrived)
	h.answer(w, &res, req.json)
}

// firstRead is what is set aside for a body before any of it came: a length that
// is only claimed costs nothing.
const firstRead = 64 << 10

// read reads the body. Memory is reserved as it grows.
func (h *HTTP) read(buf *[]byte, w http.ResponseWriter, r *http.Request) (reserved int64, err error) {
	limit := int64(h.cfg.MaxBodyBytes)
	tooLarge := clew.Errorf(clew.TooLarge, "the request is larger than %d bytes; send smaller batches or raise --max-request", limit)
	if r.ContentLength > limit {
		return 0, tooLarge
	}
	b := (*buf)[:0]
	src := http.MaxBytesReader(w, r.Body, limit+1)
	for {
		if len(b) == cap(b) {
			grown := max(firstRead, 2*cap(b))
			if r.ContentLength > 0 && int64(len(b)) < r.ContentLength && int64(grown) > r.ContentLength+1 {
				grown = int(r.ContentLength) + 1
			}
			b = append(make([]byte, 0, grown), b...)
		}
		if int64(cap(b)) > reserved {
			more := int64(cap(b)) - reserved
			if err := h.cfg.Budget.Take(more); err != nil {
				*buf = b
				return reserved, err
			}
			reserved += more
		}
		n, err := src.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		*buf = b
		switch {
		case int64(len(b)) > limit:
			return reserved, tooLarge
		case err == io.EOF:
			return reserved, nil
		case err != nil:
			return reserved, clew.Errorf(clew.Invalid, "the request ended after %d bytes: %w", len(b), err)
		}
	}
}

// answer says that the spans were kept, and which were not.
func (h *HTTP) answer(w http.ResponseWriter, res *storage.Result, asJSON bool) {
	if !asJSON {
		h.write(w, http.StatusOK, typeProtobuf, appendPartialSuccess(nil, res))
		return
	}
	body := []byte("{}")
	if res.Refused > 0 {
		type partial struct {
			RejectedSpans string `json:"rejectedSpans"`
			ErrorMessage  string `json:"errorMessage"`
		}
		body, _ = json.Marshal(struct { // strings only: cannot fail
			PartialSuccess partial `json:"partialSuccess"`
		}{partial{strconv.Itoa(res.Refused), message(res)}})
	}
	h.write(w, http.StatusOK, typeJSON, body)
}

func (h *HTTP) write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left gets no answer
}

// fail answers with a Status message, in the encoding of the request.
func (h *HTTP) fail(w http.ResponseWriter, r *http.Request, asJSON bool, err error) {
	h.counters.Failed(h.name, err, h.cfg.Now())
	a := ingest.AnswerTo(clew.KindOf(err))
	if a.Retry {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter(err).Seconds())))
	}
	text := clip(err.Error(), maxMessageBytes)
	if asJSON || strings.Contains(r.Header.Get("Content-Type"), "json") {
		body, _ := json.Marshal(struct { // an int and a string: cannot fail
			Code    codes.Code `json:"code"`
			Message string     `json:"message"`
		}{a.GRPC, text})
		h.write(w, a.HTTP, typeJSON, body)
		return
	}
	h.write(w, a.HTTP, typeProtobuf, appendStatus(nil, a.GRPC, text))
}
