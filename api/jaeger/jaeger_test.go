package jaeger_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/apitest"
	"github.com/clew-tracing/clew/api/jaeger"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

var update = flag.Bool("update", false, "rewrite golden files")

// eachStore runs f over the model and the embedded store.
func eachStore(t *testing.T, f func(t *testing.T, s storage.Store)) {
	t.Run("memory", func(t *testing.T) { f(t, apitest.Shop(t, storagetest.NewMemory(storagetest.AllCapabilities()))) })
	t.Run("spandb", func(t *testing.T) {
		db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		f(t, apitest.Shop(t, db))
	})
}

// TestAnswers holds every answer to testdata/answers.txt.
func TestAnswers(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) { apitest.Answers(t, jaeger.New(api.Config{Store: s}), *update) })
}

const (
	day   = "start=1763880000000000&end=1763890000000000"
	dayV3 = "query.start_time_min=2025-11-23T09:00:00Z&query.start_time_max=2025-11-23T10:00:00Z"
)

// TestSearch counts what searches find.
func TestSearch(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		h := jaeger.New(api.Config{Store: s})
		for _, c := range []struct {
			query string
			want  int
		}{
			{"", 3},
			{"limit=2", 2},
			{"service=frontend", 1},
			{"service=missing-service-name", 1},
			{"service=nobody", 0},
			{"operation=charge", 1},
			{"service=mailer&operation=charge", 0},
			{"service=frontend&minDuration=100ms", 1},
			{"service=frontend&minDuration=101ms", 0},
			{"minDuration=50ms&maxDuration=50ms", 1},
			{"maxDuration=1us&service=payment", 1},
			{"tag=error:true", 1},
			{"service=frontend&tag=error:true", 0},
			{"service=payment&tag=error:false", 1},
			{"service=mailer&tag=error:false", 1},
			{"tag=span.kind:consumer", 1},
			{"tag=otel.status_code:ERROR&service=payment", 1},
			{"tag=otel.status_code:OK&service=frontend", 0},
			{"tag=otel.status_description:card%20<declined>", 1},
			{"tag=otel.scope.name:shop/http&tag=otel.scope.version:1.2", 1},
			{"tag=otel.scope.name:shop", 0},
			{"tag=http.response.status_code:200", 1},
			{"tag=http.response.status_code:20", 0},
			{"tag=cache.hit:true&tag=load:0.5&tag=big:9007199254740993", 1},
			{"tag=big:9007199254740992", 0},
			{"tag=host.name:web-1", 1},
			{"tag=key:cart:7", 1},
			{"tag=event:cache%20miss", 1},
			{"tag=exception.type:Declined&tag=error:true", 1},
			// All tags are of one span.
			{"tag=cache.hit:true&tag=exception.type:Declined", 0},
			{"tags=%7B%22cache.hit%22:true,%22load%22:0.5%7D", 1},
			{"tags=%7B%22cache.hit%22:%22true%22%7D&tag=load:1", 0},
			{"tags=cache.hit%3Dtrue load%3D0.5", 1},
			{"tags=error", 1},
			{"tags=error%3Dfalse&service=mailer", 1},
			{"tags=otel.status_description%3D%22card <declined>%22 error%3Dtrue", 1},
			{"tags=cache.hit%3Dtrue load%3D1", 0},
		} {
			w := apitest.Get(h, "/api/traces?"+strings.ReplaceAll(c.query, " ", "%20")+"&"+day)
			var out struct{ Total int }
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK || out.Total != c.want {
				t.Errorf("%s: %d, %d traces, want %d", c.query, w.Code, out.Total, c.want)
			}
		}
		for query, want := range map[string]int{
			"query.service_name=frontend": http.StatusOK, "query.service_name=mailer&query.operation_name=charge": http.StatusNotFound,
			"query.attributes=%7B%22cache.hit%22:%22true%22%7D": http.StatusOK, "query.attributes=%7B%22cache.hit%22:%22false%22%7D": http.StatusNotFound,
			"query.duration_min=2s": http.StatusOK, "query.duration_min=3s": http.StatusNotFound, "query.search_depth=0": http.StatusBadRequest,
		} {
			if w := apitest.Get(h, "/api/v3/traces?"+query+"&"+dayV3); w.Code != want {
				t.Errorf("version 3, %s: %d, want %d", query, w.Code, want)
			}
		}
	})
}

// TestLookback asks for what is newer than the shop, and for all there is.
func TestLookback(t *testing.T) {
	h := jaeger.New(api.Config{Store: apitest.Shop(t, storagetest.NewMemory(storagetest.AllCapabilities()))})
	for query, want := range map[string]string{
		"": `"total":0`, "lookback=1h": `"total":0`, "lookback=5000w": `"total":3`, "lookback=1h&end=1763889100000000": `"total":3`,
		"lookback=1m&end=1763889100000000": `"total":1`, "lookback=custom&start=1": `"total":3`,
	} {
		if w := apitest.Get(h, "/api/traces?"+query); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %.200s, want %s", query, w.Body, want)
		}
	}
}

// TestNothingIsInjected asks for values that would be more than values, were they put
// into a query as they are.
func TestNothingIsInjected(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		h := jaeger.New(api.Config{Store: s})
		total := func(q url.Values) int {
			q.Set("start", "1763880000000000")
			q.Set("end", "1763890000000000")
			w := apitest.Get(h, "/api/traces?"+q.Encode())
			var out struct{ Total int }
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK {
				t.Fatalf("%.200q: %d %.200s", q.Encode(), w.Code, w.Body)
			}
			return out.Total
		}
		for _, text := range apitest.Hostile {
			for name, q := range map[string]url.Values{
				"service": {"service": {text}}, "operation": {"operation": {text}}, "tag": {"tag": {"cache.hit:" + text}}, "key": {"tag": {strings.ReplaceAll(text, ":", "") + ":true"}},
				"error": {"tag": {"error:" + text}}, "kind": {"tag": {"span.kind:" + text}}, "status": {"tag": {"otel.status_code:" + text}}, "scope": {"tag": {"otel.scope.name:" + text}},
			} {
				if n := total(q); n != 0 {
					t.Errorf("%s %.40q finds %d traces", name, text, n)
				}
			}
		}
		for name, q := range map[string]url.Values{
			"operation": {"operation": {`send "mail" } || { true`}}, "tag": {"tag": {`mail "id":x" || ""="`}}, "tags": {"tags": {`{"mail \"id\"":"x\" || \"\"=\""}`}},
		} {
			if n := total(q); n != 1 {
				t.Errorf("%s: %d traces, want 1", name, n)
			}
		}
	})
}

// TestTenants asks as another, and as nobody that can be.
func TestTenants(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		h := jaeger.New(api.Config{Store: s})
		if w := apitest.Get(h, "/api/services", "X-Scope-OrgID", "other"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"data":[]`) {
			t.Errorf("another tenant sees %d %s", w.Code, w.Body)
		}
		if w := apitest.Get(h, "/api/traces/4bf92f3577b34da6a3ce929d0e0e4736", "X-Scope-OrgID", "other"); w.Code != http.StatusNotFound {
			t.Errorf("another tenant sees %d %s", w.Code, w.Body)
		}
		if w := apitest.Get(h, "/api/v3/services", "X-Scope-OrgID", "a/b"); w.Code != http.StatusBadRequest {
			t.Errorf("an impossible tenant: %d %s", w.Code, w.Body)
		}
	})
}

// TestPartial asks with a budget that ends at once.
func TestPartial(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		h := jaeger.New(api.Config{Store: s, Budget: exec.Budget{Time: 1}})
		w := apitest.Get(h, "/api/traces?start=1763880000000000&end=1763890000000000")
		if w.Code != http.StatusOK || w.Header().Get(api.PartialHeader) == "" || !strings.Contains(w.Body.String(), `"errors":[{"code":206,"msg":"the time budget`) {
			t.Errorf("a partial answer is %d %v %s", w.Code, w.Header(), w.Body)
		}
		w = apitest.Get(h, "/api/v3/trace-summaries?query.startTimeMin=2025-11-23T00:00:00Z&query.startTimeMax=2025-11-24T00:00:00Z")
		if w.Code != http.StatusOK || !strings.Contains(w.Header().Get(api.PartialHeader), "the time budget") {
			t.Errorf("a partial list is %d %v %s", w.Code, w.Header(), w.Body)
		}
	})
}

// TestBusy tells in the forms of both versions to come again.
func TestBusy(t *testing.T) {
	apitest.Busy(t, func(turns *api.Turns) http.Handler {
		return jaeger.New(api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities()), Turns: turns})
	}, map[string]string{
		"/api/services":    `{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":429,"msg":"as many queries`,
		"/api/v3/services": `{"error":{"httpCode":429,"message":"as many queries`,
	})
}

// TestAskedByGet: a path that is there and asked by another method says which one it takes.
func TestAskedByGet(t *testing.T) {
	h := jaeger.New(api.Config{})
	for path, want := range map[string]int{"/api/traces": 405, "/api/services/a/operations": 405, "/api/v3/services": 405, "/api/nothing": 404, "/": 404} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil))
		if allow := w.Header().Get("Allow"); w.Code != want || (allow == "GET, HEAD") != (want == http.StatusMethodNotAllowed) {
			t.Errorf("POST %s: %d, Allow %q, want %d; %s", path, w.Code, allow, want, w.Body)
		}
	}
}
