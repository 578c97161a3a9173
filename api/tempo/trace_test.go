package tempo_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api/tempo"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

const cart = "5b8efff798038103d269b633813fc60c"

// TestTraceGolden pins the JSON of both versions of the endpoint.
func TestTraceGolden(t *testing.T) {
	eachStore(t, func(a *api) {
		a.golden("trace", "/api/traces/"+cart)
		a.golden("trace_v2", "/api/v2/traces/"+cart+"?start=1763880000&end=1763890000")
		a.golden("trace_short_id", "/api/traces/ff")
	})
}

// TestTraceProtobuf reads what Grafana asks for with the decoder of OTLP.
func TestTraceProtobuf(t *testing.T) {
	eachStore(t, func(a *api) {
		w := a.get("/api/traces/"+strings.ToUpper(cart), "Accept", "application/protobuf")
		if kind := w.Header().Get("Content-Type"); w.Code != 200 || kind != "application/protobuf" {
			a.Fatalf("%d %s %s", w.Code, kind, w.Body)
		}
		checkCart(a, w.Body.Bytes())
		checkCart(a, traceOf(a.T, a.ok("/api/v2/traces/"+cart, "Accept", "application/protobuf")))
	})
}

// traceOf returns the trace in a TraceByIDResponse, put together as protobuf says.
func traceOf(t *testing.T, body []byte) (trace []byte) {
	t.Helper()
	for len(body) > 0 {
		num, typ, n := protowire.ConsumeTag(body)
		if n < 0 || num != 1 || typ != protowire.BytesType {
			t.Fatalf("field %d of type %d in a whole trace", num, typ)
		}
		v, m := protowire.ConsumeBytes(body[n:])
		if m < 0 {
			t.Fatal("broken off")
		}
		trace, body = append(trace, v...), body[n+m:]
	}
	return trace
}

func checkCart(a *api, body []byte) {
	a.Helper()
	var got tracepb.TracesData
	if err := proto.Unmarshal(body, &got); err != nil {
		a.Fatal(err)
	}
	var names []string
	for _, r := range got.ResourceSpans {
		for _, s := range r.ScopeSpans {
			for _, x := range s.Spans {
				names = append(names, r.Resource.Attributes[0].Value.GetStringValue()+" "+x.Name)
			}
		}
	}
	if text := strings.Join(names, ", "); text != "front GET /cart, front load cart, cart GET /items" {
		a.Errorf("the trace has %s", text)
	}
}

// TestLargeTrace is put together from pieces.
func TestLargeTrace(t *testing.T) {
	a := serve(t, storagetest.NewMemory(storagetest.AllCapabilities()))
	var spans []clew.Span
	for i := range 11_000 {
		spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(0, 7), SpanID: clew.SpanID(i + 1), Start: clew.UnixNanos(i + 1), Resource: &clew.Resource{}})
	}
	a.put(storagetest.Body(spans...), len(spans))
	var got tracepb.TracesData
	if err := proto.Unmarshal(traceOf(t, a.ok("/api/v2/traces/7", "Accept", "application/protobuf")), &got); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range got.ResourceSpans {
		for _, s := range r.ScopeSpans {
			for _, x := range s.Spans {
				if n++; x.StartTimeUnixNano != uint64(n) {
					t.Fatalf("span %d starts at %d", n, x.StartTimeUnixNano)
				}
			}
		}
	}
	if n != len(spans) {
		t.Errorf("%d spans of %d", n, len(spans))
	}
}

// TestErrors answers in text, with Tempo's statuses.
func TestErrors(t *testing.T) {
	eachStore(t, func(a *api) {
		for _, c := range []struct {
			path   string
			status int
			text   string
		}{
			{"/api/traces/77", 404, "trace 00000000000000000000000000000077"},
			{"/api/v2/traces/77", 404, "trace 00000000000000000000000000000077"},
			{"/api/traces/xyz", 400, `trace id "xyz": want hex digits only`},
			{"/api/traces/" + cart + "0", 400, "want 1 to 32 hex digits, have 33"},
			{"/api/traces/0", 400, "is all zeros"},
			{"/api/traces/ff?start=20&end=10", 400, "http parameter start must be before end. received start=20 end=10"},
			{"/api/traces/ff?start=soon", 400, `invalid start: "soon"`},
			{"/api/traces/ff?start=%zz", 400, "percent-encode it"},
			{"/api/nothing", 404, "/api/nothing is not part of this API"},
		} {
			w := a.get(c.path)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
				a.Errorf("GET %s: %d %q, want %d and %q", c.path, w.Code, w.Body, c.status, c.text)
			}
		}
		if w := a.get("/api/traces/"+cart, "X-Scope-OrgID", "other"); w.Code != 404 {
			a.Errorf("the trace of another tenant: %d", w.Code)
		}
		if w := a.get("/api/traces/"+cart, "X-Scope-OrgID", "a/b"); w.Code != 400 {
			a.Errorf("a tenant that cannot be: %d", w.Code)
		}
	})
}

// TestStatus answers what clients ask to see whether somebody is there.
func TestStatus(t *testing.T) {
	why := ""
	a := &api{T: t, API: tempo.New(tempo.Config{Program: "1.2", NotReady: func() string { return why }})}
	for path, want := range map[string]string{
		"/api/echo":       "echo",
		"/ready":          "ready\n",
		"/status/version": "clew 1.2, with the API of Tempo 3.0.0\n",
	} {
		if got := string(a.ok(path)); got != want {
			t.Errorf("GET %s: %q, want %q", path, got, want)
		}
	}
	if got := string(a.ok("/api/status/buildinfo")); !strings.Contains(got, `"version":"3.0.0"`) || !strings.Contains(got, `"revision":"1.2"`) {
		t.Errorf("buildinfo: %s", got)
	}
	why = "the server is ending"
	if w := a.get("/ready"); w.Code != 503 || w.Body.String() != "the server is ending\n" {
		t.Errorf("GET /ready: %d %q", w.Code, w.Body)
	}
}

// broken is a store that cannot read traces.
type broken struct {
	storage.Store
	err error
}

func (b broken) Trace(context.Context, clew.Tenant, clew.TraceID) (storage.Trace, error) {
	return storage.Trace{}, b.err
}

// TestFaults tells the sender what to do: come again, ask for less, or look elsewhere.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		err        error
		status     int
		retryAfter string
	}{
		{&clew.Error{Kind: clew.Busy, RetryAfter: 7 * time.Second, Err: errors.New("full")}, 429, "7"},
		{clew.Errorf(clew.TooLarge, "the trace is larger than can be read"), 422, ""},
		{clew.Errorf(clew.Corrupt, "damaged"), 500, ""},
		{errors.New("a fault"), 500, ""},
	} {
		a := serve(t, broken{storagetest.NewMemory(storagetest.AllCapabilities()), c.err})
		for _, path := range []string{"/api/traces/1", "/api/v2/traces/1"} {
			w := a.get(path)
			if w.Code != c.status || w.Header().Get("Retry-After") != c.retryAfter || w.Body.String() != c.err.Error()+"\n" {
				t.Errorf("GET %s of a store with %v: %d, Retry-After %q, %q", path, c.err, w.Code, w.Header().Get("Retry-After"), w.Body)
			}
		}
	}
}

// damaged is a store that has lost spans of every trace.
type damaged struct{ storage.Store }

func (d damaged) Trace(ctx context.Context, tenant clew.Tenant, id clew.TraceID) (storage.Trace, error) {
	t, err := d.Store.Trace(ctx, tenant, id)
	t.Damaged = errors.New("block 3 of seg/1 is damaged")
	return t, err
}

// TestDamagedTrace says that it is not whole, in every form that has a place for it.
func TestDamagedTrace(t *testing.T) {
	a := serve(t, damaged{storagetest.NewMemory(storagetest.AllCapabilities())})
	a.put(storagetest.Body(clew.Span{TraceID: clew.MakeTraceID(0, 1), SpanID: 1, Start: 1, End: 2}), 1)
	const why = "block 3 of seg/1 is damaged"
	w := a.get("/api/v2/traces/1")
	if text := w.Body.String(); w.Header().Get("Clew-Partial") != why || !strings.HasSuffix(text, `]},"status":"PARTIAL","message":"`+why+`"}`) {
		t.Errorf("%q: %s", w.Header().Get("Clew-Partial"), text)
	}
	if m := fields(t, a.ok("/api/v2/traces/1", "Accept", "application/protobuf")); len(m[1]) != 1 || string(m[4][0]) != why {
		t.Errorf("in protobuf: %q", m[4])
	}
	if w := a.get("/api/traces/1"); w.Header().Get("Clew-Partial") != why {
		t.Errorf("in the first version: %q", w.Header())
	}
}
