package serve

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"

	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
)

// faulty serves a handler as an address does, and returns its URL and its log.
func faulty(t *testing.T, fail func(http.ResponseWriter, *http.Request), h http.HandlerFunc) (url string, log func() string) {
	t.Helper()
	var out bytes.Buffer
	s := &server{log: slog.New(slog.NewTextHandler(&out, nil))}
	served := httptest.NewUnstartedServer(nil)
	served.Config = s.newHTTPServer(h, fail)
	served.Start()
	t.Cleanup(served.Close)
	return served.URL, func() string {
		served.Close() // its handlers have ended
		return out.String()
	}
}

// wantFault checks that the log has one error, with the stack.
func wantFault(t *testing.T, log string) {
	t.Helper()
	if strings.Count(log, "level=ERROR") != 1 || strings.Count(log, "\n") != 1 || !strings.Contains(log, `fault="a bad day"`) || !strings.Contains(log, "panics_test.go") {
		t.Errorf("the log has %q, want one error with the stack", log)
	}
}

// TestFaults has handlers panic: each address answers in its own form, and the log
// says where it was.
func TestFaults(t *testing.T) {
	doors := ingest.Config{}
	onHTTP, onGRPC := otlpdoor.NewHTTP(doors), otlpdoor.NewGRPC(doors)
	panics := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		panic("a bad day")
	}
	for _, c := range []struct {
		name string
		fail func(http.ResponseWriter, *http.Request)
		want string
	}{
		{"page", faultJSON, `"kind":"internal"`},
		{"OTLP over HTTP", faultBy(onHTTP.Deny), `"code":13`},
	} {
		url, log := faulty(t, c.fail, panics)
		a, err := http.Post(url, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(a.Body)
		if err != nil || a.StatusCode != http.StatusInternalServerError || !strings.Contains(string(body), c.want) || !strings.Contains(string(body), faultText) {
			t.Errorf("%s: %s, %q, %v", c.name, a.Status, body, err)
		}
		a.Body.Close()
		wantFault(t, log())
	}
	url, log := faulty(t, faultBy(onGRPC.Deny), panics)
	conn, err := grpc.NewClient(strings.TrimPrefix(url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = coltracepb.NewTraceServiceClient(conn).Export(context.Background(), &coltracepb.ExportTraceServiceRequest{})
	if st := status.Convert(err); st.Code() != codes.Internal || st.Message() != faultText {
		t.Errorf("gRPC: %v", err)
	}
	conn.Close()
	wantFault(t, log())
	if h, g := onHTTP.Stats().Errors["internal"], onGRPC.Stats().Errors["internal"]; h != 1 || g != 1 {
		t.Errorf("%d and %d faults are counted, want one each", h, g)
	}
}

// TestFaultsInTheMiddle has handlers panic when a part of the answer is out: it is cut
// off, which a reader notices.
func TestFaultsInTheMiddle(t *testing.T) {
	part := func(end any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			panic(end)
		}
	}
	for _, end := range []any{"a bad day", http.ErrAbortHandler} {
		url, log := faulty(t, faultJSON, part(end))
		a, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(a.Body)
		if a.StatusCode != http.StatusOK || string(body) != "half" || err == nil {
			t.Errorf("%v: %s, %q, %v; want a half and an error", end, a.Status, body, err)
		}
		a.Body.Close()
		if end == http.ErrAbortHandler {
			if text := log(); text != "" {
				t.Errorf("an answer that was cut off on purpose is logged: %q", text)
			}
			continue
		}
		wantFault(t, log())
	}
}
