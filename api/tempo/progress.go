package tempo

import (
	"cmp"
	"context"
	"iter"
	"sync"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/exec"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// watched tells the client of a call, now and then, what its question took so far.
//
// A message goes out by a tick of its goroutine, or by send, one at a time. stop returns
// when the goroutine has ended. A client that reads slowly holds up neither the question nor
// what is noted of it, until there is something to answer with.
type watched struct {
	call  *api.RPC
	write func(metrics) []byte
	leave chan struct{}
	gone  sync.WaitGroup
	once  sync.Once

	sending sync.Mutex // guards the call's stream, and said
	said    metrics

	mu   sync.Mutex    // guards what follows; never held while something is sent
	done storage.Stats // in scans that are over
	now  storage.Stats // in the scan under way
	read uint32        // traces
}

// watch begins to watch what a call's question does at the store, if the store is one that
// can be watched: one of which all that exec asks is known here.
func watch(c *api.RPC, write func(metrics) []byte) *watched {
	w := &watched{call: c, write: write, leave: make(chan struct{})}
	whole, ok := c.Store.(wholeStore)
	if !ok {
		return w
	}
	c.Store = watchedStore{whole, w}
	w.gone.Go(w.tell)
	return w
}

// stop ends telling; it may be called again.
func (w *watched) stop() {
	w.once.Do(func() { close(w.leave) })
	_ = cores.Away(w.call.Ctx, w.gone.Wait) // who sends next notices that the client left
}

// tell sends what changed, until stop is called or the client has gone.
func (w *watched) tell() {
	every := time.NewTicker(progressEvery)
	defer every.Stop()
	for {
		select {
		case <-w.leave:
			return
		case <-w.call.Ctx.Done():
			return
		case <-every.C:
		}
		w.sending.Lock()
		if m := w.metrics(); m != w.said {
			w.said = m
			_ = w.call.SendBeside(w.write(m)) // the question notices itself that the client left
		}
		w.sending.Unlock()
	}
}

// send sends a message of the answer.
func (w *watched) send(body []byte) (err error) {
	gone := cores.Away(w.call.Ctx, func() {
		w.sending.Lock()
		defer w.sending.Unlock()
		err = w.call.SendBeside(body)
	})
	return cmp.Or(err, gone)
}

// metrics is what the question took so far. How much of it that is, is known of the scan
// under way alone; it is not done before the answer is.
func (w *watched) metrics() metrics {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := metrics{
		InspectedTraces: w.read, InspectedSpans: uint64(w.done.Rows + w.now.Rows), InspectedBytes: uint64(w.done.Bytes + w.now.Bytes),
		TotalJobs: jobs,
	}
	if w.now.Total > 0 {
		m.CompletedJobs = uint32(min(jobs*w.now.Rows/w.now.Total, jobs-1))
	}
	m.CompletedJobs = max(m.CompletedJobs, w.said.CompletedJobs)
	return m
}

// wholeStore is all that exec asks of a store, but for storage.PartReader. What more it may
// come to ask has to be added here, else it is not asked over gRPC.
type wholeStore interface {
	storage.Store
	storage.Catalog
	storage.Aggregator
}

// watchedStore is a store of which is noted what it does.
type watchedStore struct {
	wholeStore
	w *watched
}

var _ exec.Store = watchedStore{}

// Scan implements storage.Scanner.
func (s watchedStore) Scan(ctx context.Context, r storage.Request) iter.Seq2[*span.Batch, error] {
	if r.Stats == nil {
		r.Stats = new(storage.Stats)
	}
	return func(yield func(*span.Batch, error) bool) {
		for b, err := range s.wholeStore.Scan(ctx, r) {
			s.w.note(r.Stats, false)
			if !yield(b, err) {
				break
			}
		}
		s.w.note(r.Stats, true)
	}
}

// Trace implements storage.Reader.
func (s watchedStore) Trace(ctx context.Context, t clew.Tenant, id clew.TraceID) (storage.Trace, error) {
	out, err := s.wholeStore.Trace(ctx, t, id)
	s.w.noteTrace(err)
	return out, err
}

// TracePart implements storage.PartReader. Of a store that reads no parts, all is one.
func (s watchedStore) TracePart(ctx context.Context, t clew.Tenant, id clew.TraceID, c storage.Columns) (storage.Trace, error) {
	p, ok := s.wholeStore.(storage.PartReader)
	if !ok {
		return s.Trace(ctx, t, id)
	}
	out, err := p.TracePart(ctx, t, id, c)
	s.w.noteTrace(err)
	return out, err
}

// noteTrace notes that a trace was read.
func (w *watched) noteTrace(err error) {
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.read++
	}
}

// note notes what a scan did so far, or in all.
func (w *watched) note(s *storage.Stats, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = *s
	if over {
		w.done.Rows += s.Rows
		w.done.Bytes += s.Bytes
		w.now = storage.Stats{}
	}
}
