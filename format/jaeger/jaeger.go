// Package jaeger translates what Jaeger's clients and agents send into OTLP protobuf: the
// model's protobuf (jaeger.api_v2), and its Thrift in the binary and the compact protocol.
//
// A decoder of each form reads one span at a time into the same few fields, whose texts are
// those of the input, and write puts it behind the output. No object is made per span.
//
//	PostSpansRequest (protobuf)        Batch (Thrift)
//	  1 Batch                            1 Process
//	    1 Span, repeated                 2 list of Span
//	    2 Process
//
// How what stands in a span is mapped: docs/reference/jaeger-in.md. It is what OpenTelemetry's
// collector does, but that nothing is lost which the model can say: api/jaeger, asked for the
// span, gives back what came.
package jaeger

import (
	"sync"

	"github.com/clew-tracing/clew/otlp/thriftread"
)

// AppendProto appends the OTLP of a PostSpansRequest to dst, and returns the number of fields
// that it has no place for. An error of kind Invalid says that the body is not one.
func AppendProto(dst, body []byte) (out []byte, unknown int, err error) {
	w := writers.Get().(*writer)
	defer w.release()
	return w.finish(dst, func() error { return w.request(body) })
}

// AppendSpan is AppendProto for one Span in protobuf with its process: a message of the queue
// between Jaeger's collectors and ingesters.
func AppendSpan(dst, body []byte) (out []byte, unknown int, err error) {
	w := writers.Get().(*writer)
	defer w.release()
	return w.finish(dst, func() error { return w.spanProto(body, []byte{}) })
}

// AppendSpanJSON is AppendSpan for JSON as protobuf has it: ids in base64, times in texts.
func AppendSpanJSON(dst, body []byte) (out []byte, unknown int, err error) {
	w := writers.Get().(*writer)
	defer w.release()
	return w.finish(dst, func() error { return w.spanJSON(body) })
}

// AppendThrift is AppendProto for a Batch of Thrift in the binary protocol: what clients
// post over HTTP.
func AppendThrift(dst, body []byte) (out []byte, unknown int, err error) {
	w := writers.Get().(*writer)
	defer w.release()
	r := thriftread.Reader{Format: formatThrift, B: body}
	return w.finish(dst, func() error { return w.batchOf(&r) })
}

// AppendMessage is AppendProto for a message to Jaeger's agent, a datagram: emitBatch in the
// compact or the binary protocol, which its first byte tells. emitZipkinBatch is refused.
func AppendMessage(dst, body []byte) (out []byte, unknown int, err error) {
	w := writers.Get().(*writer)
	defer w.release()
	r := thriftread.Reader{Format: formatThrift, B: body}
	return w.finish(dst, func() error { return w.message(&r) })
}

// writers are what was used before.
var writers = sync.Pool{New: func() any { return new(writer) }}

// finish has a translation run that ends behind dst; of one that fails nothing stays.
func (w *writer) finish(dst []byte, translate func() error) (out []byte, unknown int, err error) {
	w.dst, w.unknown = dst, 0
	w.resource, w.scope = 0, 0
	if err := translate(); err != nil {
		return dst, 0, err
	}
	w.closeResource()
	return w.dst, w.unknown, nil
}

// release keeps the writer for the next translation, without what it was given.
func (w *writer) release() {
	w.dst, w.process, w.scopeName, w.scopeVersion = nil, nil, nil, nil
	s := &w.span
	if cap(s.tags) > keptTags || cap(s.fields) > keptTags || cap(s.logs) > keptTags || cap(s.refs) > keptTags {
		return
	}
	clear(s.tags[:cap(s.tags)])
	clear(s.fields[:cap(s.fields)])
	clear(s.warnings[:cap(s.warnings)])
	w.span = span{tags: s.tags[:0], fields: s.fields[:0], logs: s.logs[:0], refs: s.refs[:0], warnings: s.warnings[:0]}
	writers.Put(w)
}
