package bench

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/clew-tracing/clew/internal/bench/foreign"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/internal/load"
	"github.com/spf13/cobra"
)

// options is what `clew bench` was asked.
type options struct {
	corpus         string
	seed           uint64
	spans          int
	perRequest     int
	encoding       string
	format         foreign.Format
	protocol       load.Protocol
	clients        int
	rate           float64
	runs           int
	over           time.Duration
	queries        bool
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
	stages         bool
	profileSeconds int
	askers         int
	before         int
	environ        []string // for a server of the bench's own
}

// usageError makes the error of a command that was not tried, because the
// caller got a flag or an argument wrong.
type usageError = func(format string, args ...any) error

// NewCommand builds `clew bench`. A server of its own gets environ without the
// settings of clew. What is wrong with a flag or an argument is worded by
// usagef; any other error says that a run failed, was interrupted
// (clew.Canceled) or is void. The command writes its report to its output and
// its progress to its error output.
func NewCommand(environ []string, usagef usageError) *cobra.Command {
	o := options{environ: environ}
	c := &cobra.Command{
		Use:   "bench [-- SERVE-FLAG…]",
		Short: "Measure what a server costs per span",
		Long: `Send a corpus of made-up traces to a server, check that it found every span of
it again, and print what that cost.

Without --endpoint it starts a server of its own for each run, in a new folder,
on free ports; flags after -- are given to that server. With --endpoint it sends
to any endpoint that takes the format; --pid, --disk-path and --api say how to
measure and ask it. With --format the same spans go in as clients of X-Ray, Zipkin
or Jaeger send them, by the doors for those.
docs/benchmarks.md says what each figure means.`,
		Example: `  clew bench
  clew bench --queries --spans 5000000
  clew bench --corpus wide --encoding gzip --runs 5
  clew bench --protocol grpc --encoding identity -- --wal-window 0s
  clew bench --format zipkin-json --encoding identity --runs 5
  clew bench --askers 200 --rate 250000
  clew bench --endpoint http://localhost:10428/insert/opentelemetry/v1/traces \
             --pid 4711 --disk-path /var/lib/other`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 && c.ArgsLenAtDash() != 0 {
				return usagef("bench takes no arguments, except flags for the server after --")
			}
			o.serverArgs = args
			if err := o.validate(usagef); err != nil {
				return err
			}
			if o.queries && o.over == 0 {
				o.over = time.Hour
			}
			return measureAll(c.Context(), &o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.corpus, "corpus", string(corpus.Shop), "which traces: shop, huge (100,000 spans each) or wide (300 sparse attributes)")
	f.Uint64Var(&o.seed, "seed", 1, "makes another corpus of the same kind")
	f.IntVar(&o.spans, "spans", 1_000_000, "how many spans to send")
	f.IntVar(&o.perRequest, "per-request", corpus.DefaultPerRequest, "how many spans go into a request")
	f.StringVar(&o.encoding, "encoding", string(load.Zstd), "how requests are compressed: identity, gzip or zstd")
	f.StringVar((*string)(&o.format), "format", string(foreign.OTLP), "how spans are written: otlp, otlp-json, xray, zipkin-json, zipkin-protobuf, zipkin-thrift, jaeger-protobuf (grpc) or jaeger-thrift")
	f.StringVar((*string)(&o.protocol), "protocol", "", "http or grpc; http unless the format has another")
	f.IntVar(&o.clients, "clients", 32, "how many requests are in flight at once, each on its own connection")
	f.Float64Var(&o.rate, "rate", 0, "spans per second; 0 is as fast as the server takes them")
	f.IntVar(&o.runs, "runs", 1, "how often to measure; the table shows medians")
	f.BoolVar(&o.queries, "queries", false, "time a list of questions, warm, over a corpus that lasts an hour unless --over says otherwise")
	f.DurationVar(&o.over, "over", 0, "how much event time the corpus lasts; 0s is 5,000 spans per second, or an hour with --queries")
	f.DurationVar(&o.settle, "settle", defaultSettle, "how long after the last acknowledgement CPU and disk are read")
	f.StringVar(&o.dir, "dir", ".", "where the folders of the bench's own servers are made and removed: a real disk, not a tmpfs")
	f.StringVar(&o.server, "server", "", "another clew binary to measure, instead of this one")
	f.StringVar(&o.endpoint, "endpoint", "", "send to this server: a URL for http, host:port for grpc")
	f.StringVar(&o.api, "api", "", "with --endpoint: the address of its clew API, to check and time queries")
	f.IntSliceVar(&o.pids, "pid", nil, "with --endpoint: the processes whose CPU and memory count")
	f.StringSliceVar(&o.diskPaths, "disk-path", nil, "with --endpoint: the folders whose size counts")
	f.BoolVar(&o.json, "json", false, "print every run as JSON")
	f.StringVar(&o.profile, "profile", "", "write a CPU profile of the server under load to this file; the server must expose /debug/pprof")
	f.BoolVar(&o.stages, "stages", false, "split the server's CPU by stage, from a profile that it takes of itself while it works")
	f.IntVar(&o.profileSeconds, "profile-seconds", 10, "how long --profile and --stages record")
	f.IntVar(&o.askers, "askers", 0, "how many ask questions while spans come in, one after the other, about --before spans that came before")
	f.IntVar(&o.before, "before", defaultBefore, "with --askers: how many spans are sent, unmeasured, for them to ask about")
	return c
}

// validate says which flag is wrong.
func (o *options) validate(usagef usageError) error {
	for _, check := range []struct {
		ok   bool
		text string
	}{
		{o.spans > 0, "--spans: want 1 or more"},
		{o.perRequest > 0, "--per-request: want 1 or more"},
		{o.runs > 0 && o.runs <= maxRuns, fmt.Sprintf("--runs: want 1 to %d", maxRuns)},
		{o.clients > 0 && o.clients <= load.MaxClients, fmt.Sprintf("--clients: want 1 to %d", load.MaxClients)},
		{o.rate >= 0, "--rate: want 0 or more"},
		{o.over >= 0, "--over: want 0s or more"},
		{!o.queries || o.endpoint == "" || o.api != "" && len(o.pids) > 0, "--queries with --endpoint needs --api and --pid"},
		{o.settle >= 0, "--settle: want 0s or more"},
		{o.askers >= 0 && o.askers <= maxAskers, fmt.Sprintf("--askers: want 0 to %d", maxAskers)},
		{o.askers == 0 || o.endpoint == "", "--askers: only a server of the bench's own can be asked, as it holds nothing else"},
		{o.before > 0, "--before: want 1 or more"},
		{o.profileSeconds > 0, "--profile-seconds: want 1 or more"},
		{o.endpoint != "" || o.api == "" && len(o.pids) == 0 && len(o.diskPaths) == 0, "--api, --pid and --disk-path go with --endpoint"},
		{o.endpoint == "" || o.server == "" && len(o.serverArgs) == 0, "--endpoint measures a server that runs already: it cannot go with --server or flags after --"},
		{o.profile == "" && !o.stages || o.endpoint == "" || o.api != "", "--profile and --stages with --endpoint need --api"},
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
	if err := o.settleProtocol(usagef); err != nil {
		return err
	}
	if _, err := corpus.New(corpus.Name(o.corpus), o.seed, o.spans); err != nil {
		return usagef("--corpus: %w", err)
	}
	return nil
}

// settleProtocol looks at the format and the protocol, which is the format's usual one if
// nobody said.
func (o *options) settleProtocol(usagef usageError) error {
	format, err := foreign.Parse(string(o.format))
	if err != nil {
		return usagef("--format: %w", err)
	}
	if format != foreign.OTLP && (o.queries || o.askers > 0) {
		return usagef("--format %s: --queries and --askers ask for what only OTLP has: leave them out", format)
	}
	usual := format.Protocols()
	if o.protocol == "" {
		o.protocol = usual[0]
	}
	if _, err := load.ParseProtocol(string(o.protocol)); err != nil {
		return usagef("--protocol: %w", err)
	}
	if !slices.Contains(usual, o.protocol) {
		return usagef("--protocol %s: --format %s goes over %s", o.protocol, format, usual[0])
	}
	return nil
}
