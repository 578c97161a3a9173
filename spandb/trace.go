package spandb

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/admission"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/spandb/segment/scan"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/storage/resolved"
)

// Trace implements storage.Reader. Rows are gathered from segments, oldest
// first, then heads, and then resolved.
func (db *DB) Trace(ctx context.Context, name clew.Tenant, id clew.TraceID) (storage.Trace, error) {
	return db.trace(ctx, name, id, &segment.Need{All: true})
}

// TracePart implements storage.PartReader.
func (db *DB) TracePart(ctx context.Context, name clew.Tenant, id clew.TraceID, c storage.Columns) (storage.Trace, error) {
	return db.trace(ctx, name, id, scan.NeedOfParts(&c))
}

func (db *DB) trace(ctx context.Context, name clew.Tenant, id clew.TraceID, need *segment.Need) (storage.Trace, error) {
	if ctx.Err() != nil {
		return storage.Trace{}, lookupStopped(ctx)
	}
	t, err := db.tenantOf(name)
	if err != nil {
		return storage.Trace{}, err
	}
	if t == nil {
		return storage.Trace{}, notHere(id)
	}
	g := db.gatherer(id, need)
	if err := g.gather(ctx, t); err != nil {
		g.loan.Return()
		return storage.Trace{}, err
	}
	out, err := g.resolve()
	if err != nil {
		return storage.Trace{}, err
	}
	out.Damaged, out.Bytes = g.damage, g.reader.Bytes
	out.Release = g.loan.Return
	if !need.All && out.Rows <= readerRows && textBytes(out.Batch) <= readerBytes {
		out.Release = db.returns(g.loan, g.reader)
	}
	admission.ReturnWith(out.Batch, g.loan)
	return out, nil
}

// returns returns what gives back a loan and, once, the reader of a part of a trace, in
// whose memory that may be: for the next one.
func (db *DB) returns(loan *admission.Loan, reader *segment.BlockReader) func() {
	var held atomic.Pointer[segment.BlockReader]
	held.Store(reader)
	return func() {
		loan.Return()
		if r := held.Swap(nil); r != nil {
			db.readers.Put(r)
		}
	}
}

// gather collects the rows of the trace. The error is that ctx has ended, or that
// there is no memory for them.
func (g *gatherer) gather(ctx context.Context, t *tenant) error {
	snap := g.db.lookup(t)
	defer snap.release()
	return g.from(ctx, snap)
}

// from is gather for what a snapshot has.
func (g *gatherer) from(ctx context.Context, snap *snapshot) error {
	for _, c := range g.db.candidates(snap.list, g.id) {
		if err := g.segment(ctx, c); err != nil {
			return err
		}
	}
	for i, h := range snap.heads {
		snap.t.mu.Lock()
		rows := h.b.TraceRows(nil, g.id, snap.rows[i])
		var view *span.Batch
		if len(rows) > 0 {
			view = snap.view(i)
		}
		snap.t.mu.Unlock()
		if view == nil {
			continue
		}
		slices.Sort(rows)
		if err := g.addFirst(); err != nil {
			return err
		}
		g.next()
		if err := g.add(g.need.Of(view), rows, func(row uint32) uint64 { return uint64(row) }); err != nil {
			return err
		}
	}
	if f := g.first; f != nil && !g.need.All && g.b == nil && len(f.TraceIDs) == 1 && !g.reader.Repeats() {
		return g.db.lend(g.loan, g.id, max(int64(f.Rows)*traceRowBytes, 2*textBytes(f))) // it is the trace as it is
	}
	return g.addFirst()
}

// textBytes is how many bytes the texts of a batch take that no other shares.
func textBytes(b *span.Batch) (n int64) {
	of := func(columns ...span.Column) {
		for i := range columns {
			if columns[i].DictID == 0 {
				n += int64(len(columns[i].Strings.Buf))
			}
		}
	}
	of(b.StatusMessage, b.TraceState, b.Attrs.Extra, b.Events.Attrs.Extra, b.Links.Attrs.Extra)
	of(b.Attrs.Columns...)
	of(b.Events.Attrs.Columns...)
	of(b.Links.Attrs.Columns...)
	return n
}

// addFirst adds the rows that were read last, before others are read.
func (g *gatherer) addFirst() error {
	batch := g.first
	if g.first = nil; batch == nil {
		return nil
	}
	g.rows = g.rows[:0]
	for row := range batch.Rows {
		g.rows = append(g.rows, uint32(row))
	}
	return g.add(batch, g.rows, g.reader.Received)
}

// resolve returns the trace; the error says why there are no rows of it.
func (g *gatherer) resolve() (storage.Trace, error) {
	switch {
	case g.first != nil:
		b := *g.first
		return storage.Trace{Batch: &b}, nil
	case g.b == nil:
		return storage.Trace{}, cmp.Or(g.damage, notHere(g.id))
	}
	return g.b.Resolve(), nil
}

func notHere(id clew.TraceID) error { return clew.Errorf(clew.NotFound, "trace %s is not here", id) }

func lookupStopped(ctx context.Context) error {
	return clew.Errorf(clew.Canceled, "trace lookup stopped: %w", context.Cause(ctx))
}

// gatherer collects the rows of one trace.
type gatherer struct {
	db     *DB
	id     clew.TraceID
	need   *segment.Need
	b      *resolved.Builder // nil until rows are added: most traces lie in one block
	loan   *admission.Loan   // for what is in b
	reader *segment.BlockReader
	damage error
	first  *span.Batch // what reader has read last, which is not in b yet
	rows   []uint32
}

func (db *DB) gatherer(id clew.TraceID, need *segment.Need) gatherer {
	g := gatherer{db: db, id: id, need: need, loan: db.traceRows.Lend()}
	if !need.All {
		g.reader, _ = db.readers.Get().(*segment.BlockReader)
	}
	if g.reader == nil {
		g.reader = &segment.BlockReader{Cache: &db.cache, Keep: !need.All}
	}
	g.reader.Bytes = 0
	return g
}

// next goes on to the next source.
func (g *gatherer) next() {
	if g.b != nil {
		g.b.Next()
	}
}

// add adds rows of a source; the error is that there is no memory for them.
func (g *gatherer) add(src *span.Batch, rows []uint32, place func(row uint32) uint64) error {
	if g.b == nil {
		g.b = resolved.NewBuilder()
		g.b.Parts = !g.need.All
	}
	if err := g.db.lend(g.loan, g.id, int64(g.b.Rows()+len(rows))*traceRowBytes); err != nil {
		return err
	}
	g.b.Add(src, rows, place)
	if err := g.db.lend(g.loan, g.id, 2*int64(g.b.SizeBytes())); err != nil {
		return err
	}
	return nil
}

// segment adds the trace's rows of a segment. What cannot be read is noted and left
// out, block by block; the error is that ctx has ended, or that there is no memory.
func (g *gatherer) segment(ctx context.Context, c candidate) error {
	if err := g.addFirst(); err != nil {
		return err
	}
	g.next()
	r, err := g.db.take(c.seg)
	if err != nil {
		g.damaged(err)
		return nil
	}
	defer g.db.give(c.seg)
	for _, blk := range g.db.blocksOf(c, r) {
		if ctx.Err() != nil {
			return lookupStopped(ctx)
		}
		if err := g.addFirst(); err != nil {
			return err
		}
		batch, err := g.reader.ReadTrace(r, blk, g.id, g.need)
		if err != nil {
			g.damaged(err)
			continue
		}
		g.first = batch
	}
	return nil
}

func (g *gatherer) damaged(err error) {
	g.db.damaged(err)
	g.damage = errors.Join(g.damage, err)
}
