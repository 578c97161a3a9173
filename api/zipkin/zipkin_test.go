package zipkin_test

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
	"github.com/clew-tracing/clew/api/zipkin"
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
	eachStore(t, func(t *testing.T, s storage.Store) { apitest.Answers(t, zipkin.New(api.Config{Store: s}), *update) })
}

const all = "&endTs=1763889100000&lookback=3600000&limit=100"

// found returns how many traces a search finds.
func found(t *testing.T, h http.Handler, query string) int {
	t.Helper()
	w := apitest.Get(h, "/api/v2/traces?"+query+all)
	var out [][]struct{ TraceID string }
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%.200q: %d %.200s", query, w.Code, w.Body)
	}
	return len(out)
}

// TestSearch counts what searches find. The trace of the shop has frontend, which calls
// payment, which calls postgresql.
func TestSearch(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		h := zipkin.New(api.Config{Store: s})
		for _, c := range []struct {
			query string
			want  int
		}{
			{"", 3},
			{"serviceName=frontend", 1},
			{"serviceName=missing-service-name", 1},
			{"serviceName=nobody", 0},
			{"spanName=charge", 1},
			{"spanName=all&serviceName=mailer", 1},
			{"serviceName=mailer&spanName=charge", 0},
			{"serviceName=frontend&remoteServiceName=payment", 1},
			{"serviceName=payment&remoteServiceName=frontend", 0},
			{"remoteServiceName=10.0.0.2", 1},
			{"serviceName=payment&remoteServiceName=postgresql", 1}, // as /remoteServices has it
			{"serviceName=frontend&remoteServiceName=postgresql", 0},
			{"serviceName=frontend&minDuration=100000", 1},
			{"serviceName=frontend&minDuration=100001", 0},
			{"serviceName=frontend&minDuration=49999&maxDuration=50001", 1},
			{"minDuration=1000000", 1},
			{"annotationQuery=error", 1},
			{"serviceName=frontend&annotationQuery=error", 0},
			{"serviceName=payment&annotationQuery=error", 1},
			{"annotationQuery=error%3Dcard <declined>", 1},
			{"annotationQuery=http.response.status_code%3D200", 1},
			{"annotationQuery=http.response.status_code%3D20", 0},
			{"annotationQuery=cache miss", 1},
			{"annotationQuery=cache.hit%3Dtrue and load%3D0.5", 1},
			{"annotationQuery=host.name%3Dweb-1", 1},
			{"annotationQuery=otel.scope.name%3Dshop/http", 1},
			{"annotationQuery=otel.status_code", 1},
			{"annotationQuery=otel.status_code%3DOK", 1},
			// Parts may be met by several spans of the service, but not of others.
			{"serviceName=frontend&annotationQuery=cache.hit and server.port%3D8443", 1},
			{"serviceName=frontend&annotationQuery=cache.hit and db.system.name", 0},
			{"annotationQuery=cache.hit and db.system.name", 1},
		} {
			if n := found(t, h, strings.ReplaceAll(c.query, " ", "%20")); n != c.want {
				t.Errorf("%s: %d traces, want %d", c.query, n, c.want)
			}
		}
	})
}

// TestNothingIsInjected asks for values that would be more than values, were they put
// into a query as they are.
func TestNothingIsInjected(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		h := zipkin.New(api.Config{Store: s})
		for _, text := range apitest.Hostile {
			for _, q := range []url.Values{
				{"serviceName": {text}}, {"spanName": {text}}, {"remoteServiceName": {text}},
				{"annotationQuery": {"a" + text}}, {"annotationQuery": {"cache.hit=" + text}}, {"annotationQuery": {"error=" + text}},
				{"annotationQuery": {"otel.status_code=" + text}}, {"annotationQuery": {"otel.scope.name=" + text}},
			} {
				if n := found(t, h, q.Encode()); n != 0 {
					t.Errorf("%.100q finds %d traces", q.Encode(), n)
				}
			}
		}
		for _, q := range []url.Values{{"spanName": {`send "mail" } || { true`}}, {"annotationQuery": {`mail "id"=x" || ""="`}}} {
			if n := found(t, h, q.Encode()); n != 1 {
				t.Errorf("%s: %d traces, want 1", q.Encode(), n)
			}
		}
	})
}

// TestTenants asks as another, and as nobody that can be.
func TestTenants(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		h := zipkin.New(api.Config{Store: s})
		if w := apitest.Get(h, "/api/v2/services", "X-Scope-OrgID", "other"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `[]`) {
			t.Errorf("another tenant sees %d %s", w.Code, w.Body)
		}
		if w := apitest.Get(h, "/api/v2/trace/4bf92f3577b34da6a3ce929d0e0e4736", "X-Scope-OrgID", "other"); w.Code != http.StatusNotFound {
			t.Errorf("another tenant sees %d %s", w.Code, w.Body)
		}
		if w := apitest.Get(h, "/api/v2/services", "X-Scope-OrgID", "a/b"); w.Code != http.StatusBadRequest {
			t.Errorf("an impossible tenant: %d %s", w.Code, w.Body)
		}
	})
}

// TestPartial asks with a budget that ends at once.
func TestPartial(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		w := apitest.Get(zipkin.New(api.Config{Store: s, Budget: exec.Budget{Time: 1}}), "/api/v2/traces?limit=10"+strings.TrimSuffix(all, "&limit=100"))
		if w.Code != http.StatusOK || !strings.Contains(w.Header().Get(api.PartialHeader), "the time budget") {
			t.Errorf("a partial answer is %d %v %s", w.Code, w.Header(), w.Body)
		}
	})
}

// TestBusy tells to come again.
func TestBusy(t *testing.T) {
	apitest.Busy(t, func(turns *api.Turns) http.Handler {
		return zipkin.New(api.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities()), Turns: turns})
	}, map[string]string{"/api/v2/services": "as many queries"})
}

// TestAskedByGet: a path that is there and asked by another method says which one it takes.
func TestAskedByGet(t *testing.T) {
	h := zipkin.New(api.Config{})
	for path, want := range map[string]int{"/api/v2/spans": 405, "/api/v2/traces": 405, "/api/v2/trace/1": 405, "/api/v2/nothing": 404, "/": 404} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil))
		if allow := w.Header().Get("Allow"); w.Code != want || (allow == "GET, HEAD") != (want == http.StatusMethodNotAllowed) {
			t.Errorf("POST %s: %d, Allow %q, want %d; %s", path, w.Code, allow, want, w.Body)
		}
	}
}
