package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clew-tracing/clew/cmd/clew/serve"
)

// TestBackupKilled kills `clew backup` at ever later moments while its server is under
// load. What is left is no store, is refused by name, or is whole; the next run makes
// it whole, with every span that had been acknowledged when it began.
func TestBackupKilled(t *testing.T) {
	dir := t.TempDir()
	program, err := exec.LookPath("clew")
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, error) {
		c := exec.Command(program, args...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		return string(out), err
	}
	p := startServer(t, dir)
	var acked atomic.Int64
	var sending sync.WaitGroup
	enough, once := make(chan struct{}), sync.Once{}
	const limit = 400
	for number := range 2 {
		k := &killSender{number: number + 1}
		sending.Go(func() {
			k.send(t, p.url(serve.DoorOTLPHTTP), limit, func() {
				if acked.Add(spansPerKill) > 40*spansPerKill {
					once.Do(func() { close(enough) })
				}
			})
		})
	}
	<-enough
	killed, whole, refused := 0, 0, 0
	for i := range 12 {
		c := exec.Command(program, "backup", "copy", "--server", p.url(serve.DoorPage))
		c.Dir = dir
		var said bytes.Buffer
		c.Stdout, c.Stderr = &said, &said
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(i*i)*time.Millisecond, func() { _ = c.Process.Kill() })
		err := c.Wait()
		timer.Stop()
		if err != nil {
			killed++
			if !strings.Contains(err.Error(), "killed") {
				t.Fatalf("backup %d: %v\n%s", i, err, &said)
			}
		}
		switch out, err := run("verify", "--data", "copy"); {
		case err == nil:
			whole++
		case strings.Contains(out, "unfinished"), strings.Contains(out, "no store in"):
			refused++
		default:
			t.Fatalf("after kill %d: %s", i, out)
		}
		if whole > 0 && i < 6 { // a first backup again
			if err := os.RemoveAll(filepath.Join(dir, "copy")); err != nil {
				t.Fatal(err)
			}
			whole = 0
		}
	}
	before := acked.Load()
	if out, err := run("backup", "copy", "--server", p.url(serve.DoorPage)); err != nil {
		t.Fatalf("the backup after all: %v\n%s", err, out)
	}
	sending.Wait()
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if out, err := run("verify", "--data", "copy"); err != nil {
		t.Fatalf("verify: %v\n%s", err, out)
	}
	again := startServer(t, dir, "--data", "copy")
	have := countSpans(t, again, "")
	if have < before || have > 2*limit*spansPerKill {
		t.Errorf("%d spans, want the %d acknowledged when the backup began, at least", have, before)
	}
	t.Logf("%d killed, %d refused; %d spans of %d", killed, refused, have, acked.Load())
}
