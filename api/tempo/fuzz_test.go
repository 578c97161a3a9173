package tempo_test

import (
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/clew-tracing/clew/api/tempo"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// FuzzParameters asks with anything at all: the answer is one, or says what is wrong,
// and a query for values is never at fault.
func FuzzParameters(f *testing.F) {
	f.Add("{ name = \"a\" }", "", "", "20", "1763889000", "15s")
	f.Add("{ resource.cluster = && (.a", "service.name=cart http.url=\"a b\" n=-1.5", "1s", "0", "2025-11-23T09:11:00Z", "1w")
	f.Add("{ } | rate() with (sample = true)", "a=\"\\x\" b==", "-1h", "262145", "1e9", "1e300d")
	a := tempo.New(tempo.Config{Store: storagetest.NewMemory(storagetest.AllCapabilities())})
	f.Fuzz(func(t *testing.T, q, tags, duration, limit, start, step string) {
		p := url.Values{"q": {q}, "start": {start}, "limit": {limit}, "step": {step}, "since": {step}}
		old := url.Values{"tags": {tags}, "minDuration": {duration}, "start": {start}, "limit": {limit}}
		values := url.Values{"q": {q}}
		for _, path := range []string{
			"/api/search?" + p.Encode(), "/api/search?" + old.Encode(), "/api/metrics/query_range?" + p.Encode(), "/api/metrics/query?" + p.Encode(),
			"/api/v2/search/tags?" + p.Encode(), "/api/v2/search/tag/" + url.PathEscape(tags) + "/values?" + p.Encode(),
			"/api/v2/search/tag/span.a/values?" + values.Encode(), "/api/traces/" + url.PathEscape(q),
		} {
			w := httptest.NewRecorder()
			a.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
			if w.Code >= 500 {
				t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
			}
			if path == "/api/v2/search/tag/span.a/values?"+values.Encode() && w.Code != 200 {
				t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
			}
		}
	})
}
