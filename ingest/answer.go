package ingest

import (
	"errors"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/clew-tracing/clew"
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
