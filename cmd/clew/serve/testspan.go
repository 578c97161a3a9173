package serve

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/demo"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
)

// testSpan sends a small trace through the OTLP door for HTTP and returns when it
// is acknowledged. It asks the door directly, so that neither tokens nor TLS nor
// a switched-off port stand in the way of those who ask whether all is well.
func (s *server) testSpan(ctx context.Context, t clew.Tenant) (clew.TraceID, int, error) {
	id, body, spans := demo.TestTrace(time.Now())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, otlpdoor.TracesPath, bytes.NewReader(body))
	if err != nil {
		return id, 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(clew.TenantHeader, string(t))
	reply := doorReply{header: http.Header{}}
	s.otlpHTTP.ServeHTTP(&reply, req)
	if reply.status != http.StatusOK {
		kind := clew.Internal
		if reply.status == http.StatusServiceUnavailable {
			kind = clew.Busy
		}
		return id, 0, clew.Errorf(kind, "the OTLP door answers %d: %s", reply.status, reply.body.String())
	}
	return id, spans, nil
}

// doorReply keeps what a handler answers.
type doorReply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *doorReply) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *doorReply) WriteHeader(status int) { r.status = status }

// Write implements http.ResponseWriter.
func (r *doorReply) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.body.Write(p)
}
