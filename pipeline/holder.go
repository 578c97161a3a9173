package pipeline

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// Holder has the pipeline that a server uses, which may be replaced, and what all of them
// did. The zero value has none. Current may be called by many goroutines; the rest is one
// goroutine's.
type Holder struct {
	Counts  Counts
	current atomic.Pointer[Pipeline]
}

// Current returns the pipeline, nil if there is none.
func (h *Holder) Current() *Pipeline { return h.current.Load() }

// Load puts the pipeline of a file in place of the one before; an empty path is none. On
// an error the one before stays.
func (h *Holder) Load(ctx context.Context, path string, log *slog.Logger) error {
	next, err := h.Prepare(ctx, path, log)
	if err == nil {
		h.Use(next)
	}
	return err
}

// Prepare reads the pipeline of a file, for Use; of an empty path it is nil. Tables of
// servers are those of the pipeline before until the servers have answered.
func (h *Holder) Prepare(ctx context.Context, path string, log *slog.Logger) (*Pipeline, error) {
	if path == "" {
		return nil, nil
	}
	next, err := Load(ctx, path, &h.Counts, log)
	if err != nil {
		return nil, err
	}
	if before := h.Current(); before != nil {
		next.inherit(before)
	}
	return next, nil
}

// inherit takes the tables of a pipeline that could not be read anew.
func (p *Pipeline) inherit(before *Pipeline) {
	for _, l := range p.lookups {
		for _, old := range before.lookups {
			if l.table.Load() == nil && l.url != "" && l.url == old.url && l.by == old.by {
				l.table.CompareAndSwap(nil, old.table.Load())
			}
		}
	}
}

// Use puts a pipeline in place of the one before, which ends.
func (h *Holder) Use(next *Pipeline) {
	if old := h.current.Swap(next); old != nil {
		old.Close()
	}
}
