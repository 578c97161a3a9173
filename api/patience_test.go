package api

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

// A client that reads nothing of its answer is cut off, and one that reads is not, however
// long the answer goes on being computed behind what was written.
func TestStalledClient(t *testing.T) {
	const most = 50 * time.Millisecond
	ended := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		timed := newTimedWriter(w, most)
		if r.URL.Path == "/short" {
			_, err := timed.Write([]byte("short"))
			<-time.After(2 * most)
			ended <- errors.Join(err, http.NewResponseController(w).Flush()) // as the server does in the end
			return
		}
		piece := make([]byte, 1<<20)
		for range 256 { // more than any socket holds
			if _, err := timed.Write(piece); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}))
	defer server.Close()

	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	replies := bufio.NewReader(conn)
	for range 2 {
		if _, err := conn.Write([]byte("GET /short HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(replies, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if err := <-ended; err != nil {
			t.Fatalf("a short answer: %v", err)
		}
	}
	if _, err := conn.Write([]byte("GET /long HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nobody reads, and writing ends with %v", err)
	}
}
