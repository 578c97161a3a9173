package storagetest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"iter"
	"math"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/storage"
)

// Memory is a store in a slice. It is the model that others are compared with,
// and a true store for the tests of what stands above the contract. Open one
// with NewMemory. It never forgets and never refuses for lack of room.
type Memory struct {
	caps storage.Capabilities
	// BatchRows is how many rows a scan puts into one batch, so that tests with
	// few spans see many batches; set it before use. 0 is storage.MaxBatchRows.
	BatchRows int

	mu     sync.Mutex // guards what follows
	news   *sync.Cond // told of every append
	rows   []row      // in order of arrival
	seen   map[resend]storage.Result
	closed bool
}

type resend struct {
	tenant clew.Tenant
	sum    [sha256.Size]byte
}

// AllCapabilities is what Memory can do at most: everything but survive.
func AllCapabilities() storage.Capabilities {
	return storage.Capabilities{Conditions: true, TracesMode: true, Resends: true, Rollups: true}
}

// NewMemory returns an empty store that does what caps claim and no more:
// without Conditions its scans yield every row of the tenant and do not say
// which match.
func NewMemory(caps storage.Capabilities) *Memory {
	m := &Memory{caps: caps, seen: make(map[resend]storage.Result)}
	m.news = sync.NewCond(&m.mu)
	return m
}

// Capabilities returns what NewMemory was given.
func (m *Memory) Capabilities() storage.Capabilities { return m.caps }

// Close makes later appends Busy. Reads go on.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.news.Broadcast()
	return nil
}

// Append implements storage.Appender.
func (m *Memory) Append(ctx context.Context, r storage.Record) (storage.Result, error) {
	if err := canceled(ctx); err != nil {
		return storage.Result{}, err
	}
	rows, err := decode(slices.Clone(r.Body))
	if err != nil {
		return storage.Result{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return storage.Result{}, clew.Errorf(clew.Busy, "storagetest: the store is closed")
	}
	key := resend{r.Tenant, sha256.Sum256(r.Body)}
	if res, ok := m.seen[key]; ok && m.caps.Resends {
		res.Resent = true
		return res, nil
	}
	var res storage.Result
	for i := range rows {
		if rows[i].refused != "" {
			refuse(&res, i, &rows[i])
			continue
		}
		rows[i].tenant, rows[i].received = r.Tenant, clew.FromTime(r.ReceivedAt)
		m.rows = append(m.rows, rows[i])
		res.Accepted++
	}
	m.seen[key] = res
	m.news.Broadcast()
	return res, nil
}

func canceled(ctx context.Context) error {
	if ctx.Err() != nil {
		return clew.Errorf(clew.Canceled, "storagetest: %w", context.Cause(ctx))
	}
	return nil
}

// of returns the tenant's rows as they are now.
func (m *Memory) of(t clew.Tenant) []*row {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*row
	for i := range m.rows {
		if m.rows[i].tenant == t {
			out = append(out, &m.rows[i])
		}
	}
	return out
}

// sameTrace reports whether two ids name one trace: equal, or equal in the low
// half where one of them has no high half.
func sameTrace(a, b clew.TraceID) bool {
	return a.Low() == b.Low() && (a.High() == b.High() || a.High() == 0 || b.High() == 0)
}

// Trace implements storage.Reader.
func (m *Memory) Trace(ctx context.Context, t clew.Tenant, id clew.TraceID) (storage.Trace, error) {
	if err := canceled(ctx); err != nil {
		return storage.Trace{}, err
	}
	var out storage.Trace
	var kept []*row
	conflicting := make(map[int]bool) // by place in kept
	all := m.of(t)
	completeFirst(all)
next:
	for _, r := range all {
		if !sameTrace(r.span.TraceID, id) {
			continue
		}
		for i, k := range kept {
			if !sameIdentity(k, r) {
				continue
			}
			if sameContent(k, r) || k.span.End != 0 && r.span.End == 0 {
				out.Duplicates++
			} else {
				out.Conflicts++
				conflicting[i] = true
			}
			continue next
		}
		kept = append(kept, r)
	}
	if len(kept) == 0 {
		return storage.Trace{}, clew.Errorf(clew.NotFound, "storagetest: no trace %s", id)
	}
	out.Batch = batch(kept)
	for i := range kept {
		if conflicting[i] {
			out.Conflicting = append(out.Conflicting, uint32(i))
		}
	}
	return out, nil
}

// sameContent compares all of two rows but the high half of their trace ids.
func sameContent(a, b *row) bool {
	x, y := *a, *b
	x.span.TraceID, y.span.TraceID = clew.TraceID{}, clew.TraceID{}
	x.received, y.received = 0, 0
	return reflect.DeepEqual(x, y)
}

// Scan implements storage.Scanner.
func (m *Memory) Scan(ctx context.Context, r storage.Request) iter.Seq2[*span.Batch, error] {
	rows := m.of(r.Tenant)
	return func(yield func(*span.Batch, error) bool) {
		if r.Mode == storage.Traces && !m.caps.TracesMode {
			yield(nil, clew.Errorf(clew.Unsupported, "storagetest: no scan by traces"))
			return
		}
		stats := r.Stats
		if stats == nil {
			stats = new(storage.Stats)
		}
		*stats = storage.Stats{Watermark: time.Now()}
		if r.Where.OfTrace() {
			yield(nil, clew.Errorf(clew.Invalid, "storagetest: a scan tests rows, and %v is of the whole trace", r.Where))
			return
		}
		parts := m.parts(rows, r)
		for _, part := range parts {
			stats.Total += int64(len(part))
		}
		to := others{beside: r.Beside}
		defer to.join()
		for _, part := range parts {
			if err := canceled(ctx); err != nil {
				yield(nil, err)
				return
			}
			if spent(stats.Rows, r.MaxRows) || spent(stats.Bytes, r.MaxBytes) {
				stats.Exhausted = true
				return
			}
			b := batch(part)
			b.MaxStart = maxStart(part)
			stats.Rows += int64(len(part))
			stats.Bytes += int64(len(part)) * rowBytes
			if !m.mark(b, part, r) {
				continue
			}
			if !to.take(b) && !yield(b, nil) {
				return
			}
		}
	}
}

// others are told of every batch but each third, by turns.
type others struct {
	beside func() storage.Beside
	now    [2]storage.Beside
	turn   int
}

// take tells one of them of a batch, unless it is for the loop.
func (o *others) take(b *span.Batch) bool {
	if o.beside == nil {
		return false
	}
	o.turn = (o.turn + 1) % 3
	if o.turn == 0 {
		return false
	}
	n := &o.now[o.turn-1]
	if n.Take == nil {
		*n = o.beside()
	}
	if !n.Take(b) {
		n.Join()
		*n = storage.Beside{}
	}
	return true
}

// join ends them.
func (o *others) join() {
	for _, n := range o.now {
		if n.Join != nil {
			n.Join()
		}
	}
}

// spent reports whether so much uses up a bound; 0 is none.
func spent(used, bound int64) bool { return bound > 0 && used >= bound }

// rowBytes is what the model says a row is, for Stats.
const rowBytes = 100

// mark sets Matched if the store can, and reports whether any row may match.
func (m *Memory) mark(b *span.Batch, rows []*row, r storage.Request) bool {
	if !m.caps.Conditions {
		return true
	}
	b.Matched = make([]uint64, (b.Rows+63)/64)
	any := false
	for i, row := range rows {
		if r.Window.Contains(row.span.Start) && Holds(r.Where, &row.span) {
			b.Matched.Set(i)
			any = true
		}
	}
	return any
}

// parts cuts rows into batches, by descending start of their newest row.
func (m *Memory) parts(rows []*row, r storage.Request) [][]*row {
	size := m.BatchRows
	if size == 0 {
		size = storage.MaxBatchRows
	}
	var parts [][]*row
	if r.Mode == storage.Rows {
		parts = slices.Collect(slices.Chunk(rows, size))
	} else {
		traces := m.matching(rows, r)
		slices.SortStableFunc(traces, func(a, b []*row) int { return cmp.Compare(maxStart(b), maxStart(a)) })
		for _, t := range traces {
			if n := len(parts); n > 0 && len(parts[n-1])+len(t) <= size {
				parts[n-1] = append(parts[n-1], t...)
				continue
			}
			parts = append(parts, slices.Clone(t))
		}
	}
	slices.SortStableFunc(parts, func(a, b []*row) int { return cmp.Compare(maxStart(b), maxStart(a)) })
	return parts
}

// matching groups rows by trace and drops the traces without a match.
func (m *Memory) matching(rows []*row, r storage.Request) [][]*row {
	var traces [][]*row
	for _, x := range rows {
		i := slices.IndexFunc(traces, func(t []*row) bool { return sameTrace(t[0].span.TraceID, x.span.TraceID) })
		if i < 0 {
			traces = append(traces, []*row{x})
			continue
		}
		traces[i] = append(traces[i], x)
	}
	for i := range traces {
		traces[i] = oneID(resolved(traces[i]))
	}
	return slices.DeleteFunc(traces, func(t []*row) bool {
		return !slices.ContainsFunc(t, func(x *row) bool {
			return r.Window.Contains(x.span.Start) && Holds(r.Where, &x.span)
		})
	})
}

// completeFirst puts rows that have an end before the others.
func completeFirst(rows []*row) {
	slices.SortStableFunc(rows, func(a, b *row) int { return cmp.Compare(min(b.span.End, 1), min(a.span.End, 1)) })
}

// resolved leaves out rows whose identity an earlier one has, or one that has an end where they
// have none.
func resolved(rows []*row) (kept []*row) {
	completeFirst(rows)
	for _, r := range rows {
		if !slices.ContainsFunc(kept, func(k *row) bool { return sameIdentity(k, r) }) {
			kept = append(kept, r)
		}
	}
	return kept
}

func sameIdentity(a, b *row) bool {
	return a.span.SpanID == b.span.SpanID && a.span.Kind.Side() == b.span.Kind.Side()
}

// oneID puts the rows of a trace under one id, the longest.
func oneID(rows []*row) []*row {
	id := rows[0].span.TraceID
	for _, r := range rows {
		if r.span.TraceID.High() != 0 {
			id = r.span.TraceID
			break
		}
	}
	out := make([]*row, len(rows))
	for i, r := range rows {
		copied := *r
		copied.span.TraceID = id
		out[i] = &copied
	}
	return out
}

func maxStart(rows []*row) clew.UnixNanos {
	newest := clew.UnixNanos(0)
	for _, r := range rows {
		newest = max(newest, r.span.Start)
	}
	return newest
}

// Tail implements storage.Tailer. It never loses a row.
func (m *Memory) Tail(ctx context.Context, t clew.Tenant) iter.Seq[storage.Tailed] {
	m.mu.Lock()
	at := len(m.rows)
	m.mu.Unlock()
	return func(yield func(storage.Tailed) bool) {
		stop := context.AfterFunc(ctx, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.news.Broadcast()
		})
		defer stop()
		for {
			m.mu.Lock()
			for len(m.rows) == at && ctx.Err() == nil {
				m.news.Wait()
			}
			var fresh []*row
			for ; at < len(m.rows); at++ {
				if m.rows[at].tenant == t {
					fresh = append(fresh, &m.rows[at])
				}
			}
			m.mu.Unlock()
			if ctx.Err() != nil {
				return
			}
			if len(fresh) > 0 && !yield(storage.Tailed{Batch: batch(fresh)}) {
				return
			}
		}
	}
}

// batch puts rows into columns, one by one.
func batch(rows []*row) *span.Batch {
	b := build.NewBuilder(len(rows))
	for _, r := range rows {
		addRow(b, r)
	}
	v := b.View(b.Rows())
	v.MaxStart = math.MaxUint64
	return v
}

func addRow(b *build.Builder, r *row) {
	s, at := &r.span, b.Rows()
	name := b.InternName([]byte(s.Name))
	shape := putAttrs(&b.Attrs, uint32(at), b.Attrs.Root(name), s.Attrs, r.extra)
	putString(&b.TraceState, at, s.TraceState)
	putString(&b.StatusMessage, at, s.StatusMessage)
	putCount(&b.DroppedAttrs, at, s.DroppedAttrs)
	putCount(&b.DroppedEvents, at, s.DroppedEvents)
	putCount(&b.DroppedLinks, at, s.DroppedLinks)
	for i, e := range s.Events {
		code := b.Events.InternName([]byte(e.Name))
		shape := putAttrs(&b.Events.Attrs, b.Events.Next(), b.Events.Attrs.Root(code), e.Attrs, r.eventExtra[i])
		b.Events.End(uint32(at), uint64(e.Time), code, shape, uint64(e.DroppedAttrs))
	}
	for i, l := range s.Links {
		shape := putAttrs(&b.Links.Attrs, b.Links.Next(), b.Links.Attrs.Root(0), l.Attrs, r.linkExtra[i])
		b.Links.End(uint32(at), &build.LinkFixed{TraceHigh: l.TraceID.High(), TraceLow: l.TraceID.Low(), SpanID: uint64(l.SpanID),
			Flags: l.Flags, Shape: shape, DroppedAttrs: uint64(l.DroppedAttrs), TraceState: []byte(l.TraceState)})
	}
	b.EndSpan(&build.Fixed{
		TraceHigh: s.TraceID.High(), TraceLow: s.TraceID.Low(), SpanID: uint64(s.SpanID), ParentID: uint64(s.ParentID),
		Start: uint64(s.Start), End: uint64(s.End), Name: name, Shape: shape, Flags: s.Flags,
		Kind: uint8(s.Kind), Status: uint8(s.Status),
	})
	res, fresh := b.InternResource(r.resource)
	if fresh {
		b.SetResource(res, *s.Resource)
	}
	b.SetResourceRange(at, res)
	scope, fresh := b.InternScope(r.scope)
	if fresh {
		b.SetScope(scope, *s.Scope)
	}
	b.SetScopeRange(at, scope)
}

// putAttrs adds attributes to a row and returns its shape. They are distinct by
// (key, type): decode saw to it.
func putAttrs(a *build.AttrsBuilder, row, at uint32, attrs []clew.Attr, extra []byte) uint32 {
	for _, x := range attrs {
		c, next := a.Next(at, []byte(x.Key), x.Value.Type)
		if c == nil {
			panic("storagetest: more attribute columns than a Builder takes") // no test loads so many
		}
		at = next
		if x.Value.Type == clew.TypeString || x.Value.Type == clew.TypeOther {
			c.PutBytes(row, x.Value.Bytes)
		} else {
			c.PutBits(row, x.Value.Bits)
		}
	}
	if len(extra) > 0 {
		a.PutExtra(row, extra)
	}
	return at
}

func putString(c *build.ColumnBuilder, row int, s string) {
	if s != "" {
		c.PutBytes(uint32(row), []byte(s))
	}
}

func putCount(c *build.ColumnBuilder, row int, n uint32) {
	if n != 0 {
		c.PutBits(uint32(row), uint64(n))
	}
}
