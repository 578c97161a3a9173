package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs testdata/script/*.txt through the real program. Besides
// testscript's own commands there are
//
//	start NAME [FLAGS]            runs clew serve on free ports until it is ready;
//	                              sets $NAME_page, $NAME_otlp_http, $NAME_otlp_grpc,
//	                              and so for every door; $NAME_DOOR_port is its port
//	[!] terminate NAME            SIGTERM; fails unless it exits with 0
//	sigkill NAME                  SIGKILL
//	hangup NAME TEXT              SIGHUP, then waits until the log says TEXT
//	log NAME                      shows what it printed, log and all, as stdout
//	flip DIR                      turns a bit in the middle of the largest file below
//	smalldisk DIR                 mounts a disk of 8 MB there; [smalldisk] says if it can
//	fill FILE                     writes a file until the disk is full
//	await URL TEXT                asks until the answer holds TEXT
//	http METHOD URL [BODY] [HEADER: VALUE]…
//	                              sends the file BODY (- for none); shows status,
//	                              headers and body as stdout
//	datagram ADDRESS FILE         sends the file as a datagram, without the line feed at
//	                              its end
//	call ADDRESS METHOD REQUEST [NAME: VALUE]…
//	                              calls a method of gRPC with REQUEST, which is JSON;
//	                              shows the messages as JSON, trailers and status
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Values[processesKey{}] = map[string]*process{}
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			env.Defer(func() {
				for _, p := range env.Values[processesKey{}].(map[string]*process) {
					p.kill()
				}
			})
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "smalldisk" {
				return false, fmt.Errorf("no condition is called %s", name)
			}
			dir := t.TempDir()
			defer unmount(dir)
			return mountSmall(dir, 1<<20) == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": scriptStart, "terminate": scriptTerminate, "sigkill": scriptKill, "hangup": scriptHangup, "log": scriptLog, "http": scriptHTTP, "flip": scriptFlip,
			"smalldisk": scriptSmallDisk, "fill": scriptFill, "await": scriptAwait, "call": scriptCall, "datagram": scriptDatagram,
		},
	})
}

type processesKey struct{}

func scriptProcess(ts *testscript.TestScript, args []string) *process {
	if len(args) == 0 {
		ts.Fatalf("which server?")
	}
	p := ts.Value(processesKey{}).(map[string]*process)[args[0]]
	if p == nil {
		ts.Fatalf("no server is called %s", args[0])
	}
	return p
}

func scriptStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: start NAME [FLAGS]")
	}
	var program string
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, "clew"); program == "" && exists(path) {
			program = path
		}
	}
	environ := []string{"HOME=" + ts.Getenv("HOME"), "PATH=" + ts.Getenv("PATH"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	p, err := startProcess(program, ts.Getenv("WORK"), environ, append(append([]string{"serve"}, freePorts...), args[1:]...)...)
	ts.Check(err)
	ts.Value(processesKey{}).(map[string]*process)[args[0]] = p
	for door := range p.addresses {
		ts.Setenv(args[0]+"_"+strings.ReplaceAll(door, "-", "_"), p.url(door))
		_, port, err := net.SplitHostPort(p.addresses[door][0])
		ts.Check(err)
		ts.Setenv(args[0]+"_"+strings.ReplaceAll(door, "-", "_")+"_port", port)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func scriptTerminate(ts *testscript.TestScript, neg bool, args []string) {
	p := scriptProcess(ts, args)
	if err := p.stop(); (err != nil) != neg {
		ts.Fatalf("terminate %s: %v\n%s", args[0], err, p.log)
	}
}

func scriptKill(ts *testscript.TestScript, _ bool, args []string) { scriptProcess(ts, args).kill() }

func scriptLog(ts *testscript.TestScript, _ bool, args []string) {
	p := scriptProcess(ts, args)
	fmt.Fprint(ts.Stdout(), p.out.String(), p.log.String())
}

func scriptHangup(ts *testscript.TestScript, _ bool, args []string) {
	p := scriptProcess(ts, args)
	if len(args) != 2 {
		ts.Fatalf("usage: hangup NAME TEXT")
	}
	before := strings.Count(p.log.String(), args[1])
	ts.Check(p.cmd.Process.Signal(syscall.SIGHUP))
	if !p.log.await(args[1], before+1, p.exited) {
		ts.Fatalf("the server has gone without saying %q:\n%s", args[1], p.log)
	}
}

func scriptFlip(ts *testscript.TestScript, _ bool, args []string) {
	largest, size := "", int64(0)
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > size {
			largest, size = path, info.Size()
		}
		return err
	}))
	content, err := os.ReadFile(largest)
	ts.Check(err)
	content[size/2] ^= 0x10
	ts.Check(os.WriteFile(largest, content, 0o600))
}

func scriptSmallDisk(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(mountSmall(dir, 8<<20))
	ts.Defer(func() { unmount(dir) })
}

func scriptAwait(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: await URL TEXT")
	}
	last := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		resp, err := http.DefaultClient.Get(args[0])
		ts.Check(err)
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		ts.Check(err)
		if last = string(text); strings.Contains(last, args[1]) {
			return
		}
	}
	ts.Fatalf("%s never said %q, at last:\n%s", args[0], args[1], last)
}

func scriptFill(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else {
			ts.Check(err)
		}
	}
}

func scriptHTTP(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: http METHOD URL [BODY] [HEADER: VALUE]…")
	}
	var body io.Reader
	if len(args) > 2 && args[2] != "-" {
		body = strings.NewReader(ts.ReadFile(args[2]))
	}
	req, err := http.NewRequest(args[0], args[1], body)
	ts.Check(err)
	for _, h := range args[min(3, len(args)):] {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), resp.Status)
	ts.Check(resp.Header.Write(ts.Stdout()))
	fmt.Fprintf(ts.Stdout(), "\n%s\n", text)
	if ok := resp.StatusCode/100 == 2; ok == neg {
		ts.Fatalf("%s %s: %s\n%s", args[0], args[1], resp.Status, text)
	}
}

func scriptDatagram(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: datagram ADDRESS FILE")
	}
	to, err := net.Dial("udp", strings.TrimPrefix(args[0], "http://"))
	ts.Check(err)
	_, err = to.Write([]byte(strings.TrimSuffix(ts.ReadFile(args[1]), "\n")))
	ts.Check(err)
	ts.Check(to.Close())
}
