package v1_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	v1 "github.com/clew-tracing/clew/api/v1"
	"github.com/clew-tracing/clew/storage/storagetest"
)

type found struct {
	Coverage struct {
		Complete bool
		Searched float64
	}
	Traces     []summary
	NextCursor string
	Count      *struct{ Spans, Traces int }
}

type summary struct {
	TraceID, RootService, RootName string
	RootError                      bool
	Start                          string
	DurationNanos                  float64
	SpanCount, MatchedSpans        int
	ErrorCount                     int
	Services                       []share
	Complete                       bool
	MatchedSpanID, MatchedStart    string
}

type share struct {
	Name                 string
	Index, Spans, Errors int
}

func (s *server) search(request map[string]any) (f found) {
	s.tb.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		s.tb.Fatal(err)
	}
	s.post("/api/v1/search", string(body)).ok(&f)
	if !f.Coverage.Complete || f.Coverage.Searched != 1 {
		s.tb.Fatalf("coverage %+v", f.Coverage)
	}
	return f
}

// summaryOf is the model of a trace in a list; matches are its matching spans.
func summaryOf(spans, matches []*clew.Span) summary {
	newest := slices.MinFunc(matches, func(a, b *clew.Span) int {
		return cmp.Or(cmp.Compare(b.Start, a.Start), cmp.Compare(a.SpanID, b.SpanID))
	})
	out := summary{TraceID: spans[0].TraceID.String(), SpanCount: len(spans), MatchedSpans: len(matches),
		MatchedSpanID: newest.SpanID.String(), MatchedStart: fmt.Sprint(uint64(newest.Start))}
	start, end := spans[0].Start, clew.UnixNanos(0)
	var root *clew.Span
	ids, shares := map[clew.SpanID]bool{0: true}, map[string]*share{}
	for _, s := range spans {
		ids[s.SpanID] = true
		start, end = min(start, s.Start), max(end, s.Start, s.End)
		if s.ParentID == 0 && (root == nil || s.Start < root.Start || s.Start == root.Start && s.SpanID < root.SpanID) {
			root = s
		}
		name := s.Service()
		if shares[name] == nil {
			shares[name] = &share{Name: name, Index: len(name)}
		}
		shares[name].Spans++
		if s.Status == clew.StatusError {
			out.ErrorCount++
			shares[name].Errors++
		}
	}
	out.Start, out.DurationNanos = fmt.Sprint(uint64(start)), float64(end-start)
	out.Complete = root != nil
	for _, s := range spans {
		out.Complete = out.Complete && ids[s.ParentID]
	}
	if root != nil {
		out.RootService, out.RootName, out.RootError = root.Service(), root.Name, root.Status == clew.StatusError
	}
	for _, x := range shares {
		out.Services = append(out.Services, *x)
	}
	slices.SortFunc(out.Services, func(a, b share) int { return cmp.Or(b.Spans-a.Spans, cmp.Compare(a.Name, b.Name)) })
	return out
}

// queries are TraceQL with the same in Go.
var queries = map[string]func(s *clew.Span) bool{
	``:                                      func(*clew.Span) bool { return true },
	`{}`:                                    func(*clew.Span) bool { return true },
	`{ status = error }`:                    func(s *clew.Span) bool { return s.Status == clew.StatusError },
	`{ name = "größe" && kind = server }`:   func(s *clew.Span) bool { return s.Name == "größe" && s.Kind == clew.KindServer },
	`{ resource.service.name = "cart" }`:    func(s *clew.Span) bool { return s.Service() == "cart" },
	`{ duration > 1ms || name =~ "GET.*" }`: func(s *clew.Span) bool { return s.DurationNanos() > 1e6 || strings.HasPrefix(s.Name, "GET") },
	`{ name = "nothing has this name" }`:    func(*clew.Span) bool { return false },
}

// TestSearch compares whole answers with the model, page by page.
func TestSearch(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		s.api = v1.New(v1.Config{Store: s.store, Numbers: serviceLength})
		g := storagetest.NewGenerator(4)
		byTrace := map[clew.TraceID][]*clew.Span{}
		spans := g.Spans(40, 8)
		for i := range spans {
			byTrace[spans[i].TraceID] = append(byTrace[spans[i].TraceID], &spans[i])
		}
		s.put(9, spans...)
		s.putFor("other", 100, storagetest.NewGenerator(5).Trace(5)...)
		for q, holds := range queries {
			var want []summary
			total := 0
			for _, all := range byTrace {
				matches := slices.DeleteFunc(slices.Clone(all), func(s *clew.Span) bool { return !holds(s) })
				if total += len(matches); len(matches) > 0 {
					want = append(want, summaryOf(all, matches))
				}
			}
			slices.SortFunc(want, func(a, b summary) int {
				return cmp.Or(cmp.Compare(b.MatchedStart, a.MatchedStart), cmp.Compare(a.TraceID, b.TraceID))
			})
			var got []summary
			request := map[string]any{"q": q, "limit": 7, "count": true}
			for range len(want) + 1 {
				f := s.search(request)
				if f.Count.Spans != total || f.Count.Traces != len(want) {
					t.Fatalf("%s: count %+v, want %d spans in %d traces", q, *f.Count, total, len(want))
				}
				got = append(got, f.Traces...)
				if f.NextCursor == "" {
					break
				}
				request["cursor"] = f.NextCursor
			}
			if got, want := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); got != want {
				t.Errorf("%s:\n got %s\nwant %s", q, got, want)
			}
			if f := s.search(map[string]any{"q": q, "limit": 0, "count": true}); len(f.Traces) != 0 || f.Count.Spans != total {
				t.Errorf("%s: only a count gave %+v", q, f)
			}
		}
	})
}

// TestSearchByURL gives what the same in a body gives.
func TestSearchByURL(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		s.put(9, storagetest.NewGenerator(4).Spans(20, 4)...)
		middle := fmt.Sprint(uint64(storagetest.Epoch + 150e9))
		rfc := (storagetest.Epoch + 150e9).Time().Format("2006-01-02T15:04:05Z07:00")
		traces := 0
		for _, window := range []map[string]any{{"start": middle}, {"end": middle}, {"start": rfc, "end": "2030-01-01T00:00:00+01:00"}} {
			request := maps.Clone(window)
			request["q"], request["limit"], request["count"] = "{ status != error }", 5, true
			params := url.Values{}
			for k, v := range request {
				params.Set(k, fmt.Sprint(v))
			}
			var byURL found
			s.get("/api/v1/search?" + params.Encode()).ok(&byURL)
			byBody := s.search(request)
			a, _ := json.Marshal(byURL)
			b, _ := json.Marshal(byBody)
			if !bytes.Equal(a, b) {
				t.Errorf("%v: %s\nwant %s", window, a, b)
			}
			traces += byBody.Count.Traces
		}
		if traces < 20 {
			t.Errorf("the windows hold %d traces, want all 20 and some twice", traces)
		}
	})
}

// TestServices counts what was sent.
func TestServices(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		s.api = v1.New(v1.Config{Store: s.store, Numbers: serviceLength})
		spans := storagetest.NewGenerator(9).Spans(20, 20)
		s.put(30, spans...)
		type operation struct {
			Name, Kind string
			Spans      int
		}
		type service struct {
			Name               string
			Index, Slot, Spans int
			Operations         []operation
			OperationsTotal    int
		}
		var got struct{ Services []service }
		s.get("/api/v1/services").ok(&got)
		counts := map[string]map[operation]int{}
		for i := range spans {
			name := spans[i].Service()
			if counts[name] == nil {
				counts[name] = map[operation]int{}
			}
			counts[name][operation{spans[i].Name, spans[i].Kind.String(), 0}]++
		}
		var want []service
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			x := service{Name: name, Index: len(name), Slot: len(name) % 12, OperationsTotal: len(counts[name])}
			for op, n := range counts[name] {
				op.Spans = n
				x.Operations, x.Spans = append(x.Operations, op), x.Spans+n
			}
			slices.SortFunc(x.Operations, func(a, b operation) int {
				kind := func(o operation) int {
					return slices.IndexFunc(spans, func(s clew.Span) bool { return s.Kind.String() == o.Kind })
				}
				k := cmp.Compare(spans[kind(a)].Kind, spans[kind(b)].Kind)
				return cmp.Or(b.Spans-a.Spans, cmp.Compare(a.Name, b.Name), k)
			})
			want = append(want, x)
		}
		if got, want := fmt.Sprintf("%+v", got.Services), fmt.Sprintf("%+v", want); got != want {
			t.Errorf("services\n got %s\nwant %s", got, want)
		}
	})
}

type tags struct {
	Tags []struct {
		Scope, Name, Query string
		Types              []string
	}
}

type values struct {
	Values []struct {
		Type, Value, Query string
		Spans              int
	}
	Range    *struct{ Min, Max string }
	Complete bool
}

// TestVocabulary asks for every value of every tag and then searches for it: the
// words of the answers are words of TraceQL, and the counts are right.
func TestVocabulary(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		s.put(30, storagetest.NewGenerator(11).Spans(20, 10)...)
		var all tags
		s.get("/api/v1/tags").ok(&all)
		scopes := map[string]int{}
		asked := 0
		var never []string
		for _, tag := range all.Tags {
			scopes[tag.Scope]++
			var v values
			s.get("/api/v1/tags/" + url.PathEscape(tag.Query) + "/values?limit=1000").ok(&v)
			if tag.Query == "duration" {
				s.durations(v)
				continue
			}
			if !v.Complete || len(v.Values) == 0 && tag.Scope != "intrinsic" && !slices.Equal(tag.Types, []string{"other"}) {
				t.Errorf("%s %v: %d values, complete %t", tag.Query, tag.Types, len(v.Values), v.Complete)
			}
			for _, x := range v.Values {
				if !slices.Contains(tag.Types, x.Type) {
					t.Errorf("%s: a value of type %s, the tag's are %v", tag.Query, x.Type, tag.Types)
				}
				if x.Query == "" {
					never = append(never, x.Value)
					continue
				}
				asked++
				q := fmt.Sprintf("{ %s = %s }", tag.Query, x.Query)
				if f := s.search(map[string]any{"q": q, "limit": 0, "count": true}); f.Count.Spans < x.Spans || f.Count.Spans == 0 || x.Spans == 0 {
					t.Errorf("%s finds %d spans, of which %d were promised", q, f.Count.Spans, x.Spans)
				}
			}
		}
		for _, scope := range []string{"span", "resource", "scope", "event", "link", "intrinsic"} {
			var part tags
			s.get("/api/v1/tags?scope=" + scope).ok(&part)
			if len(part.Tags) != scopes[scope] || len(part.Tags) == 0 {
				t.Errorf("scope %s: %d tags, want %d", scope, len(part.Tags), scopes[scope])
			}
		}
		slices.Sort(never)
		if got := fmt.Sprint(slices.Compact(never)); got != "[+Inf -Inf NaN \\xff\\xfe kind(6)]" || asked < 50 {
			t.Errorf("%d values were asked for, not %s", asked, got)
		}
		if !slices.IsSortedFunc(all.Tags, func(a, b struct {
			Scope, Name, Query string
			Types              []string
		}) int {
			return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Name, b.Name))
		}) {
			t.Error("the tags are not sorted")
		}
	})
}

// durations checks the values of duration: some spans are shorter than each, some
// longer, none are beyond the range.
func (s *server) durations(v values) {
	s.tb.Helper()
	count := func(q string) int {
		s.tb.Helper()
		return s.search(map[string]any{"q": q, "limit": 0, "count": true}).Count.Spans
	}
	if v.Complete || len(v.Values) < 5 || v.Range == nil {
		s.tb.Fatalf("duration: %+v", v)
	}
	for _, x := range v.Values {
		if x.Type != "duration" || x.Spans != 0 || count("{ duration <= "+x.Query+" }") == 0 || count("{ duration >= "+x.Query+" }") == 0 {
			s.tb.Errorf("duration: %+v is not within", x)
		}
	}
	if n := count("{ duration = " + v.Range.Min + " || duration = " + v.Range.Max + " }"); n < 2 {
		s.tb.Errorf("%d spans take %+v", n, *v.Range)
	}
	if n := count("{ duration > " + v.Range.Max + " || duration < " + v.Range.Min + " && duration > -8760h }"); n != 0 {
		s.tb.Errorf("%d spans are beyond %+v", n, *v.Range)
	}
}

// TestTagValues pins names in all forms, prefixes and limits.
func TestTagValues(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		var spans []clew.Span
		for i := range 30 {
			spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, uint64(i+1)), SpanID: 1, Start: 1, End: 2 + clew.UnixNanos(i/29)*3e9, Kind: clew.KindServer, Name: "n",
				Events: []clew.Event{{Name: "log"}, {Name: "log", Time: 1001}}, Attrs: []clew.Attr{{Key: "http.route", Value: clew.StringValue(fmt.Sprintf("/%c/%d", 'a'+i%3, i/6))}}})
		}
		s.put(30, spans...)
		cases := [][2]string{
			{"span.http.route?limit=2", `"/a/0"2 "/a/1"2 false`},
			{".http.route?limit=2", `"/a/0"2 "/a/1"2 false`},
			{"http.route?limit=2", `"/a/0"2 "/a/1"2 false`},
			{"span.http.route?prefix=/b/&limit=5", `"/b/0"2 "/b/1"2 "/b/2"2 "/b/3"2 "/b/4"2 true`},
			{"span.http.route?prefix=/b/&limit=4", `"/b/0"2 "/b/1"2 "/b/2"2 "/b/3"2 false`},
			{"span.http.route?prefix=x", `true`},
			{"resource.http.route", `true`},
			{"name", `"n"30 true`},
			{"kind", `server30 true`},
			{"status", `unset30 true`},
			{"event:name", `"log"30 true`},
			{"event:timeSinceStart?prefix=1", `1µs30 true`},
			{"duration", `1ns to 3.000000001s 1µs0 10µs0 100µs0 1ms0 10ms0 100ms0 1s0 2s0 false`},
			{"duration?prefix=10&limit=3", `1ns to 3.000000001s 10µs0 100µs0 10ms0 false`},
			{"span:duration?prefix=7", `1ns to 3.000000001s false`},
		}
		for _, c := range cases {
			var v values
			name, params, _ := strings.Cut(c[0], "?")
			s.get("/api/v1/tags/" + name + "/values?" + params).ok(&v)
			got := ""
			if v.Range != nil {
				got = v.Range.Min + " to " + v.Range.Max + " "
			}
			for _, x := range v.Values {
				got += fmt.Sprintf("%s%d ", x.Query, x.Spans)
			}
			if got += fmt.Sprint(v.Complete); got != c[1] {
				t.Errorf("%s: %s, want %s", c[0], got, c[1])
			}
		}
	})
}

// TestServerHandlers holds health, test span and demo to the contract.
func TestServerHandlers(t *testing.T) {
	id := clew.MakeTraceID(1, 2)
	var asked []string
	s := serve(t, memory(), v1.Config{
		Health: func(tenant clew.Tenant) v1.Health {
			asked = append(asked, string(tenant))
			return v1.Health{Version: "v1", StartedAt: "1", Now: "2", Ready: true, Store: v1.StoreHealth{Kind: "memory"}}
		},
		TestSpan: func(_ context.Context, tenant clew.Tenant) (clew.TraceID, int, error) {
			if tenant == "full" {
				return id, 0, clew.Errorf(clew.Busy, "full")
			}
			return id, 3, nil
		},
		SetDemo: func(start bool, rate float64) (v1.Demo, error) {
			if rate == 7 {
				return v1.Demo{}, errors.New("no")
			}
			return v1.Demo{Running: start, SpansPerSecond: rate}, nil
		},
	})
	for _, c := range []struct{ method, path, body, tenant, want string }{
		{"GET", "/health", "", "a", `200 {"version":"v1","startedAt":"1","uptimeSeconds":0,"now":"2","ready":true,"doors":[],"store":{"kind":"memory",` +
			`"bytes":0,"segments":0,"headRows":0,"walBytes":0,"spans":0,"services":0,"retentionSeconds":0,"maxDiskBytes":0},` +
			`"ingest":{"received":0,"accepted":0,"bytes":0,"refused":[]}}`},
		{"POST", "/test-span", "", "", `200 {"traceId":"00000000000000010000000000000002","spans":3}`},
		{"POST", "/test-span", "", "full", `429 {"error":{"kind":"busy","message":"full"}}`},
		{"POST", "/demo", `{"action":"start","spansPerSecond":50}`, "", `200 {"running":true,"spansPerSecond":50}`},
		{"POST", "/demo", `{"action":"stop"}`, "", `200 {"running":false}`},
		{"POST", "/demo", `{"action":"start","spansPerSecond":7}`, "", `500 {"error":{"kind":"internal","message":"no"}}`},
		{"POST", "/demo", `{"action":"jump"}`, "", `400 {"error":{"kind":"invalid","message":"action \"jump\": want start or stop"}}`},
		{"POST", "/demo", `{"action":"start","spansPerSecond":0}`, "", `400 {"error":{"kind":"invalid","message":"spansPerSecond 0: want 1 to 10000"}}`},
	} {
		a := s.bad(c.method, "/api/v1"+c.path, c.body, "X-Scope-OrgID", c.tenant)
		if got := fmt.Sprintf("%d %s", a.status, a.body); got != c.want {
			t.Errorf("%s %s:\n got %s\nwant %s", c.path, c.body, got, c.want)
		}
	}
	if !slices.Equal(asked, []string{"a"}) {
		t.Errorf("health of %q", asked)
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/openapi.yaml", nil))
	if !bytes.Equal(w.Body.Bytes(), v1.Contract()) {
		t.Error("openapi.yaml is served differently")
	}
}

// TestTenants keeps the traces of tenants apart.
func TestTenants(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		id := clew.MakeTraceID(1, 1)
		for _, tenant := range []clew.Tenant{"a", "b"} {
			s.putFor(tenant, 1, clew.Span{TraceID: id, SpanID: 1, Name: "of " + string(tenant), Start: 1, End: 2})
		}
		for tenant, want := range map[string]int{"a": 1, "b": 1, "c": 0, "": 0} {
			a := s.get("/api/v1/traces/"+id.String(), "X-Scope-OrgID", tenant)
			if n := bytes.Count(a.body, []byte("of "+tenant+`"`)); n != want && tenant != "" || a.status != map[int]int{0: 404, 1: 200}[want] {
				t.Errorf("tenant %q: %d %s", tenant, a.status, a.body)
			}
		}
	})
}
