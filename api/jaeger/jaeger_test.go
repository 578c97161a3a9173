package jaeger_test

import (
	"encoding/json"
	"flag"
	"net/http"
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
	})
}
