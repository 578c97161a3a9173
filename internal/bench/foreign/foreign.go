// Package foreign writes the requests of a corpus in the formats of other tracing systems, so
// that their doors are measured with the same spans as OTLP's.
//
// What a format has no place for is left out: Zipkin's has the name of the service and nothing
// else of the resource, X-Ray's what its SDKs say of where they run. Spans go out as the
// clients of a format send them:
//
//	otlp, otlp-json     the requests as they are
//	zipkin-*            lists of spans, in the order in which they ended
//	jaeger-*            batches of one process each, as every process sends its own
//	xray                segments with their subsegments in them, sent when they end
package foreign

import (
	"cmp"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/load"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
)

// Format is how spans are written.
type Format string

// The formats. OTLP is protobuf.
const (
	OTLP           Format = "otlp"
	OTLPJSON       Format = "otlp-json"
	XRay           Format = "xray"
	ZipkinJSON     Format = "zipkin-json"
	ZipkinProtobuf Format = "zipkin-protobuf"
	ZipkinThrift   Format = "zipkin-thrift"
	JaegerProtobuf Format = "jaeger-protobuf"
	JaegerThrift   Format = "jaeger-thrift"
)

// Formats lists all formats.
func Formats() []Format {
	return []Format{OTLP, OTLPJSON, XRay, ZipkinJSON, ZipkinProtobuf, ZipkinThrift, JaegerProtobuf, JaegerThrift}
}

// Parse reads a format's name.
func Parse(s string) (Format, error) {
	for _, f := range Formats() {
		if string(f) == s {
			return f, nil
		}
	}
	return "", clew.Errorf(clew.Invalid, "format %q: want one of %v", s, Formats())
}

// Protocols returns the transports that a format has, the usual one first.
func (f Format) Protocols() []load.Protocol {
	switch f {
	case OTLP:
		return []load.Protocol{load.HTTP, load.GRPC}
	case JaegerProtobuf:
		return []load.Protocol{load.GRPC}
	}
	return []load.Protocol{load.HTTP}
}

// Door returns the name of clew's door for a format, and the setting that says its port; for
// OTLP in protobuf that of the transport.
func (f Format) Door(p load.Protocol) (name, setting string) {
	switch f {
	case XRay:
		return "xray", "xray-port"
	case ZipkinJSON, ZipkinProtobuf, ZipkinThrift:
		return "zipkin", "zipkin-port"
	case JaegerProtobuf:
		return "jaeger-collector-grpc", "jaeger-collector-grpc-port"
	case JaegerThrift:
		return "jaeger-collector-http", "jaeger-collector-http-port"
	}
	if p == load.GRPC {
		return "otlp-grpc", "otlp-grpc-port"
	}
	return "otlp-http", "otlp-http-port"
}

// Kind returns what the door of a format takes and how it answers.
func (f Format) Kind() load.Kind {
	switch f {
	case OTLPJSON:
		return load.Kind{ContentType: "application/json", Read: readOTLPJSON}
	case XRay:
		return load.Kind{Path: "/TraceSegments", ContentType: "application/json", Read: readXRay}
	case ZipkinJSON:
		return load.Kind{Path: "/api/v2/spans", ContentType: "application/json", Read: readNothing}
	case ZipkinProtobuf:
		return load.Kind{Path: "/api/v2/spans", ContentType: "application/x-protobuf", Read: readNothing}
	case ZipkinThrift:
		return load.Kind{Path: "/api/v1/spans", ContentType: "application/x-thrift", Read: readNothing}
	case JaegerProtobuf:
		return load.Kind{Method: "/jaeger.api_v2.CollectorService/PostSpans", Read: readNothing}
	case JaegerThrift:
		return load.Kind{Path: "/api/traces", ContentType: "application/x-thrift", Read: readNothing}
	}
	return load.Kind{}
}

// Ask returns what to ask for in the place of a query about the corpus: the names that a
// format gives to what is asked for, and without the spans that it holds for failed where OTLP
// does not, which are those that were answered with 404.
func (f Format) Ask(query string) string {
	switch f {
	case XRay:
		query = strings.ReplaceAll(query, "span.http.response.status_code", "span.http.status_code")
		return strings.ReplaceAll(query, "status = error", "status = error && !(span.http.status_code = 404)")
	case JaegerProtobuf, JaegerThrift:
		return strings.ReplaceAll(query, "status = error", "status = error && !(kind = client && span.http.response.status_code = 404)")
	}
	return query
}

// Emit takes a request of so many spans. It does not hold on to body.
type Emit func(body []byte, spans int) error

// A Writer writes requests of OTLP in another format. It is for one goroutine at a time.
type Writer struct {
	format  Format
	decoder otlp.Decoder
	encoder encoder
	body    []byte
	spans   []clew.Span // of the request, in the order in which they ended
}

// An encoder writes spans, and hands on what it has once it is as much as a request has.
type encoder interface {
	add(s *clew.Span, emit Emit) error
	// flush hands on what is left.
	flush(emit Emit) error
}

// NewWriter returns a writer whose requests have up to perRequest spans, or a little more
// where spans are kept together. Of OTLP the requests stay what they are.
func NewWriter(f Format, perRequest int) *Writer {
	w := &Writer{format: f}
	switch f {
	case XRay:
		w.encoder = newXRay(perRequest)
	case ZipkinJSON:
		w.encoder = &zipkinJSON{batch{most: perRequest}}
	case ZipkinProtobuf:
		w.encoder = &zipkinProtobuf{batch: batch{most: perRequest}}
	case ZipkinThrift:
		w.encoder = &zipkinThrift{batch{most: perRequest}}
	case JaegerProtobuf:
		w.encoder = &jaeger{most: perRequest, form: jaegerProtobuf{}}
	case JaegerThrift:
		w.encoder = &jaeger{most: perRequest, form: jaegerThrift{}}
	}
	return w
}

// Add writes a request of OTLP, of so many spans.
func (w *Writer) Add(body []byte, spans int, emit Emit) error {
	switch {
	case w.format == OTLPJSON:
		text, err := otlp.AppendJSON(w.body[:0], body)
		if err != nil {
			return err
		}
		w.body = text
		return emit(text, spans)
	case w.encoder == nil:
		return emit(body, spans)
	}
	b := build.NewBuilder(spans)
	if _, err := w.decoder.Decode(b, body, otlp.Options{}); err != nil {
		return err
	}
	rows := span.NewRows(b.View(b.Rows()))
	w.spans = w.spans[:0]
	for row := range rows.Batch().Rows {
		w.spans = append(w.spans, rows.Span(row))
	}
	slices.SortStableFunc(w.spans, func(x, y clew.Span) int { return cmp.Compare(x.End, y.End) })
	for i := range w.spans {
		if err := w.encoder.add(&w.spans[i], emit); err != nil {
			return err
		}
	}
	return nil
}

// Flush hands on what has not been; it comes after the last Add.
func (w *Writer) Flush(emit Emit) error {
	if w.encoder == nil {
		return nil
	}
	return w.encoder.flush(emit)
}

// batch is a request that is being made.
type batch struct {
	body        []byte
	spans, most int
}

// full reports whether it has as many spans as a request may.
func (b *batch) full() bool { return b.spans >= b.most }

// clear begins the next one.
func (b *batch) clear() { b.body, b.spans = b.body[:0], 0 }

// micros rounds a duration up, so that it is longer than a bound in milliseconds if it was.
func micros(s *clew.Span) uint64 { return (uint64(s.End-s.Start) + 999) / 1000 }

// text returns an attribute's text, "" if there is none.
func text(attrs []clew.Attr, key string) string {
	for i := range attrs {
		if attrs[i].Key == key {
			return attrs[i].Value.String()
		}
	}
	return ""
}
