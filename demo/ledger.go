package demo

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Stats are the accounts of a run. After Run has returned they are final and
//
//	Started = Exported + Failed + Dropped
//
// While it runs, spans under way and in queues are in Started only, and Dropped
// is 0.
type Stats struct {
	// Started counts spans begun.
	Started int64
	// Exported counts spans whose export request was answered with success,
	// less those that a partial success refused. These are the spans that must
	// be found again.
	Exported int64
	// Failed counts spans whose export was refused or given up. The server may
	// have some of them nevertheless, if it was the reply that was lost.
	Failed int64
	// Dropped counts spans that were begun and never reached an exporter. The
	// queues wait instead of dropping, so this is 0 unless something is broken.
	Dropped int64
	// Requests counts what shoppers asked of the frontend and got an answer to,
	// good or bad.
	Requests int64
	// Traces counts spans begun without a parent.
	Traces int64
	// ByService has an entry per service, ordered by name.
	ByService []ServiceStats
}

// ServiceStats are the accounts of one service, over all its instances.
type ServiceStats struct {
	Service                            string
	Started, Exported, Failed, Dropped int64
}

// account counts one service's spans. Its fields only grow.
type account struct {
	service                           string
	started, exported, failed, traces atomic.Int64
}

// ledger keeps the accounts of all services. Safe for concurrent use.
//
// A span is entered when the SDK starts it (opening, a span processor) and
// settled when an export request that holds it ends (settledExporter). Between
// the two lies the SDK's batch processor, which waits when it is full and
// therefore loses nothing; the ledger would show it if it did.
type ledger struct {
	log      *slog.Logger
	started  atomic.Int64 // sum over accounts, for the pacer
	requests atomic.Int64

	mu       sync.Mutex // guards what follows
	accounts []*account // one per service, by name
	lastErr  error      // of the latest failed export
	quiet    map[string]time.Time
}

func newLedger(log *slog.Logger) *ledger {
	return &ledger{log: log, quiet: map[string]time.Time{}}
}

// account returns the service's account, opening it if need be.
func (l *ledger) account(service string) *account {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, found := slices.BinarySearchFunc(l.accounts, service, func(a *account, name string) int {
		return cmp.Compare(a.service, name)
	})
	if !found {
		l.accounts = slices.Insert(l.accounts, i, &account{service: service})
	}
	return l.accounts[i]
}

// stats reads the accounts. Exported and Failed are read before Started, so
// that a running ledger never shows more settled than begun.
func (l *ledger) stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	var s Stats
	for _, a := range l.accounts {
		row := ServiceStats{Service: a.service, Exported: a.exported.Load(), Failed: a.failed.Load()}
		row.Started = a.started.Load()
		s.Exported += row.Exported
		s.Failed += row.Failed
		s.Started += row.Started
		s.Traces += a.traces.Load()
		s.ByService = append(s.ByService, row)
	}
	s.Requests = l.requests.Load()
	return s
}

// closing returns the final accounts: whatever is not settled by then is lost.
// Every provider has been shut down before.
func (l *ledger) closing() Stats {
	s := l.stats()
	for i := range s.ByService {
		row := &s.ByService[i]
		row.Dropped = row.Started - row.Exported - row.Failed
		s.Dropped += row.Dropped
	}
	return s
}

// settle books the end of one export request.
func (l *ledger) settle(a *account, accepted, refused int, err error) {
	a.exported.Add(int64(accepted))
	a.failed.Add(int64(refused))
	if refused == 0 {
		return
	}
	l.mu.Lock()
	l.lastErr = err
	l.mu.Unlock()
	if l.mayLog("export") {
		l.log.Error("demo: spans were not accepted", "service", a.service, "spans", refused, "err", err)
	}
}

// retrying tells of an attempt that will be made again.
func (l *ledger) retrying(err error) {
	if l.mayLog("retry") {
		l.log.Warn("demo: export attempt failed, trying again", "err", err)
	}
}

// warned tells of a message that came with full acceptance.
func (l *ledger) warned(message string) {
	if l.mayLog("warning") {
		l.log.Warn("demo: the server accepted all spans and says", "message", message)
	}
}

// mayLog spaces messages about one subject by logEvery.
func (l *ledger) mayLog(subject string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if last, seen := l.quiet[subject]; seen && now.Sub(last) < logEvery {
		return false
	}
	l.quiet[subject] = now
	return true
}

// failure returns the latest export error, nil if all went well.
func (l *ledger) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lastErr
}

// opening is the span processor that enters spans into the ledger.
type opening struct {
	ledger  *ledger
	account *account
}

// OnStart enters the span.
func (o opening) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	o.ledger.started.Add(1)
	o.account.started.Add(1)
	if !s.Parent().IsValid() {
		o.account.traces.Add(1)
	}
}

// OnEnd does nothing: a span is settled by its export.
func (opening) OnEnd(sdktrace.ReadOnlySpan) {}

// Shutdown does nothing.
func (opening) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing.
func (opening) ForceFlush(context.Context) error { return nil }
