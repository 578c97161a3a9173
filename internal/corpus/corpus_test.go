package corpus

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/klauspost/compress/zstd"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// tally is a corpus read back through the official OTLP messages, counted by
// code that shares nothing with the generator.
type tally struct {
	requests, spans, bytes int
	errors, exceptions     int
	attrs, minAttrs        int
	maxAttrs               int
	resources              []int // ResourceSpans by request
	services               map[string]int
	traces                 map[clew.TraceID]int
	errorTraces            map[clew.TraceID]bool
	parents                map[uint64]bool
	spanIDs                map[uint64]bool
	values                 map[string]map[string]bool // span attributes only
	matched                map[string]*match
	lastEnd                uint64
}

type match struct {
	spans  int
	traces map[clew.TraceID]bool
}

func attributes(kvs []*common.KeyValue) map[string]string {
	m := make(map[string]string, len(kvs))
	for _, kv := range kvs {
		m[kv.Key] = strings.TrimSpace(kv.Value.String())
	}
	return m
}

func readBack(t *testing.T, c *Corpus) *tally {
	t.Helper()
	all := &tally{
		minAttrs: math.MaxInt, services: map[string]int{}, traces: map[clew.TraceID]int{}, errorTraces: map[clew.TraceID]bool{},
		parents: map[uint64]bool{}, spanIDs: map[uint64]bool{}, values: map[string]map[string]bool{}, matched: map[string]*match{},
	}
	var body []byte
	for {
		var n int
		body, n = c.Next(body[:0])
		if n == 0 {
			return all
		}
		var request collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &request); err != nil {
			t.Fatalf("request %d: %v", all.requests, err)
		}
		all.requests++
		all.bytes += len(body)
		all.resources = append(all.resources, len(request.ResourceSpans))
		before := all.spans
		newest := all.lastEnd
		for _, rs := range request.ResourceSpans {
			if rs.SchemaUrl == "" || len(rs.ProtoReflect().GetUnknown()) > 0 {
				t.Fatalf("request %d: resource without schema or with unknown fields", all.requests)
			}
			service := attributes(rs.Resource.Attributes)["service.name"]
			service = strings.Trim(strings.TrimPrefix(service, "string_value:"), `"`)
			for _, ss := range rs.ScopeSpans {
				for _, s := range ss.Spans {
					if s.EndTimeUnixNano < all.lastEnd {
						t.Fatalf("request %d has a span that ended before the request before it", all.requests)
					}
					newest = max(newest, s.EndTimeUnixNano)
					all.span(t, service, s)
				}
			}
		}
		all.lastEnd = newest
		if all.spans-before != n {
			t.Fatalf("request %d holds %d spans, Next said %d", all.requests, all.spans-before, n)
		}
	}
}

func (all *tally) span(t *testing.T, service string, s *trace.Span) {
	t.Helper()
	if len(s.TraceId) != 16 || len(s.SpanId) != 8 || s.EndTimeUnixNano < s.StartTimeUnixNano || s.Name == "" || s.Kind == 0 || s.Flags == 0 {
		t.Fatalf("malformed span %v", s)
	}
	if len(s.ProtoReflect().GetUnknown()) > 0 {
		t.Fatalf("span %v has unknown fields", s)
	}
	id := clew.TraceID(s.TraceId)
	all.spans++
	all.services[service]++
	all.traces[id]++
	key := func(b []byte) (v uint64) {
		for _, x := range b {
			v = v<<8 | uint64(x)
		}
		return v
	}
	all.spanIDs[key(s.SpanId)] = true
	if len(s.ParentSpanId) > 0 {
		all.parents[key(s.ParentSpanId)] = true
	}
	for _, e := range s.Events {
		if e.Name == "exception" && len(e.Attributes) == 3 {
			all.exceptions++
		}
	}
	all.attrs += len(s.Attributes)
	all.minAttrs, all.maxAttrs = min(all.minAttrs, len(s.Attributes)), max(all.maxAttrs, len(s.Attributes))
	attrs := attributes(s.Attributes)
	for k, v := range attrs {
		if all.values[k] == nil {
			all.values[k] = map[string]bool{}
		}
		all.values[k][v] = true
	}
	slow := s.EndTimeUnixNano-s.StartTimeUnixNano > 20e6
	failed := s.Status.GetCode() == trace.Status_STATUS_CODE_ERROR
	if failed {
		all.errors++
		all.errorTraces[id] = true
	}
	all.note("count", id, true)
	all.note("service+duration", id, service == "checkout" && slow)
	all.note("http status", id, attrs["http.response.status_code"] == "int_value:503")
	all.note("errors", id, failed)
	all.note("service+error", id, service == "checkout" && failed)
	all.note("user "+attrs["user.id"], id, attrs["user.id"] != "")
}

func (all *tally) note(name string, id clew.TraceID, matches bool) {
	m := all.matched[name]
	if m == nil {
		m = &match{traces: map[clew.TraceID]bool{}}
		all.matched[name] = m
	}
	if matches {
		m.spans++
		m.traces[id] = true
	}
}

// checkTruth compares what the corpus says of itself with what was read.
func checkTruth(t *testing.T, all *tally, truth *Truth) {
	t.Helper()
	if truth.Spans != all.spans || truth.Traces != len(all.traces) || truth.Errors != all.errors || truth.Exceptions != all.exceptions {
		t.Errorf("truth = %d spans, %d traces, %d errors, %d exceptions; want %d, %d, %d, %d", truth.Spans, truth.Traces,
			truth.Errors, truth.Exceptions, all.spans, len(all.traces), all.errors, all.exceptions)
	}
	for name, n := range all.services {
		if truth.Services[name] != n {
			t.Errorf("truth.Services[%q] = %d, want %d", name, truth.Services[name], n)
		}
	}
	if len(truth.Services) != len(all.services) {
		t.Errorf("truth has %d services, want %d", len(truth.Services), len(all.services))
	}
	for _, s := range truth.Samples {
		if all.traces[s.ID] != s.Spans {
			t.Errorf("sample %v = %d spans, want %d", s.ID, s.Spans, all.traces[s.ID])
		}
	}
	for _, p := range truth.Probes() {
		name := p.Name
		if name == "rare attribute" {
			name = "user string_value:" + p.Query[len(`{ span.user.id = `):len(p.Query)-len(` }`)]
		}
		m := all.matched[name]
		if m == nil {
			t.Errorf("probe %s: nothing matches %q", p.Query, name)
			continue
		}
		if want := (Count{m.spans, len(m.traces)}); p.Want != want {
			t.Errorf("probe %s = %v, want %v", p.Query, p.Want, want)
		}
		if p.Want.Spans == 0 && all.spans > 100_000 {
			t.Errorf("probe %s matches nothing: it tests nothing", p.Query)
		}
	}
	for id := range all.parents {
		if !all.spanIDs[id] {
			t.Fatalf("parent %016x has no span", id)
		}
	}
}

func TestShopIsAsDescribed(t *testing.T) {
	const spans = 120_000
	c, err := New(Shop, 1, spans)
	if err != nil {
		t.Fatal(err)
	}
	all := readBack(t, c)
	truth := c.Truth()
	checkTruth(t, all, truth)
	if all.spans != spans || all.requests != spans/DefaultPerRequest {
		t.Errorf("%d spans in %d requests, want %d in %d", all.spans, all.requests, spans, spans/DefaultPerRequest)
	}
	fewest := math.MaxInt
	for _, n := range all.resources {
		fewest = min(fewest, n)
	}
	rich := 0
	for _, values := range all.values {
		if len(values) > 1000 {
			rich++
		}
	}
	between(t, "bytes per span", float64(all.bytes)/spans, 480, 505)
	between(t, "services", float64(len(all.services)), 20, 20)
	between(t, "fewest ResourceSpans of a request", float64(fewest), 40, 60)
	between(t, "spans per trace", spans/float64(len(all.traces)), 23, 27)
	between(t, "attributes per span", float64(all.attrs)/spans, 8, 10)
	between(t, "fewest attributes", float64(all.minAttrs), 5, 6)
	between(t, "most attributes", float64(all.maxAttrs), 13, 14)
	between(t, "attribute keys", float64(len(all.values)), 37, 48)
	between(t, "attributes of over 1,000 values", float64(rich), 15, 25)
	between(t, "exceptions %", 100*float64(all.exceptions)/spans, 1.6, 2.2)
	between(t, "traces with an error %", 100*float64(len(all.errorTraces))/float64(len(all.traces)), 18, 27)
	if got := truth.Last.Time().Sub(DefaultStart); got < 20*time.Second || got > 40*time.Second {
		t.Errorf("%d spans last %v of event time, want about 24 s", spans, got)
	}
}

func TestWideIsAsDescribed(t *testing.T) {
	const spans = 60_000
	c, err := New(Wide, 1, spans)
	if err != nil {
		t.Fatal(err)
	}
	all := readBack(t, c)
	checkTruth(t, all, c.Truth())
	own := 0
	for key := range all.values {
		if strings.HasPrefix(key, "app.") {
			own++
		}
	}
	between(t, "bytes per span", float64(all.bytes)/spans, 570, 630)
	between(t, "sparse attribute keys", float64(own), 300, 310)
	between(t, "attributes per span", float64(all.attrs)/spans, 10.5, 13)
}

func TestHugeIsAsDescribed(t *testing.T) {
	const spans = 250_000
	c, err := New(Huge, 1, spans)
	if err != nil {
		t.Fatal(err)
	}
	all := readBack(t, c)
	checkTruth(t, all, c.Truth())
	sizes := map[int]int{}
	for _, n := range all.traces {
		sizes[n]++
	}
	if len(all.traces) != 3 || sizes[hugeTraceSpans] != 2 || sizes[50_000] != 1 {
		t.Errorf("traces by size = %v, want two of %d and one of 50000", sizes, hugeTraceSpans)
	}
}

func between(t *testing.T, what string, got, low, high float64) {
	t.Helper()
	t.Logf("%s: %.2f", what, got)
	if got < low || got > high {
		t.Errorf("%s = %.2f, want %v to %v", what, got, low, high)
	}
}

// TestShopIsNotTooCompressible guards the honesty of every size that is
// measured with the corpus: real spans do not compress better either.
func TestShopIsNotTooCompressible(t *testing.T) {
	const spans = 150_000
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(3)), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range Requests(Shop, 2, spans, DefaultPerRequest) {
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	between(t, "bytes per span of one zstd-3 stream", float64(out.Len())/spans, 55, 62)
}

func TestSameSeedSameBytes(t *testing.T) {
	for _, name := range Names() {
		a, b := Requests(name, 7, 5000, 250), Requests(name, 7, 5000, 250)
		if len(a) != 20 || len(b) != len(a) {
			t.Fatalf("%s: %d and %d requests, want 20", name, len(a), len(b))
		}
		for i := range a {
			if !bytes.Equal(a[i], b[i]) {
				t.Fatalf("%s: request %d differs between two runs of one seed", name, i)
			}
		}
		if other := Requests(name, 8, 5000, 250); bytes.Equal(a[0], other[0]) {
			t.Errorf("%s: two seeds give one corpus", name)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name  Name
		spans int
	}{{"shops", 1}, {"", 1}, {Shop, -1}} {
		if _, err := New(c.name, 1, c.spans); clew.KindOf(err) != clew.Invalid || err == nil {
			t.Errorf("New(%q, 1, %d) = %v, want kind Invalid", c.name, c.spans, err)
		}
	}
	c, err := New(Shop, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if body, n := c.Next([]byte("x")); n != 0 || string(body) != "x" {
		t.Errorf("Next of an empty corpus = %q, %d", body, n)
	}
}

func BenchmarkNext(b *testing.B) {
	for _, name := range Names() {
		b.Run(string(name), func(b *testing.B) {
			b.ReportAllocs()
			c, err := New(name, 1, math.MaxInt)
			if err != nil {
				b.Fatal(err)
			}
			var body []byte
			spans, size := 0, 0
			for b.Loop() {
				var n int
				body, n = c.Next(body[:0])
				spans += n
				size += len(body)
			}
			b.SetBytes(int64(size / b.N))
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(spans), "ns/span")
		})
	}
}
