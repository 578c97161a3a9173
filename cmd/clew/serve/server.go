// Package serve is the server: doors, store, dialects and page in one process. It does
// the wiring; what is wired stands in packages of its own.
package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	sampled "github.com/clew-tracing/clew/api/sampling"
	"github.com/clew-tracing/clew/api/xray/account"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/datagram"
	"github.com/clew-tracing/clew/ingest/kafkadoor"
	"github.com/clew-tracing/clew/ingest/otlpdoor"
	"github.com/clew-tracing/clew/internal/census"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/config/auto"
	"github.com/clew-tracing/clew/internal/guard"
	"github.com/clew-tracing/clew/internal/listen"
	"github.com/clew-tracing/clew/internal/machine"
	"github.com/clew-tracing/clew/internal/upkeep"
	"github.com/clew-tracing/clew/internal/usage"
	"github.com/clew-tracing/clew/pipeline"
	"github.com/clew-tracing/clew/sampling"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/state"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

// servicesName is the document of the services' numbers in the store's folder.
const servicesName = "services.doc"

// samplingName is the document of the sampling rules, there too, and accountName that of
// what else somebody put through X-Ray's API.
const (
	samplingName = "sampling.doc"
	accountName  = "xray.doc"
)

// phase is where a server is in its life.
type phase int32

const (
	phaseStarting phase = iota
	phaseReady
	phaseLeaving
)

// server is one running server and its parts.
type server struct {
	settings *config.Resolved
	version  string
	memory   config.MemoryPlan
	log      *slog.Logger
	doors    []*listen.Door
	gate     *guard.Gate
	store    *spandb.DB
	metrics  *metrics
	started  time.Time
	phase    atomic.Int32

	leaving  ingest.Gate // closes the doors
	otlpHTTP *otlpdoor.HTTP
	otlpGRPC *ingest.GRPC

	page     *http.Server      // what is read
	takers   []taker           // the doors of spans
	taking   []*http.Server    // theirs
	inflight *ingest.Budget    // of requests at the doors
	kafka    *kafkadoor.Config // nil: none are taken from there
	// datagrams end when endDatagrams is called, and with what has come by then; so does what
	// is fetched.
	datagrams    sync.WaitGroup
	endDatagrams context.CancelFunc
	// spare are the servers of spare doors, by their names.
	spare map[string]*http.Server
	turns *api.Turns // of questions, in whatever dialect
	cores *cores.Pool
	rpcs  []*api.GRPC
	// healths tell of doors of spans over gRPC.
	healths []*api.GRPC
	// strategies tells Jaeger's clients how to sample, on several addresses.
	strategies *api.GuardedGRPC
	// streams ends what the page's address answers without end, by endStreams.
	streams    context.Context
	endStreams context.CancelFunc
	serving    sync.WaitGroup
	following  sync.WaitGroup // the traffic, for sampling; it ends with streams
	// failed gets the first error of a listener that ended by itself.
	failed chan error
	demo   demoRun

	census   census.Census
	services *state.Services
	rules    *sampling.Book
	accounts *account.Book
	backups  *upkeep.BackupServer
	pipeline pipeline.Holder // what spans are changed by
}

func (s *server) in(p phase) bool { return phase(s.phase.Load()) == p }

// Config is what a server is told.
type Config struct {
	// Settings are those it starts with; Read resolves them anew, at a hangup.
	Settings *config.Resolved
	Read     func() (*config.Resolved, error)
	// Out is told people where the server is, Err gets the log.
	Out, Err io.Writer
	Version  string
}

// Run runs a server until ctx ends.
func Run(ctx context.Context, cfg Config) error {
	r := cfg.Settings
	log, level := NewLogger(cfg.Err, &r.Config)
	s := &server{settings: r, version: cfg.Version, log: log, doors: serverDoors(&r.Config), gate: guard.New(r.Tokens), started: time.Now(), failed: make(chan error, 1)}
	barDatagrams(s.doors, r)
	reload := &reloader{log: log, level: level, gate: s.gate, read: cfg.Read, current: r, setLimits: s.setLimits, pipeline: &s.pipeline}
	through, err := preparePipeline(ctx, &s.pipeline, &r.Config, log)
	if err != nil {
		return err
	}
	s.pipeline.Use(through)
	defer s.pipeline.Use(nil)
	if through != nil {
		through.Await(ctx)
	}
	if r.TLSCert != "" {
		pair, err := readCertificate(&r.Config)
		if err != nil {
			return err
		}
		reload.certificate = &certificate{}
		reload.certificate.pair.Store(pair)
	}
	keys, err := readKeys(r)
	if err != nil {
		return err
	}
	reload.setKeys(keys)
	if s.kafka, err = kafkaConfig(&r.Config); err != nil {
		return err
	}
	if err := s.open(reload.certificate); err != nil {
		return err
	}
	s.start()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	if err = s.announce(cfg.Out); err == nil {
		err = s.wait(ctx, reload, hangups)
	}
	return errors.Join(err, s.shutdown())
}

// open listens and opens the store; on an error neither is left open.
func (s *server) open(cert *certificate) error {
	memory, err := auto.Memory(&s.settings.Config, "/")
	if err != nil {
		return err
	}
	s.memory = memory
	if doubt := auto.Doubt(&s.settings.Config, "/"); doubt != "" {
		s.log.Warn(doubt)
	}
	debug.SetMemoryLimit(s.memory.Go)
	hosts, given := listenHosts(&s.settings.Config), s.settings.Origin["listen"] != ""
	var certConfig *tls.Config
	if cert != nil {
		certConfig = cert.config()
	}
	if err := listen.Open(s.doors, hosts, given, certConfig); err != nil {
		// Whoever starts a second server by mistake has the same store as well as the
		// same ports, and a port is the lesser of the two.
		if inUse := upkeep.MayServe(vfs.OS(), string(s.settings.Data)); inUse != nil {
			err = errors.Join(storeError(string(s.settings.Data), inUse), err)
		}
		return err
	}
	limits, err := storeLimits(&s.settings.Config, string(s.settings.Data))
	if err != nil {
		listen.Close(s.doors)
		return err
	}
	files := vfs.OS()
	s.metrics = newMetrics(s)
	durability, _ := wal.ParseSyncPolicy(s.settings.Durability.Word) // the setting takes only what this knows
	s.store, err = spandb.Open(files, string(s.settings.Data), spandb.Config{
		Retention:  limits.Retention,
		MaxBytes:   limits.MaxBytes,
		Window:     logWindow(s.settings.WALWindow.D),
		Durability: durability,
		SyncEvery:  s.settings.DurabilityInterval.D,
		Memory:     storeMemory(&s.memory),
		Events:     s.storeEvents(),
	})
	if err == nil {
		if err = s.openDocuments(files); err != nil {
			err = errors.Join(err, s.store.Close())
		}
	}
	if err != nil {
		listen.Close(s.doors)
		return storeError(string(s.settings.Data), err)
	}
	return nil
}

// openDocuments reads what is kept beside the spans.
func (s *server) openDocuments(files vfs.FS) (err error) {
	in := func(name string) string { return filepath.Join(string(s.settings.Data), name) }
	if s.services, err = state.OpenServices(files, in(servicesName)); err != nil {
		return err
	}
	var rules map[clew.Tenant][]sampling.Record
	if _, err := state.Load(files, in(samplingName), &rules); err != nil {
		return err
	}
	s.rules = sampling.NewBook(rules, func(all map[clew.Tenant][]sampling.Record) error {
		return state.Save(files, in(samplingName), all)
	})
	var accounts map[clew.Tenant]account.Account
	if _, err := state.Load(files, in(accountName), &accounts); err != nil {
		return err
	}
	s.accounts = account.NewBook(accounts, func(all map[clew.Tenant]account.Account) error {
		return state.Save(files, in(accountName), all)
	})
	return nil
}

// storeError words why the store in dir cannot be opened.
func storeError(dir string, err error) error {
	const mend = "choose another folder with --data (CLEW_DATA)"
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("this user may not write to the store's folder %s: give it to the user, or %s%w", dir, mend, usage.Quietly(err))
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("the store's folder %s is a file, or lies in one: %s%w", dir, mend, usage.Quietly(err))
	case vfs.NoRoom(err):
		return fmt.Errorf("the store in %s cannot be opened: %w; make room on its disk", dir, err)
	case clew.KindOf(err) == clew.Corrupt:
		return DamagedStore(dir, err)
	case clew.KindOf(err) == clew.Internal:
		return fmt.Errorf("the store in %s cannot be opened: %w; %s", dir, err, mend)
	}
	return err
}

// DamagedStore names what mends a store that does not open for damage.
func DamagedStore(dir string, err error) error {
	if clew.KindOf(err) != clew.Corrupt {
		return err
	}
	return fmt.Errorf("the store in %s is damaged: %w; clew verify --repair --data %s mends it", dir, err, dir)
}

// storeMemory is the store's part of this process's memory.
func storeMemory(p *config.MemoryPlan) spandb.Memory {
	return spandb.Memory{Heads: p.Heads, Head: p.Head, Sealers: p.Sealers, Merge: p.Merge, Tables: p.Tables, Blocks: p.Blocks,
		Directories: p.Directories, Log: p.Log, Traces: p.Traces, Values: p.Question()}
}

// storeLimits are what the settings let the store in dir keep.
func storeLimits(c *config.Config, dir string) (spandb.Limits, error) {
	maxBytes, err := auto.Disk(c, vfs.OS(), dir)
	if err != nil {
		return spandb.Limits{}, fmt.Errorf("max-disk auto: %w; give a size with --max-disk", err)
	}
	return spandb.Limits{Retention: c.Retention.D, MaxBytes: maxBytes}, nil
}

// setLimits gives the running store the limits of c.
func (s *server) setLimits(c *config.Config) error {
	limits, err := storeLimits(c, string(s.settings.Data))
	if err == nil {
		s.store.SetLimits(limits)
	}
	return err
}

// logWindow is the setting as the log takes it: there, no waiting is negative.
func logWindow(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// storeEvents tells the log and the metrics what the store does.
func (s *server) storeEvents() spandb.Events {
	return spandb.Events{
		Sealed: func(i spandb.SealInfo) {
			s.metrics.sealed(i)
			s.log.Debug("sealed", "tenant", i.Tenant, "rows", i.Rows, "bytes", i.SizeBytes, "took", i.Took)
		},
		Merged: func(i spandb.MergeInfo) {
			s.log.Debug("merged", "tenant", i.Tenant, "inputs", i.Inputs, "outputs", i.Outputs, "rows", i.Rows,
				"duplicates", i.Duplicates, "joined", i.Joined, "bytes", i.SizeBytes, "took", i.Took)
		},
		Dropped: func(i spandb.DropInfo) {
			s.log.Info("removed old spans", "reason", i.Reason, "segments", i.Segments, "rows", i.Rows, "bytes", i.SizeBytes)
		},
		Damaged: func(err error) { s.log.Error("damage on disk; "+mendText, "error", err) },
		Failed: func(err error) {
			s.log.Error("the store is read-only until a restart: mend the disk", "error", err)
		},
		Full:    func(err error) { s.log.Error("nothing is accepted until there is room", "error", err) },
		Room:    func() { s.log.Info("there is room on the disk again: spans are accepted") },
		Trouble: func(err error) { s.log.Warn("trying again", "error", err) },
		Synced:  s.metrics.synced,
		Replayed: func(r wal.Report) {
			if r.LostRecords > 0 {
				s.log.Warn("requests that were acknowledged are not in the log, as durability interval and os allow", "requests", r.LostRecords)
			}
			if r.TornBytes > 0 {
				s.log.Warn("the log ends in what was never synced, as a power cut leaves it", "bytes", r.TornBytes)
			}
		},
	}
}

// start builds doors and handlers and serves every listener.
func (s *server) start() {
	s.cores = cores.New(0)
	s.cores.Bound(max(s.memory.Queries, config.PlanMemory(s.memory.Total).Queries)) // each takes what a question does
	doors := ingest.Config{
		Appender:     s.store,
		Cores:        s.cores,
		MaxBodyBytes: int(s.memory.MaxRequest),
		Budget:       ingest.NewBudget(s.memory.Inflight),
		Datagrams:    datagram.NewRoom(s.memory.Datagrams),
		Gate:         &s.leaving,
		Pipeline:     s.changes,
		CORSOrigins:  s.settings.CORSOrigins,
	}
	s.inflight = doors.Budget
	s.demo = demoRun{log: s.log, endpoint: loopback(s.doors[1].Address())}
	s.census.Catalog = s.store
	s.streams, s.endStreams = context.WithCancel(context.Background())
	s.turns = api.NewTurns(s.memory.Queries, s.cores)
	s.strategies = s.callable(sampled.NewGRPC(s.asked(), s.notReady, s.rules))
	s.takers = s.newTakers(doors)
	dialects := s.dialects()
	s.page = s.newReader(s.pageHandler(s.apiHandler(), dialects), faultJSON)

	s.following.Go(func() { s.followTraffic(s.streams) })
	serve := map[string]func(net.Listener) error{DoorPage: s.page.Serve}
	s.serveTakers(serve)
	s.spare = make(map[string]*http.Server)
	for _, d := range dialects {
		if d.door == "" {
			continue
		}
		s.spare[d.door] = s.newReader(s.alone(&d), d.fault)
		serve[d.door] = s.spare[d.door].Serve
	}
	for _, d := range s.doors {
		if d.Refusal != nil {
			s.log.Warn("a compatibility address stays closed", "door", d.Name, "error", d.Refusal)
		}
		for _, l := range d.Listeners {
			s.run(d, l, serve[d.Name])
		}
	}
}

// announce says that the server is ready, to those who wait and to people.
func (s *server) announce(out io.Writer) error {
	s.phase.Store(int32(phaseReady))
	if path := string(s.settings.AddressesFile); path != "" {
		if err := listen.WriteAddresses(path, s.doors); err != nil {
			return err
		}
	}
	s.greet(out)
	machine.ReleaseProgram() // most of what is in memory of it was for the start alone
	s.log.Info("ready", "version", s.version, "data", string(s.settings.Data), "page", s.doors[0].Address(), "took", time.Since(s.started).Round(time.Millisecond))
	return nil
}

// wait returns when ctx ends or a listener fails; until then a hangup reloads.
func (s *server) wait(ctx context.Context, reload *reloader, hangups <-chan os.Signal) error {
	if s.settings.Demo {
		s.demo.start(float64(s.settings.DemoRate.N))
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.failed:
			return err
		case <-hangups:
			reload.reload()
		}
	}
}

// run serves one listener until shutdown.
func (s *server) run(d *listen.Door, l net.Listener, serve func(net.Listener) error) {
	s.serving.Go(func() { s.ended(d.Name, l.Addr(), serve(l)) })
}

// ended says that a door ended by an error, unless it was meant to end.
func (s *server) ended(door string, at fmt.Stringer, err error) {
	if err == nil || errors.Is(err, http.ErrServerClosed) || s.in(phaseLeaving) {
		return
	}
	select {
	case s.failed <- fmt.Errorf("%s on %s: %w", door, at, err):
	default: // the first is enough
	}
}

// shutdown ends everything within the promised time. The doors answer "come
// again later" from the first moment to the last, so that no sender is refused a
// connection; meanwhile what is being read ends and the store commits.
func (s *server) shutdown() error {
	began := time.Now()
	s.demo.stop(shutdownDemo)
	s.endDatagrams() // whose senders are told nothing: what has come is taken
	s.datagrams.Wait()
	s.phase.Store(int32(phaseLeaving))
	s.leaving.Drain()
	s.log.Info("ending: new requests are told to come again")
	streams := time.AfterFunc(shutdownStreams, s.endStreams)
	defer streams.Stop()
	s.stopReaders()
	s.endStreams()
	for _, g := range s.rpcs {
		g.Stop() // whose methods may outlive their requests
	}
	s.backups.Close()
	s.following.Wait()
	err := s.store.Close()
	for _, g := range s.healths {
		g.Stop() // whose streams would hold the doors up
	}
	var doors sync.WaitGroup
	for _, h := range s.taking {
		doors.Go(func() { stopHTTP(h, shutdownDoors) })
	}
	doors.Wait()
	listen.Close(s.doors)
	s.serving.Wait()
	if err != nil {
		s.log.Error("the store did not close well", "error", err)
		return fmt.Errorf("close the store in %s: %w", s.settings.Data, err)
	}
	s.log.Info("ended", "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// newReader is newHTTPServer for an address where things are read.
func (s *server) newReader(h http.Handler, fail func(http.ResponseWriter, *http.Request)) *http.Server {
	out := s.newHTTPServer(h, fail)
	out.BaseContext = func(net.Listener) context.Context { return s.streams }
	return out
}

// stopReaders ends all that is read.
func (s *server) stopReaders() {
	var readers sync.WaitGroup
	readers.Go(func() { stopHTTP(s.page, shutdownPage) })
	for _, h := range s.spare {
		readers.Go(func() { stopHTTP(h, shutdownPage) })
	}
	readers.Wait()
}

// stopHTTP waits for requests in flight, at most patience, then cuts them.
func stopHTTP(h *http.Server, patience time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if h.Shutdown(ctx) != nil {
		_ = h.Close() // what is left has had its time
	}
}
