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

// serveProgram builds clew and runs it on free ports, with an empty store, until the test ends.
func serveProgram(t *testing.T) *program {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "clew")
	build := exec.Command("go", "build", "-o", binary, "./cmd/clew")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file := filepath.Join(dir, "addresses.json")
	args := []string{"serve", "--listen", "127.0.0.1", "--data", filepath.Join(dir, "data"), "--addresses-file", file}
	for _, door := range doors {
		args = append(args, "--"+door+"-port", "0")
	}
	c := exec.Command(binary, args...)
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
