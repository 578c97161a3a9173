package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/klauspost/compress/zstd"
)

// otlpReceiver is a small OTLP server of somebody else: it counts spans, keeps
// the bodies in a folder, and knows no clew API.
type otlpReceiver struct {
	mu     sync.Mutex
	dir    string
	spans  int
	bodies int
	refuse bool
}

func (r *otlpReceiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	z, err := zstd.NewReader(request.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer z.Close()
	body, err := io.ReadAll(z)
	n := 0
	if err == nil {
		n, err = countMessages(body, 1, 2, 2)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil || r.refuse {
		http.Error(w, "refused", http.StatusBadRequest)
		return
	}
	r.spans += n
	r.bodies++
	if err := os.WriteFile(filepath.Join(r.dir, fmt.Sprint(r.bodies)), body, 0o600); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func bench(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	c := NewCommand(os.Environ(), func(format string, args ...any) error { return clew.Errorf(clew.Invalid, format, args...) })
	var stdout bytes.Buffer
	c.SetOut(&stdout)
	c.SetErr(io.Discard)
	c.SetArgs(args)
	c.SilenceUsage, c.SilenceErrors = true, true
	err = c.ExecuteContext(t.Context())
	return stdout.String(), err
}

func TestBenchMeasuresAnyEndpoint(t *testing.T) {
	receiver := &otlpReceiver{dir: t.TempDir()}
	server := httptest.NewServer(receiver)
	defer server.Close()
	out, err := bench(t, "--endpoint", server.URL, "--pid", fmt.Sprint(os.Getpid()), "--disk-path", receiver.dir,
		"--spans", "4000", "--clients", "3", "--settle", "0s", "--runs", "2", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if receiver.spans != 8000 || receiver.bodies != 16 || len(got.Runs) != 2 {
		t.Fatalf("received %d spans in %d requests over %d runs", receiver.spans, receiver.bodies, len(got.Runs))
	}
	for _, r := range got.Runs {
		if r.Accepted != 4000 || r.SpansPerSecond <= 0 || r.LatencyMillis.P50 <= 0 || r.LatencyMillis.Max < r.LatencyMillis.P99 || r.PeakRSS < 1<<20 || len(r.Queries) > 0 {
			t.Errorf("run = %+v", r)
		}
	}
	if got.RawBytes < 450 || got.RawBytes > 700 || got.SentBytes > got.RawBytes/4 {
		t.Errorf("%v B per span, %v as sent", got.RawBytes, got.SentBytes)
	}
	// The second run's folder holds both runs' bodies.
	if first, second := got.Runs[0].DiskBytes, got.Runs[1].DiskBytes; first < got.RawBytes*0.9 || second < 1.8*first {
		t.Errorf("disk = %v, then %v B per span", first, second)
	}
}

func TestBenchSaysThatARunIsVoid(t *testing.T) {
	receiver := &otlpReceiver{dir: t.TempDir(), refuse: true}
	server := httptest.NewServer(receiver)
	defer server.Close()
	out, err := bench(t, "--endpoint", server.URL, "--spans", "600")
	if err == nil || !strings.Contains(err.Error(), "run 1 is void: 600 spans sent, 0 accepted, 0 rejected, 600 failed: HTTP 400") {
		t.Errorf("err = %v", err)
	}
	if !strings.Contains(out, "wall, spans/s") {
		t.Errorf("no table: %s", out)
	}
}

func TestBenchRefusesWhatMakesNoSense(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--spans 0", "--spans"},
		{"--runs 0", "--runs"},
		{"--clients 99999", "--clients"},
		{"--rate -1", "--rate"},
		{"--settle -1s", "--settle"},
		{"--over -1s", "--over"},
		{"--queries --endpoint http://x", "--queries"},
		{"--encoding lzma", "--encoding"},
		{"--protocol udp", "--protocol"},
		{"--format thrift", "--format"},
		{"--format xray --protocol grpc", "--format xray goes over http"},
		{"--format zipkin-json --queries", "--queries"},
		{"--corpus shops", "--corpus"},
		{"--pid 1", "--endpoint"},
		{"--endpoint http://x -- --memory 1GB", "--endpoint"},
		{"--endpoint http://x --profile p", "--api"},
		{"--askers -1", "--askers"},
		{"--askers 2 --before 0", "--before"},
		{"--askers 2 --endpoint http://x", "--askers"},
		{"--endpoint http://x --api :", "--api"},
		{"now", "no arguments"},
	} {
		_, err := bench(t, strings.Fields(c.args)...)
		if err == nil || !strings.Contains(err.Error(), c.want) || clew.KindOf(err) != clew.Invalid {
			t.Errorf("bench %s = %v, want kind Invalid and %q", c.args, err, c.want)
		}
	}
}

func TestBenchNamesAServerThatDies(t *testing.T) {
	script := filepath.Join(t.TempDir(), "dies")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho the roof is on fire >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err := bench(t, "--server", script, "--spans", "10", "--dir", dir)
	if err == nil || !strings.Contains(err.Error(), "the roof is on fire") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("err = %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestParseStat(t *testing.T) {
	line := "4711 (a (b) c) S 1 4711 4711 0 -1 4194560 1203 0 0 0 250 31 0 0 20 0 12 0 8123 1 2"
	got, err := parseStat(line)
	if want := (cpuTime{2500 * time.Millisecond, 310 * time.Millisecond}); err != nil || got != want {
		t.Errorf("parseStat = %v, %v, want %v", got, err, want)
	}
	for _, bad := range []string{"", "4711 (x", "4711 (x) S 1 2 3", "1 (x) S 1 1 1 0 -1 4 1 0 0 0 a b 0"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("parseStat(%q) finds times", bad)
		}
	}
	if cpu, err := readCPU([]int{os.Getpid()}); err != nil || cpu.total() < 0 {
		t.Errorf("readCPU of this process = %v, %v", cpu, err)
	}
}

func TestParsePeakRSS(t *testing.T) {
	if got, err := parsePeakRSS([]byte("Name:\tclew\nVmPeak:\t  99 kB\nVmHWM:\t   2048 kB\nVmRSS:\t 1 kB\n")); err != nil || got != 2<<20 {
		t.Errorf("parsePeakRSS = %d, %v, want %d", got, err, 2<<20)
	}
	for _, bad := range []string{"", "VmHWM:\tmuch kB\n"} {
		if _, err := parsePeakRSS([]byte(bad)); err == nil {
			t.Errorf("parsePeakRSS(%q) finds a size", bad)
		}
	}
}

func TestFolderSize(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]int{"a": 100, "in/b": 23, "in/c": 0} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := folderSize([]string{dir, filepath.Join(dir, "in")}); err != nil || got != 146 {
		t.Errorf("folderSize = %d, %v, want 146", got, err)
	}
	if _, err := folderSize([]string{filepath.Join(dir, "none")}); err == nil {
		t.Error("a folder that is not there has a size")
	}
}

func TestCountMessages(t *testing.T) {
	body := corpus.Requests(corpus.Shop, 1, 321, 321)[0]
	if n, err := countMessages(body, 1, 2, 2); err != nil || n != 321 {
		t.Errorf("countMessages = %d, %v, want 321", n, err)
	}
	if _, err := countMessages(body[:len(body)-1], 1, 2, 2); err == nil {
		t.Error("a cut message is counted")
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		in                 []float64
		low, middle, upper float64
	}{{[]float64{3}, 3, 3, 3}, {[]float64{5, 1}, 1, 3, 5}, {[]float64{9, 1, 4}, 1, 4, 9}} {
		if low, middle, upper := spread(c.in); low != c.low || middle != c.middle || upper != c.upper {
			t.Errorf("spread(%v) = %v, %v, %v", c.in, low, middle, upper)
		}
	}
}

func TestReportShowsOnlyWhatWasMeasured(t *testing.T) {
	got := &report{Corpus: "shop", Seed: 1, Spans: 1000, RawBytes: 497, SentBytes: 70.1, Protocol: "http", Encoding: "zstd",
		Clients: 32, Machine: "a machine", Runs: []measurement{{SpansPerSecond: 1000, LatencyMillis: latency{1, 2, 3}}, {SpansPerSecond: 3000}}}
	var out bytes.Buffer
	if err := got.print(&out, false); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if !strings.Contains(text, "2000   1000  3000") {
		t.Errorf("no median with its spread:\n%s", text)
	}
	for _, absent := range []string{"CPU", "memory", "disk", "query"} {
		if strings.Contains(text, absent) {
			t.Errorf("shows %q, which was not measured:\n%s", absent, text)
		}
	}
	got.Runs = got.Runs[:1]
	run := &got.Runs[0]
	run.CPUMicros, run.PeakRSS, run.DiskBytes = 1.85, 168<<20, 28.1
	run.DiskFamilies = map[string]float64{"start": 3.9, "span ids": 8}
	run.Queries = []query{{Name: "count: errors", Spans: 12, Traces: 7, FirstMillis: 4, Millis: 3}}
	run.check(true, "")
	run.check(false, "%s", "wrong")
	out.Reset()
	if err := got.print(&out, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1.85", "168", "28.10", "span ids   8.000  8.000  8.000", "start   3.900", "count: errors", "2 answers compared with what was sent, 1 wrong"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %q:\n%s", want, out.String())
		}
	}
}

func TestPauseEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pause(ctx, time.Hour); err == nil {
		t.Error("pause outlives its context")
	}
}

func TestServerEnvironLeavesOutSettings(t *testing.T) {
	got := serverEnviron([]string{"HOME=/h", "CLEW_DATA=/d", "PATH=/p"})
	if want := []string{"HOME=/h", "PATH=/p"}; !slices.Equal(got, want) {
		t.Errorf("serverEnviron = %q, want %q", got, want)
	}
	if serverEnviron(nil) == nil {
		t.Error("a nil environment would hand on the bench's own, settings included")
	}
}

func TestClientShowsWhatTheServerSays(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/busy":
			http.Error(w, "come later "+strings.Repeat("x", 2*maxErrorBody), http.StatusServiceUnavailable)
		case "/text":
			fmt.Fprint(w, "hello")
		}
	}))
	defer server.Close()
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(base)
	for path, want := range map[string]string{"/busy": `503 Service Unavailable: "come later x`, "/text": "not what was expected"} {
		var answer searchAnswer
		if err := c.ask(t.Context(), http.MethodGet, path, nil, &answer); err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > maxErrorBody+100 {
			t.Errorf("ask %s = %v, want %q in short", path, err, want)
		}
	}
}
