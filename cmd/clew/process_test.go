package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this test binary the program `clew` for the tests that run it
// as a process.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"clew": main})
}

// process is a `clew serve` that is ready.
type process struct {
	cmd *exec.Cmd
	// addresses are what it wrote to its addresses file: door to host:port.
	addresses map[string][]string
	out, log  *lockedBuffer
	exited    chan struct{} // closed when it is gone
	err       error         // of Wait; read after exited
}

// lockedBuffer is a buffer that one goroutine fills while others read it or wait
// for what comes.
type lockedBuffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	grown chan struct{} // closed at the next write; nil if nobody waits
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
	return l.b.Write(p)
}

// await returns once the buffer has text count times, or gone is closed; it
// reports whether it has.
func (l *lockedBuffer) await(text string, count int, gone <-chan struct{}) bool {
	for {
		l.mu.Lock()
		if strings.Count(l.b.String(), text) >= count {
			l.mu.Unlock()
			return true
		}
		if l.grown == nil {
			l.grown = make(chan struct{})
		}
		grown := l.grown
		l.mu.Unlock()
		select {
		case <-grown:
		case <-gone:
			return false
		}
	}
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startProcess runs clew with args in dir and returns when it has printed that
// it is ready, which is after its addresses file was written. Of the environment
// it keeps what does not concern clew.
func startProcess(program, dir string, environ []string, args ...string) (*process, error) {
	file := filepath.Join(dir, fmt.Sprintf("addresses-%d.json", time.Now().UnixNano()))
	p := &process{cmd: exec.Command(program, append(args, "--addresses-file", file)...), out: &lockedBuffer{}, log: &lockedBuffer{}, exited: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = dir, environ, p.log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewReader(stdout)
		for {
			line, err := lines.ReadString('\n')
			_, _ = io.WriteString(p.out, line) // a buffer never fails
			if strings.Contains(line, "stops the server.") {
				ready <- true
			}
			if err != nil {
				break
			}
		}
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	select {
	case <-ready:
	case <-p.exited:
		return p, fmt.Errorf("clew %s: %v\n%s", strings.Join(args, " "), p.err, p.log)
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &p.addresses)
	}
	if err != nil {
		p.kill()
	}
	return p, err
}

// url returns the address of a door as a URL.
func (p *process) url(door string) string { return "http://" + p.addresses[door][0] }

// stop sends SIGTERM and waits; the error is that of the exit.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-p.exited
	return p.err
}

// kill sends SIGKILL and waits until the process is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone already
	<-p.exited
}

// freePorts are the flags that make a server choose its ports.
var freePorts = []string{"--listen", "127.0.0.1", "--http-port", "0", "--otlp-grpc-port", "0", "--otlp-http-port", "0", "--jaeger-port", "0", "--jaeger-grpc-port", "0", "--zipkin-port", "0", "--tempo-port", "0", "--prometheus-port", "0", "--xray-port", "0", "--xray-udp-port", "0",
	"--jaeger-collector-grpc-port", "0", "--jaeger-collector-http-port", "0", "--jaeger-agent-compact-port", "0", "--jaeger-agent-binary-port", "0", "--jaeger-sampling-port", "0", "--jaeger-sampling-grpc-port", "0"}

// startServer runs `clew serve` on free ports with a store in dir/data.
func startServer(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	program, err := exec.LookPath("clew")
	if err != nil {
		t.Fatal(err)
	}
	return startProgram(t, program, dir, args...)
}

// startProgram is startServer with another binary than this one.
func startProgram(t *testing.T, program, dir string, args ...string) *process {
	t.Helper()
	p, err := startProcess(program, dir, os.Environ(), append(append([]string{"serve"}, freePorts...), args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}
