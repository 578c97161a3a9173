package prom_test

import (
	"context"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/apitest"
	"github.com/clew-tracing/clew/api/prom"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

var update = flag.Bool("update", false, "rewrite golden files")

// asked is after the spans of the shop, in the minute 09:13.
var asked = time.Unix(1763889200, 0)

// eachStore runs f over the model and the embedded store, which seals early.
func eachStore(t *testing.T, f func(t *testing.T, s storage.Store)) {
	t.Run("memory", func(t *testing.T) { f(t, storagetest.NewMemory(storagetest.AllCapabilities())) })
	t.Run("spandb", func(t *testing.T) {
		db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{SealRows: 3})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		f(t, db)
	})
}

func newAPI(s storage.Store, now time.Time) *prom.API {
	return prom.New(prom.Config{Config: api.Config{Store: s}, Now: func() time.Time { return now }})
}

// TestAnswers holds every answer to testdata/answers.txt.
func TestAnswers(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) { apitest.Answers(t, newAPI(apitest.Shop(t, s), asked), *update) })
}

// TestNothingIsInjected asks for values that would be more than values, were they put
// into a query as they are.
func TestNothingIsInjected(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		a := newAPI(apitest.Shop(t, s), asked)
		for _, text := range apitest.Hostile {
			text = strings.ToValidUTF8(text, "?") // the engine takes nothing else
			for _, query := range []string{
				"traces_spanmetrics_calls_total{service=" + strconv.Quote(text) + "}",
				"traces_spanmetrics_calls_total{span_name=" + strconv.Quote(text) + "}",
				"traces_service_graph_request_total{server=" + strconv.Quote(text) + "}",
				"traces_service_graph_request_total{client=" + strconv.Quote(text) + "}",
			} {
				for _, path := range []string{"query", "query_exemplars"} {
					w := apitest.Get(a, "/api/v1/"+path+"?start=1763888900&end=1763889100&"+url.Values{"query": {query}}.Encode())
					if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, "[]") || strings.Contains(body, "frontend") {
						t.Errorf("%s %s: %d %.300s", path, query, w.Code, body)
					}
				}
			}
		}
	})
}

// TestTenants asks as another, and as nobody that can be.
func TestTenants(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		a := newAPI(apitest.Shop(t, s), asked)
		for _, path := range []string{"query?query=traces_spanmetrics_calls_total", "labels", "label/service/values", "series?match[]=traces_spanmetrics_calls_total"} {
			if w := apitest.Get(a, "/api/v1/"+path, "X-Scope-OrgID", "other"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "[]") {
				t.Errorf("another tenant sees of %s: %d %s", path, w.Code, w.Body)
			}
		}
		if w := apitest.Get(a, "/api/v1/labels", "X-Scope-OrgID", "a/b"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"errorType":"bad_data"`) {
			t.Errorf("an impossible tenant: %d %s", w.Code, w.Body)
		}
	})
}

// TestBusy asks while all turns are taken.
func TestBusy(t *testing.T) {
	const want = `{"status":"error","errorType":"unavailable","error":"as many queries as`
	apitest.Busy(t, func(turns *api.Turns) http.Handler {
		return prom.New(prom.Config{Config: api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities()), Turns: turns}})
	}, map[string]string{"/api/v1/query?query=1": want, "/api/v1/labels": want})
}

// TestForms asks by POST, as Grafana does.
func TestForms(t *testing.T) {
	a := newAPI(apitest.Shop(t, storagetest.NewMemory(storagetest.AllCapabilities())), asked)
	for path, form := range map[string]string{
		"query": "query=count(traces_spanmetrics_calls_total)", "query_range": "query=traces_spanmetrics_calls_total&start=1763889060&end=1763889060&step=1",
		"labels": "match[]=traces_spanmetrics_calls_total", "series": "match[]=traces_spanmetrics_calls_total", "query_exemplars": "query=traces_spanmetrics_calls_total",
	} {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/"+path, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if body := w.Body.String(); w.Code != http.StatusOK || !strings.HasPrefix(body, `{"status":"success","data":`) || strings.Contains(body, "[]") {
			t.Errorf("POST %s: %d %s", path, w.Code, body)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/api/v1/query", strings.NewReader("query="+strings.Repeat("1", 2<<20)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest {
		t.Errorf("a form of 2 MB: %d %.200s", w.Code, w.Body)
	}
}

// slow is a store whose sums take until nobody wants them.
type slow struct {
	storage.Store
	asked chan struct{}
}

func (s *slow) Rollups(ctx context.Context, _ storage.RollupRequest) (storage.Rollups, error) {
	close(s.asked)
	<-ctx.Done()
	return storage.Rollups{}, clew.Errorf(clew.Canceled, "stopped: %w", context.Cause(ctx))
}

// TestCanceled leaves, and lets the time end.
func TestCanceled(t *testing.T) {
	store := func() *slow {
		return &slow{storagetest.NewMemory(storagetest.AllCapabilities()), make(chan struct{})}
	}
	s := store()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := httptest.NewRequest(http.MethodGet, "/api/v1/query?query=traces_spanmetrics_calls_total", nil).WithContext(ctx)
		newAPI(s, asked).ServeHTTP(httptest.NewRecorder(), r)
	}()
	<-s.asked
	cancel()
	<-done

	for _, path := range []string{"/api/v1/query?query=traces_spanmetrics_calls_total", "/api/v1/query?query=traces_spanmetrics_calls_total&timeout=10ms",
		"/api/v1/labels", "/api/v1/series?match[]=up&match[]=traces_spanmetrics_calls_total"} {
		a := prom.New(prom.Config{Config: api.Config{Store: store(), Budget: exec.Budget{Time: time.Second}}})
		if w := apitest.Get(a, path); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"errorType":"timeout"`) || !strings.Contains(w.Body.String(), "query-max-time") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestNoTimeLeft asks a server that gives questions next to no time: who draws a graph is
// told what is missing, and by which setting there is more.
func TestNoTimeLeft(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		apitest.Shop(t, s)
		for path, want := range map[string]struct {
			code int
			text string
		}{
			"query_exemplars?query=rate(traces_spanmetrics_latency_bucket[5m])": {http.StatusOK,
				`"data":[],"infos":["PromQL info: exemplars are of 0 % of the spans: the time budget of 1ns ended (query-max-time)"]`},
			"query?query=traces_spanmetrics_calls_total":            {http.StatusServiceUnavailable, "query-max-time"},
			"series?match[]=traces_spanmetrics_calls_total&start=1": {http.StatusServiceUnavailable, "query-max-time"},
			"labels": {http.StatusServiceUnavailable, "query-max-time"},
		} {
			a := prom.New(prom.Config{Config: api.Config{Store: s, Budget: exec.Budget{Time: 1}}, Now: func() time.Time { return asked }})
			if w := apitest.Get(a, "/api/v1/"+path); w.Code != want.code || !strings.Contains(w.Body.String(), want.text) {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	})
}

// TestLimits asks for more than a question may.
func TestLimits(t *testing.T) {
	s := storagetest.NewMemory(storagetest.AllCapabilities())
	put(t, s, someSpans(5, 400))
	for memory, c := range map[int64]struct{ query, want string }{
		200:  {"traces_spanmetrics_calls_total", "for fewer services or operations"},
		2000: {"sum(rate(traces_spanmetrics_calls_total[5m]))[6h:10s]", "a longer step"},
		8000: {"traces_spanmetrics_calls_total" + strings.Repeat(" or traces_spanmetrics_calls_total", 30), "for fewer services or operations"},
	} {
		a := prom.New(prom.Config{Config: api.Config{Store: s, Budget: exec.Budget{Memory: memory}}, Now: func() time.Time { return time.Unix(midnight+3600, 0) }})
		w := apitest.Get(a, "/api/v1/query?"+url.Values{"query": {c.query}}.Encode())
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `"errorType":"execution"`) || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s with %d bytes: %d %.300s", c.query, memory, w.Code, w.Body)
		}
	}
	a := prom.New(prom.Config{Config: api.Config{Store: s, Budget: exec.Budget{Memory: 8000}}, Now: func() time.Time { return time.Unix(midnight+3600, 0) }})
	for _, path := range []string{"query?query=traces_spanmetrics_calls_total", "series?" + strings.Repeat("match[]=traces_spanmetrics_calls_total&", 300)} {
		if w := apitest.Get(a, "/api/v1/"+path); w.Code != http.StatusOK {
			t.Errorf("%.80s: %d %.300s", path, w.Code, w.Body)
		}
	}
}

// unread is a body that nobody should read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, io.EOF
}

// TestMetadataHasNoForm asks for metadata with a form of files, which would be written to
// the disk if it were read.
func TestMetadataHasNoForm(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/api/v1/metadata?metric=traces_spanmetrics_calls_total", unread{t})
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	w := httptest.NewRecorder()
	newAPI(storagetest.NewMemory(storagetest.AllCapabilities()), asked).ServeHTTP(w, r)
	if w.Code != http.StatusOK || strings.Count(w.Body.String(), "help") != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestDurationsOfCenturies adds up more nanoseconds than there is room for: the sum stays
// there, since a counter that goes down has started again.
func TestDurationsOfCenturies(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		var spans []spanOf
		for i := range int64(12) {
			spans = append(spans, spanOf{service: "old", name: "a", start: (midnight + i*60) * 1000, took: 1 << 61, weight: 1}) // 73 years
		}
		put(t, s, spans)
		a := newAPI(s, time.Unix(midnight+3600, 0))
		for query, want := range map[string]string{
			"traces_spanmetrics_latency_sum":              `"18446744073.709553"`,
			"histogram_sum(traces_spanmetrics_latency)":   `"18446744073.709553"`,
			"resets(traces_spanmetrics_latency_sum[12m])": `"0"`,
		} {
			w := apitest.Get(a, "/api/v1/query?"+url.Values{"query": {query}, "time": {strconv.FormatInt(midnight+900, 10)}}.Encode())
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: %s, want %s", query, w.Body, want)
			}
		}
	})
}

// TestDeepQueries asks what the engine would not end to look at: each part of an
// expression, with all that is around it.
func TestDeepQueries(t *testing.T) {
	a := newAPI(storagetest.NewMemory(storagetest.AllCapabilities()), asked)
	const n = 150_000
	for path, text := range map[string]string{
		"query?query":           strings.Repeat("(", n) + "1" + strings.Repeat(")", n),
		"query_exemplars?query": strings.Repeat("-", n) + "up",
		"format_query?query":    "up" + strings.Repeat("+up", n),
		"labels?match[]":        "up{" + strings.Repeat(`a="",`, n) + "}",
	} {
		path, name, _ := strings.Cut(path, "?")
		r := httptest.NewRequest(http.MethodPost, "/api/v1/"+path, strings.NewReader(name+"="+strings.ReplaceAll(text, "+", "%2b")))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "more than 2500 numbers") {
			t.Errorf("%s: %d %.300s", path, w.Code, w.Body)
		}
	}
	if w := apitest.Get(a, "/api/v1/query?"+url.Values{"query": {"1" + strings.Repeat(" + 1", 1000)}}.Encode()); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"1001"`) {
		t.Errorf("a long one: %d %.300s", w.Code, w.Body)
	}
}
