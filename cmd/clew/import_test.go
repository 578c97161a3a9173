package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/client"
	"github.com/clew-tracing/clew/internal/otlpfile"
)

// testDoor is an OTLP door that keeps distinct bodies, as a store does that
// recognises a resend, and fails as it is told.
type testDoor struct {
	mu     sync.Mutex
	bodies map[string]bool
	// fail is asked before each request with its number from 1; it returns a
	// status to answer instead of 200, -1 for a reply that is lost after the
	// body was kept, or 0.
	fail     func(n int) int
	requests int
	reply    string
}

func (d *testDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests++
	status := 0
	if d.fail != nil {
		status = d.fail(d.requests)
	}
	if status <= 0 {
		d.bodies[string(body)] = true
	}
	switch {
	case status < 0:
		panic(http.ErrAbortHandler)
	case status > 0:
		w.Header().Set("Retry-After", "7")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, `{"code":14,"message":"come again"}`)
	default:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, "{"+d.reply+"}")
	}
}

// testImport imports a file into door with a state folder; it returns what was
// printed and how long it would have waited.
func testImport(t *testing.T, door *testDoor, state, path string, options ...func(*importer)) (out string, waited []time.Duration, err error) {
	t.Helper()
	return testImportAll(t, door, state, []string{path}, options...)
}

// testImportAll is testImport of several files.
func testImportAll(t *testing.T, door *testDoor, state string, paths []string, options ...func(*importer)) (out string, waited []time.Duration, err error) {
	t.Helper()
	server := httptest.NewServer(door)
	defer server.Close()
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	im := &importer{
		t:      &terminal{out: &stdout, err: &stderr},
		client: &client.Client{Base: base, Tenant: string(clew.DefaultTenant), HTTP: server.Client()},
		// The state is kept for this name, whatever port the test server has.
		endpoint: "http://door.test", format: otlpfile.Auto, stateDir: state,
		wait: func(_ context.Context, d time.Duration) error { waited = append(waited, d); return nil },
	}
	im.client.HTTP.Transport = redirect{server.Listener.Addr().String(), http.DefaultTransport}
	for _, o := range options {
		o(im)
	}
	err = im.run(context.Background(), paths)
	return stdout.String() + stderr.String(), waited, err
}

// redirect sends every request to one address.
type redirect struct {
	to   string
	next http.RoundTripper
}

func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Host = r.to
	return r.next.RoundTrip(req)
}

// spansIn counts the spans of all bodies a door kept.
func (d *testDoor) spansIn(t *testing.T) (n int64) {
	t.Helper()
	for body := range d.bodies {
		n += int64(strings.Count(body, `"spanId"`))
	}
	return n
}

// testMessages makes n messages of one span each; with big, names of that many
// bytes.
func testMessages(t testing.TB, n, big int) (jsonLines []byte, messages [][]byte) {
	t.Helper()
	for i := range n {
		name := fmt.Sprint("span ", i, strings.Repeat("x", big))
		jsonLines = fmt.Appendf(jsonLines, `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x","name":"%s"}]}]}]}`+"\n", i+1, i+1, name)
		m, err := proto.Marshal(&tracev1.TracesData{ResourceSpans: []*tracev1.ResourceSpans{{ScopeSpans: []*tracev1.ScopeSpans{{
			Spans: []*tracev1.Span{{Name: name}},
		}}}}})
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, m)
	}
	return jsonLines, messages
}

// framed puts the size before each message, in four bytes.
func framed(messages [][]byte) (out []byte) {
	for _, m := range messages {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(m))), m...)
	}
	return out
}

func writeFile(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := writeInto(path, content); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeInto(path string, content []byte) error { return os.WriteFile(path, content, 0o600) }

func TestImportGoesOnWhereItStopped(t *testing.T) {
	lines, _ := testMessages(t, 1000, 4000)
	path, state := writeFile(t, "traces.jsonl", lines), t.TempDir()
	door := &testDoor{bodies: map[string]bool{}, fail: func(n int) int {
		if n == 3 {
			return http.StatusBadRequest
		}
		return 0
	}}
	if _, _, err := testImport(t, door, state, path); err == nil || !strings.Contains(err.Error(), "goes on from there") || !strings.Contains(err.Error(), "come again") {
		t.Fatalf("the third request fails, the import says %v", err)
	}
	if _, _, err := testImport(t, door, state, path); err != nil {
		t.Fatal(err)
	}
	if n := door.spansIn(t); n != 1000 {
		t.Errorf("%d spans arrived, want 1000: each once", n)
	}
	out, _, err := testImport(t, door, state, path)
	if err != nil || !strings.Contains(out, "nothing after byte") {
		t.Errorf("a third run: %q, %v", out, err)
	}
	requests := door.requests
	if _, _, err = testImport(t, door, state, path, func(im *importer) { im.restart = true }); err != nil || door.requests == requests {
		t.Errorf("--restart sent nothing, %v", err)
	}
	if n := door.spansIn(t); n != 1000 {
		t.Errorf("%d distinct spans after --restart, want 1000: it cuts the same requests", n)
	}
}

func TestImportOfAFileThatGrew(t *testing.T) {
	lines, _ := testMessages(t, 30, 0)
	at := bytes.IndexByte(lines[len(lines)/2:], '\n') + len(lines)/2 + 1
	path, state := writeFile(t, "growing.jsonl", lines[:at]), t.TempDir()
	door := &testDoor{bodies: map[string]bool{}}
	if _, _, err := testImport(t, door, state, path); err != nil {
		t.Fatal(err)
	}
	if err := writeInto(path, lines); err != nil {
		t.Fatal(err)
	}
	if _, _, err := testImport(t, door, state, path); err != nil {
		t.Fatal(err)
	}
	if n := door.spansIn(t); n != 30 {
		t.Errorf("%d spans, want 30", n)
	}
	if err := writeInto(path, append([]byte("  "), lines...)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := testImport(t, door, state, path); err == nil || !strings.Contains(err.Error(), "--restart") {
		t.Errorf("another file of the same name: %v", err)
	}
}

func TestImportWaitsForABusyDoor(t *testing.T) {
	lines, _ := testMessages(t, 600, 4000)
	path := writeFile(t, "traces.jsonl", lines)
	door := &testDoor{bodies: map[string]bool{}, fail: func(n int) int {
		switch n {
		case 1, 2:
			return http.StatusServiceUnavailable
		case 4:
			return -1
		}
		return 0
	}}
	_, waited, err := testImport(t, door, t.TempDir(), path)
	if err != nil {
		t.Fatal(err)
	}
	if len(waited) != 3 || waited[0] != 7*time.Second {
		t.Errorf("waited %v, want 7 s twice, as the door asks, and once for the lost reply", waited)
	}
	if n := door.spansIn(t); n != 600 {
		t.Errorf("%d spans, want 600", n)
	}
}

func TestImportGivesUp(t *testing.T) {
	lines, _ := testMessages(t, 1, 0)
	path := writeFile(t, "traces.jsonl", lines)
	door := &testDoor{bodies: map[string]bool{}, fail: func(int) int { return http.StatusServiceUnavailable }}
	if _, waited, err := testImport(t, door, t.TempDir(), path); err == nil || len(waited) != importTries-1 {
		t.Errorf("error %v after %d waits, want one after %d", err, len(waited), importTries-1)
	}
	// Nobody there: said at once.
	if _, waited, err := testImport(t, door, t.TempDir(), path, func(im *importer) {
		im.client.HTTP.Transport = redirect{"127.0.0.1:1", http.DefaultTransport}
	}); err == nil || len(waited) != 0 {
		t.Errorf("no door: error %v after %d waits, want one at once", err, len(waited))
	}
}

func TestImportReportsRefusals(t *testing.T) {
	lines, _ := testMessages(t, 5, 0)
	door := &testDoor{bodies: map[string]bool{}, reply: `"partialSuccess":{"rejectedSpans":"2","errorMessage":"trace id is zero"}`}
	out, _, err := testImport(t, door, t.TempDir(), writeFile(t, "x", lines))
	if !errors.Is(err, errPartly) || err.Error() != "2 of 5 spans refused, the others are in the store:\n  2 spans: trace id is zero" {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(out, "3 spans imported, 2 refused") {
		t.Errorf("printed %q", out)
	}

	// Another file has none: both are told.
	out, _, err = testImportAll(t, door, t.TempDir(), []string{writeFile(t, "x", lines), writeFile(t, "empty", nil)})
	if err == nil || errors.Is(err, errPartly) || !strings.Contains(err.Error(), "empty") || !strings.Contains(out, "2 spans refused:\n  2 spans: trace id is zero") {
		t.Errorf("refusals and a file without traces: %v, printed %q", err, out)
	}
}

func TestRefusalsAreFew(t *testing.T) {
	var r refusals
	for i := range 2 * maxReasons {
		r.add(int64(i+1), fmt.Sprint("reason ", i))
	}
	r.add(10, "reason 1")
	err := r.err(100)
	for _, want := range []string{"65 of 100 spans refused", "\n  1 span: reason 0", "\n  12 spans: reason 1", "\n  40 spans: for other reasons"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), fmt.Sprint("reason ", maxReasons)) {
		t.Errorf("%q tells more than %d reasons", err, maxReasons)
	}
}

func TestImportOfFilesWithoutTraces(t *testing.T) {
	f := func(content string, want string) {
		t.Helper()
		door := &testDoor{bodies: map[string]bool{}}
		lines, _ := testMessages(t, 1, 0)
		state, path := t.TempDir(), writeFile(t, "x", []byte(content))
		for range 2 { // it is no other the second time
			_, _, err := testImportAll(t, door, state, []string{path, writeFile(t, "good", lines)})
			if err == nil || !strings.Contains(err.Error(), "x: there are no traces in it: "+want) {
				t.Errorf("%q: error %v, want %q", content, err, want)
			}
		}
		if n := door.spansIn(t); n != 1 {
			t.Errorf("%q: %d spans, want 1 of the file behind it", content, n)
		}
	}
	f("", "it is empty")
	f(" \n", "0 messages")
	f("{}\n{}", "2 messages without spans")
	f(`{"resourceSpans":[]}`, "1 message without spans")
	f(`{"resourceLogs":[{}]}`+"\n"+`{"resourceMetrics":[]}`, "its messages have resourceLogs, resourceMetrics, but no resourceSpans")
	f(`{"data":[{"traceID":"1"}]}`, "its messages have data")
	f("\x00\x00\x00\x00", "1 message without spans")
}

func TestImportWithASpoiltNote(t *testing.T) {
	lines, _ := testMessages(t, 3, 0)
	state, path := t.TempDir(), writeFile(t, "x", lines)
	door := &testDoor{bodies: map[string]bool{}}
	if _, _, err := testImport(t, door, state, path); err != nil {
		t.Fatal(err)
	}
	notes, err := filepath.Glob(filepath.Join(state, "*.json"))
	if err != nil || len(notes) != 1 {
		t.Fatalf("notes: %v, %v", notes, err)
	}
	if err := writeInto(notes[0], []byte("{")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := testImport(t, door, state, path); err == nil || !strings.Contains(err.Error(), notes[0]) || !strings.Contains(err.Error(), "--restart") {
		t.Errorf("error %v, want one that names the note and --restart", err)
	}
	if out, _, err := testImport(t, door, state, path, func(im *importer) { im.restart = true }); err != nil || !strings.Contains(out, "3 spans imported") {
		t.Errorf("--restart: %q, %v", out, err)
	}
}

func TestImportSaysHowFarItCame(t *testing.T) {
	_, messages := testMessages(t, 600, 4000)
	whole := framed(messages)
	begin := len(framed(messages[:599]))
	state, path := t.TempDir(), writeFile(t, "cut.bin", whole[:begin+100])
	door := &testDoor{bodies: map[string]bool{}}
	_, _, err := testImport(t, door, state, path)
	want := fmt.Sprintf("%s: the file ends within the message that begins at byte %d; 599 spans before it, up to byte %d, were imported; the same command goes on from there", path, begin, begin)
	if err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	_, _, err = testImport(t, door, state, path)
	want = fmt.Sprintf("%s: the file ends within the message that begins at byte %d; nothing after byte %d was imported", path, begin, begin)
	if err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	if err := writeInto(path, whole); err != nil {
		t.Fatal(err)
	}
	if out, _, err := testImport(t, door, state, path); err != nil || !strings.Contains(out, "1 span imported") {
		t.Errorf("the whole file: %q, %v", out, err)
	}
	door.fail = func(int) int { return http.StatusBadRequest }
	_, _, err = testImport(t, door, t.TempDir(), path)
	if err == nil || !strings.Contains(err.Error(), "bytes 0 to ") || !strings.Contains(err.Error(), "come again; nothing of it was imported") {
		t.Errorf("a request that is refused: %v", err)
	}
}

func TestProtoReply(t *testing.T) {
	refused, reason, err := protoReply([]byte{0x0a, 0x08, 0x08, 0x03, 0x12, 0x04, 'o', 'd', 'd', '!'})
	if refused != 3 || reason != "odd!" || err != nil {
		t.Errorf("protoReply = %d, %q, %v", refused, reason, err)
	}
	for _, bad := range [][]byte{{0x0a, 0x7f}, {0xff}, {0x0a, 0x01, 0x08}} {
		if refused, _, err := protoReply(bad); err == nil {
			t.Errorf("protoReply(%x) = %d without an error", bad, refused)
		}
	}
	if _, _, err := protoReply(nil); err != nil {
		t.Error(err)
	}
}
