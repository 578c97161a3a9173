package tempo

import (
	"cmp"
	"sync"
	"time"

	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/exec/progress"
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

	question progress.Watch
}

// watch begins to watch what a call's question does at the store.
func watch(c *api.RPC, write func(metrics) []byte) *watched {
	w := &watched{call: c, write: write, leave: make(chan struct{})}
	c.Store = w.question.Of(c.Store)
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

// metrics is what the question took so far; it is not done before the answer is.
func (w *watched) metrics() metrics {
	n := w.question.SoFar()
	return metrics{
		InspectedTraces: n.Traces, InspectedSpans: uint64(n.Rows), InspectedBytes: uint64(n.Bytes),
		TotalJobs: jobs, CompletedJobs: min(uint32(jobs*n.Share), jobs-1),
	}
}
