package tempo_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	dialects "github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/apitest"
	"github.com/clew-tracing/clew/api/tempo"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// ask makes a path of pairs of names and values.
func ask(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return path + "?" + q.Encode()
}

func search(pairs ...string) string { return ask("/api/search", pairs...) }

// TestSearchGolden pins the JSON of searches.
func TestSearchGolden(t *testing.T) {
	eachStore(t, func(a *api) {
		a.golden("search", search("q", `{ span.http.status_code >= 400 } | select(resource.service.name, kind, status)`, "start", "1763888000", "end", "1763890000"))
		a.golden("search_all", search())
		a.golden("search_by", search("q", `{ } | by(resource.service.name) | count() > 1`, "spss", "1"))
		a.golden("search_none", search("q", `{ name = "nothing" }`))
		a.golden("search_tags", search("tags", `service.name=CART http.status_code=500`, "minDuration", "100ms", "maxDuration", "1s"))
		a.golden("search_drilldown", search("q", `{nestedSetParent<0 && true && status != ok} | select(resource.service.name, nestedSetLeft) with(most_recent=true)`, "limit", "200", "spss", "10"))
	})
}

// TestSearchNames holds the names under which Grafana looks for what a query is about, and
// that what its filters ask for is told of spans.
func TestSearchNames(t *testing.T) {
	eachStore(t, func(a *api) {
		w := apitest.Get(a, search("q", `{ kind = server && status = error && trace:rootName != nil } | by(trace:rootService) | by(rootName)`))
		for _, want := range []string{`{"key":"kind","value":{"stringValue":"server"}}`, `{"key":"status","value":{"stringValue":"error"}}`,
			`{"key":"by(rootServiceName)","value":{"stringValue":"front"}}`, `{"key":"by(rootName)","value":{"stringValue":"GET /cart"}}`} {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("no %s in %s", want, w.Body)
			}
		}
		w = apitest.Get(a, search("q", `{ } | max(duration) > 1ms | avg(duration) > 1.5 | avg(trace:duration) / 2 > 1ms`))
		for _, want := range []string{`{"key":"max(duration)","value":{"stringValue":"250ms"}}`, `{"key":"avg(duration)","value":{"stringValue":"`} {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("no %s in %s", want, w.Body)
			}
		}
		w = apitest.Get(a, ask("/api/metrics/query", "q", `{ } | rate() by (trace:rootName, rootServiceName, trace:duration)`, "start", "1763888000", "end", "1763890000"))
		if want := `"promLabels":"{rootName=\"GET /cart\", rootServiceName=\"front\", traceDuration=`; !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %s", want, w.Body)
		}
	})
}

// TestSearchArrays looks into arrays, and has them whole.
func TestSearchArrays(t *testing.T) {
	eachStore(t, func(a *api) {
		array := storagetest.ArrayValue(clew.StringValue("go"), clew.StringValue("\xff"), clew.StringValue(""))
		numbers := storagetest.ArrayValue(clew.IntValue(80), clew.DoubleValue(1.5), clew.BoolValue(true))
		deep := storagetest.ArrayValue(clew.IntValue(1), storagetest.ArrayValue(clew.IntValue(2)))
		a.put(storagetest.Body(clew.Span{TraceID: clew.MakeTraceID(0, 77), SpanID: 7, Name: "arrays", Start: 1763889000e9, End: 1763889001e9,
			Attrs:    []clew.Attr{{Key: "langs", Value: array}, {Key: "numbers", Value: numbers}, {Key: "deep", Value: deep}, {Key: "raw", Value: storagetest.BytesValue([]byte("x"))}},
			Resource: &clew.Resource{Attrs: []clew.Attr{{Key: "tags", Value: storagetest.ArrayValue(clew.StringValue("v1"))}}}, Scope: &clew.Scope{}}), 1)
		w := a.get(search("q", `{ span.langs = "go" && .tags =~ "v." } | select(span.numbers, resource.tags, span.deep, span.raw)`))
		want := `"attributes":[{"key":"numbers","value":{"arrayValue":{"values":[{"intValue":"80"},{"doubleValue":1.5},{"boolValue":true}]}}},` +
			`{"key":"tags","value":{"arrayValue":{"values":[{"stringValue":"v1"}]}}},{"key":"deep","value":{"stringValue":"[1,[2]]"}},` +
			`{"key":"langs","value":{"arrayValue":{"values":[{"stringValue":"go"},{"stringValue":"\\xff"},{"stringValue":""}]}}},` +
			`{"key":"tags","value":{"arrayValue":{"values":[{"stringValue":"v1"}]}}}]`
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s, want %s", w.Body, want)
		}
		for tag, want := range map[string]string{"span.langs": `"\\xff"`, "span.numbers": `{"type":"int","value":"80"}`, "resource.tags": `{"type":"string","value":"v1"}`} {
			if w := a.get("/api/v2/search/tag/" + tag + "/values"); !strings.Contains(w.Body.String(), want) {
				t.Errorf("values of %s: %s, want %s", tag, w.Body, want)
			}
		}
	})
}

// TestSearchTags finds by tags as before TraceQL: on any spans of a trace, by part of a
// text, whatever the case.
func TestSearchTags(t *testing.T) {
	eachStore(t, func(a *api) {
		for tags, want := range map[string]string{
			`http.url=ITEMS`:                         cart,
			`http.url=items item=tea`:                "",
			`http.url=items http.status_code=500`:    cart,
			`http.status_code=404`:                   "000000000000000000000000000000ff",
			`item="TEA \"gr"`:                        "000000000000000000000000000000ff",
			`cached=true`:                            cart,
			`ratio=0.5`:                              cart,
			`name=restock service.name=cart`:         "000000000000000000000000000000ff",
			`error=true`:                             cart,
			`status.code=error`:                      cart,
			`root.name=cart root.service.name=front`: cart,
			`http.url=.*`:                            "",
		} {
			if got := a.ids(search("tags", tags)); got != want {
				a.Errorf("tags %s: %q, want %q", tags, got, want)
			}
		}
	})
}

// ids returns the trace ids that a search finds.
func (a *api) ids(path string) string {
	a.Helper()
	var answer struct{ Traces []struct{ TraceID string } }
	if err := json.Unmarshal(a.ok(path), &answer); err != nil {
		a.Fatal(err)
	}
	var ids []string
	for _, x := range answer.Traces {
		ids = append(ids, x.TraceID)
	}
	return strings.Join(ids, " ")
}

// TestSearchWindow takes times in every form.
func TestSearchWindow(t *testing.T) {
	eachStore(t, func(a *api) {
		for _, c := range []struct{ start, end, want string }{
			{"1763889060", "1763889062", "000000000000000000000000000000ff"},
			{"1763889061000000000", "1763889061000000001", "000000000000000000000000000000ff"},
			{"1763889061000000001", "1763889062000000000", ""},
			{"1763889060.999", "1763889061.001", "000000000000000000000000000000ff"},
			{"2025-11-23T09:11:00Z", "2025-11-23T09:11:01Z", ""},
			{"2025-11-23T10:11:01+01:00", "2025-11-23T09:11:02Z", "000000000000000000000000000000ff"},
			{"", "1763889050", cart},
			{"0", "0", "000000000000000000000000000000ff " + cart},
		} {
			if got := a.ids(search("start", c.start, "end", c.end)); got != c.want {
				a.Errorf("from %s to %s: %q, want %q", c.start, c.end, got, c.want)
			}
		}
	})
}

// TestSearchPages finds every match up to a limit beyond a page, in order and once.
func TestSearchPages(t *testing.T) {
	a := serve(t, storagetest.NewMemory(storagetest.AllCapabilities()))
	const n = exec.MaxLimit + 100
	var spans []clew.Span
	for i := range n {
		spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(0, uint64(i+1)), SpanID: 1, Start: clew.UnixNanos(i + 1), Resource: &clew.Resource{}})
	}
	a.put(storagetest.Body(spans...), n)
	for _, limit := range []int{exec.MaxLimit, exec.MaxLimit + 1, 262_144} {
		path := search("limit", fmt.Sprint(limit))
		got := strings.Fields(a.ids(path))
		if len(got) != min(limit, n) {
			t.Fatalf("limit %d: %d traces", limit, len(got))
		}
		for i, id := range got {
			if want := fmt.Sprintf("%032x", n-i); id != want {
				t.Fatalf("limit %d: trace %d is %s, want %s", limit, i, id, want)
			}
		}
	}
	if traces := fields(t, a.ok(search("limit", "262144"), "Accept", "application/protobuf"))[1]; len(traces) != n {
		t.Errorf("%d traces in protobuf, want %d", len(traces), n)
	}
}

// TestSearchProtobuf has the fields of tempopb.SearchResponse.
func TestSearchProtobuf(t *testing.T) {
	eachStore(t, func(a *api) {
		body := a.ok(search("q", `{ span.http.status_code = 500 }`), "Accept", "application/protobuf")
		m := fields(a.T, body)
		trace := fields(a.T, m[1][0])
		set := fields(a.T, trace[7][0])
		span := fields(a.T, set[1][0])
		attribute := fields(a.T, span[5][0])
		got := fmt.Sprintf("%s|%s|%s|%s|%s", trace[1][0], trace[2][0], span[1][0], span[2][0], attribute[1][0])
		if want := cart + "|front|00000000000000a3|GET /items|http.status_code"; got != want {
			a.Errorf("%s, want %s", got, want)
		}
		if len(m[1]) != 1 || len(m[2]) != 1 || len(trace[8]) != 2 || string(trace[6][0]) != string(trace[7][0]) {
			a.Errorf("%d traces, %d metrics, %d services", len(m[1]), len(m[2]), len(trace[8]))
		}
	})
}

// TestSearchHasOneBudget stops a search of many pages when all of them together have spent it.
func TestSearchHasOneBudget(t *testing.T) {
	const traces, rows = 4 * exec.MaxLimit, 10 * exec.MaxLimit // each page looks at all that is left
	a := serve(t, storagetest.NewMemory(storagetest.AllCapabilities()))
	var spans []clew.Span
	for i := range traces {
		spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(0, uint64(i+1)), SpanID: 1, Start: clew.UnixNanos(i + 1), Resource: &clew.Resource{}})
	}
	a.put(storagetest.Body(spans...), len(spans))
	for name, c := range map[string]struct {
		budget exec.Budget
		reason string
	}{
		"all":  {exec.Budget{}, ""},
		"part": {exec.Budget{Rows: rows}, fmt.Sprintf("the row budget of %d ended", rows)},
	} {
		a.API = tempo.New(tempo.Config{Store: a.store, Budget: c.budget})
		w := a.get(search("limit", fmt.Sprint(traces)))
		var answer struct {
			Traces  []struct{}
			Metrics struct{ CompletedJobs, TotalJobs int }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		got := w.Header().Get("Clew-Partial") + w.Header().Get(http.TrailerPrefix+"Clew-Partial")
		whole := len(answer.Traces) == traces && answer.Metrics.CompletedJobs == answer.Metrics.TotalJobs
		if whole != (c.reason == "") || got != c.reason || len(answer.Traces) == 0 {
			t.Errorf("%s: %d traces, %d of %d jobs, Clew-Partial %q, want %q", name, len(answer.Traces), answer.Metrics.CompletedJobs, answer.Metrics.TotalJobs, got, c.reason)
		}
	}
}

// TestSearchPartial says that the answer is not all of it.
func TestSearchPartial(t *testing.T) {
	a := serve(t, storagetest.NewMemory(storagetest.AllCapabilities()))
	var spans []clew.Span
	for i := range 200 {
		spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(0, uint64(i+1)), SpanID: 1, Start: clew.UnixNanos(i + 1), Resource: &clew.Resource{}})
	}
	a.put(storagetest.Body(spans...), len(spans))
	a.API = tempo.New(tempo.Config{Store: a.store, Budget: exec.Budget{Rows: 100}})
	w := a.get(search("limit", "100"))
	if got := w.Header().Get("Clew-Partial"); w.Code != 200 || !strings.Contains(got, "row budget of 100 ended") {
		t.Errorf("%d, Clew-Partial %q: %.200s", w.Code, got, w.Body)
	}
	var answer struct {
		Metrics struct{ CompletedJobs, TotalJobs int }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Metrics.CompletedJobs >= answer.Metrics.TotalJobs {
		t.Errorf("%v, %d of %d jobs", err, answer.Metrics.CompletedJobs, answer.Metrics.TotalJobs)
	}
}

// TestSearchErrors answers in text what is wrong.
func TestSearchErrors(t *testing.T) {
	a := serve(t, storagetest.NewMemory(storagetest.AllCapabilities()))
	for _, c := range []struct{ path, text string }{
		{search("q", "{ name = }"), "invalid TraceQL query: "},
		{search("q", "{ } | rate()"), "leave out the metric"},
		{search("q", "{ }", "tags", "a=b"), "can't specify tags"},
		{search("tags", "a"), "want key=value pairs"},
		{search("tags", "a=b a=c"), "tag a has been set twice"},
		{search("tags", `a="b`), "do not close"},
		{search("tags", `status.code=bad`), "want error, ok or unset"},
		{search("minDuration", "long"), "invalid minDuration"},
		{search("limit", "0"), `invalid limit: "0": want 1 to 262144`},
		{search("limit", "262145"), `invalid limit: "262145"`},
		{search("spss", "-1"), `invalid spss`},
		{search("start", "10", "end", "10"), "start must be before end"},
	} {
		w := a.get(c.path)
		if w.Code != 400 || !strings.Contains(w.Body.String(), c.text) || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("GET %s: %d %q, want 400 and %q", c.path, w.Code, w.Body, c.text)
		}
	}
}

// TestBusy tells to come again.
func TestBusy(t *testing.T) {
	apitest.Busy(t, func(turns *dialects.Turns) http.Handler {
		return tempo.New(tempo.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities()), Turns: turns})
	}, map[string]string{"/api/search?q=%7B%7D": "as many queries", "/api/metrics/query?q=%7B%7D%7Crate()": "as many queries", "/api/traces/1": "as many queries"})
}
