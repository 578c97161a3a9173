package demo

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/clew-tracing/clew"
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

// TestTrace makes a trace of three spans over two services that ended now, as a request
// in OTLP JSON.
func TestTrace(now time.Time) (id clew.TraceID, request []byte, spanCount int) {
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
	request, err := json.Marshal(testTrace{ResourceSpans: []testResource{frontend, backend}})
	if err != nil {
		panic(err) // texts alone
	}
	return id, request, len(spans)
}
