package api

import (
	"context"
	"net/http"
	"time"

	"github.com/clew-tracing/clew/cores"
)

// PatientWriter writes an answer computed with ctx: while a client reads slowly, others
// have the core. A client that reads nothing for MaxStall is cut off: it has a turn.
func PatientWriter(ctx context.Context, w http.ResponseWriter) http.ResponseWriter {
	return &patientWriter{newTimedWriter(w, MaxStall), ctx}
}

type patientWriter struct {
	*timedWriter
	ctx context.Context
}

func (p *patientWriter) Write(b []byte) (n int, err error) {
	if gone := cores.Away(p.ctx, func() { n, err = p.timedWriter.Write(b) }); err == nil {
		err = gone
	}
	return n, err
}

// FlushError is how http.ResponseController flushes.
func (p *patientWriter) FlushError() (err error) {
	if gone := cores.Away(p.ctx, func() { err = p.timedWriter.FlushError() }); err == nil {
		err = gone
	}
	return err
}

// timedWriter fails when its client reads nothing for a time.
type timedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	most    time.Duration
}

func newTimedWriter(w http.ResponseWriter, most time.Duration) *timedWriter {
	return &timedWriter{w, http.NewResponseController(w), most}
}

// Unwrap is how http.ResponseController finds what the writer can do besides.
func (t *timedWriter) Unwrap() http.ResponseWriter { return t.ResponseWriter }

func (t *timedWriter) Write(b []byte) (n int, err error) {
	t.timed(func() { n, err = t.ResponseWriter.Write(b) })
	return n, err
}

// FlushError is how http.ResponseController flushes.
func (t *timedWriter) FlushError() (err error) {
	t.timed(func() { err = t.control.Flush() })
	return err
}

// timed calls f, which writes. A writer without deadlines is one of a test.
func (t *timedWriter) timed(f func()) {
	_ = t.control.SetWriteDeadline(time.Now().Add(t.most))
	f()
	_ = t.control.SetWriteDeadline(time.Time{})
}
