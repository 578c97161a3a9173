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
	s.w.Chunk(s.w.Column(colRollup), block.WholeSegment, r.AppendOperations(s.w.Buf(), s.names), uint64(first), uint64(last))
	s.chunk(s.w.Column(colRollupTimes), block.WholeSegment, rollup.AppendDurations(s.w.Buf(), r.Operations))
	s.chunk(s.w.Column(colServiceTimes), block.WholeSegment, r.AppendServices(s.w.Buf()))
	if len(r.Edges) > 0 {
		s.chunk(s.w.Column(colEdges), block.WholeSegment, r.AppendEdges(s.w.Buf()))
		s.chunk(s.w.Column(colEdgesTimes), block.WholeSegment, rollup.AppendDurations(s.w.Buf(), r.Edges))
	}
}

// RollupNeed says which parts of a rollup are wanted: durations of operations or edges,
// where these are, or of services alone.
type RollupNeed struct{ Operations, Edges, Durations, Services bool }

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
	out := Rollup{Rollup: new(rollup.Rollup)}
	if t := r.tables.Load(); t != nil {
		out.Services, out.Names = t.services, t.Names
	} else if err := out.readTables(r); err != nil {
		return out, err
	}
	sizes := rollup.Sizes{Services: len(out.Services), Names: out.Names.Len(), Rows: r.meta.Rows}
	if err := r.parse(colRollup, func(b []byte) error { return out.ParseOperations(b, sizes) }); err != nil {
		return out, err
	}
	if n.Operations && n.Durations {
		if err := readDurations(r, colRollupTimes, out.Operations, sizes); err != nil {
			return out, err
		}
	}
	if n.Services {
		if err := r.parse(colServiceTimes, func(b []byte) error { return out.ParseServices(b, sizes) }); err != nil {
			return out, err
		}
	}
	b, col, err := r.whole(colEdges)
	if err != nil || b == nil || !n.Edges {
		return out, err
	}
	if err := out.ParseEdges(b, sizes); err != nil {
		return out, r.corrupt(col, block.WholeSegment, err)
	}
	if n.Durations {
		err = readDurations(r, colEdgesTimes, out.Edges, sizes)
	}
	return out, err
}

func readDurations(r *Reader, name string, list []rollup.Series, n rollup.Sizes) error {
	return r.parse(name, func(b []byte) error { return rollup.ParseDurations(list, b, n) })
}

// parse has f read a chunk of the whole segment, which must be there.
func (r *Reader) parse(name string, f func(b []byte) error) error {
	b, col, err := r.must(name)
	if err != nil {
		return err
	}
	if err := f(b); err != nil {
		return r.corrupt(col, block.WholeSegment, err)
	}
	return nil
}

// readTables reads the tables that a rollup points into.
func (out *Rollup) readTables(r *Reader) error {
	if err := r.strings(colNames, &out.Names, r.meta.Rows); err != nil {
		return err
	}
	var raw column.Strings
	if err := r.strings(colServices, &raw, r.meta.Rows); err != nil {
		return err
	}
	for i := range raw.Len() {
		out.Services = append(out.Services, string(raw.At(i)))
	}
	return nil
}
