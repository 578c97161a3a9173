package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/clew-tracing/clew/internal/bench/foreign"
	"github.com/clew-tracing/clew/internal/load"
)

// target is the server that a run measures: one of the bench's own, or one
// that ran already.
type target struct {
	endpoint string  // of the door that is measured
	api      *client // of its API; nil: it has none that we know
	pids     []int
	paths    []string

	begun cpuTime // before the first request

	// Of a server of one's own.
	process *exec.Cmd
	ended   chan error
	log     *serverLog
	dir     string
}

// pageDoor is the name of the server's API in its addresses file.
const pageDoor = "page"

// addresses is what `clew serve` writes to --addresses-file: by door, all
// addresses it listens on.
type addresses map[string][]string

func newTarget(ctx context.Context, o *options) (*target, error) {
	if o.endpoint == "" {
		return startServer(ctx, o)
	}
	t := &target{endpoint: o.endpoint, pids: o.pids, paths: o.diskPaths}
	if o.api != "" {
		base, err := url.Parse(strings.TrimSuffix(o.api, "/"))
		if err != nil {
			return nil, err
		}
		t.api = newClient(base)
	}
	return t, nil
}

// startServer runs `clew serve` in a new folder on free ports and waits
// until it is ready.
func startServer(ctx context.Context, o *options) (*target, error) {
	binary := o.server
	if binary == "" {
		var err error
		if binary, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(o.dir, "clew-bench-*")
	if err != nil {
		return nil, fmt.Errorf("--dir: %w", err)
	}
	t := &target{dir: dir, ended: make(chan error, 1), paths: []string{filepath.Join(dir, "data")}}
	if t.log, err = newServerLog(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	file := filepath.Join(dir, "addresses.json")
	args := append([]string{"clew", "serve", "--data", t.paths[0], "--http-port", "0", "--otlp-grpc-port", "0", "--otlp-http-port", "0",
		"--listen", "127.0.0.1", "--addresses-file", file}, o.doorArgs()...)
	args = append(args, o.serverArgs...)
	t.process = &exec.Cmd{Path: binary, Args: args, Stdout: t.log.file, Stderr: t.log.file, Env: serverEnviron(o.environ)}
	if err := t.process.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the server: %w", err), t.log.file.Close(), os.RemoveAll(dir))
	}
	t.pids = []int{t.process.Process.Pid}
	go func() { t.ended <- t.process.Wait() }()
	listening, err := t.awaitAddresses(ctx, file)
	if err == nil {
		err = t.connect(o, listening)
	}
	if err != nil {
		return nil, errors.Join(err, t.complaint(), t.stop())
	}
	return t, nil
}

// doorArgs are the flags that open the door of the format on a free port, if it is not one of
// OTLP's, which every server of the bench's own has there.
func (o *options) doorArgs() []string {
	if o.format == foreign.OTLP || o.format == foreign.OTLPJSON {
		return nil
	}
	_, setting := o.format.Door(o.protocol)
	return []string{"--" + setting, "0"}
}

// serverEnviron leaves out the settings of the person who measures: a run says
// by its flags what it measured.
func serverEnviron(environ []string) []string {
	kept := make([]string, 0, len(environ)) // never nil, which would mean the bench's own
	for _, v := range environ {
		if !strings.HasPrefix(v, "CLEW_") {
			kept = append(kept, v)
		}
	}
	return kept
}

// awaitAddresses waits for the file that the server writes once it is ready.
func (t *target) awaitAddresses(ctx context.Context, file string) (a addresses, err error) {
	ctx, cancel := context.WithTimeout(ctx, startupTime)
	defer cancel()
	for {
		text, err := os.ReadFile(file)
		if err == nil { // it appears whole
			return a, json.Unmarshal(text, &a)
		}
		select {
		case err := <-t.ended:
			t.ended <- err
			return a, fmt.Errorf("the server ended before it was ready: %v", err)
		default:
		}
		if pause(ctx, pollEvery) != nil {
			return a, fmt.Errorf("the server wrote no %s within %v", filepath.Base(file), startupTime)
		}
	}
}

func (t *target) connect(o *options, a addresses) error {
	door, _ := o.format.Door(o.protocol)
	for _, name := range []string{pageDoor, door} {
		if len(a[name]) == 0 {
			return fmt.Errorf("the server opened no %s: %v", name, a)
		}
	}
	t.endpoint = a[door][0]
	if o.protocol == load.HTTP {
		t.endpoint = "http://" + t.endpoint
	}
	t.api = newClient(&url.URL{Scheme: "http", Host: a[pageDoor][0]})
	return nil
}

// stop ends a server of one's own and removes its folder. A server that does
// not end in order when told to is an error.
func (t *target) stop() error {
	if t.process == nil {
		return nil
	}
	var err error
	select {
	case ended := <-t.ended:
		err = errors.Join(fmt.Errorf("the server ended by itself: %v", ended), t.complaint())
	default:
		err = t.terminate()
	}
	return errors.Join(err, t.log.file.Close(), os.RemoveAll(t.dir))
}

func (t *target) terminate() error {
	if err := t.process.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	timer := time.NewTimer(shutdownTime)
	defer timer.Stop()
	select {
	case err := <-t.ended:
		if err != nil {
			return errors.Join(fmt.Errorf("the server ended badly: %w", err), t.complaint())
		}
		return nil
	case <-timer.C:
		err := t.process.Process.Kill()
		<-t.ended
		return errors.Join(fmt.Errorf("the server did not end within %v of SIGTERM and was killed", shutdownTime), err)
	}
}

// complaint is the end of the server's log as an error, nil if it said nothing.
func (t *target) complaint() error {
	if t.log == nil {
		return nil
	}
	if text := strings.TrimSpace(t.log.tail()); text != "" {
		return fmt.Errorf("the server's log ends with:\n%s", text)
	}
	return nil
}

// startMeters is called right before the first request.
func (t *target) startMeters() (err error) {
	t.begun, err = readCPU(t.pids)
	return err
}

// readLoaded is called right after the last acknowledgement.
func (t *target) readLoaded(ctx context.Context, run *measurement) error {
	cpu, err := readCPU(t.pids)
	if err != nil {
		return err
	}
	if len(t.pids) > 0 {
		run.CPUMicrosLoading = perSpan(float64(cpu.sub(t.begun).total().Nanoseconds())/1e3, int(run.Accepted))
	}
	if t.api == nil {
		return nil
	}
	var h health
	if err := t.api.ask(ctx, http.MethodGet, "/api/v1/health", nil, &h); err != nil {
		return err
	}
	run.LogBytes = perSpan(float64(h.Store.WALBytes), int(run.Accepted))
	return nil
}

// health is the part of /api/v1/health that a report shows.
type health struct {
	Store struct {
		Segments int   `json:"segments"`
		HeadRows int64 `json:"headRows"`
		WALBytes int64 `json:"walBytes"`
	} `json:"store"`
}

// readSettled reads all meters when the server has come to rest.
func (t *target) readSettled(ctx context.Context, run *measurement, spans int) error {
	if len(t.pids) > 0 {
		cpu, err := readCPU(t.pids)
		if err != nil {
			return err
		}
		used := cpu.sub(t.begun)
		run.CPUMicros = perSpan(float64(used.total().Nanoseconds())/1e3, spans)
		run.CPUMicrosSystem = perSpan(float64(used.System.Nanoseconds())/1e3, spans)
	}
	var err error
	if run.PeakRSS, err = t.peakRSS(); err != nil {
		return err
	}
	size, err := folderSize(t.paths)
	if err != nil {
		return err
	}
	run.DiskBytes = perSpan(float64(size), spans)
	if run.DiskFamilies, err = families(t.paths, spans); err != nil {
		return err
	}
	if t.api == nil {
		return nil
	}
	var h health
	if err := t.api.ask(ctx, http.MethodGet, "/api/v1/health", nil, &h); err != nil {
		return err
	}
	run.Segments, run.UnsealedSpans = h.Store.Segments, h.Store.HeadRows
	return nil
}

func (t *target) peakRSS() (int64, error) { return readPeakRSS(t.pids) }

func perSpan(v float64, spans int) float64 {
	if spans == 0 {
		return 0
	}
	return v / float64(spans)
}

// startProfile asks the server for a CPU profile while the load runs, if anybody
// wants one. The channel yields one error or nil when run and file have it.
func (t *target) startProfile(ctx context.Context, o *options, run *measurement) <-chan error {
	done := make(chan error, 1)
	if o.profile == "" && !o.stages {
		done <- nil
		return done
	}
	go func() { done <- t.takeProfile(ctx, o, run) }()
	return done
}

func (t *target) takeProfile(ctx context.Context, o *options, run *measurement) error {
	resp, err := t.api.do(ctx, http.MethodGet, fmt.Sprintf("/debug/pprof/profile?seconds=%d", o.profileSeconds), nil, nil)
	if err != nil {
		return fmt.Errorf("--profile, --stages: the server gives no CPU profile: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxProfileBytes))
	if err != nil {
		return fmt.Errorf("--profile, --stages: %w", err)
	}
	if o.stages {
		if run.StageShares, err = splitProfile(data); err != nil {
			return err
		}
	}
	if o.profile == "" {
		return nil
	}
	if err := os.WriteFile(o.profile, data, 0o644); err != nil {
		return fmt.Errorf("--profile: %w", err)
	}
	return nil
}
