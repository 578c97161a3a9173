package xraydoor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/ingest/xraydoor"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/vfs"
)

// server is both doors on loopback, before a store in memory.
type server struct {
	tb    testing.TB
	store *spandb.DB
	http  *xraydoor.HTTP
	udp   *ingest.UDP
	url   string
	to    net.Conn // sends datagrams to the door
	stop  func()   // ends the door for datagrams, with all that has come
}

func start(tb testing.TB) *server {
	tb.Helper()
	db, err := spandb.Open(vfs.NewMem(), "data", spandb.Config{Window: -1})
	if err != nil {
		tb.Fatal(err)
	}
	cfg := ingest.Config{Appender: db}
	s := &server{tb: tb, store: db, http: xraydoor.NewHTTP(cfg), udp: xraydoor.NewUDP(cfg)}
	s.http.OTLP = otlpdoor.NewHTTP(cfg)
	h := httptest.NewServer(s.http)
	s.url = h.URL
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	if s.to, err = net.Dial("udp", conn.LocalAddr().String()); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.udp.Serve(ctx, conn) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Serve: %v", err)
		}
	})
	tb.Cleanup(func() {
		s.stop()
		h.Close()
		_ = s.to.Close()
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// send sends a datagram.
func (s *server) send(datagram string) {
	s.tb.Helper()
	if _, err := s.to.Write([]byte(datagram)); err != nil {
		s.tb.Fatal(err)
	}
}

// taken waits until the door has dealt with n datagrams.
func (s *server) taken(n int64) {
	for s.settled() < n {
		runtime.Gosched()
	}
}

// settled is how many datagrams became spans or errors.
func (s *server) settled() int64 {
	st := s.udp.Stats()
	return st.Accepted + st.Errors["invalid"]
}

// reply is an answer over HTTP.
type reply struct {
	code   int
	header http.Header
	body   string
}

func (s *server) do(method, path, body string, headers ...string) reply {
	s.tb.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.tb.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.tb.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(text)}
}

// put is PutTraceSegments; the answer is the list of what was not taken.
func (s *server) put(docs ...string) []map[string]string {
	s.tb.Helper()
	body, err := json.Marshal(map[string]any{"TraceSegmentDocuments": append([]string{}, docs...)})
	if err != nil {
		s.tb.Fatal(err)
	}
	a := s.do("POST", xraydoor.SegmentsPath, string(body))
	var out struct{ UnprocessedTraceSegments []map[string]string }
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.code != http.StatusOK || out.UnprocessedTraceSegments == nil {
		s.tb.Fatalf("%d %s: %v", a.code, a.body, err)
	}
	return out.UnprocessedTraceSegments
}

// documents are those of a trace.
func (s *server) documents(id string) []string {
	s.tb.Helper()
	trace, err := xray.ParseTraceID(id)
	if err != nil {
		s.tb.Fatal(err)
	}
	t, err := s.store.Trace(context.Background(), clew.DefaultTenant, trace)
	if clew.KindOf(err) == clew.NotFound && err != nil {
		return nil
	}
	if err != nil {
		s.tb.Fatal(err)
	}
	defer t.Free()
	var out []string
	for _, d := range xray.Documents(span.NewRows(t.Batch)) {
		out = append(out, string(d.Text))
	}
	return out
}

// has checks that a trace has exactly one document.
func (s *server) has(id, want string) {
	s.tb.Helper()
	docs := s.documents(id)
	if len(docs) != 1 || !reflect.DeepEqual(value(s.tb, docs[0]), value(s.tb, want)) {
		s.tb.Errorf("the trace has\n%s\nwant\n%s", strings.Join(docs, "\n"), want)
	}
}

func value(tb testing.TB, text string) any {
	tb.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		tb.Fatalf("%v: %s", err, text)
	}
	return v
}
