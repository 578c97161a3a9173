package jaeger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/jaeger"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
	"github.com/clew-tracing/clew/vfs"
)

var update = flag.Bool("update", false, "rewrite golden files")

// shop puts the spans of testdata/shop.json into a store.
func shop(t *testing.T, s storage.Store) storage.Store {
	t.Helper()
	text, err := os.ReadFile("../testdata/shop.json")
	if err != nil {
		t.Fatal(err)
	}
	body, _, err := otlp.TranscodeJSON(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := s.Append(context.Background(), storage.Record{Tenant: clew.DefaultTenant, Body: body}); err != nil || res.Refused > 0 {
		t.Fatalf("Append = %+v, %v", res, err)
	}
	return s
}

// eachStore runs f over the model and the embedded store.
func eachStore(t *testing.T, f func(t *testing.T, s storage.Store)) {
	t.Run("memory", func(t *testing.T) { f(t, shop(t, storagetest.NewMemory(storagetest.AllCapabilities()))) })
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
		f(t, shop(t, db))
	})
}

func get(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestAnswers holds every answer to testdata/answers.txt: a line GET PATH?QUERY, with
// spaces as they are, the status, and the body, indented.
func TestAnswers(t *testing.T) {
	const file = "testdata/answers.txt"
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	eachStore(t, func(t *testing.T, s storage.Store) {
		h := jaeger.New(api.Config{Store: s})
		var have strings.Builder
		for line := range strings.Lines(string(want)) {
			switch path, ok := strings.CutPrefix(strings.TrimSpace(line), "GET "); {
			case strings.HasPrefix(line, "#"):
				have.WriteString(line)
			case ok:
				w := get(h, strings.NewReplacer(" ", "%20", `"`, "%22").Replace(path))
				var body bytes.Buffer
				if err := json.Indent(&body, w.Body.Bytes(), "", " "); err != nil {
					t.Fatalf("%s: %v\n%s", path, err, w.Body)
				}
				fmt.Fprintf(&have, "%s%d %s\n%s\n\n", line, w.Code, w.Header().Get("Content-Type"), strings.TrimSpace(body.String()))
			}
		}
		if *update {
			if err := os.WriteFile(file, []byte(have.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if have.String() != string(want) {
			t.Errorf("answers differ from %s; go test ./api/jaeger -update, and look at the difference", file)
			showDifference(t, have.String(), string(want))
		}
	})
}

// showDifference shows the first line that differs, with some before it.
func showDifference(t *testing.T, have, want string) {
	t.Helper()
	a, b := strings.Split(have, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Errorf("line %d: have %q, want %q\n%s", i+1, a[i], b[i], strings.Join(a[max(0, i-8):i], "\n"))
			return
		}
	}
	t.Errorf("%d lines, want %d", len(a), len(b))
}

// TestNothingIsInjected asks for values that would be more than values, were they put
// into a query as they are.
func TestNothingIsInjected(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		h := jaeger.New(api.Config{Store: s})
		total := func(q url.Values) int {
			q.Set("start", "1763880000000000")
			q.Set("end", "1763890000000000")
			w := get(h, "/api/traces?"+q.Encode())
			var out struct{ Total int }
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK {
				t.Fatalf("%.200q: %d %.200s", q.Encode(), w.Code, w.Body)
			}
			return out.Total
		}
		for _, text := range []string{
			`" || true || "`, `x" } || { true`, "\\\" || true || \\\"", "` || true || `", `\`, `\\`, `"`, "\n} || {", "a\x00b", "\xff", "\u2028", `\x22 || true`,
			strings.Repeat("(", 1000), "nil", "true || true", "1 || true", "1e999", "-9223372036854775808", "NaN", "0x10", "1_0",
		} {
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
		if w := get(h, "/api/services", "X-Scope-OrgID", "other"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"data":[]`) {
			t.Errorf("another tenant sees %d %s", w.Code, w.Body)
		}
		if w := get(h, "/api/traces/4bf92f3577b34da6a3ce929d0e0e4736", "X-Scope-OrgID", "other"); w.Code != http.StatusNotFound {
			t.Errorf("another tenant sees %d %s", w.Code, w.Body)
		}
		if w := get(h, "/api/v3/services", "X-Scope-OrgID", "a/b"); w.Code != http.StatusBadRequest {
			t.Errorf("an impossible tenant: %d %s", w.Code, w.Body)
		}
	})
}

// TestPartial asks with a budget that ends at once.
func TestPartial(t *testing.T) {
	eachStore(t, func(t *testing.T, s storage.Store) {
		h := jaeger.New(api.Config{Store: s, Budget: exec.Budget{Time: 1}})
		w := get(h, "/api/traces?start=1763880000000000&end=1763890000000000")
		if w.Code != http.StatusOK || w.Header().Get(api.PartialHeader) == "" || !strings.Contains(w.Body.String(), `"errors":[{"code":206,"msg":"the time budget`) {
			t.Errorf("a partial answer is %d %v %s", w.Code, w.Header(), w.Body)
		}
	})
}
