package xraydoor

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/clew-tracing/clew"
)

// Telemetry is what senders say of themselves, added up: PutTelemetryRecords.
type Telemetry struct {
	Records int64
	// Received, Sent, Spilled and Rejected count segments: those that a sender got, passed
	// on, had no room for, and found wrong.
	Received, Sent, Spilled, Rejected int64
	// Errors are those of connections to us, as senders see them, by kind.
	Errors map[string]int64
	// Last is when the last record was made, by its sender's clock.
	Last time.Time
}

type telemetry struct {
	mu  sync.Mutex
	sum Telemetry
}

// record is one of PutTelemetryRecords.
type record struct {
	Timestamp float64
	Received  int64            `json:"SegmentsReceivedCount"`
	Sent      int64            `json:"SegmentsSentCount"`
	Spilled   int64            `json:"SegmentsSpilloverCount"`
	Rejected  int64            `json:"SegmentsRejectedCount"`
	Errors    connectionErrors `json:"BackendConnectionErrors"`
}

type connectionErrors struct {
	Timeout int64 `json:"TimeoutCount"`
	Refused int64 `json:"ConnectionRefusedCount"`
	HTTP4XX int64 `json:"HTTPCode4XXCount"`
	HTTP5XX int64 `json:"HTTPCode5XXCount"`
	Host    int64 `json:"UnknownHostCount"`
	Other   int64 `json:"OtherCount"`
}

// Telemetry returns the sums.
func (h *HTTP) Telemetry() Telemetry {
	t := &h.telemetry
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.sum
	out.Errors = make(map[string]int64, len(t.sum.Errors))
	for kind, n := range t.sum.Errors {
		out.Errors[kind] = n
	}
	return out
}

// putTelemetry answers PutTelemetryRecords.
func (h *HTTP) putTelemetry(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTelemetryBytes))
	var request struct{ TelemetryRecords []record }
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		err = clew.Errorf(clew.TooLarge, "the request is larger than %d bytes; send fewer records", maxTelemetryBytes)
	case err != nil:
		err = clew.Errorf(clew.Invalid, "the request ended early: %w", err)
	default:
		if err = json.Unmarshal(body, &request); err != nil {
			err = clew.Errorf(clew.Invalid, "PutTelemetryRecords: %w", err)
		} else if request.TelemetryRecords == nil {
			err = clew.Errorf(clew.Invalid, "PutTelemetryRecords: there are no TelemetryRecords")
		}
	}
	if err != nil {
		h.fail(w, err)
		return
	}
	for _, x := range request.TelemetryRecords {
		h.telemetry.add(&x)
	}
	h.write(w, http.StatusOK, []byte("{}"))
}

func (t *telemetry) add(x *record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.sum
	s.Records++
	s.Received += x.Received
	s.Sent += x.Sent
	s.Spilled += x.Spilled
	s.Rejected += x.Rejected
	if s.Errors == nil {
		s.Errors = make(map[string]int64)
	}
	for kind, n := range map[string]int64{
		"timeout": x.Errors.Timeout, "connection refused": x.Errors.Refused, "4xx": x.Errors.HTTP4XX,
		"5xx": x.Errors.HTTP5XX, "unknown host": x.Errors.Host, "other": x.Errors.Other,
	} {
		if n != 0 {
			s.Errors[kind] += n
		}
	}
	if at := time.UnixMilli(int64(x.Timestamp * 1000)).UTC(); at.After(s.Last) {
		s.Last = at
	}
}
