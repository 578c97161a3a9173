package otlpdoor

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/storage"
)

// failed counts an error and returns how it is answered: the Status message with
// the details that OTLP names, RetryInfo where the sender may try again (without
// it clients drop what they were told to keep), BadRequest where the request is
// at fault.
func (d *door) failed(err error) (ingest.Answer, *status.Status) {
	d.counters.Failed(d.name, err, d.cfg.Now())
	a := ingest.AnswerTo(err)
	text := clipMiddle(err.Error(), maxMessageBytes)
	st := status.New(a.GRPC, text)
	var detail protoadapt.MessageV1
	switch {
	case a.Retry:
		detail = &errdetails.RetryInfo{RetryDelay: durationpb.New(ingest.RetryAfter(err))}
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

// denied counts a request that somebody else answered: it was not let through, or met a
// fault of the server. at is the door where it came in.
func (d *door) denied(at string, code codes.Code, text string) {
	kind := clew.Invalid
	if code == codes.Internal {
		kind = clew.Internal
	}
	d.counters.Failed(at, clew.Errorf(kind, "%s", text), d.cfg.Now())
}

// appendResponse writes an ExportTraceServiceResponse: empty where all spans were
// kept, else partial_success { rejected_spans, error_message }.
func appendResponse(dst []byte, r *storage.Result) []byte {
	if r.Refused == 0 {
		return dst
	}
	text := refusals(r)
	inner := binary.AppendUvarint([]byte{0x08}, uint64(r.Refused))
	inner = binary.AppendUvarint(append(inner, 0x12), uint64(len(text)))
	inner = append(inner, text...)
	dst = binary.AppendUvarint(append(dst, 0x0a), uint64(len(inner)))
	return append(dst, inner...)
}

// refusals names the refused spans and why, as many as there is room for.
func refusals(r *storage.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d spans refused", r.Refused, r.Refused+r.Accepted)
	named := 0
	for _, x := range r.Refusals {
		line := fmt.Sprintf("; span %d %q: %s", x.Span, clip(x.Name, maxNameBytes), clip(x.Reason, maxMessageBytes/4))
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

// clip shortens s to n bytes and makes it valid UTF-8.
func clip(s string, n int) string {
	if len(s) <= n {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.ToValidUTF8(s[:n], "\uFFFD") + "…"
}

// clipMiddle is clip for what has its point at the end: an error says where, which
// may be long, and then what.
func clipMiddle(s string, n int) string {
	if len(s) <= n {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return clip(s, n/2) + strings.ToValidUTF8(s[len(s)-n/2:], "\uFFFD")
}
