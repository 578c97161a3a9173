package jaeger

import (
	"strconv"

	"github.com/clew-tracing/clew"
)

// meant is what some of a span's tags say that OTLP has a place of its own for.
type meant struct {
	kind, status            uint64
	message, traceState     []byte
	scopeName, scopeVersion []byte
}

// The numbers of OTLP's kinds and status codes.
const (
	spanInternal = 1
	spanServer   = 2
	spanClient   = 3
	spanProducer = 4
	spanConsumer = 5

	statusOK    = 1
	statusError = 2
)

// special are the tags that have a meaning, nil where there is none. Of several of a key the
// last counts.
type special struct {
	kind, isError, code, description, traceState   *tag
	scopeName, scopeVersion, library, libraryVer   *tag
	httpStatus, httpResponseStatus, httpStatusText *tag
}

// find goes through the tags once. What only says how a span was sent is taken out.
func find(tags []tag) special {
	var s special
	for i := range tags {
		t := &tags[i]
		switch string(t.key) {
		case "span.kind":
			if kindOf(t) != 0 {
				s.kind = t
			}
		case "error":
			if t.value.Type == clew.TypeBool && t.value.Bits != 0 {
				s.isError = t
			}
		case "otel.status_code":
			if t.isText() {
				s.code = t
			}
		case "otel.status_description":
			if t.isText() {
				s.description = t
			}
		case "w3c.tracestate":
			setText(&s.traceState, t)
		case "otel.scope.name":
			setText(&s.scopeName, t)
		case "otel.scope.version":
			setText(&s.scopeVersion, t)
		case "otel.library.name":
			setText(&s.library, t)
		case "otel.library.version":
			setText(&s.libraryVer, t)
		case "http.status_code":
			s.httpStatus = t
		case "http.response.status_code":
			s.httpResponseStatus = t
		case "http.status_message":
			setText(&s.httpStatusText, t)
		case "internal.span.format":
			t.taken = true
		}
	}
	return s
}

func setText(at **tag, t *tag) {
	if t.isText() {
		*at = t
	}
}

// take returns the text of a tag, which needs no place among the attributes then.
func take(t *tag) []byte {
	if t == nil {
		return nil
	}
	t.taken = true
	return t.value.Bytes
}

// meaning reads the tags that have a meaning, and marks those that are said by it.
func meaning(tags []tag) meant {
	s := find(tags)
	var m meant
	if s.kind != nil {
		m.kind = kindOf(s.kind)
		s.kind.taken = true
	}
	m.traceState = take(s.traceState)
	m.scopeName, m.scopeVersion = s.scope()
	m.status, m.message = s.status(m.kind)
	return m
}

// scope returns the scope. Before it was called that it was a library; exporters say both.
func (s *special) scope() (name, version []byte) {
	if s.scopeName == nil {
		s.scopeName, s.library = s.library, nil
		if s.scopeVersion == nil {
			s.scopeVersion, s.libraryVer = s.libraryVer, nil
		}
	}
	name, version = take(s.scopeName), take(s.scopeVersion)
	if s.library != nil && string(s.library.value.Bytes) == string(name) {
		take(s.library)
	}
	if s.libraryVer != nil && string(s.libraryVer.value.Bytes) == string(version) {
		take(s.libraryVer)
	}
	return name, version
}

// status returns the status and its message: what error says, else otel.status_code, else
// what the status of HTTP means.
func (s *special) status(kind uint64) (status uint64, message []byte) {
	switch {
	case s.isError != nil:
		s.isError.taken = true
		if s.code != nil && string(s.code.value.Bytes) == "ERROR" {
			s.code.taken = true
		}
		if s.description == nil && s.httpStatusText != nil {
			return statusError, s.httpStatusText.value.Bytes
		}
		return statusError, take(s.description)
	case s.code != nil:
		switch string(s.code.value.Bytes) {
		case "OK", "ok", "Ok":
			status = statusOK
		case "ERROR", "error", "Error":
			status = statusError
		default:
			return 0, nil
		}
		s.code.taken = true
		return status, take(s.description)
	}
	code := s.httpStatus
	if code == nil {
		code = s.httpResponseStatus
	}
	if code == nil || !failed(code, kind) {
		return 0, nil
	}
	if s.httpStatusText != nil {
		message = s.httpStatusText.value.Bytes
	}
	return statusError, message
}

// failed reports whether a status of HTTP is an error: from 400, but that a server which
// answers 4xx has done its work.
func failed(t *tag, kind uint64) bool {
	var code int64
	switch t.value.Type {
	case clew.TypeInt:
		code = t.value.Int()
	case clew.TypeString:
		n, err := strconv.ParseInt(string(t.value.Bytes), 10, 64)
		if err != nil || t.binary {
			return false
		}
		code = n
	default:
		return false
	}
	if 400 <= code && code < 500 && kind == spanServer {
		return false
	}
	return code < 100 || code >= 400
}

// kindOf returns the kind that a tag names, 0 if it names none.
func kindOf(t *tag) uint64 {
	if !t.isText() {
		return 0
	}
	switch string(t.value.Bytes) {
	case "internal":
		return spanInternal
	case "server":
		return spanServer
	case "client":
		return spanClient
	case "producer":
		return spanProducer
	case "consumer":
		return spanConsumer
	}
	return 0
}
