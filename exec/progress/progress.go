// Package progress says how far the answer to a question is, while it is made: from
// outside of package exec, by what the store is asked to do.
package progress

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cores"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// SoFar is what a question took until now.
type SoFar struct {
	// Rows and Bytes were looked at, Traces read each by itself.
	Rows, Bytes int64
	Traces      uint32
	// Share of what there is to look at, from 0 to 1, was: of the rows of the scan that was
	// farthest. It does not fall. It can be 1 before there is an answer, since nobody knows
	// what scans, and traces that are read one by one, are to follow; of a question that has
	// enough before a scan ends it does not come to 1.
	Share float64
}

// A Watch notes what one question does at a store. Its methods may be called while it runs.
type Watch struct {
	mu    sync.Mutex
	done  storage.Stats // in scans that are over
	now   storage.Stats // in the scan under way
	read  uint32        // traces
	share float64
}

// SoFar is what the question took until now.
func (w *Watch) SoFar() SoFar {
	w.mu.Lock()
	defer w.mu.Unlock()
	return SoFar{Rows: w.done.Rows + w.now.Rows, Bytes: w.done.Bytes + w.now.Bytes, Traces: w.read, Share: w.share}
}

// Tell calls f every so often, beside who answers the question with ctx, until it returns
// false, ctx ends or stop is called. f may wait for a client. stop waits for f, without a
// core where that takes long, and may be called again.
func Tell(ctx context.Context, every time.Duration, f func() (more bool)) (stop func()) {
	telling, end := context.WithCancel(ctx)
	var gone sync.WaitGroup
	gone.Go(func() {
		ticks := time.NewTicker(every)
		defer ticks.Stop()
		for {
			select {
			case <-telling.Done():
				return
			case <-ticks.C:
			}
			if !f() {
				return
			}
		}
	})
	return func() {
		end()
		_ = cores.Away(ctx, gone.Wait) // a question whose client left ends by itself
	}
}

// Store is what has to be asked of a store.
type Store interface {
	storage.Reader
	storage.Scanner
}

// Of returns a store of which w notes what is done there, for one question. What a store
// may do besides, it does as well as before; one of which not all that may be asked is
// known here (Known) is returned itself, and nothing is noted.
func (w *Watch) Of(store Store) Store {
	known, ok := store.(Known)
	if !ok {
		return store
	}
	return watched{known, w}
}

// Known is all that may be asked of a store, but for storage.PartReader, without which it
// reads whole traces. The package's test holds it to the interfaces of package storage.
type Known interface {
	storage.Store
	storage.Catalog
	storage.Aggregator
	storage.Tailer
}

// watched is a store of which is noted what it does.
type watched struct {
	Known
	w *Watch
}

// Scan implements storage.Scanner.
func (s watched) Scan(ctx context.Context, r storage.Request) iter.Seq2[*span.Batch, error] {
	if r.Stats == nil {
		r.Stats = new(storage.Stats)
	}
	looked := r.Looked
	r.Looked = func() {
		s.w.note(r.Stats, false)
		if looked != nil {
			looked()
		}
	}
	return func(yield func(*span.Batch, error) bool) {
		for b, err := range s.Known.Scan(ctx, r) {
			r.Looked()
			if !yield(b, err) {
				break
			}
		}
		s.w.note(r.Stats, true)
	}
}

// Trace implements storage.Reader.
func (s watched) Trace(ctx context.Context, t clew.Tenant, id clew.TraceID) (storage.Trace, error) {
	out, err := s.Known.Trace(ctx, t, id)
	s.w.noteTrace(err)
	return out, err
}

// TracePart implements storage.PartReader. Of a store that reads no parts, all is one.
func (s watched) TracePart(ctx context.Context, t clew.Tenant, id clew.TraceID, c storage.Columns) (storage.Trace, error) {
	p, ok := s.Known.(storage.PartReader)
	if !ok {
		return s.Trace(ctx, t, id)
	}
	out, err := p.TracePart(ctx, t, id, c)
	s.w.noteTrace(err)
	return out, err
}

// noteTrace notes that a trace was read.
func (w *Watch) noteTrace(err error) {
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.read++
	}
}

// note notes what a scan did so far, or in all.
func (w *Watch) note(s *storage.Stats, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = *s
	if s.Total > 0 {
		w.share = max(w.share, min(float64(s.Rows+s.Damaged)/float64(s.Total), 1))
	}
	if over {
		w.done.Rows += s.Rows
		w.done.Bytes += s.Bytes
		w.now = storage.Stats{}
	}
}
