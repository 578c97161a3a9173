package clients

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// program is a running `clew serve`.
type program struct {
	t         *testing.T
	addresses map[string][]string // host:port by door
}

// doors are the settings that have a port each.
var doors = []string{"http", "otlp-grpc", "otlp-http", "jaeger", "jaeger-grpc", "zipkin", "tempo", "prometheus", "xray", "xray-udp",
	"jaeger-collector-grpc", "jaeger-collector-http", "jaeger-agent-compact", "jaeger-agent-binary", "jaeger-sampling", "jaeger-sampling-grpc"}

// built is where clew is, made once for all tests.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // what is left is in the system's place for such
	}
	os.Exit(code)
}

// build returns the path of clew.
func build(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "clew-clients-*"); built.err != nil {
			return
		}
		c := exec.Command("go", "build", "-o", filepath.Join(built.dir, "clew"), "./cmd/clew")
		c.Dir = filepath.Join("..", "..")
		if out, err := c.CombinedOutput(); err != nil {
			built.err = errorOf(err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "clew")
}

// serveProgram runs clew on free ports, with an empty store, until the test ends.
func serveProgram(t *testing.T) *program {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "addresses.json")
	args := []string{"serve", "--listen", "127.0.0.1", "--data", filepath.Join(dir, "data"), "--addresses-file", file}
	for _, door := range doors {
		args = append(args, "--"+door+"-port", "0")
	}
	c := exec.Command(build(t), args...)
	var log strings.Builder
	c.Stderr = &log
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, out)
		if err := c.Wait(); err != nil {
			t.Errorf("%v\n%s", err, log.String())
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "stops the server.") {
	}
	p := &program{t: t}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &p.addresses)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	return p
}

// at is the address of a door.
func (p *program) at(door string) string {
	p.t.Helper()
	if len(p.addresses[door]) == 0 {
		p.t.Fatalf("no door %s in %v", door, p.addresses)
	}
	return p.addresses[door][0]
}

// url is the address of a door as a URL.
func (p *program) url(door string) string { return "http://" + p.at(door) }

// read asks for JSON; it reports whether there was any.
func (p *program) read(answer any, method, url, body string) bool {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if res.StatusCode == http.StatusNotFound {
		return false
	}
	if err := json.Unmarshal(text, answer); err != nil || res.StatusCode != http.StatusOK {
		p.t.Fatalf("%s %s: %s, %v\n%.500s", method, url, res.Status, err, text)
	}
	return true
}

// exchange sends a request, as of a tenant if one is named, and returns the answer to it,
// which has to be a yes.
func exchange(t *testing.T, method, url, tenant, kind, accept, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{"X-Scope-OrgID": tenant, "Content-Type": kind, "Accept": accept} {
		if value != "" {
			r.Header.Set(key, value)
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s, %v: %s", method, url, res.Status, err, text)
	}
	return string(text)
}
