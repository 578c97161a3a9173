package serve

import (
	"fmt"
	"net/http"
	"runtime/debug"

	"google.golang.org/grpc/codes"
)

// faultText is what a client is told of a fault of the server's own.
const faultText = "a fault of the server, which its log has with a stack: please report it"

// catching answers where a handler panics: the fault goes to the log with its stack,
// as an error, since nobody else would say so, and fail tells the client. An answer
// that has begun is cut off instead, so that nobody takes it for a whole one.
func (s *server) catching(next http.Handler, fail func(http.ResponseWriter, *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &answering{ResponseWriter: w}
		defer func() {
			fault := recover()
			if fault == nil {
				return
			}
			if fault == http.ErrAbortHandler {
				panic(fault) // no fault: how a handler cuts an answer off
			}
			s.log.Error("a request met a fault of the server: please report it", "method", r.Method, "path", r.URL.Path,
				"fault", fmt.Sprint(fault), "stack", string(debug.Stack()))
			if answer.begun {
				panic(http.ErrAbortHandler) // no fault of its own: net/http cuts the answer off
			}
			clear(w.Header()) // of the answer that was being made
			fail(w, r)
		}()
		next.ServeHTTP(answer, r)
	})
}

// answering knows whether an answer has begun.
type answering struct {
	http.ResponseWriter
	begun bool
}

// Unwrap lets http.ResponseController reach what the server made.
func (a *answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answering) WriteHeader(status int) {
	a.begun = a.begun || status >= 200 // others only come before it
	a.ResponseWriter.WriteHeader(status)
}

func (a *answering) Write(b []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(b)
}

func faultJSON(w http.ResponseWriter, _ *http.Request) {
	writeError(w, http.StatusInternalServerError, "internal", faultText)
}

// faultBy tells of a fault as a door does.
func faultBy(deny func(w http.ResponseWriter, r *http.Request, httpStatus int, code codes.Code, text string)) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		deny(w, r, http.StatusInternalServerError, codes.Internal, faultText)
	}
}
