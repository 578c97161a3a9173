package v1_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/clew-tracing/clew"
	v1 "github.com/clew-tracing/clew/api/v1"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/storagetest"
)

// slow is a store whose scans stop behind their first batch until they are told to go on,
// or to fail.
type slow struct {
	*storagetest.Memory
	goOn  chan error
	ended chan error // what ended a scan in between
}

func (s *slow) Scan(ctx context.Context, r storage.Request) iter.Seq2[*span.Batch, error] {
	return func(yield func(*span.Batch, error) bool) {
		for b, err := range s.Memory.Scan(ctx, r) {
			if !yield(b, err) {
				return
			}
			select {
			case err := <-s.goOn:
				if err != nil {
					yield(nil, err)
					return
				}
			case <-ctx.Done():
				s.ended <- ctx.Err()
				yield(nil, clew.Errorf(clew.Canceled, "stopped"))
				return
			}
		}
	}
}

// asked asks a real server with a slow store for what tells how far it is.
func asked(t *testing.T) (*slow, func(ctx context.Context, path string) *http.Response) {
	m := storagetest.NewMemory(storagetest.AllCapabilities())
	m.BatchRows = 1
	s := &slow{Memory: m, goOn: make(chan error, 2), ended: make(chan error, 1)}
	h := serve(t, s, v1.Config{})
	h.put(1, clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: 1, Start: 1e18, End: 1e18 + 1, Name: "a", Resource: &clew.Resource{}},
		clew.Span{TraceID: clew.MakeTraceID(1, 2), SpanID: 1, Start: 1e18, End: 1e18 + 1, Name: "a", Resource: &clew.Resource{}})
	server := httptest.NewServer(h.api)
	t.Cleanup(server.Close)
	return s, func(ctx context.Context, path string) *http.Response {
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/api/v1/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "application/x-ndjson, application/json;q=0.9")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
}

// line is one of an answer that tells how far it is.
type line struct {
	Progress *struct{ Share, Rows, TookMs float64 }
	Answer   *struct {
		Traces []any
		Count  *struct{ Spans int }
	}
	Error *struct{ Kind, Message string }
}

// next reads a line, which is as the contract has it.
func next(t *testing.T, body *bufio.Scanner) (l line) {
	t.Helper()
	if !body.Scan() {
		t.Fatalf("the answer ended: %v", body.Err())
	}
	(&answer{tb: t, body: body.Bytes()}).matches(loadContract(t), "ProgressLine")
	if err := json.Unmarshal(body.Bytes(), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestProgress tells how far a question is, and then its answer or what is wrong.
func TestProgress(t *testing.T) {
	count := "search?count=true&limit=0&q=" + url.QueryEscape(`{ name != "" }`)
	for _, fails := range []error{nil, errors.New("broken")} {
		s, ask := asked(t)
		resp := ask(t.Context(), count)
		if kind := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || kind != "application/x-ndjson" {
			t.Fatalf("%s, %s", resp.Status, kind)
		}
		body := bufio.NewScanner(resp.Body)
		first := next(t, body)
		if p := first.Progress; p == nil || p.Share != 0.5 || p.Rows != 1 || p.TookMs <= 0 {
			t.Errorf("the first line has %+v", p)
		}
		s.goOn <- fails
		s.goOn <- nil
		last := next(t, body)
		for last.Progress != nil {
			last = next(t, body)
		}
		switch {
		case fails == nil && (last.Answer == nil || last.Answer.Count.Spans != 2),
			fails != nil && (last.Error == nil || last.Error.Kind != "internal"):
			t.Errorf("the last line has %+v, %+v", last.Answer, last.Error)
		case body.Scan():
			t.Errorf("behind the last line: %s", body.Bytes())
		}
	}
}

// TestProgressOfQuickAnswers is none: they are answered as to everybody else.
func TestProgressOfQuickAnswers(t *testing.T) {
	for path, want := range map[string]int{"search?q=" + url.QueryEscape(`{ name = "none" }`): 200, "search?q=x": 400, "services": 200} {
		_, ask := asked(t)
		resp := ask(t.Context(), path)
		if kind := resp.Header.Get("Content-Type"); resp.StatusCode != want || kind != "application/json" {
			t.Errorf("%s: %s, %s", path, resp.Status, kind)
		}
	}
}

// TestProgressEndsWithItsClient ends the question of a client that leaves.
func TestProgressEndsWithItsClient(t *testing.T) {
	s, ask := asked(t)
	ctx, leave := context.WithCancel(t.Context())
	next(t, bufio.NewScanner(ask(ctx, "search?count=true&q="+url.QueryEscape(`{ name != "" }`)).Body))
	leave()
	if err := <-s.ended; err == nil {
		t.Error("the scan went on")
	}
}
