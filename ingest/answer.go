package ingest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/storage"
)

// Answer is how an error is said in HTTP and gRPC, and whether the sender may try
// again.
type Answer struct {
	HTTP  int
	GRPC  codes.Code
	Retry bool
}

// AnswerTo returns the answer to an error of a door or of the store behind it.
//
// The senders of OTLP try again on 429, 502, 503 and 504 and on UNAVAILABLE, and
// on RESOURCE_EXHAUSTED only if a RetryInfo detail comes with it; after anything
// else they drop the spans. So what may work later is among the former: memory
// that is short is 429 and RESOURCE_EXHAUSTED with RetryInfo, a store or server
// that takes nothing for the moment 503 and UNAVAILABLE. A request over a limit
// is 413 and RESOURCE_EXHAUSTED without RetryInfo, as gRPC servers say it.
//
// Corrupt is damage on our disk, never the sender's fault.
func AnswerTo(err error) Answer {
	var short *overBudget
	if errors.As(err, &short) {
		return Answer{http.StatusTooManyRequests, codes.ResourceExhausted, true}
	}
	switch clew.KindOf(err) {
	case clew.Invalid:
		return Answer{http.StatusBadRequest, codes.InvalidArgument, false}
	case clew.NotFound:
		return Answer{http.StatusNotFound, codes.Unimplemented, false}
	case clew.TooLarge:
		return Answer{http.StatusRequestEntityTooLarge, codes.ResourceExhausted, false}
	case clew.Unsupported:
		return Answer{http.StatusUnsupportedMediaType, codes.Unimplemented, false}
	case clew.Busy:
		return Answer{http.StatusServiceUnavailable, codes.Unavailable, true}
	case clew.Canceled:
		return Answer{http.StatusServiceUnavailable, codes.Unavailable, true}
	}
	return Answer{http.StatusInternalServerError, codes.Internal, false}
}

// RetryAfter returns how long the sender is to wait after an error whose answer
// says Retry: what the error knows, at least a second.
func RetryAfter(err error) time.Duration {
	var e *clew.Error
	if errors.As(err, &e) {
		return max(e.RetryAfter, minRetry)
	}
	return minRetry
}

// Failed counts an error and returns how it is answered: the Status message with
// the details that OTLP names, RetryInfo where the sender may try again (without
// it clients drop what they were told to keep), BadRequest where the request is
// at fault.
func (d *Door) Failed(err error) (Answer, *status.Status) {
	d.Count(err)
	a := AnswerTo(err)
	text := clipMiddle(err.Error(), maxMessageBytes)
	st := status.New(a.GRPC, text)
	var detail protoadapt.MessageV1
	switch {
	case a.Retry:
		detail = &errdetails.RetryInfo{RetryDelay: durationpb.New(RetryAfter(err))}
	case clew.KindOf(err) == clew.Invalid:
		detail = &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Description: text}}}
	default:
		return a, st
	}
	if with, err := st.WithDetails(detail); err == nil {
		st = with
	}
	return a, st
}

// Denial answers a request that is not let through.
type Denial func(w http.ResponseWriter, r *http.Request, httpStatus int, code codes.Code, text string)

// Denied counts a request that somebody else answered: it was not let through, or met a
// fault of the server. at is the door where it came in.
func (d *Door) Denied(at string, code codes.Code, text string) {
	kind := clew.Invalid
	if code == codes.Internal {
		kind = clew.Internal
	}
	d.counters.Failed(at, clew.Errorf(kind, "%s", text), d.cfg.Now())
}

// Refusals names the refused spans and why, as many as there is room for.
func Refusals(r *storage.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d spans refused", r.Refused, r.Refused+r.Accepted)
	named := 0
	for _, x := range r.Refusals {
		line := fmt.Sprintf("; span %d %q: %s", x.Span, Clip(x.Name, maxNameBytes), Clip(x.Reason, maxMessageBytes/4))
		if b.Len()+len(line) > maxMessageBytes {
			break
		}
		b.WriteString(line)
		named++
	}
	if more := r.Refused - named; more > 0 && named > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// Clip shortens s to n bytes and makes it valid UTF-8.
func Clip(s string, n int) string {
	if len(s) <= n {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.ToValidUTF8(s[:n], "\uFFFD") + "…"
}

// clipMiddle is Clip for what has its point at the end: an error says where, which
// may be long, and then what.
func clipMiddle(s string, n int) string {
	if len(s) <= n {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return Clip(s, n/2) + strings.ToValidUTF8(s[len(s)-n/2:], "\uFFFD")
}

// Count counts an error that the caller answers, or that nobody is there to be told of.
func (d *Door) Count(err error) { d.counters.Failed(d.name, err, d.cfg.Now()) }

// Refuse counts a part of a request that did not become spans, by a reason code.
func (d *Door) Refuse(code, reason string) { d.counters.Refuse(d.name, code, reason, d.cfg.Now()) }
