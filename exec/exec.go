// Package exec runs TraceQL over a store, batch by batch, and knows only the
// contract: whatever keeps package storage's promises is asked the same way and
// answers the same.
//
//	text ─ traceql ─▶ Query ─ Compile ─▶ Plan (a judge.Selection over span.Conditions)
//	                                      │
//	            ┌──────────────┬──────────┼────────────┬──────────────┐
//	          Search         Count    RunMetrics     Tail      TagNames, TagValues, Services
//	            │              │          │            │              │
//	     storage.Scanner   Scanner    Scanner, or  storage.Tailer  storage.Catalog, else Scanner
//	     storage.Reader            storage.Aggregator
//
// What a row must meet goes down to the store with every scan; where the store
// does not say which rows match, it is evaluated here. A query that asks about
// the whole trace (its root, its duration, a span of one kind and one of another)
// goes down as what follows from it for single rows; the traces of those are then
// read whole, one by one or in a scan by traces, and the query is evaluated on all of
// their spans.
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
	"github.com/clew-tracing/clew/exec/explain"
	"github.com/clew-tracing/clew/internal/size"
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
	// Explain, where not nil, gets what the question would do and does.
	Explain *explain.Report
}

// Budget bounds what one question may cost. Zero fields are the defaults of
// limits.go. When one is spent, the answer is partial and says so; a batch that
// was begun is gone through, and a search reads the traces it has found for half
// as much again.
type Budget struct {
	Rows  int64         // rows looked at, by scans and in traces read whole
	Bytes int64         // bytes looked at, likewise
	Time  time.Duration // time taken
	// Memory is in bytes what a question may remember of what it has seen: trace ids
	// and values. Where there are more it goes over the data again, or the answer says
	// that it stopped.
	Memory int64
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
	if b.Memory <= 0 {
		b.Memory = DefaultBudgetMemory
	}
	return b
}

// Without returns what is left of a budget for the next page of a question of which
// pages have cost so much. ended says which part was spent, "" is none.
func (b Budget) Without(c *Cost) (left Budget, ended string) {
	b = b.withDefaults()
	left = b
	left.Rows, left.Bytes, left.Time = b.Rows-c.Rows, b.Bytes-c.Bytes, b.Time-c.Took
	switch {
	case left.Rows <= 0:
		ended = spentText("row", b.Rows)
	case left.Bytes <= 0:
		ended = spentText("byte", b.Bytes)
	case left.Time <= 0:
		ended = spentText("time", b.Time)
	}
	return left, ended
}

// spentText says which budget ended, and by which setting of a server there is more.
func spentText(what string, limit any) string {
	setting := ""
	switch what {
	case "time":
		setting = " (query-max-time)"
	case "byte":
		n, unit := size.Split(limit.(int64))
		if unit == "B" {
			unit = "bytes"
		}
		limit, setting = fmt.Sprint(n, " ", unit), " (query-max-bytes)"
	}
	return fmt.Sprintf("the %s budget of %v ended%s", what, limit, setting)
}

// series is what the series of one metric may take.
func (b *Budget) series() int64 { return max(leastSeriesBytes, seriesShare*b.Memory) }

// ids is how many trace ids may be remembered.
func (b *Budget) ids() int { return max(leastIDs, int(b.Memory/idBytes)) }

// Cost is what an answer took and how far it can be trusted.
type Cost struct {
	// Complete is false where something that could have been in the answer was
	// not looked at; Reason then says what: which budget, which file.
	Complete bool
	Reason   string
	// Searched is the searched part of the question, 0 to 1: of the rows that had
	// to be looked at, those that were; where traces had to be read, too, times
	// the part of them that was. 1 where the answer is complete.
	Searched float64
	// Watermark is the arrival time up to which everything was visible.
	Watermark time.Time
	Took      time.Duration
	// Rows and Bytes were looked at; PrunedRows were skipped unread.
	Rows, PrunedRows, Bytes int64
}

// After returns the cost of a page and of those before it, which cost so much.
func (c Cost) After(pages *Cost) Cost {
	c.Took, c.Rows, c.PrunedRows, c.Bytes = c.Took+pages.Took, c.Rows+pages.Rows, c.PrunedRows+pages.PrunedRows, c.Bytes+pages.Bytes
	if !pages.Watermark.IsZero() && pages.Watermark.Before(c.Watermark) {
		c.Watermark = pages.Watermark
	}
	return c
}

// run is one question on its way: its budget and what it has cost.
type run struct {
	store Store
	over  Over
	began time.Time
	cost  Cost           // without what the scan under way has cost
	scans *storage.Stats // of the scan under way; nil: none
	part  float64        // of the last scan's rows that had to be, those that were looked at
	ended bool           // a budget did
	// enough says of a scan that was left that the rest need not be looked at.
	enough bool
	seen   column.Bitmap // traces of a batch; scratch
	// wanted is what is looked at of traces that are read whole; nil: all.
	wanted *storage.Columns
}

func begin(store Store, over Over) *run {
	over.Budget = over.Budget.withDefaults()
	return &run{store: store, over: over, began: time.Now(), cost: Cost{Complete: true}}
}

// Mend is what is to be done about damage that an answer lacks rows for.
const Mend = "; to mend it, stop the server and run clew verify --repair"

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
	r.part = 0
	if r.outOf(1) {
		return nil
	}
	timed, cancel := r.timed(ctx)
	defer cancel()
	var stats storage.Stats
	req.Tenant, req.Stats = r.over.Tenant, &stats
	req.MaxRows, req.MaxBytes = r.over.Budget.Rows-r.cost.Rows, r.over.Budget.Bytes-r.cost.Bytes
	r.scans = &stats
	stage := r.over.Explain.BeginScan(&req)
	if another := req.Beside; another != nil {
		req.Beside = func() storage.Beside { return stage.Beside(another()) }
	}
	defer func() {
		stage.EndScan(&stats)
		r.scanned(&stats)
	}()
	for b, err := range r.store.Scan(timed, req) {
		if err != nil {
			if late(ctx, timed) {
				r.spent("time", r.over.Budget.Time)
				return nil
			}
			return fmt.Errorf("exec: scan: %w", err)
		}
		handled := stage.Handle(b)
		more, err := each(b)
		handled()
		if err == nil {
			err = canceled(ctx)
		}
		if err != nil {
			return err
		}
		if !more {
			if r.enough {
				stats.Total = stats.Rows + stats.Damaged
			}
			return nil
		}
		if (stats.Rows+stats.Damaged < stats.Total || stats.ApartRead < stats.Apart) && r.outOf(1) {
			return nil
		}
	}
	if req.Beside != nil { // what was judged beside the loop, too, may be nothing to rely on
		if err := canceled(ctx); err != nil {
			return err
		}
	}
	switch {
	case stats.Exhausted && stats.Rows >= req.MaxRows:
		r.spent("row", r.over.Budget.Rows)
	case stats.Exhausted:
		r.spent("byte", r.over.Budget.Bytes)
	}
	return nil
}

// gone says whether who asked has gone, so that what is calculated for them may stop; what
// it came to must not be told then: canceled.
func gone(ctx context.Context) func() bool { return func() bool { return ctx.Err() != nil } }

// canceled returns the error of a question whose context has ended, if it has.
func canceled(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return clew.Errorf(clew.Canceled, "exec: stopped while spans were judged: %w", context.Cause(ctx))
}

// timed returns a context that ends with the time budget.
func (r *run) timed(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithDeadlineCause(ctx, r.began.Add(r.over.Budget.Time), errTimeBudget)
}

// late reports whether a context ended with the time budget, and not with the one it is of.
func late(ctx, timed context.Context) bool {
	return ctx.Err() == nil && errors.Is(context.Cause(timed), errTimeBudget)
}

// InTime asks for what there is no part of, within the time of the budget. If that ends the
// error is of kind TooLarge.
func (b Budget) InTime(ctx context.Context, what string, ask func(context.Context) error) error {
	most := b.withDefaults().Time
	timed, cancel := context.WithTimeoutCause(ctx, most, errTimeBudget)
	defer cancel()
	err := ask(timed)
	if err != nil && late(ctx, timed) {
		err = clew.Errorf(clew.TooLarge, "%s took longer than %v (query-max-time): ask for a shorter window", what, most)
	}
	return err
}

// scanned adds what a scan has cost.
func (r *run) scanned(stats *storage.Stats) {
	r.scans = nil
	r.cost.Rows += stats.Rows
	r.cost.Bytes += stats.Bytes
	r.cost.PrunedRows += stats.PrunedRows
	if r.cost.Watermark.IsZero() || stats.Watermark.Before(r.cost.Watermark) {
		r.cost.Watermark = stats.Watermark
	}
	if r.part = 1; stats.Total > 0 {
		r.part = float64(stats.Rows) / float64(stats.Total)
	}
	if stats.ApartRead < stats.Apart {
		r.part *= float64(stats.ApartRead) / float64(stats.Apart)
	}
	if stats.Damage != nil {
		r.partial("%d rows could not be read: %v%s", stats.Damaged, stats.Damage, Mend)
	}
}

// outOf reports whether more than share times a budget was spent, and if so says
// so in the answer.
func (r *run) outOf(share float64) bool {
	b := &r.over.Budget
	rows, bytes := r.cost.Rows, r.cost.Bytes
	if r.scans != nil {
		rows, bytes = rows+r.scans.Rows, bytes+r.scans.Bytes
	}
	switch {
	case float64(rows) >= share*float64(b.Rows):
		r.spent("row", b.Rows)
	case float64(bytes) >= share*float64(b.Bytes):
		r.spent("byte", b.Bytes)
	case float64(time.Since(r.began)) > share*float64(b.Time):
		r.spent("time", b.Time)
	default:
		return false
	}
	return true
}

func (r *run) spent(what string, limit any) {
	r.ended = true
	r.partial("%s", spentText(what, limit))
}

// trace reads a trace whole; it is nil where the trace is gone, since its last row
// went out of retention after it was found, and where it is larger than what the
// store reads at once, which makes the answer partial.
func (r *run) trace(ctx context.Context, id clew.TraceID) (*storage.Trace, error) {
	stage := r.over.Explain.Begin(explain.ReadTraces, "")
	t, err := r.read(ctx, id)
	switch {
	case err != nil && clew.KindOf(err) == clew.NotFound:
		return nil, nil
	case err != nil && clew.KindOf(err) == clew.TooLarge:
		r.partial("%v", err)
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("exec: trace %s: %w", id, err)
	case t.Damaged != nil:
		r.partial("trace %s is not whole: %v%s", id, t.Damaged, Mend)
	}
	stage.EndTrace(t.Rows, t.Bytes)
	r.cost.Rows += int64(t.Rows)
	r.cost.Bytes += t.Bytes
	return &t, nil
}

// read reads a trace: the columns that are wanted of it, if the store can.
func (r *run) read(ctx context.Context, id clew.TraceID) (storage.Trace, error) {
	if p, ok := r.store.(storage.PartReader); ok && r.wanted != nil {
		return p.TracePart(ctx, r.over.Tenant, id, *r.wanted)
	}
	return r.store.Trace(ctx, r.over.Tenant, id)
}

// done completes the cost; searched is how much of the question was, where the
// answer is partial.
func (r *run) done(searched float64) Cost {
	r.cost.Took = time.Since(r.began)
	r.cost.Searched = searched
	if r.cost.Complete {
		r.cost.Searched = 1
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
