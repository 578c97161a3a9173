package xraydoor

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"

	"google.golang.org/grpc/codes"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/storage"
)

// Verify looks at the signature of a request, before its body is read. It may put a body in
// the place of the request's whose reading fails if it is not what was signed. An error is the
// answer, with status 403.
type Verify func(r *http.Request) error

// HTTP is the door for requests. It is an http.Handler for a whole port, or behind a prefix
// that was taken off. Its exported fields are set before it is used.
type HTTP struct {
	*ingest.Door
	// OTLP answers what is posted to /v1/traces; nil: nobody does.
	OTLP http.Handler
	// Verify is asked about requests to the door's own paths; nil takes signed requests as
	// they are, and such without a signature.
	Verify Verify

	telemetry telemetry
}

// NewHTTP returns the door.
func NewHTTP(cfg ingest.Config) *HTTP { return &HTTP{Door: ingest.NewDoor(cfg, "xray-http")} }

// ServeHTTP implements http.Handler.
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case path == tracesPath && h.OTLP != nil:
		h.OTLP.ServeHTTP(w, r)
		return
	case path != SegmentsPath && path != TelemetryPath:
		h.Allow(w, r)
		h.answer(w, http.StatusNotFound, "UnknownOperationException", "clew has not this one of X-Ray's operations: docs/reference/xray-api.md lists those that it has, besides POST "+SegmentsPath+" or "+TelemetryPath)
		return
	}
	h.Allow(w, r)
	switch {
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", "POST, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST, OPTIONS")
		h.answer(w, http.StatusMethodNotAllowed, "InvalidRequestException", "POST to "+path)
		return
	}
	if h.Verify != nil {
		if err := h.Verify(r); err != nil {
			h.Count(clew.Errorf(clew.Invalid, "%w", err))
			h.answer(w, http.StatusForbidden, "AccessDeniedException", err.Error())
			return
		}
	}
	if path == TelemetryPath {
		h.putTelemetry(w, r)
		return
	}
	h.putSegments(w, r)
}

// unprocessed is a document that was not taken.
type unprocessed struct {
	ID      string `json:"Id,omitempty"`
	Code    string `json:"ErrorCode"`
	Message string `json:"Message"`
}

// putSegments answers PutTraceSegments.
func (h *HTTP) putSegments(w http.ResponseWriter, r *http.Request) {
	list := []unprocessed{}
	res, err := h.Post(w, r, func(dst, body []byte) ([]byte, int, error) {
		count := 0
		unknown, err := xray.EachDocument(body, func(doc []byte) error {
			if count++; count > maxDocuments {
				return clew.Errorf(clew.TooLarge, "more than %d documents in one request: send fewer", maxDocuments)
			}
			out, err := translate(dst, doc)
			if err != nil {
				list = append(list, refused(err))
				return nil
			}
			dst = out
			return nil
		})
		return dst, unknown, err
	})
	if err != nil {
		h.fail(w, err)
		return
	}
	for _, u := range list {
		h.Refuse(u.Code, u.Message)
	}
	list = append(list, refusals(&res)...)
	body, err := json.Marshal(struct {
		Unprocessed []unprocessed `json:"UnprocessedTraceSegments"`
	}{list})
	if err != nil { // texts only: cannot fail
		h.fail(w, err)
		return
	}
	h.write(w, http.StatusOK, body)
}

// refused says why a document was not taken.
func refused(err error) unprocessed {
	u := unprocessed{Code: xray.CodeParse, Message: ingest.Clip(err.Error(), maxMessageBytes)}
	var e *xray.Error
	if errors.As(err, &e) {
		u.ID, u.Code = e.ID, e.Code
	}
	return u
}

// refusals are spans that the store did not take, of documents that are right in themselves.
func refusals(res *storage.Result) []unprocessed {
	var list []unprocessed
	for _, x := range res.Refusals {
		list = append(list, unprocessed{Code: x.Code, Message: strconv.Quote(x.Name) + ": " + x.Reason})
	}
	return list
}

// fail answers an error, in a way that AWS' clients send again after if that may help.
func (h *HTTP) fail(w http.ResponseWriter, err error) {
	a, _ := h.Failed(err)
	ingest.SayRetry(w, a, err)
	code := "InvalidRequestException"
	switch {
	case a.HTTP == http.StatusTooManyRequests:
		code = "ThrottledException"
	case a.Retry:
		code = "ServiceUnavailable"
	case a.HTTP >= http.StatusInternalServerError:
		code = "InternalFailure"
	}
	h.answer(w, a.HTTP, code, err.Error())
}

// answer answers with an error, as AWS' JSON has it.
func (h *HTTP) answer(w http.ResponseWriter, status int, code, message string) {
	h.Closing(w)
	body, err := json.Marshal(struct {
		Type    string `json:"__type"`
		Message string
	}{code, ingest.Clip(message, maxMessageBytes)})
	if err != nil { // texts only: cannot fail
		http.Error(w, message, status)
		return
	}
	w.Header().Set("X-Amzn-Errortype", code)
	h.write(w, status, body)
}

func (h *HTTP) write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("X-Amzn-Requestid", requestID())
	ingest.Write(w, status, ingest.TypeJSON, body)
}

// requestID names an answer, for the logs of clients.
func requestID() string {
	const digits = "0123456789abcdef"
	b := []byte("00000000-0000-4000-8000-000000000000")
	for i, c := range b {
		if c == '0' {
			b[i] = digits[rand.N(16)]
		}
	}
	return string(b)
}

// Deny answers a request that somebody before the door does not let through, or that met a
// fault (codes.Internal).
func (h *HTTP) Deny(w http.ResponseWriter, r *http.Request, httpStatus int, code codes.Code, text string) {
	h.DenyAt(h.Name())(w, r, httpStatus, code, text)
}

// DenyAt is Deny of requests that came in somewhere else: at is where.
func (h *HTTP) DenyAt(at string) ingest.Denial {
	return func(w http.ResponseWriter, r *http.Request, httpStatus int, code codes.Code, text string) {
		h.Allow(w, r)
		h.Denied(at, code, text)
		name := "AccessDeniedException"
		if code == codes.Internal {
			name = "InternalFailure"
		}
		h.answer(w, httpStatus, name, text)
	}
}
