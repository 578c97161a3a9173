package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
)

// testTrace is a request of OTLP JSON: just what a test trace has.
type testTrace struct {
	ResourceSpans []testResource `json:"resourceSpans"`
}

type testResource struct {
	Resource struct {
		Attributes []testAttribute `json:"attributes"`
	} `json:"resource"`
	ScopeSpans []testScope `json:"scopeSpans"`
}

type testScope struct {
	Spans []testSpanBody `json:"spans"`
}

type testAttribute struct {
	Key   string `json:"key"`
	Value struct {
		StringValue string `json:"stringValue"`
	} `json:"value"`
}

type testSpanBody struct {
	TraceID      string          `json:"traceId"`
	SpanID       string          `json:"spanId"`
	ParentSpanID string          `json:"parentSpanId,omitempty"`
	Name         string          `json:"name"`
	Kind         int             `json:"kind"`
	Start        string          `json:"startTimeUnixNano"`
	End          string          `json:"endTimeUnixNano"`
	Attributes   []testAttribute `json:"attributes,omitempty"`
}

func textAttribute(key, value string) testAttribute {
	a := testAttribute{Key: key}
	a.Value.StringValue = value
	return a
}

// newTestTrace makes a trace of three spans over two services that ended now.
func newTestTrace(now time.Time) (clew.TraceID, testTrace) {
	var id clew.TraceID
	var spans [3][8]byte
	_, _ = rand.Read(id[:]) // never fails
	for i := range spans {
		_, _ = rand.Read(spans[i][:]) // never fails
	}
	body := func(i int, name string, kind clew.Kind, from, to time.Duration, attributes ...testAttribute) testSpanBody {
		s := testSpanBody{
			TraceID: id.String(), SpanID: hex.EncodeToString(spans[i][:]), Name: name, Kind: int(kind), Attributes: attributes,
			Start: strconv.FormatInt(now.Add(-from).UnixNano(), 10), End: strconv.FormatInt(now.Add(-to).UnixNano(), 10),
		}
		if i > 0 {
			s.ParentSpanID = hex.EncodeToString(spans[i-1][:])
		}
		return s
	}
	frontend := testResource{ScopeSpans: []testScope{{Spans: []testSpanBody{
		body(0, "GET /hello", clew.KindServer, 120*time.Millisecond, 0, textAttribute("http.request.method", "GET"), textAttribute("http.route", "/hello")),
		body(1, "GET /greeting", clew.KindClient, 100*time.Millisecond, 10*time.Millisecond),
	}}}}
	frontend.Resource.Attributes = []testAttribute{textAttribute("service.name", "clew-test-frontend")}
	backend := testResource{ScopeSpans: []testScope{{Spans: []testSpanBody{
		body(2, "GET /greeting", clew.KindServer, 90*time.Millisecond, 20*time.Millisecond),
	}}}}
	backend.Resource.Attributes = []testAttribute{textAttribute("service.name", "clew-test-backend")}
	return id, testTrace{ResourceSpans: []testResource{frontend, backend}}
}

// testSpan sends a small trace through the OTLP door for HTTP and returns when it
// is acknowledged. It asks the door directly, so that neither tokens nor TLS nor
// a switched-off port stand in the way of those who ask whether all is well.
func (s *server) testSpan(ctx context.Context, t clew.Tenant) (clew.TraceID, int, error) {
	id, trace := newTestTrace(time.Now())
	body, err := json.Marshal(trace)
	if err != nil {
		return id, 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, otlpdoor.TracesPath, bytes.NewReader(body))
	if err != nil {
		return id, 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(tenantHeader, string(t))
	reply := doorReply{header: http.Header{}}
	s.otlpHTTP.ServeHTTP(&reply, req)
	if reply.status != http.StatusOK {
		kind := clew.Internal
		if reply.status == http.StatusServiceUnavailable {
			kind = clew.Busy
		}
		return id, 0, clew.Errorf(kind, "the OTLP door answers %d: %s", reply.status, reply.body.String())
	}
	return id, 3, nil
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
