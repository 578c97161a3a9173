package otlpdoor_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/storage"
)

func head(contentType string, length int) string {
	return fmt.Sprintf("POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", contentType, length)
}

// TestKeepAlive uses one connection for good and bad requests in turn: after an
// error whose request came whole, or whose rest was small and on its way, it is
// used again.
func TestKeepAlive(t *testing.T) {
	s := start(t, ingest.Config{MaxBodyBytes: 4096})
	conn, err := net.Dial("tcp", s.httpAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	good := request(goodTrace + goodSpan)
	for _, c := range []struct {
		name, contentType, body string
		code                    int
	}{
		{"good", "application/x-protobuf", good, 200},
		{"not read at all", "text/plain", strings.Repeat("x", 100_000), 415},
		{"bad", "application/x-protobuf", "hello", 400},
		{"too large by its length", "application/x-protobuf", strings.Repeat("x", 100_000), 413},
		{"good again", "application/json", "{}", 200},
	} {
		if _, err := io.WriteString(conn, head(c.contentType, len(c.body))+c.body); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if a := readAnswer(t, r); a.code != c.code || a.closes {
			t.Errorf("%s: HTTP %d, closes %v; want %d and to stay", c.name, a.code, a.closes, c.code)
		}
	}
}

// TestSlowSenders stalls in the middle of a body: the door waits as long as it is
// set to, and an answer that needs no body does not wait for it.
func TestSlowSenders(t *testing.T) {
	s := start(t, ingest.Config{BodyTimeout: 20 * time.Millisecond})
	a := s.raw(t, head("application/x-protobuf", 1000)+"\x0a")
	if a.code != 503 || a.header.Get("Retry-After") == "" || !strings.Contains(readStatus(t, a).Message(), "after 20ms only 1 bytes") {
		t.Errorf("HTTP %d %v %q; want 503", a.code, a.header, a.body)
	}
	pr, pw := io.Pipe()
	defer pw.Close()
	go func() { _, _ = pw.Write(frame(0, 1000, []byte("\x0a"))) }()
	if _, st := s.call(t, pr); st.Code() != codes.Unavailable || retryInfo(st) == 0 || !strings.Contains(st.Message(), "after 20ms") {
		t.Errorf("gRPC %v; want UNAVAILABLE", st)
	}
	// The body never comes, and the refusal does not need it.
	if a := s.raw(t, head("text/plain", 1000)); a.code != 415 {
		t.Errorf("HTTP %d", a.code)
	}
	if a := s.raw(t, "PUT /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"); a.code != 405 {
		t.Errorf("HTTP %d", a.code)
	}
	if n := s.budget.Used(); n != 0 {
		t.Errorf("%d bytes are still reserved", n)
	}
}

// TestSlowStore outlives the limit of the body in the store: that limit is over
// once the body is there.
func TestSlowStore(t *testing.T) {
	const limit = 20 * time.Millisecond
	s := start(t, ingest.Config{BodyTimeout: limit, Appender: appender(func(ctx context.Context, _ storage.Record) (storage.Result, error) {
		patience := time.NewTimer(5 * limit)
		defer patience.Stop()
		select {
		case <-ctx.Done():
			return storage.Result{}, ctx.Err()
		case <-patience.C:
			return storage.Result{Accepted: 1}, nil
		}
	})})
	if a, st := s.sendBoth(t); a.code != 200 || st.Code() != codes.OK {
		t.Errorf("HTTP %d %q, gRPC %v", a.code, a.body, st)
	}
}

// TestCutConnections ends bodies early.
func TestCutConnections(t *testing.T) {
	s := start(t, ingest.Config{})
	conn, err := net.Dial("tcp", s.httpAddr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, head("application/x-protobuf", 1000)+"\x0a\x00"); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	a := readAnswer(t, bufio.NewReader(conn))
	if a.code != 400 || !strings.Contains(readStatus(t, a).Message(), "ended after 2 of 1000 bytes") {
		t.Errorf("HTTP %d %q", a.code, a.body)
	}
	for body, text := range map[string]string{
		"":                                  "no message",
		"\x00\x00":                          "ended after 0 bytes",
		string(frame(0, 10, []byte("abc"))): "ended after 3 of 10 bytes",
	} {
		if _, st := s.call(t, strings.NewReader(body)); st.Code() != codes.InvalidArgument || !strings.Contains(st.Message(), text) {
			t.Errorf("gRPC %q: %v, want %q", body, st, text)
		}
	}
}

// TestHTTP2 sends over HTTP/2 without TLS, large and small, good and bad.
func TestHTTP2(t *testing.T) {
	s := start(t, ingest.Config{MaxBodyBytes: 4 << 20})
	shop := corpus.Requests(corpus.Shop, 3, 1000, 1000)[0]
	for range 3 {
		a := s.do(t, s.client2, "POST", "/v1/traces", bytes.NewReader(shop), "Content-Type", "application/x-protobuf")
		if a.code != 200 {
			t.Errorf("HTTP %d %q", a.code, a.body)
		}
		if a := s.do(t, s.client2, "POST", "/v1/traces", bytes.NewReader(make([]byte, 5<<20)), "Content-Type", "application/json"); a.code != 413 {
			t.Errorf("HTTP %d %q", a.code, a.body)
		}
		if a := s.do(t, s.client2, "POST", "/v1/traces", bytes.NewReader(shop), "Content-Type", "text/plain"); a.code != 415 {
			t.Errorf("HTTP %d %q", a.code, a.body)
		}
	}
}

// TestMemoryUnderAttack sends, all at once and far beyond the budget, bombs and
// bodies that never end. The heap stays at a constant, and all are told why not.
func TestMemoryUnderAttack(t *testing.T) {
	const budget, senders = 8 << 20, 150
	s := start(t, ingest.Config{MaxBodyBytes: maxBody, Budget: ingest.NewBudget(budget), BodyTimeout: 500 * time.Millisecond})
	g, z := bombs(t)
	runtime.GC()
	base := heap()
	stop, watched := make(chan struct{}), make(chan struct{})
	var peak uint64
	go func() {
		defer close(watched)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				peak = max(peak, heap())
			}
		}
	}()
	var attack sync.WaitGroup
	for i := range senders {
		attack.Go(func() {
			switch i % 5 {
			case 0:
				s.wantRefusal(t, s.post(t, bytes.NewReader(z), "Content-Type", "application/x-protobuf", "Content-Encoding", "zstd"))
			case 1:
				s.wantRefusal(t, s.post(t, bytes.NewReader(g), "Content-Type", "application/json", "Content-Encoding", "gzip"))
			case 2:
				if _, st := s.call(t, bytes.NewReader(frame(1, len(z), z)), "Grpc-Encoding", "zstd"); st.Code() != codes.ResourceExhausted && st.Code() != codes.Unavailable {
					t.Errorf("%v", st)
				}
			case 3: // 1 MiB but for the last byte
				s.wantRefusal(t, s.raw(t, head("application/x-protobuf", maxBody)+string(make([]byte, maxBody/2))))
			case 4:
				pr, pw := io.Pipe()
				defer pw.Close()
				go func() { _, _ = pw.Write(frame(0, maxBody, make([]byte, maxBody/2))) }()
				if _, st := s.call(t, pr); st.Code() != codes.ResourceExhausted && st.Code() != codes.Unavailable {
					t.Errorf("%v", st)
				}
			}
		})
	}
	attack.Wait()
	close(stop)
	<-watched
	// The senders are in this process: half a MiB for each of two in five. Garbage
	// doubles what is alive.
	most := uint64(2 * (budget + 4*(8<<20) + senders*2/5*maxBody))
	t.Logf("heap grew by %d MiB at most", (peak-base)>>20)
	if peak > base+most {
		t.Errorf("heap grew by %d MiB, want at most %d", (peak-base)>>20, most>>20)
	}
	if a, st := s.sendBoth(t); a.code != 200 || st.Code() != codes.OK {
		t.Errorf("afterwards: HTTP %d, %v", a.code, st)
	}
	if n := s.budget.Used(); n != 0 {
		t.Errorf("%d bytes are still reserved", n)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (s *server) wantRefusal(t *testing.T, a answer) {
	t.Helper()
	switch a.code {
	case 413, http.StatusTooManyRequests, http.StatusServiceUnavailable:
	default:
		t.Errorf("HTTP %d %q", a.code, a.body)
	}
}
