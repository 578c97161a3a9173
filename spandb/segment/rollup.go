package segment

import (
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment/rollup"
)

// counter makes the rollup of what a Sealer has placed.
type counter struct {
	rows    rollup.Rows
	builder rollup.Builder
}

// A Rollup is what rows of a segment or a head did per minute, with the tables that
// it points into.
type Rollup struct {
	*rollup.Rollup
	Services []string
	Names    column.Strings
}

// Rollup makes the rollup of rows as Seal does, at least one, and no segment. It is
// s's until the next call.
func (s *Sealer) Rollup(b *span.Batch) Rollup {
	s.place(b)
	r := s.count()
	s.b = nil
	return Rollup{Rollup: r, Services: s.order.Services, Names: b.Names}
}

// count makes the rollup of the rows placed.
func (s *Sealer) count() *rollup.Rollup {
	o, r := &s.order, &s.counter.rows
	*r = rollup.Rows{
		Batch: s.b, Row: o.Perm, Position: o.Inv, Templates: r.Templates[:0], Runs: r.Runs[:0], Services: len(o.Services),
		Start: s.start, Duration: s.duration, Parent: s.parent, Twins: r.Twins[:0],
	}
	for i := range o.Templates {
		t := &o.Templates[i]
		r.Templates = append(r.Templates, rollup.Template{Service: t.Service, Name: t.Name, Kind: t.Kind, Status: t.Status})
	}
	for _, blk := range o.Blocks {
		for _, run := range blk.Runs {
			r.Runs = append(r.Runs, rollup.Run{Template: run.Template, Start: uint32(blk.Start) + run.Start, End: uint32(blk.Start) + run.End})
		}
	}
	for i := 0; i < s.pairs; i += 2 {
		r.Twins = append(r.Twins, [2]uint32(s.repeats[i:]))
	}
	return s.counter.builder.Build(r)
}

// rollup writes the rollup of the rows. The bounds of its first chunk are minutes.
func (s *Sealer) rollup() {
	r := s.count()
	first, last := r.Minutes[0].Minute, r.Minutes[len(r.Minutes)-1].Minute
	s.w.Chunk(s.w.Column(colRollup), block.WholeSegment, r.AppendServices(s.w.Buf()), uint64(first), uint64(last))
	s.chunk(s.w.Column(colRollupTimes), block.WholeSegment, r.AppendTimes(s.w.Buf()))
	s.chunk(s.w.Column(colOperations), block.WholeSegment, r.AppendOperations(s.w.Buf(), s.names))
	s.chunk(s.w.Column(colOperationsTimes), block.WholeSegment, rollup.AppendDurations(s.w.Buf(), r.Operations))
	if len(r.Edges) > 0 {
		s.chunk(s.w.Column(colEdges), block.WholeSegment, r.AppendEdges(s.w.Buf()))
		s.chunk(s.w.Column(colEdgesTimes), block.WholeSegment, rollup.AppendDurations(s.w.Buf(), r.Edges))
	}
}

// RollupNeed says which parts of a rollup are wanted besides minutes and services:
// operations, edges, and durations of these, where they are, else of services.
type RollupNeed struct{ Operations, Edges, Durations bool }

// Minutes returns the first and last minute of which the segment has a rollup, in
// minutes since 1970.
func (r *Reader) Minutes() (first, last uint32, err error) {
	if col, ok := r.blocks.Column(colRollup); ok {
		if lo, hi, ok := r.blocks.Bounds(col, block.WholeSegment); ok {
			return uint32(lo), uint32(hi), nil
		}
	}
	return 0, 0, r.lacks(colRollup)
}

// Rollup reads the wanted parts of a segment's rollup. It needs few of the tables of
// the segment and does not keep them; it takes them from where they are kept.
func (c *Cache) Rollup(r *Reader, n RollupNeed) (Rollup, error) {
	var out RollupReader
	err := out.Read(r, n)
	return out.Rollup, err
}

// A RollupReader reads rollups of one segment after the other into the same memory. The
// zero value is ready; one goroutine uses it.
type RollupReader struct {
	// Rollup is that of the segment read last, and holds until the next one.
	Rollup
	sums            rollup.Rollup
	services, times []byte
	names           column.Strings
	list            []string // Services, where they are the reader's
}

// Read makes the parts that n wants of a segment's rollup those of r. Others are
// not to be used.
func (out *RollupReader) Read(r *Reader, n RollupNeed) (err error) {
	out.Rollup.Rollup = &out.sums
	if err = out.tables(r, n.Operations); err != nil {
		return err
	}
	sizes := rollup.Sizes{Services: len(out.Services), Names: out.Names.Len(), Rows: r.meta.Rows}
	if out.services, err = r.parse(colRollup, out.services, func(b []byte) error { return out.ParseServices(b, sizes) }); err != nil {
		return err
	}
	if n.Durations && !n.Operations && !n.Edges {
		out.times, err = r.parse(colRollupTimes, out.times, func(b []byte) error { return out.ParseTimes(b, sizes) })
		return err
	}
	if n.Operations {
		if _, err := r.parse(colOperations, nil, func(b []byte) error { return out.ParseOperations(b, sizes) }); err != nil {
			return err
		}
		if n.Durations {
			if err := readDurations(r, colOperationsTimes, out.Operations, sizes); err != nil {
				return err
			}
		}
	}
	if n.Edges {
		return out.edges(r, n, sizes)
	}
	return nil
}

func (out *RollupReader) edges(r *Reader, n RollupNeed, sizes rollup.Sizes) error {
	out.EdgeKeys, out.Edges = out.EdgeKeys[:0], out.Edges[:0]
	out.Peers.Reset()
	b, col, err := r.whole(colEdges)
	if err != nil || b == nil {
		return err
	}
	if err := out.ParseEdges(b, sizes); err != nil {
		return r.corrupt(col, block.WholeSegment, err)
	}
	if n.Durations {
		return readDurations(r, colEdgesTimes, out.sums.Edges, sizes)
	}
	return nil
}

func readDurations(r *Reader, name string, list []rollup.Series, n rollup.Sizes) error {
	_, err := r.parse(name, nil, func(b []byte) error { return rollup.ParseDurations(list, b, n) })
	return err
}

// parse has f read a chunk of the whole segment, which must be there, and returns it,
// in dst where that has room.
func (r *Reader) parse(name string, dst []byte, f func(b []byte) error) ([]byte, error) {
	col, ok := r.blocks.Column(name)
	if !ok {
		return dst, r.lacks(name)
	}
	b, err := r.blocks.Chunk(dst, col, block.WholeSegment)
	switch {
	case err != nil:
		return dst, err
	case b == nil:
		return dst, r.lacks(name)
	}
	if err := f(b); err != nil {
		return b, r.corrupt(col, block.WholeSegment, err)
	}
	return b, nil
}

// tables reads the tables that a rollup points into: names only where they are wanted.
func (out *RollupReader) tables(r *Reader, names bool) error {
	if t := r.tables.Load(); t != nil {
		out.Rollup.Services, out.Names = t.services, t.Names
		return nil
	}
	out.names.Reset()
	if names {
		if err := r.strings(colNames, &out.names, r.meta.Rows); err != nil {
			return err
		}
	}
	out.Names = out.names
	var raw column.Strings
	if err := r.strings(colServices, &raw, r.meta.Rows); err != nil {
		return err
	}
	list := out.list[:0]
	for i := range raw.Len() {
		if name := raw.At(i); i < len(out.list) && out.list[i] == string(name) { // as most often
			list = append(list, out.list[i])
		} else {
			list = append(list, string(name))
		}
	}
	out.list, out.Rollup.Services = list, list
	return nil
}
