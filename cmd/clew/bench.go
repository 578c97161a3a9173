package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/internal/load"
	"github.com/spf13/cobra"
)

// benchOptions is what `clew bench` was asked.
type benchOptions struct {
	corpus         string
	seed           uint64
	spans          int
	perRequest     int
	encoding       string
	protocol       string
	clients        int
	rate           float64
	runs           int
	settle         time.Duration
	dir            string
	server         string
	serverArgs     []string
	endpoint       string
	api            string
	pids           []int
	diskPaths      []string
	json           bool
	profile        string
	profileSeconds int
}

// newBenchCommand builds `clew bench`.
func newBenchCommand() *cobra.Command {
	var o benchOptions
	c := &cobra.Command{
		Use:   "bench [-- SERVE-FLAG…]",
		Short: "Measure what a server costs per span",
		Long: `Send a corpus of made-up traces to a server, check that it found every span of
it again, and print what that cost.

Without --endpoint it starts a server of its own for each run, in a new folder,
on free ports; flags after -- are given to that server. With --endpoint it sends
to any OTLP endpoint; --pid, --disk-path and --api say how to measure and ask it.
docs/benchmarks.md says what each figure means.`,
		Example: `  clew bench
  clew bench --corpus wide --encoding gzip --runs 5
  clew bench --protocol grpc --encoding identity -- --wal-window 0s
  clew bench --endpoint http://localhost:10428/insert/opentelemetry/v1/traces \
             --pid 4711 --disk-path /var/lib/other`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 && c.ArgsLenAtDash() != 0 {
				return usagef("bench takes no arguments, except flags for the server after --")
			}
			o.serverArgs = args
			if err := o.validate(); err != nil {
				return err
			}
			return runBench(c.Context(), &o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.corpus, "corpus", string(corpus.Shop), "which traces: shop, huge (100,000 spans each) or wide (300 sparse attributes)")
	f.Uint64Var(&o.seed, "seed", 1, "makes another corpus of the same kind")
	f.IntVar(&o.spans, "spans", 1_000_000, "how many spans to send")
	f.IntVar(&o.perRequest, "per-request", corpus.DefaultPerRequest, "how many spans go into a request")
	f.StringVar(&o.encoding, "encoding", string(load.Zstd), "how requests are compressed: identity, gzip or zstd")
	f.StringVar(&o.protocol, "protocol", string(load.HTTP), "http or grpc")
	f.IntVar(&o.clients, "clients", 32, "how many requests are in flight at once, each on its own connection")
	f.Float64Var(&o.rate, "rate", 0, "spans per second; 0 is as fast as the server takes them")
	f.IntVar(&o.runs, "runs", 1, "how often to measure; the table shows medians")
	f.DurationVar(&o.settle, "settle", benchSettle, "how long after the last acknowledgement CPU and disk are read")
	f.StringVar(&o.dir, "dir", ".", "where the folders of the bench's own servers are made and removed: a real disk, not a tmpfs")
	f.StringVar(&o.server, "server", "", "another clew binary to measure, instead of this one")
	f.StringVar(&o.endpoint, "endpoint", "", "send to this server: a URL for http, host:port for grpc")
	f.StringVar(&o.api, "api", "", "with --endpoint: the address of its clew API, to check and time queries")
	f.IntSliceVar(&o.pids, "pid", nil, "with --endpoint: the processes whose CPU and memory count")
	f.StringSliceVar(&o.diskPaths, "disk-path", nil, "with --endpoint: the folders whose size counts")
	f.BoolVar(&o.json, "json", false, "print every run as JSON")
	f.StringVar(&o.profile, "profile", "", "write a CPU profile of the server under load to this file; the server must expose /debug/pprof")
	f.IntVar(&o.profileSeconds, "profile-seconds", 10, "how long --profile records")
	return c
}

// validate says which flag is wrong.
func (o *benchOptions) validate() error {
	for _, check := range []struct {
		ok   bool
		text string
	}{
		{o.spans > 0, "--spans: want 1 or more"},
		{o.perRequest > 0, "--per-request: want 1 or more"},
		{o.runs > 0 && o.runs <= maxBenchRuns, fmt.Sprintf("--runs: want 1 to %d", maxBenchRuns)},
		{o.clients > 0 && o.clients <= load.MaxClients, fmt.Sprintf("--clients: want 1 to %d", load.MaxClients)},
		{o.rate >= 0, "--rate: want 0 or more"},
		{o.settle >= 0, "--settle: want 0s or more"},
		{o.profileSeconds > 0, "--profile-seconds: want 1 or more"},
		{o.endpoint != "" || o.api == "" && len(o.pids) == 0 && len(o.diskPaths) == 0, "--api, --pid and --disk-path go with --endpoint"},
		{o.endpoint == "" || o.server == "" && len(o.serverArgs) == 0, "--endpoint measures a server that runs already: it cannot go with --server or flags after --"},
		{o.profile == "" || o.endpoint == "" || o.api != "", "--profile with --endpoint needs --api"},
	} {
		if !check.ok {
			return usagef("%s", check.text)
		}
	}
	if base, err := url.Parse(o.api); o.api != "" && (err != nil || base.Host == "") {
		return usagef("--api %q: want http://host:port", o.api)
	}
	if _, err := load.ParseEncoding(o.encoding); err != nil {
		return usagef("--encoding: %w", err)
	}
	if _, err := load.ParseProtocol(o.protocol); err != nil {
		return usagef("--protocol: %w", err)
	}
	if _, err := corpus.New(corpus.Name(o.corpus), o.seed, o.spans); err != nil {
		return usagef("--corpus: %w", err)
	}
	return nil
}

// runBench measures as often as asked and prints one report. Its error says
// that a run is void: what was sent was not all accepted, or was not found.
func runBench(ctx context.Context, o *benchOptions, out, progress io.Writer) error {
	report := &benchReport{Corpus: o.corpus, Seed: o.seed, Spans: o.spans, Protocol: o.protocol, Encoding: o.encoding,
		Clients: o.clients, Rate: o.rate, SettleSeconds: o.settle.Seconds(), Machine: readMachine()}
	var traffic *benchTraffic
	defer func() {
		if traffic != nil {
			_ = traffic.spool.Close() // a temporary file without a name
		}
	}()
	for i := range o.runs {
		// A server of one's own is new in each run and can get the same bytes; any
		// other may rightly drop bytes it has seen.
		if traffic == nil || o.endpoint != "" {
			if traffic != nil {
				_ = traffic.spool.Close()
			}
			var err error
			fmt.Fprintf(progress, "making %d spans of corpus %s\n", o.spans, o.corpus)
			if traffic, err = makeTraffic(o, o.seed+uint64(i), time.Now()); err != nil {
				return err
			}
		}
		fmt.Fprintf(progress, "run %d of %d\n", i+1, o.runs)
		run, err := measure(ctx, o, traffic, progress)
		if ctx.Err() != nil {
			return clew.Errorf(clew.Canceled, "interrupted")
		}
		if err != nil {
			return fmt.Errorf("run %d: %w", i+1, err)
		}
		report.Runs = append(report.Runs, *run)
	}
	report.RawBytes = float64(traffic.spool.RawBytes()) / float64(o.spans)
	report.SentBytes = float64(traffic.spool.EncodedBytes()) / float64(o.spans)
	if err := report.print(out, o.json); err != nil {
		return err
	}
	var void []error
	for i := range report.Runs {
		for _, reason := range report.Runs[i].Void {
			void = append(void, fmt.Errorf("run %d is void: %s", i+1, reason))
		}
	}
	return errors.Join(void...)
}

// benchTraffic is a corpus ready to be sent, and what must be found of it.
type benchTraffic struct {
	spool *load.Spool
	truth *corpus.Truth
}

// makeTraffic makes a corpus whose event time ends about now.
func makeTraffic(o *benchOptions, seed uint64, now time.Time) (*benchTraffic, error) {
	c, err := corpus.New(corpus.Name(o.corpus), seed, o.spans)
	if err != nil {
		return nil, err
	}
	c.PerRequest = o.perRequest
	lasts := time.Duration(float64(o.spans) / c.SpansPerSecond * float64(time.Second))
	c.Start = now.Add(-lasts - benchEventLag)
	encoding, err := load.ParseEncoding(o.encoding)
	if err != nil {
		return nil, err
	}
	spool, err := load.NewSpool("", encoding, load.DefaultSpoolMemory)
	if err != nil {
		return nil, err
	}
	var body []byte
	for {
		var n int
		if body, n = c.Next(body[:0]); n == 0 {
			return &benchTraffic{spool, c.Truth()}, nil
		}
		if err := spool.Add(body, n); err != nil {
			return nil, errors.Join(err, spool.Close())
		}
	}
}

// measure is one run: load, settle, read the meters, ask.
func measure(ctx context.Context, o *benchOptions, traffic *benchTraffic, progress io.Writer) (run *benchRun, err error) {
	target, err := newBenchTarget(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, target.stop()) }()
	run = &benchRun{}
	profiled := target.startProfile(ctx, o)
	if err := benchLoad(ctx, o, traffic, target, run); err != nil {
		return nil, errors.Join(err, target.complaint(), <-profiled)
	}
	fmt.Fprintf(progress, "loaded %.0f spans/s; settling for %v\n", run.SpansPerSecond, o.settle)
	if err := pause(ctx, o.settle); err != nil {
		return nil, err
	}
	if err := target.readSettled(ctx, run, o.spans); err != nil {
		return nil, errors.Join(err, target.complaint())
	}
	if err := <-profiled; err != nil {
		return nil, err
	}
	if target.client == nil {
		return run, nil
	}
	fmt.Fprintf(progress, "asking\n")
	if err := benchQueries(ctx, target, traffic.truth, run, o.endpoint == ""); err != nil {
		return nil, errors.Join(err, target.complaint())
	}
	run.PeakRSSAfterQueries, err = target.peakRSS()
	return run, err
}

// benchLoad sends everything and notes what the sender saw.
func benchLoad(ctx context.Context, o *benchOptions, traffic *benchTraffic, target *benchTarget, run *benchRun) error {
	protocol, err := load.ParseProtocol(o.protocol)
	if err != nil {
		return err
	}
	if err := target.startMeters(); err != nil {
		return err
	}
	result, err := load.Run(ctx, traffic.spool, load.Config{Protocol: protocol, Endpoint: target.endpoint, Clients: o.clients, SpansPerSecond: o.rate})
	if err != nil {
		return err
	}
	run.Accepted, run.Rejected, run.Failed, run.Throttled = result.Accepted, result.Rejected, result.Failed, result.Throttled
	run.Seconds = result.Elapsed.Seconds()
	run.SpansPerSecond = float64(result.Accepted) / run.Seconds
	run.LatencyMillis = benchLatency{millis(result.Latency.Quantile(0.5)), millis(result.Latency.Quantile(0.99)), millis(result.Latency.Max())}
	if result.Accepted != traffic.spool.Spans() {
		run.Void = append(run.Void, fmt.Sprintf("%d spans sent, %d accepted, %d rejected, %d failed: %v",
			traffic.spool.Spans(), result.Accepted, result.Rejected, result.Failed, result.FirstError))
	}
	return target.readLoaded(ctx, run)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// benchServerLog keeps the end of what a server says, for when it dies.
type benchServerLog struct{ file *os.File }

func newBenchServerLog() (*benchServerLog, error) {
	f, err := os.CreateTemp("", "clew-bench-log-*")
	if err != nil {
		return nil, err
	}
	return &benchServerLog{f}, os.Remove(f.Name())
}

func (l *benchServerLog) tail() string {
	size, err := l.file.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	at := max(0, size-benchLogTail)
	text := make([]byte, size-at)
	n, err := l.file.ReadAt(text, at)
	if err != nil && err != io.EOF {
		return ""
	}
	return string(text[:n])
}
