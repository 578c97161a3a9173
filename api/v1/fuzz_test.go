package v1_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	v1 "github.com/clew-tracing/clew/api/v1"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// fuzzed serves a few traces and fails on whatever the contract does not know: a
// status of 5xx above all.
func fuzzed(f *testing.F) *server {
	s := serve(f, memory(), v1.Config{})
	s.put(100, slices.Concat(goldenTrace(), storagetest.NewGenerator(1).Spans(5, 5))...)
	return s
}

func (s *server) try(t *testing.T, method, target, body string) *answer {
	t.Helper()
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	u, err := url.Parse("http://localhost:4300" + target)
	if err != nil {
		t.Skip("no request has this address")
	}
	r.URL, r.RequestURI = u, target
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	a := &answer{t, w.Code, w.Header(), w.Body.Bytes()}
	switch {
	case w.Code >= 500 && w.Code != http.StatusNotImplemented:
		t.Fatalf("%s %q %q: %d %s", method, target, body, w.Code, w.Body)
	case w.Code >= 400:
		a.matches(s.contract, "ErrorBody")
	}
	return a
}

// FuzzSearchBody sends anything as a search.
func FuzzSearchBody(f *testing.F) {
	s := fuzzed(f)
	for _, seed := range []string{`{}`, `{"q":"{ status = error }","limit":2,"count":true}`, `{"start":"2026-01-01T00:00:00Z","end":"18446744073709551615"}`,
		`{"cursor":"AQ"}`, `{"limit":0,"count":true}`, `[]`, `null`, `{"q":null}`, `{"q":"{ name =~ \"(a*)*\" }"}`, `{"limit":1e3}`, "{\"q\":\"{ name = \xff }\"}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if a := s.try(t, "POST", "/api/v1/search", body); a.status == 200 {
			a.matches(s.contract, "SearchAnswer")
		}
	})
}

// FuzzCursor sends anything as a cursor; a cursor of the server's own goes on
// where the page before ended.
func FuzzCursor(f *testing.F) {
	s := fuzzed(f)
	first := s.search(map[string]any{"limit": 1})
	for _, seed := range []string{first.NextCursor, "", "AQ", strings.Repeat("A", 44), "AQ==", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		body, err := json.Marshal(map[string]any{"limit": 1, "cursor": cursor})
		if err != nil {
			t.Skip()
		}
		a := s.try(t, "POST", "/api/v1/search", string(body))
		if a.status != 200 {
			return
		}
		a.matches(s.contract, "SearchAnswer")
		var got found
		a.ok(&got)
		if cursor == first.NextCursor && (len(got.Traces) != 1 || got.Traces[0].TraceID == first.Traces[0].TraceID) {
			t.Fatalf("the second page holds %+v", got.Traces)
		}
	})
}

// FuzzTrace asks for anything of a trace.
func FuzzTrace(f *testing.F) {
	s := fuzzed(f)
	id := goldenTrace()[0].TraceID.String()
	f.Add(id, `{"rows":[0,3,9]}`, "call")
	f.Add("1", `{"rows":[5],"maxValueBytes":1}`, "ſ")
	f.Add(strings.ToUpper(id), `{"rows":[9223372036854775807]}`, "\xff")
	f.Add("0", `{"rows":[-1]}`, "")
	f.Add("../..", `{"rows":[18446744073709551616]}`, "%")
	f.Fuzz(func(t *testing.T, id, rows, q string) {
		path := "/api/v1/traces/" + url.PathEscape(id)
		if a := s.try(t, "GET", path+"/skeleton", ""); a.status == 200 {
			if _, notes, err := readSkeleton(a.body); err != nil {
				t.Fatalf("%v\n%s", err, notes)
			}
		}
		s.try(t, "GET", path, "")
		if a := s.try(t, "POST", path+"/spans", rows); a.status == 200 {
			a.matches(s.contract, "SpansAnswer")
		}
		if a := s.try(t, "GET", path+"/search?q="+url.QueryEscape(q), ""); a.status == 200 {
			a.matches(s.contract, "RowsAnswer")
		}
		if a := s.try(t, "GET", path+"/clocks", ""); a.status == 200 {
			a.matches(s.contract, "ClocksAnswer")
		}
	})
}

// FuzzHeaders sends anything as the headers by which answers are chosen.
func FuzzHeaders(f *testing.F) {
	s := fuzzed(f)
	f.Add("application/x-protobuf;q=0.5", "gzip;q=1, *;q=0", `W/"x", *`)
	f.Add(";;q=,", "zstd;q=2", ",")
	path := "/api/v1/traces/" + goldenTrace()[0].TraceID.String()
	f.Fuzz(func(t *testing.T, accept, encoding, etag string) {
		r := httptest.NewRequest("GET", path, nil)
		r.Header["Accept"], r.Header["Accept-Encoding"], r.Header["If-None-Match"] = []string{accept}, []string{encoding}, []string{etag}
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 304 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if w.Code == 200 {
			(&answer{t, w.Code, w.Header(), w.Body.Bytes()}).unpacked()
		}
	})
}
