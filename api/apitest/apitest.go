// Package apitest has what the tests of dialects share: spans, and answers held to a
// file.
package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/storage"
)

// Shop puts the spans of ../testdata/shop.json into a store, and returns it.
func Shop(t *testing.T, s storage.Store) storage.Store {
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

// Get asks h; header is name, value, ….
func Get(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Busy asks paths of an API of which all turns are taken, until its patience ends: each
// must be answered with 429, when to come again, and a text that begins as given.
func Busy(t *testing.T, newAPI func(turns *api.Turns) http.Handler, paths map[string]string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		turns := api.NewTurns(1, nil)
		_, done, err := turns.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		h := newAPI(turns)
		for path, want := range paths {
			w := Get(h, path)
			if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "5" || !strings.HasPrefix(w.Body.String(), want) {
				t.Errorf("GET %s while all turns are taken: %d, Retry-After %q: %s", path, w.Code, w.Header().Get("Retry-After"), w.Body)
			}
		}
	})
}

// Answers holds the answers of h to testdata/answers.txt: for each line GET PATH?QUERY,
// in which spaces and quotes stand as they are, the status, the kind of content and the
// body, JSON indented. update rewrites the file.
func Answers(t *testing.T, h http.Handler, update bool) {
	t.Helper()
	const file = "testdata/answers.txt"
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var have strings.Builder
	for line := range strings.Lines(string(want)) {
		switch path, ok := strings.CutPrefix(strings.TrimSpace(line), "GET /"); {
		case strings.HasPrefix(line, "#"):
			have.WriteString(line)
		case ok && line[0] == 'G':
			w := Get(h, "/"+strings.NewReplacer(" ", "%20", `"`, "%22").Replace(path))
			var body bytes.Buffer
			if json.Indent(&body, w.Body.Bytes(), "", " ") != nil {
				body.Reset()
				body.Write(w.Body.Bytes())
			}
			fmt.Fprintf(&have, "%s%d %s\n%s\n\n", line, w.Code, w.Header().Get("Content-Type"), strings.TrimSpace(body.String()))
		}
	}
	switch {
	case update:
		if err := os.WriteFile(file, []byte(have.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	case have.String() != string(want):
		t.Errorf("answers differ from %s; run the test with -update, and look at the difference", file)
		showDifference(t, have.String(), string(want))
	}
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

// Hostile are texts that would be more than values, were they put into a query of
// TraceQL as they are.
var Hostile = []string{
	`" || true || "`, `x" } || { true`, "\\\" || true || \\\"", "` || true || `", `\`, `\\`, `"`, "\n} || {", "a\x00b", "\xff", "\u2028", `\x22 || true`,
	strings.Repeat("(", 1000), "nil", "true || true", "1 || true", "1e999", "-9223372036854775808", "NaN", "0x10", "1_0",
}
