package otlpdoor

import (
	"encoding/binary"

	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/storage"
)

// appendResponse writes an ExportTraceServiceResponse: empty where all spans were
// kept, else partial_success { rejected_spans, error_message }.
func appendResponse(dst []byte, r *storage.Result) []byte {
	if r.Refused == 0 {
		return dst
	}
	text := ingest.Refusals(r)
	inner := binary.AppendUvarint([]byte{0x08}, uint64(r.Refused))
	inner = binary.AppendUvarint(append(inner, 0x12), uint64(len(text)))
	inner = append(inner, text...)
	dst = binary.AppendUvarint(append(dst, 0x0a), uint64(len(inner)))
	return append(dst, inner...)
}
