// Package otlp turns OTLP trace requests into columns and back: protobuf bytes
// straight into a build.Builder, columns to protobuf or JSON, JSON to protobuf.
// No protobuf object exists on the way in. It does no I/O and knows no HTTP.
//
// A request (ExportTraceServiceRequest, equal on the wire to TracesData) nests
// like this; the byte before each field is its tag as the encoders write it:
//
//	0a resource_spans
//	   0a resource             ┐ these two and any unknown fields are one
//	      0a attributes        │ resource entry, interned as bytes and parsed
//	      10 dropped count     │ once per distinct value
//	   1a schema_url           ┘
//	   12 scope_spans
//	      0a scope             ┐
//	         0a name  12 version  1a attributes  20 dropped count
//	      1a schema_url        ┘ one scope entry
//	      12 spans
//	         0a trace_id       16 bytes
//	         12 span_id        8 bytes
//	         1a trace_state
//	         22 parent_span_id 8 bytes or none
//	         2a name
//	         30 kind           varint
//	         39 start, 41 end  8 bytes, little-endian unix nanoseconds
//	         4a attributes     0a key 12 value
//	         50 dropped attributes
//	         5a events         09 time 12 name 1a attributes 20 dropped
//	         60 dropped events
//	         6a links          0a trace_id 12 span_id 1a trace_state
//	                           22 attributes 28 dropped 35 flags
//	         70 dropped links
//	         7a status         12 message 18 code
//	         85 01 flags       4 bytes, little-endian
//
// A value (AnyValue) is 0a string, 10 bool, 18 int, 21 double, or one of 2a
// array, 32 map, 3a bytes, which are kept as the raw message.
//
// What does not survive the way through columns, because it means nothing: a
// status message that is present but empty, an attribute without a value (it
// comes back with the empty value), ids of links and parents that are all zeros
// (they come back as none), key_strindex, which is for profiles, unknown fields
// of spans, events and links, and the place of a repeated attribute key among the
// others (it comes back last).
//
// JSON requests are read as a stream into protobuf, and written from protobuf,
// by one table of all messages and fields (schema).
package otlp

// A Refusal is one span that was not kept and why.
type Refusal struct {
	// Span is the span's ordinal in the request, counted through all resources
	// and scopes from 0.
	Span   int
	Name   string // the span's name, shortened to maxNameBytes, valid UTF-8
	Reason string // for people: what is wrong and how to mend it
	Code   string // for counters: "trace_id_zero", "span_id_length", …
}

// A Result says what became of a request's spans.
type Result struct {
	Accepted int
	Refused  int
	// Refusals are the first MaxRefusals; empty on replay.
	Refusals []Refusal
	// RefusedSpans are the ordinals of all refused spans, ascending: what
	// Options.Refuse wants on replay. It belongs to the Decoder and is valid
	// until its next call.
	RefusedSpans []uint32
	// UnknownFields counts fields that OTLP does not define; they were ignored.
	// Those of resources and scopes count once per distinct entry.
	UnknownFields int
	// Flagged counts spans kept although something is odd about them: an end
	// before the start, text that is not UTF-8, a repeated attribute key.
	Flagged int
}

// Options say how a request is decoded. The zero value decodes a new request.
type Options struct {
	// Replay takes the decisions of an earlier Decode of the same body: exactly
	// the spans of Refuse are refused and no check decides anew.
	Replay bool
	Refuse []uint32 // ordinals, ascending
}
