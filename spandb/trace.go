package spandb

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// Trace implements storage.Reader. Rows are gathered from segments, oldest
// first, then heads, and then resolved.
func (db *DB) Trace(ctx context.Context, name clew.Tenant, id clew.TraceID) (storage.Trace, error) {
	if ctx.Err() != nil {
		return storage.Trace{}, clew.Errorf(clew.Canceled, "trace lookup stopped: %w", context.Cause(ctx))
	}
	missing := clew.Errorf(clew.NotFound, "trace %s is not here", id)
	t, err := db.tenantOf(name)
	if err != nil {
		return storage.Trace{}, err
	}
	if t == nil {
		return storage.Trace{}, missing
	}
	snap := db.snapshot(t)
	defer snap.release()
	g := gatherer{db: db, id: id, b: span.NewBuilder(64), reader: blockReader{cache: &db.cache}, need: need{all: true}}
	for _, seg := range snap.segs {
		if ctx.Err() != nil {
			return storage.Trace{}, clew.Errorf(clew.Canceled, "trace lookup stopped: %w", context.Cause(ctx))
		}
		if err := g.segment(seg); err != nil {
			db.damaged(err)
			g.damage = errors.Join(g.damage, err)
		}
	}
	for i, h := range snap.heads {
		t.mu.Lock()
		rows := h.b.TraceRows(nil, id, snap.views[i].Rows)
		t.mu.Unlock()
		slices.Sort(rows)
		g.b.AppendRows(snap.views[i], rows)
	}
	if g.b.Rows() == 0 {
		if g.damage != nil {
			return storage.Trace{}, g.damage
		}
		return storage.Trace{}, missing
	}
	out := resolve(g.b)
	out.Damaged = g.damage
	return out, nil
}

// gatherer collects the rows of one trace.
type gatherer struct {
	db     *DB
	id     clew.TraceID
	b      *span.Builder
	reader blockReader
	need   need
	damage error
	buf    []byte
}

func (g *gatherer) segment(s *segment) error {
	may, err := s.mayHave(g.id.Low())
	if err != nil || !may {
		return err
	}
	for blk := range s.meta.blockRows {
		ordinals, err := g.ordinals(s, blk)
		if err != nil {
			return err
		}
		if len(ordinals) == 0 {
			continue
		}
		t, err := g.db.cache.tablesOf(s)
		if err != nil {
			return err
		}
		batch, err := g.reader.read(s, t, blk, &g.need)
		if err != nil {
			return err
		}
		var rows []uint32
		for row, ord := range batch.Trace {
			if slices.Contains(ordinals, ord) {
				rows = append(rows, uint32(row))
			}
		}
		g.b.AppendRows(batch, rows)
	}
	return nil
}

// ordinals finds the trace among the ids of a block, which ascend by their low
// halves; there may be several that differ in the high half.
func (g *gatherer) ordinals(s *segment, blk int) ([]uint32, error) {
	col, ok := s.r.Column(colTraceIDs)
	if !ok {
		return nil, clew.Corruptf(s.path, 0, "segment has no trace ids")
	}
	b, err := s.r.Chunk(g.buf[:0], col, blk)
	if err != nil {
		return nil, err
	}
	g.buf = b
	n := len(b) / 16
	at := func(i int) clew.TraceID { return clew.TraceID(b[16*i : 16*i+16]) }
	lo, hi := 0, n
	for lo < hi {
		m := (lo + hi) / 2
		if at(m).Low() < g.id.Low() {
			lo = m + 1
		} else {
			hi = m
		}
	}
	var found []uint32
	for ; lo < n && at(lo).Low() == g.id.Low(); lo++ {
		if h := at(lo).High(); h == g.id.High() || h == 0 || g.id.High() == 0 {
			found = append(found, uint32(lo))
		}
	}
	return found, nil
}

// rowIdentity is a row's identity within its trace.
type rowIdentity struct {
	span uint64
	side uint8
}

// resolve leaves out rows that repeat another's identity: the first received
// stays. Rows of equal content count as duplicates, others as conflicts.
func resolve(b *span.Builder) storage.Trace {
	view := b.View(b.Rows())
	first := make(map[rowIdentity]uint32, view.Rows)
	keep := make([]uint32, 0, view.Rows)
	var repeated []uint32
	for i := range view.Rows {
		k := rowIdentity{view.SpanID[i], clew.Kind(view.Kind[i]).Side()}
		if _, ok := first[k]; ok {
			repeated = append(repeated, uint32(i))
			continue
		}
		first[k] = uint32(i)
		keep = append(keep, uint32(i))
	}
	out := storage.Trace{Batch: view}
	if len(repeated) == 0 {
		return out
	}
	rows := span.NewRows(view)
	for _, i := range repeated {
		k := rowIdentity{view.SpanID[i], clew.Kind(view.Kind[i]).Side()}
		if equalRows(rows, int(first[k]), int(i)) {
			out.Duplicates++
		} else {
			out.Conflicts++
		}
	}
	kept := span.NewBuilder(len(keep))
	kept.AppendRows(view, keep)
	out.Batch = kept.View(kept.Rows())
	return out
}

// equalRows compares everything that was received of two rows.
func equalRows(r *span.Rows, i, k int) bool {
	return reflect.DeepEqual(r.Span(i), r.Span(k)) && string(r.Extra(i)) == string(r.Extra(k))
}
