package zipkindoor_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/klauspost/compress/gzip"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/zipkindoor"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// start returns a door before an empty store.
func start(t *testing.T, cfg ingest.Config) *zipkindoor.HTTP {
	t.Helper()
	db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if cfg.Appender == nil {
		cfg.Appender = db
	}
	return zipkindoor.New(cfg)
}

// send posts a body; headers come in pairs.
func send(h http.Handler, method, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/api/v2/spans", strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

type failing struct{ err error }

func (f failing) Append(context.Context, storage.Record) (storage.Result, error) {
	return storage.Result{}, f.err
}

const one = `{"traceId":"1","id":"2","timestamp":1763889000000000,"duration":5}`

func packed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func TestAnswers(t *testing.T) {
	busy := &clew.Error{Kind: clew.Busy, RetryAfter: 3 * time.Second, Err: errors.New("no room")}
	for _, c := range []struct {
		name, method, body string
		headers            []string
		err                error
		status             int
		want               string
	}{
		{"a list", "POST", "[" + one + "]", nil, nil, 202, ""},
		{"none", "POST", "", nil, nil, 202, ""},
		{"white space before it", "POST", "\n [" + one + "]", nil, nil, 202, ""},
		{"packed", "POST", packed("[" + one + "]"), []string{"Content-Encoding", "gzip"}, nil, 202, ""},
		{"one bad id of two", "POST", `[{"traceId":"x","id":"1","name":"bad","timestamp":1},` + one + `]`, nil, nil, 400, `1 of 2 spans refused; span 0 "bad": `},
		{"one span", "POST", one, nil, nil, 400, "neither JSON, which begins with '[', nor protobuf, nor Thrift"},
		{"broken JSON", "POST", "[{]", nil, nil, 400, "Zipkin JSON: offset 2, [0]: want a string"},
		{"broken protobuf", "POST", "\x0a\x05a", nil, nil, 400, "Zipkin protobuf: offset 1: "},
		{"broken Thrift", "POST", "\x0c\x00", nil, nil, 400, "Zipkin Thrift, byte 1: 4 bytes are to follow, and 1 are left"},
		{"an odd packing", "POST", "[]", []string{"Content-Encoding", "br"}, nil, 415, `"br"`},
		{"another method", "PUT", "[]", nil, nil, 405, "POST spans to /api/v2/spans or /api/v1/spans"},
		{"a store without room", "POST", "[]", nil, busy, 503, "no room"},
	} {
		cfg := ingest.Config{}
		if c.err != nil {
			cfg.Appender = failing{c.err}
		}
		w := send(start(t, cfg), c.method, c.body, c.headers...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) || c.want == "" && w.Body.Len() > 0 {
			t.Errorf("%s: %d %q, want %d %q", c.name, w.Code, w.Body, c.status, c.want)
		}
		if c.err != nil && w.Header().Get("Retry-After") != "3" {
			t.Errorf("%s: Retry-After %q", c.name, w.Header().Get("Retry-After"))
		}
	}
}

func TestCounts(t *testing.T) {
	h := start(t, ingest.Config{})
	send(h, "POST", `[{"traceId":"x","id":"1","timestamp":1},`+one+`]`)
	send(h, "POST", "x")
	w := httptest.NewRecorder()
	h.Deny(w, httptest.NewRequest("POST", "/api/v2/spans", nil), http.StatusUnauthorized, codes.Unauthenticated, "this server asks for a token")
	if w.Code != http.StatusUnauthorized || w.Body.String() != "this server asks for a token\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	s := h.Stats()
	if s.Requests != 2 || s.Accepted != 1 || len(s.Refused) != 1 || s.Errors["invalid"] != 2 || s.LastRefusal.Door != "zipkin" {
		t.Errorf("%+v", s)
	}
}

func TestCORS(t *testing.T) {
	h := start(t, ingest.Config{CORSOrigins: []string{"https://shop.example"}})
	w := send(h, "OPTIONS", "", "Origin", "https://shop.example", "Access-Control-Request-Headers", "content-type")
	if w.Code != http.StatusNoContent || w.Header().Get("Access-Control-Allow-Origin") != "https://shop.example" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
