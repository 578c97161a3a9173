// Package xray turns segment documents of AWS X-Ray into OTLP and back. It does no I/O.
//
//	Translator   a document -> a ResourceSpans message, a span of the segment and of
//	             each of its subsegments
//	Documents    the rows of a trace -> segment documents, with subsegments in them
//	EachDocument the documents of a request to PutTraceSegments
//	Datagram     the document of a datagram
//
// A document is read once to find where its values are (read.go), and checked on the way;
// then each value is written as the attribute that the schema says (schema.go, write.go).
// What has no place in OpenTelemetry's conventions has one below aws.xray, and what a value
// of an attribute cannot say, such as the spelling of a number or a key that nobody knows,
// stays as JSON in one attribute, aws.xray.other: a document comes back as it was put.
//
// The attribute aws.xray.form is on every span that came as X-Ray and says how it was
// written, in words: segment, subsegment (sent by itself) or nested; which of the keys were
// there that say nothing new (type, trace_id, parent_id); w3c, if the trace's id was
// in the spelling of W3C; and how times were spelt.
package xray

import (
	"errors"
	"fmt"

	"github.com/clew-tracing/clew"
)

// The codes of errors, as X-Ray has them where it has one.
const (
	CodeParse           = "ParseError"
	CodeMissingID       = "MissingId"
	CodeMissingName     = "MissingName"
	CodeMissingTraceID  = "MissingTraceId"
	CodeMissingParentID = "MissingParentId"
	CodeMissingStart    = "MissingStartTime"
	CodeMissingEnd      = "MissingEndTime"
	CodeInvalidID       = "InvalidId"
	CodeInvalidTraceID  = "InvalidTraceId"
	CodeInvalidParentID = "InvalidParentId"
	CodeInvalidName     = "InvalidName"
	CodeInvalidTime     = "InvalidTime"
	CodeDuplicateID     = "DuplicateId"
	CodeTooDeep         = "TooDeep"
	CodeTooLarge        = "TooLarge"
	CodeHeader          = "InvalidHeader" // of a datagram
)

// Error says why a document is not taken.
type Error struct {
	Code string
	// ID is the document's id, "" where it has none that could be read.
	ID string
	// Subsegment reports that a subsegment is at fault.
	Subsegment bool
	cause      error
}

// Error returns the text, as X-Ray begins it and with the place.
func (e *Error) Error() string {
	what := "segment"
	if e.Subsegment {
		what = "subsegment"
	}
	return fmt.Sprintf("Invalid %s. ErrorCode: %s, Cause: %v", what, e.Code, e.cause)
}

// Unwrap gives an error of kind Invalid.
func (e *Error) Unwrap() error { return &clew.Error{Kind: clew.Invalid, Err: errors.New(e.Code)} }

func clip(s []byte) string {
	if len(s) > maxShown {
		return string(s[:maxShown]) + "…"
	}
	return string(s)
}
