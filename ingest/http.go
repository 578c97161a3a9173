package ingest

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/storage"
)

// The types of bodies that OTLP has, and that others have, too.
const (
	TypeProtobuf = "application/x-protobuf"
	TypeJSON     = "application/json"
)

// Post takes the spans of a request that came over HTTP: its body is read, unpacked as
// Content-Encoding says, and appended as what translate makes of it (nil: as it is). The
// caller answers; an error it passes to Failed, which counts it.
func (d *Door) Post(w http.ResponseWriter, r *http.Request, translate Translate) (storage.Result, error) {
	req := request{translate: translate}
	defer req.room.Release() // of a fault, too; its buffers are left to whoever has them
	res, err := d.post(w, r, &req)
	d.release(&req)
	return res, err
}

func (d *Door) post(w http.ResponseWriter, r *http.Request, req *request) (res storage.Result, err error) {
	if err := d.begin(req); err != nil {
		return res, err
	}
	if req.encoding, err = contentEncoding(r.Header); err != nil {
		w.Header().Set("Accept-Encoding", "gzip, zstd")
		return res, err
	}
	req.tenant = r.Header.Get(clew.TenantHeader)
	limitTime(w, d.cfg.BodyTimeout)
	if err := d.read(req, r.Body, r.ContentLength, false); err != nil {
		return res, err
	}
	timeUnlimited(w)
	return d.take(r.Context(), req)
}

func contentEncoding(h http.Header) (otlp.Encoding, error) {
	values := h["Content-Encoding"]
	if len(values) == 0 {
		return otlp.Identity, nil
	}
	return otlp.ParseEncoding(strings.ToLower(strings.TrimSpace(strings.Join(values, ", "))))
}

// Allow lets a page of an allowed origin read the answer to r, and says to a preflight
// what it may send.
func (d *Door) Allow(w http.ResponseWriter, r *http.Request) { d.origins.allow(w.Header(), r) }

// Closing prepares an answer that leaves before its request may have been read: what that
// still has is read only if it comes at once, and a sender to a server that is leaving
// is told to connect anew.
func (d *Door) Closing(w http.ResponseWriter) {
	LimitDrain(w)
	if d.cfg.Gate.Draining() {
		w.Header().Set("Connection", "close") // the next request finds a server that stays
	}
}

// SayRetry says in a header when to come again, if an answer says to.
func SayRetry(w http.ResponseWriter, a Answer, err error) {
	if a.Retry {
		seconds := (RetryAfter(err) + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
}

// Write writes an answer whose whole body is known.
func Write(w http.ResponseWriter, status int, contentType string, body []byte) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left gets no answer
}

// WriteStatus answers with a Status message in the encoding of the request, JSON where
// that is none of OTLP's: people can read it.
func WriteStatus(w http.ResponseWriter, r *http.Request, httpStatus int, st *status.Status) {
	kind, marshal := TypeJSON, protojson.Marshal
	if strings.Contains(r.Header.Get("Content-Type"), "protobuf") {
		kind, marshal = TypeProtobuf, proto.Marshal
	}
	body, err := marshal(st.Proto())
	if err != nil { // valid UTF-8 and known details: cannot fail
		http.Error(w, st.Message(), httpStatus)
		return
	}
	Write(w, httpStatus, kind, body)
}

// LimitDrain bounds how long an answer waits for the rest of its request.
func LimitDrain(w http.ResponseWriter) { limitTime(w, drainTimeout) }

// limitTime makes the reading of a request's body end in time. A writer that is
// no connection's has no such limit.
func limitTime(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(d))
}

// timeUnlimited takes the limit back once the body has been read: net/http waits
// on the connection for the sender to go, and would take the limit for that.
func timeUnlimited(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
}
