package segment

import (
	"errors"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// An Operation is rows of one kind that have service, name, kind and status in
// common. Name is shared, not to be changed.
type Operation struct {
	Service string
	Name    []byte
	Kind    clew.Kind
	Status  clew.Status
}

// Count calls add with how many of the segment's rows that start within w are of
// each operation; one operation may come several times. It reads no rows where w
// holds the whole segment, the runs of a block where it holds the block, and start
// times besides where it holds a part of it. An error is about the blocks that could
// not be read; the others are counted.
func (c *Cache) Count(r *Reader, w clew.Window, add func(o Operation, rows int64)) error {
	m := &r.meta
	if !w.Overlaps(clew.UnixNanos(m.MinStart), clew.UnixNanos(m.MaxStart)) {
		return nil
	}
	t, err := c.tables(r)
	if err != nil {
		return err
	}
	counts := make([]int64, len(t.Templates))
	if covers(w, m.MinStart, m.MaxStart) {
		for i := range t.Templates {
			counts[i] = int64(t.Templates[i].rows)
		}
	} else {
		b := BlockReader{Cache: c}
		for blk := range m.BlockRows {
			err = errors.Join(err, b.count(r, blk, w, counts))
		}
	}
	for i, n := range counts {
		if n > 0 {
			x := &t.Templates[i]
			add(Operation{t.services[x.Service], t.Names.At(int(x.Name)), clew.Kind(x.Kind), clew.Status(x.Status)}, n)
		}
	}
	return err
}

func covers(w clew.Window, lo, hi uint64) bool {
	return w.Contains(clew.UnixNanos(lo)) && w.Contains(clew.UnixNanos(hi))
}

// count adds the rows of a block to the counts of their templates.
func (r *BlockReader) count(s *Reader, blk int, w clew.Window, counts []int64) error {
	lo, hi, err := s.Starts(blk)
	if err != nil || !w.Overlaps(clew.UnixNanos(lo), clew.UnixNanos(hi)) {
		return err
	}
	if err := r.open(s, blk, &Need{}); err != nil {
		return err
	}
	if err := r.readRuns(); err != nil {
		return err
	}
	if !covers(w, lo, hi) {
		if err := r.readTimes(); err != nil {
			return err
		}
	}
	for i, k := range r.runs.Template {
		from, to := r.runs.Start[i], r.runs.Start[i+1]
		if covers(w, lo, hi) {
			counts[k] += int64(to - from)
			continue
		}
		for _, start := range r.batch.Start[from:to] {
			if w.Contains(clew.UnixNanos(start)) {
				counts[k]++
			}
		}
	}
	return nil
}

// Attrs calls f for every attribute column of the segment, without reading values:
// those of spans, events and links by their keys and types.
func (c *Cache) Attrs(r *Reader, f func(scope span.Scope, key string, t clew.Type)) error {
	t, err := c.tables(r)
	if err != nil {
		return err
	}
	for _, l := range []struct {
		scope span.Scope
		list  []Attr
	}{
		{span.ScopeSpan, t.Attrs}, {span.ScopeEvent, t.EventAttrs}, {span.ScopeLink, t.LinkAttrs},
		{span.ScopeSpan, t.pooled.columns}, {span.ScopeEvent, t.eventPooled.columns}, {span.ScopeLink, t.linkPooled.columns},
	} {
		for i := range l.list {
			f(l.scope, l.list[i].Key, l.list[i].Type)
		}
	}
	return nil
}

// Entries returns the resources and scopes of the segment. They are shared, not to
// be changed.
func (c *Cache) Entries(r *Reader) ([]*span.ResourceEntry, []*span.ScopeEntry, error) {
	t, err := c.tables(r)
	if err != nil {
		return nil, nil, err
	}
	return t.Resources, t.Scopes, nil
}
