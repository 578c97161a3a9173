// Package exec runs TraceQL over a store, batch by batch, and knows only the
// contract: whatever keeps package storage's promises is asked the same way and
// answers the same.
//
//	text ─ traceql ─▶ Query ─ Compile ─▶ Plan (a span.Condition)
//	                                      │
//	            ┌───────────┬─────────────┼──────────────┐
//	          Search      Count         Tail        TagNames, TagValues, Services
//	            │           │             │              │
//	     storage.Scanner  Scanner   storage.Tailer   storage.Catalog, else Scanner
//	     storage.Reader
//
// Conditions go down to the store with every scan; where the store does not say
// which rows match, they are evaluated here.
//
// Every answer comes with its Cost: what was looked at, up to which arrival time
// it is complete, and, where a budget ended or data is damaged, that it is
// partial and why. An answer that is not marked partial is exact.
//
// All functions are safe for concurrent use. Errors: *traceql.Error where the
// query is at fault; Invalid for bad requests and cursors; Canceled when the
// context ends; whatever the store returns, wrapped.
package exec

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// Store is what exec asks of a store.
type Store interface {
	storage.Reader
	storage.Scanner
}

// Over says whose data, and from when, a question is about.
type Over struct {
	Tenant clew.Tenant
	Window clew.Window
	Budget Budget
}

// Budget bounds what one question may cost. Zero fields are the defaults of
// limits.go. When one is spent, the answer is partial and says so. Rows and Bytes
// are looked at with each batch that the store yields; a scan in which nothing
// matches is bounded by Time alone.
type Budget struct {
	Rows  int64         // rows looked at
	Bytes int64         // bytes looked at
	Time  time.Duration // time taken
}

func (b Budget) withDefaults() Budget {
	if b.Rows <= 0 {
		b.Rows = DefaultBudgetRows
	}
	if b.Bytes <= 0 {
		b.Bytes = DefaultBudgetBytes
	}
	if b.Time <= 0 {
		b.Time = DefaultBudgetTime
	}
	return b
}

// Cost is what an answer took and how far it can be trusted.
type Cost struct {
	// Complete is false where something that could have been in the answer was
	// not looked at; Reason then says what: which budget, which file.
	Complete bool
	Reason   string
	// Searched is the searched part of the question, 0 to 1: by rows where data is
	// damaged, by time where a budget ended, 0 where that is not known.
	Searched float64
	// Watermark is the arrival time up to which everything was visible.
	Watermark time.Time
	Took      time.Duration
	// Rows and Bytes were looked at; PrunedRows were skipped unread.
	Rows, PrunedRows, Bytes int64
}

// run is one question on its way: its budget and what it has cost.
type run struct {
	store  Store
	over   Over
	began  time.Time
	cost   Cost
	dmg    int64 // damaged rows
	newest clew.UnixNanos
	oldest clew.UnixNanos // MaxStart of the last batch seen
	ended  bool           // a budget did
}

func begin(store Store, over Over) *run {
	over.Budget = over.Budget.withDefaults()
	return &run{store: store, over: over, began: time.Now(), cost: Cost{Complete: true}}
}

// partial notes the first reason why the answer is not complete.
func (r *run) partial(format string, args ...any) {
	if r.cost.Complete {
		r.cost.Complete, r.cost.Reason = false, fmt.Sprintf(format, args...)
	}
}

var errTimeBudget = errors.New("the time budget ended")

// scan runs one scan of the store and calls each for its batches, until each
// returns false, the batches end, or a budget does.
func (r *run) scan(ctx context.Context, req storage.Request, each func(*span.Batch) (more bool, err error)) error {
	timed, cancel := context.WithDeadlineCause(ctx, r.began.Add(r.over.Budget.Time), errTimeBudget)
	defer cancel()
	var stats storage.Stats
	req.Tenant, req.Stats = r.over.Tenant, &stats
	rows, bytes := r.cost.Rows, r.cost.Bytes
	defer func() {
		r.cost.Rows, r.cost.Bytes = rows+stats.Rows, bytes+stats.Bytes
		r.cost.PrunedRows += stats.PrunedRows
		r.dmg += stats.Damaged
		if r.cost.Watermark.IsZero() || stats.Watermark.Before(r.cost.Watermark) {
			r.cost.Watermark = stats.Watermark
		}
		if stats.Damage != nil {
			r.partial("%d rows could not be read: %v", stats.Damaged, stats.Damage)
		}
	}()
	for b, err := range r.store.Scan(timed, req) {
		if err != nil {
			if ctx.Err() == nil && errors.Is(context.Cause(timed), errTimeBudget) {
				r.spent("time", r.over.Budget.Time)
				return nil
			}
			return fmt.Errorf("exec: scan: %w", err)
		}
		if r.newest == 0 {
			r.newest = b.MaxStart
		}
		r.oldest = b.MaxStart
		more, err := each(b)
		if err != nil || !more {
			return err
		}
		switch {
		case rows+stats.Rows > r.over.Budget.Rows:
			r.spent("row", r.over.Budget.Rows)
			return nil
		case bytes+stats.Bytes > r.over.Budget.Bytes:
			r.spent("byte", r.over.Budget.Bytes)
			return nil
		}
	}
	return nil
}

func (r *run) spent(what string, limit any) {
	r.ended = true
	r.partial("the %s budget of %v ended", what, limit)
}

// done completes the cost.
func (r *run) done() Cost {
	r.cost.Took = time.Since(r.began)
	switch read := float64(r.cost.Rows + r.cost.PrunedRows); {
	case r.cost.Complete:
		r.cost.Searched = 1
	case !r.ended && r.dmg > 0:
		r.cost.Searched = read / (read + float64(r.dmg))
	case r.ended && r.over.Window.Start > 0 && r.newest > r.over.Window.Start:
		r.cost.Searched = float64(r.newest-max(r.oldest, r.over.Window.Start)) / float64(r.newest-r.over.Window.Start)
	}
	return r.cost
}

// matching returns the rows of b that meet m's condition within w.
func matching(m *span.Matcher, b *span.Batch, w clew.Window) column.Bitmap {
	if b.Matched != nil {
		return b.Matched
	}
	rows := m.Match(b)
	if w == (clew.Window{}) {
		return rows
	}
	for i := range rows.Ones() {
		if !w.Contains(clew.UnixNanos(b.Start[i])) {
			rows.Clear(i)
		}
	}
	return rows
}
