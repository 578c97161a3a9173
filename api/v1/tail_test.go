package v1_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-tracing/clew"
	v1 "github.com/clew-tracing/clew/api/v1"
	"github.com/clew-tracing/clew/storage/storagetest"
)

type tailed struct {
	Spans []struct {
		TraceID, SpanID, Service, Name, Kind, Status, Start string
		DurationNanos                                       float64
		Root                                                bool
	}
	Dropped int
}

func newLines(r io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	return lines
}

// events reads a stream of server-sent events until f returns false or it ends.
func events(tb testing.TB, c *contract, lines *bufio.Scanner, f func(tailed) bool) {
	tb.Helper()
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line == "event: spans" || line == ": heartbeat" {
			continue
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			tb.Fatalf("line %q", line)
		}
		(&answer{tb: tb, body: []byte(data)}).matches(c, "TailEvent")
		var e tailed
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			tb.Fatal(err)
		}
		if !f(e) {
			return
		}
	}
}

// TestTail sees every matching span that comes after it connected, and ends when
// the server leaves.
func TestTail(t *testing.T) {
	eachStore(t, func(t *testing.T, s *server) {
		leaving := make(chan struct{})
		s.api = v1.New(v1.Config{Store: s.store, Leaving: leaving})
		web := httptest.NewServer(s.api)
		defer web.Close()
		s.put(100, storagetest.NewGenerator(1).Trace(20)...) // too early
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, "GET", web.URL+"/api/v1/tail?q="+url.QueryEscape("{ status = error }"), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := web.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if kind := res.Header.Get("Content-Type"); res.StatusCode != 200 || kind != "text/event-stream" {
			t.Fatalf("%s, %s", res.Status, kind)
		}
		lines := newLines(res.Body)
		events(t, s.contract, lines, func(e tailed) bool {
			if len(e.Spans) != 0 {
				t.Errorf("the first event has %d spans", len(e.Spans))
			}
			return false
		})
		spans := storagetest.NewGenerator(2).Spans(10, 10)
		var want []string
		for _, x := range spans {
			if x.Status == clew.StatusError {
				took := 0.0
				if x.End != 0 {
					took = float64(x.DurationNanos())
				}
				want = append(want, fmt.Sprintln(x.TraceID, x.SpanID, x.Service(), x.Name, x.Kind, x.Status, uint64(x.Start), took, x.ParentID == 0))
			}
		}
		s.put(7, spans...)
		var got []string
		events(t, s.contract, lines, func(e tailed) bool {
			for _, x := range e.Spans {
				got = append(got, fmt.Sprintln(x.TraceID, x.SpanID, x.Service, x.Name, x.Kind, x.Status, x.Start, x.DurationNanos, x.Root))
			}
			return len(got) < len(want)
		})
		if !slices.Equal(got, want) {
			t.Errorf("tail\n got %q\nwant %q", got, want)
		}
		close(leaving)
		events(t, s.contract, lines, func(e tailed) bool {
			t.Errorf("after the end came %+v", e)
			return true
		})
		if err := lines.Err(); err != nil {
			t.Errorf("the stream broke: %v", err)
		}
	})
}

// TestTailTime says something at once, a heartbeat every 15 s, at most four events
// a second, and takes no more than 64 readers.
func TestTailTime(t *testing.T) {
	c := loadContract(t)
	synctest.Test(t, func(t *testing.T) {
		s := &server{tb: t, store: memory(), contract: c}
		s.api = v1.New(v1.Config{Store: s.store})
		ctx, cancel := context.WithCancel(t.Context())
		tail := func(done chan<- string) {
			w := httptest.NewRecorder()
			s.api.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/tail", nil).WithContext(ctx))
			done <- w.Body.String()
		}
		done := make(chan string, 64)
		for range 64 {
			go tail(done)
		}
		synctest.Wait()
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/tail", nil))
		if w.Code != 429 || w.Header().Get("Retry-After") == "" {
			t.Errorf("the 65th: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
		// One span every 10 ms for 2 s: 8 events, not 200.
		for i := range 200 {
			s.put(1, clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: clew.SpanID(i + 1), Start: 1, End: 2})
			<-time.After(10 * time.Millisecond)
		}
		<-time.After(29 * time.Second)
		cancel()
		for range 64 {
			body := <-done
			n, spans := 0, 0
			events(t, c, newLines(strings.NewReader(body)), func(e tailed) bool {
				n, spans = n+1, spans+len(e.Spans)
				return true
			})
			if beats := strings.Count(body, ": heartbeat\n\n"); beats != 2 || n > 10 || spans != 200 {
				t.Fatalf("%d heartbeats, %d spans in %d events; want 2, 200 in at most 10", beats, spans, n)
			}
		}
	})
}

// TestTailSlow counts the spans that do not fit an event.
func TestTailSlow(t *testing.T) {
	c := loadContract(t)
	synctest.Test(t, func(t *testing.T) {
		s := &server{tb: t, store: memory(), contract: c}
		s.api = v1.New(v1.Config{Store: s.store})
		ctx, cancel := context.WithCancel(t.Context())
		w, done := httptest.NewRecorder(), make(chan struct{})
		go func() {
			s.api.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/tail", nil).WithContext(ctx))
			close(done)
		}()
		synctest.Wait()
		var spans []clew.Span
		for i := range 1200 {
			spans = append(spans, clew.Span{TraceID: clew.MakeTraceID(1, 1), SpanID: clew.SpanID(i + 1), Start: 1, End: 2})
		}
		s.put(100, spans...)
		<-time.After(time.Second)
		cancel()
		<-done
		got, dropped := 0, 0
		events(t, c, newLines(w.Body), func(e tailed) bool {
			got, dropped = got+len(e.Spans), e.Dropped
			return true
		})
		if got != 500 || dropped != 700 {
			t.Errorf("%d spans and %d dropped, want 500 and 700", got, dropped)
		}
	})
}
