package kafkadoor

import (
	"slices"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/jaeger"
	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/format/zipkin"
	"github.com/clew-tracing/clew/otlp"
)

// Encoding is the form of the messages of a topic, by the name that OpenTelemetry's
// collector gives it.
type Encoding string

// The encodings. The last two are none of the collector's.
const (
	OTLPProto    Encoding = "otlp_proto"    // an ExportTraceServiceRequest
	OTLPJSON     Encoding = "otlp_json"     // the same in JSON
	JaegerProto  Encoding = "jaeger_proto"  // a Span of Jaeger's model with its process
	JaegerJSON   Encoding = "jaeger_json"   // the same in JSON, as protobuf has it
	ZipkinProto  Encoding = "zipkin_proto"  // a ListOfSpans
	ZipkinJSON   Encoding = "zipkin_json"   // a list of spans
	ZipkinThrift Encoding = "zipkin_thrift" // a list of spans of version 1
	JaegerThrift Encoding = "jaeger_thrift" // a Batch in the binary protocol
	XRay         Encoding = "xray"          // a segment document
)

// translate is ingest.Translate, with when a message was put into its topic: what has to
// come out the same when it is read again knows no other time.
type translate func(dst, body []byte, at uint64) (out []byte, unknown int, err error)

func translations() map[Encoding]translate {
	timeless := func(f func(dst, body []byte) ([]byte, int, error)) translate {
		return func(dst, body []byte, _ uint64) ([]byte, int, error) { return f(dst, body) }
	}
	return map[Encoding]translate{
		OTLPProto:    timeless(appendRequest),
		OTLPJSON:     timeless(otlp.TranscodeJSON),
		JaegerProto:  timeless(jaeger.AppendSpan),
		JaegerJSON:   timeless(jaeger.AppendSpanJSON),
		JaegerThrift: timeless(jaeger.AppendThrift),
		ZipkinProto:  zipkin.AppendProto,
		ZipkinJSON:   zipkin.AppendJSON,
		ZipkinThrift: zipkin.AppendThrift,
		XRay:         timeless(appendDocument),
	}
}

// Encodings returns the names of all encodings, sorted.
func Encodings() []string {
	var out []string
	for e := range translations() {
		out = append(out, string(e))
	}
	slices.Sort(out)
	return out
}

// appendRequest appends a request of OTLP as it came: requests behind each other are one.
// What would reach into the request behind it is refused here, and what is wrong inside by
// the store.
func appendRequest(dst, body []byte) (out []byte, unknown int, err error) {
	for at := 0; at < len(body); {
		_, _, n := protowire.ConsumeField(body[at:])
		if n < 0 {
			return dst, 0, clew.Errorf(clew.Invalid, "OTLP protobuf: byte %d: %w", at, protowire.ParseError(n))
		}
		at += n
	}
	return append(dst, body...), 0, nil
}

// documents are kept for their memory.
var documents = sync.Pool{New: func() any { return new(xray.Translator) }}

func appendDocument(dst, body []byte) (out []byte, unknown int, err error) {
	t := documents.Get().(*xray.Translator)
	defer documents.Put(t)
	out, err = t.Append(dst, body)
	return out, 0, err
}
