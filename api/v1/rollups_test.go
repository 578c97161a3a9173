package v1_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	v1 "github.com/clew-tracing/clew/api/v1"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/storage/storagetest"
)

type rollups struct {
	Coverage          struct{ Complete bool }
	Start, End        string
	StepSeconds       int
	QuantileError     float64
	Unfinished, Moved int
	Series            []rollupSeries
}

type rollupSeries struct {
	Kind, Status, Connection                  string
	Service, Operation, Client, Server        *string
	Other, Virtual, Unresolved                bool
	Spans, Errors, UnknownWeight              int
	EstimatedSpans, StandardError, ErrorRatio float64
	PerSecond                                 *float64
	Durations                                 *struct{ MinNanos, MaxNanos, MeanNanos, P50Nanos, P95Nanos, P99Nanos float64 }
}

// of returns what a series is of, in words.
func (r *rollupSeries) of() string {
	var parts []string
	for _, p := range []*string{r.Service, r.Operation, r.Client, r.Server} {
		if p != nil {
			parts = append(parts, *p)
		}
	}
	for _, p := range []string{r.Kind, r.Status, r.Connection} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	for i, is := range []bool{r.Other, r.Virtual, r.Unresolved} {
		if is {
			parts = append(parts, []string{"other", "virtual", "unresolved"}[i])
		}
	}
	return strings.Join(parts, " ")
}

// shopSpans are a call of web to cart and of cart to a database, and one that was
// sampled, a minute later.
func shopSpans() []clew.Span {
	const ms = clew.UnixNanos(1e6)
	service := func(name string) *clew.Resource {
		return &clew.Resource{Attrs: []clew.Attr{{Key: "service.name", Value: clew.StringValue(name)}}}
	}
	web, cart := service("web"), service("cart")
	id, at := clew.MakeTraceID(1, 1), storagetest.Epoch
	return []clew.Span{
		{TraceID: id, SpanID: 1, Name: "GET /", Kind: clew.KindServer, Resource: web, Start: at, End: at + 40*ms},
		{TraceID: id, SpanID: 2, ParentID: 1, Name: "GET", Kind: clew.KindClient, Resource: web, Start: at + ms, End: at + 30*ms, Status: clew.StatusError,
			Attrs: []clew.Attr{{Key: "http.request.method", Value: clew.StringValue("GET")}}},
		{TraceID: id, SpanID: 3, ParentID: 2, Name: "GET /cart", Kind: clew.KindServer, Resource: cart, Start: at + 2*ms, End: at + 22*ms},
		{TraceID: id, SpanID: 4, ParentID: 3, Name: "SELECT", Kind: clew.KindClient, Resource: cart, Start: at + 3*ms, End: at + 8*ms,
			Attrs: []clew.Attr{{Key: "db.system.name", Value: clew.StringValue("postgresql")}}},
		{TraceID: clew.MakeTraceID(1, 2), SpanID: 5, ParentID: 9, Name: "GET /cart", Kind: clew.KindServer, Resource: cart, TraceState: "ot=th:c",
			Start: at + 61e9, End: at + 61e9 + 10*ms},
		{TraceID: clew.MakeTraceID(1, 3), SpanID: 6, Name: "never ends", Resource: web, Start: at},
	}
}

func TestRollups(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		s.put(6, shopSpans()...)
		for _, c := range []struct {
			query string
			want  []string // of each series: what it is of, spans, estimated spans, errors
		}{
			{"", []string{"cart 3 6 0", "web 2 2 1"}},
			{"by=none", []string{" 5 8 1"}},
			{"by=operation,kind", []string{"GET client 1 1 1", "GET / server 1 1 0", "GET /cart server 2 5 0", "SELECT client 1 1 0"}},
			{"by=service,status", []string{"cart unset 3 6 0", "web unset 1 1 0", "web error 1 1 1"}},
			{"service=web&by=operation", []string{"GET 1 1 1", "GET / 1 1 0"}},
			{"operation=SELECT&operation=GET", []string{"cart 1 1 0", "web 1 1 1"}},
			{"step=60", []string{"cart 2 2 0", "web 2 2 1", "cart 1 4 0"}},
			{"start=2026-01-01T00:01:30Z", []string{"cart 1 4 0"}},
			{"start=2025-12-31T23:59:00Z&end=2026-01-01T00:00:05Z", []string{"cart 2 2 0", "web 2 2 1"}},
			{"of=edges", []string{"cart other unresolved 1 4 0", "cart postgresql db virtual 1 1 0", "web cart http 1 1 1"}},
			{"of=edges&by=connection", []string{"other unresolved 1 4 0", "http 1 1 1", "db 1 1 0"}},
			{"of=edges&by=client,server&service=web", []string{"web cart 1 1 1"}},
			{"service=nobody", nil},
		} {
			var got rollups
			s.get("/api/v1/rollups?" + c.query).ok(&got)
			var lines []string
			for i := range got.Series {
				x := &got.Series[i]
				lines = append(lines, fmt.Sprintf("%s %d %v %d", x.of(), x.Spans, x.EstimatedSpans, x.Errors))
			}
			if !slices.Equal(lines, c.want) {
				t.Errorf("%q: %q, want %q", c.query, lines, c.want)
			}
			if !got.Coverage.Complete || got.QuantileError != sketch.RelativeError || got.Moved != 0 {
				t.Errorf("%q: %+v", c.query, got)
			}
		}
	})
}

// TestRollupFigures looks at every number of a few series.
func TestRollupFigures(t *testing.T) {
	s := serve(t, database(t, 10), v1.Config{})
	s.put(6, shopSpans()...)
	var got rollups
	s.get("/api/v1/rollups?start=2026-01-01T00:00:10Z&end=2026-01-01T00:01:50Z&service=cart").ok(&got)
	if len(got.Series) != 1 || got.Start != fmt.Sprint(uint64(storagetest.Epoch)) || got.End != fmt.Sprint(uint64(storagetest.Epoch)+120e9) ||
		got.Unfinished != 1 {
		t.Fatalf("answer %+v", got)
	}
	x := &got.Series[0]
	// Weights 1, 1 and 4: the root of 4² - 4 is the error; 20, 5 and 4 times 10 ms.
	if math.Abs(x.StandardError-math.Sqrt(12)) > 1e-9 || *x.PerSecond != 6/120. || x.ErrorRatio != 0 || x.UnknownWeight != 0 {
		t.Errorf("series %+v", x)
	}
	d := x.Durations
	if d.MinNanos != 5e6 || d.MaxNanos != 20e6 || math.Abs(d.MeanNanos-65e6/6) > 1 || d.P99Nanos != 20e6 || math.Abs(d.P50Nanos-10e6) > 10e6*sketch.RelativeError {
		t.Errorf("durations %+v", d)
	}
	s.get("/api/v1/rollups?step=60&service=web").ok(&got)
	if x := &got.Series[0]; got.StepSeconds != 60 || *x.PerSecond != 2/60. || x.ErrorRatio != 0.5 {
		t.Errorf("series %+v", x)
	}
	got = rollups{}
	s.get("/api/v1/rollups").ok(&got)
	if got.Series[0].PerSecond != nil || got.End != "" || got.StepSeconds != 0 {
		t.Errorf("a window without an end has a rate: %+v", got)
	}
}

func TestRollupErrors(t *testing.T) {
	s := serve(t, database(t, 10), v1.Config{})
	for query, want := range map[string]string{
		"by=service,host":        `by "host": want service, operation, kind or status`,
		"of=edges&by=service":    `by "service": want client, server or connection`,
		"of=spans":               `of "spans": want operations or edges`,
		"step=90":                `step "90": want a number of seconds that is a multiple of 60`,
		"step=1m":                `step "1m"`,
		"step=-60":               `step "-60"`,
		"of=edges&operation=GET": "edges have no operations",
		"start=yesterday":        "start",
		"start=10&end=5":         "end 5 is not after start 10",
		"steps=60":               `"steps"`,
	} {
		a := s.bad("GET", "/api/v1/rollups?"+query, "")
		if a.status != 400 || !strings.Contains(string(a.body), jsonText(want)) {
			t.Errorf("%q: %d %s, want 400 and %s", query, a.status, a.body, want)
		}
	}
	less := storagetest.AllCapabilities()
	less.Rollups = false
	a := serve(t, storagetest.NewMemory(less), v1.Config{}).get("/api/v1/rollups")
	if a.status != 501 || !strings.Contains(string(a.body), "this store has no rollups") {
		t.Errorf("a store without rollups: %d %s", a.status, a.body)
	}
}

// jsonText is a text as it stands in JSON.
func jsonText(s string) string { return strings.ReplaceAll(s, `"`, `\"`) }
