package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// shop is the running shop: all instances of all services and what they stand on.
type shop struct {
	config   Config
	ledger   *ledger
	mesh     *mesh
	dice     *dice
	schedule schedule
	password string // of database and cache, new for each run
	orders   *queue
	number   atomic.Int64 // of the latest order

	instances []*instance
	consumers sync.WaitGroup
	backends  []io.Closer // database and cache servers
}

// service says how one service is run. Versions has one entry per instance.
type service struct {
	name     string
	versions []string
	open     func(*shop, *instance) error
}

// services lists the shop, callees before callers: a client looks its service's
// sockets up when it is made.
func services() []service {
	return []service{
		{"catalog", []string{"1.12.3"}, (*shop).openCatalog},
		{"recommendation", []string{"2.3.1", "2.4.0-rc.1"}, (*shop).openRecommendation},
		{"cart", []string{"1.8.0", "1.8.0"}, (*shop).openCart},
		{"inventory", []string{"0.9.4"}, (*shop).openInventory},
		{"shipping", []string{"1.1.0"}, (*shop).openShipping},
		{"payment", []string{"3.1.0", "3.2.0-rc.1"}, (*shop).openPayment},
		{"fraud", []string{"0.4.2"}, (*shop).openFraud},
		{"email", []string{"1.0.7"}, (*shop).openEmail},
		{"warehouse", []string{"2.0.1"}, (*shop).openWarehouse},
		{"checkout", []string{"4.2.0", "4.2.1"}, (*shop).openCheckout},
		{"frontend", []string{"5.6.0", "5.6.0"}, (*shop).openFrontend},
	}
}

// openShop starts everything. Exports give up when patience ends. On an error
// nothing is left running.
func openShop(patience context.Context, c Config, l *ledger, sched schedule) (*shop, error) {
	s := &shop{
		config: c, ledger: l, mesh: newMesh(), schedule: sched,
		dice:     &dice{seed: uint64(c.Seed)},
		password: rand.Text(),
		orders:   newQueue("orders", "email", "warehouse"),
	}
	if err := s.open(patience); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *shop) open(patience context.Context) error {
	database, err := startDatabase(s.mesh, s.password)
	if err != nil {
		return err
	}
	s.backends = append(s.backends, database)
	cache, err := startCache(s.mesh, s.password)
	if err != nil {
		return fmt.Errorf("demo: start the cache: %w", err)
	}
	s.backends = append(s.backends, cache)
	if err := s.openRiskPartner(); err != nil {
		return err
	}
	for _, sv := range services() {
		for i, version := range sv.versions {
			in, err := newInstance(patience, s.config, s.ledger, process{service: sv.name, version: version, ordinal: i})
			if err != nil {
				return fmt.Errorf("demo: telemetry of %s: %w", sv.name, err)
			}
			s.instances = append(s.instances, in)
			if err := sv.open(s, in); err != nil {
				return err
			}
		}
	}
	return nil
}

// close ends everything, outside in, and returns when all of it is gone: servers
// first, so that no span begins; then the consumers, who empty the queue; then
// telemetry, which delivers what is left; then connections; then what they led to.
func (s *shop) close() error {
	s.mesh.drain()
	s.orders.close()
	s.consumers.Wait()
	errs := make([]error, len(s.instances))
	var wg sync.WaitGroup
	for i, in := range s.instances {
		// No deadline: exports give up when their patience ends, and a deadline
		// here would leave goroutines behind.
		wg.Go(func() { errs[i] = in.tracers.Shutdown(context.Background()) })
	}
	wg.Wait()
	errs = append(errs, s.mesh.closeClients())
	for _, b := range s.backends {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

// work spends some time, as disks and far hosts do, or less if ctx ends.
func (s *shop) work(ctx context.Context, least, most time.Duration) error {
	timer := time.NewTimer(s.dice.between(least, most))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// step is a piece of work inside one service, as an internal span.
func (s *shop) step(ctx context.Context, in *instance, name string, least, most time.Duration, attrs ...attribute.KeyValue) error {
	ctx, span := in.start(ctx, name, attrs...)
	defer span.End()
	return s.work(ctx, least, most)
}

// annotate adds attributes to the span of the request under way.
func annotate(ctx context.Context, attrs ...attribute.KeyValue) {
	trace.SpanFromContext(ctx).SetAttributes(attrs...)
}

// parallel runs all at once, waits for all, and joins their errors.
func parallel(all ...func() error) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, f := range all {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// recovered turns a panic of handler into an answer of 500, with the panic's
// stack on the request's span.
func recovered(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			err, isError := p.(error)
			if !isError {
				err = fmt.Errorf("panic: %v", p)
			}
			span := trace.SpanFromContext(r.Context())
			span.RecordError(err, trace.WithStackTrace(true), trace.WithAttributes(attribute.Bool("exception.escaped", true)))
			span.SetStatus(codes.Error, err.Error())
			name := "panic"
			if _, isRuntime := err.(runtime.Error); isRuntime {
				name = "runtime.Error"
			}
			span.SetAttributes(semconv.ErrorTypeKey.String(name))
			writeJSON(w, http.StatusInternalServerError, problem{Error: "internal error"})
		}()
		handler(w, r)
	}
}

// problem is the body of an answer that is no success.
type problem struct {
	Error string `json:"error"`
}
