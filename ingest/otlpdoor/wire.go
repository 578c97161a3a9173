package otlpdoor

import (
	"encoding/binary"

	"google.golang.org/grpc/codes"

	"github.com/clew-tracing/clew/storage"
)

// appendPartialSuccess writes an ExportTraceServiceResponse: empty where all
// spans were kept, else partial_success { rejected_spans, error_message }.
func appendPartialSuccess(dst []byte, r *storage.Result) []byte {
	if r.Refused == 0 {
		return dst
	}
	inner := binary.AppendUvarint([]byte{0x08}, uint64(r.Refused))
	inner = appendText(inner, 0x12, message(r))
	dst = binary.AppendUvarint(append(dst, 0x0a), uint64(len(inner)))
	return append(dst, inner...)
}

// appendStatus writes a google.rpc.Status { code, message }.
func appendStatus(dst []byte, code codes.Code, text string) []byte {
	dst = binary.AppendUvarint(append(dst, 0x08), uint64(code))
	return appendText(dst, 0x12, text)
}

func appendText(dst []byte, tag byte, s string) []byte {
	return append(binary.AppendUvarint(append(dst, tag), uint64(len(s))), s...)
}
