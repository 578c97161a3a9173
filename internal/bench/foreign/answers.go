package foreign

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// readNothing reads the answer of a door that takes all or says no by its status.
func readNothing([]byte) (int64, string, error) { return 0, "", nil }

// readXRay reads the answer of PutTraceSegments, in documents.
func readXRay(answer []byte) (rejected int64, why string, err error) {
	var a struct {
		UnprocessedTraceSegments []struct{ ErrorCode, Message string }
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return 0, "", fmt.Errorf("reply is none of PutTraceSegments: %w", err)
	}
	if len(a.UnprocessedTraceSegments) > 0 {
		first := a.UnprocessedTraceSegments[0]
		why = first.ErrorCode + ": " + first.Message
	}
	return int64(len(a.UnprocessedTraceSegments)), why, nil
}

// readOTLPJSON reads an ExportTraceServiceResponse.
func readOTLPJSON(answer []byte) (rejected int64, why string, err error) {
	var a struct {
		PartialSuccess struct{ RejectedSpans, ErrorMessage string }
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return 0, "", fmt.Errorf("reply is no ExportTraceServiceResponse: %w", err)
	}
	if text := a.PartialSuccess.RejectedSpans; text != "" {
		if rejected, err = strconv.ParseInt(text, 10, 64); err != nil {
			return 0, "", fmt.Errorf("reply is no ExportTraceServiceResponse: %w", err)
		}
	}
	return rejected, a.PartialSuccess.ErrorMessage, nil
}
