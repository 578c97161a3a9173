package v1

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/exec/progress"
)

// progressType is what a client accepts that wants to be told how far its answer is: a
// line of JSON every progressEvery, the last of which has the answer. An answer that is
// there before the first line is due comes as it does to everybody else.
const progressType = "application/x-ndjson"

// progressLine is one line.
type progressLine struct {
	Progress *progressText   `json:"progress,omitempty"`
	Answer   json.RawMessage `json:"answer,omitempty"`
	Error    *errorText      `json:"error,omitempty"`
}

type progressText struct {
	// Share is how much was looked at of what there is, 0 to 1.
	Share  float64 `json:"share"`
	Rows   int64   `json:"rows"`
	Bytes  int64   `json:"bytes"`
	Traces int64   `json:"traces"`
	TookMs float64 `json:"tookMs"`
}

// told lets clients that want to be told how far the answer of a handler is.
func (a *API) told(h handler) handler {
	return func(c *call) error {
		if api.Preferred(c.r.Header.Values("Accept"), "application/json", progressType) != progressType {
			return h(c)
		}
		ctx, leave := context.WithCancel(c.r.Context())
		defer leave()
		t := &telling{to: c.beside, began: time.Now(), leave: leave}
		inner := *c
		inner.w, inner.r, inner.store = &t.answer, c.r.WithContext(ctx), t.question.Of(c.store)
		stop := progress.Tell(ctx, progressEvery, t.tell)
		defer stop() // also of a handler that panics
		err := h(&inner)
		stop()
		switch {
		case !t.told:
			return t.plainly(c, err)
		case err != nil:
			text := a.errorOf(c.r, err)
			return last(c, &progressLine{Error: &text})
		}
		return last(c, &progressLine{Answer: t.answer.body.Bytes()})
	}
}

// telling tells how far the answer to one question is.
type telling struct {
	question progress.Watch
	answer   kept
	began    time.Time
	leave    func() // ends the question

	to   http.ResponseWriter // of tell until that is stopped
	told bool                // likewise
}

// tell writes a line. When the client has gone, or reads nothing for too long, nobody waits
// for the answer.
func (t *telling) tell() (more bool) {
	n := t.question.SoFar()
	line := progressLine{Progress: &progressText{Share: n.Share, Rows: n.Rows, Bytes: n.Bytes, Traces: int64(n.Traces),
		TookMs: float64(time.Since(t.began).Microseconds()) / 1000}}
	if !t.told {
		t.told = true
		t.to.Header().Set("Content-Type", progressType)
		t.to.Header().Set("X-Accel-Buffering", "no")
		t.to.WriteHeader(http.StatusOK)
	}
	if err := line.write(t.to); err != nil || http.NewResponseController(t.to).Flush() != nil {
		t.leave()
		return false
	}
	return true
}

// plainly answers a client that was told nothing.
func (t *telling) plainly(c *call, err error) error {
	if err != nil {
		return err
	}
	for name, values := range t.answer.header {
		c.w.Header()[name] = values
	}
	c.w.WriteHeader(t.answer.status)
	_, _ = c.w.Write(t.answer.body.Bytes()) // a client that left gets no answer
	return nil
}

// last writes the line that ends an answer.
func last(c *call, line *progressLine) error {
	_ = line.write(c.w) // a client that left gets no answer
	return nil
}

func (l *progressLine) write(w http.ResponseWriter) error { return json.NewEncoder(w).Encode(l) }

// kept is an answer that is not sent yet.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (k *kept) Header() http.Header {
	if k.header == nil {
		k.header = make(http.Header)
	}
	return k.header
}

// WriteHeader implements http.ResponseWriter.
func (k *kept) WriteHeader(status int) { k.status = status }

// Write implements http.ResponseWriter.
func (k *kept) Write(b []byte) (int, error) { return k.body.Write(b) }
