package tempo

import (
	"cmp"
	"sync"

	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/exec/progress"
)

// watched tells the client of a call, now and then, what its question took so far, until
// stop is called.
//
// A message goes out by itself, or by send, one at a time. A client that reads slowly holds
// up neither the question nor what is noted of it, until there is something to answer with.
type watched struct {
	call  *api.RPC
	write func(metrics) []byte
	stop  func()

	sending sync.Mutex // guards the call's stream, and said
	said    metrics

	question progress.Watch
}

// watch begins to watch what a call's question does at the store.
func watch(c *api.RPC, write func(metrics) []byte) *watched {
	w := &watched{call: c, write: write}
	c.Store = w.question.Of(c.Store)
	w.stop = progress.Tell(c.Ctx, progressEvery, w.tell)
	return w
}

// tell sends what changed.
func (w *watched) tell() (more bool) {
	w.sending.Lock()
	defer w.sending.Unlock()
	if m := w.metrics(); m != w.said {
		w.said = m
		_ = w.call.SendBeside(w.write(m)) // the question notices itself that the client left
	}
	return true
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
