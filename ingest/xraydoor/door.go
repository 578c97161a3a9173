// Package xraydoor takes segment documents of AWS X-Ray and appends them to a store.
//
//	UDP    a datagram with a header line and a document, as the daemon of X-Ray takes it
//	HTTP   POST /TraceSegments      PutTraceSegments
//	       POST /TelemetryRecords   PutTelemetryRecords
//	       POST /v1/traces          OTLP, which the door for it answers
//
// What a document becomes is format/xray's to say; the way into the store is ingest.Door's.
package xraydoor

import (
	"sync"

	"github.com/clew-tracing/clew/format/xray"
)

// The paths of requests.
const (
	SegmentsPath  = "/TraceSegments"
	TelemetryPath = "/TelemetryRecords"
	tracesPath    = "/v1/traces"
)

const (
	// maxDocuments bounds the documents of a request, each of which may get an answer
	// that is longer than itself. The daemon sends 50.
	maxDocuments = 10_000

	// maxTelemetryBytes bounds a request to PutTelemetryRecords: the daemon sends ten
	// records of some hundred bytes.
	maxTelemetryBytes = 1 << 20

	// maxMessageBytes bounds the text of an error.
	maxMessageBytes = 1024
)

// translators are kept for their memory.
var translators = sync.Pool{New: func() any { return new(xray.Translator) }}

// translate is ingest.Translate of a document.
func translate(dst, doc []byte) ([]byte, error) {
	t := translators.Get().(*xray.Translator)
	defer translators.Put(t)
	return t.Append(dst, doc)
}
