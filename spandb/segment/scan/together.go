package scan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/storage/resolved"
)

// together reads traces that lie in several blocks, many at a time: each block once for
// all of them.
type together struct {
	s      *Scan
	need   *segment.Need
	reader segment.BlockReader
	loan   Loan           // for what is read
	age    map[Source]int // place among the segments
	many   int            // so many traces are read together next
	cut    bool           // they were too large to be so many

	placed []lying
	spots  []spot
	blocks []Stored
	ids    []clew.TraceID
	wanted column.Bitmap
	codes  []uint32
	rows   []uint32
}

// lying is a trace and where it lies: at spots [from, to), the oldest first, none if it
// has to be read by itself.
type lying struct {
	id       clew.TraceID
	from, to int
}

// spot is a block in which a trace may be.
type spot struct{ seg, block, of int }

func (x spot) compare(y spot) int {
	return cmp.Or(cmp.Compare(x.seg, y.seg), cmp.Compare(x.block, y.block), cmp.Compare(x.of, y.of))
}

func newTogether(s *Scan) *together {
	t := &together{s: s, need: NeedOfTraces(&s.Request.Columns, &s.Request.Where), many: fewTogether, loan: s.Traces.Lend(), age: make(map[Source]int, len(s.Segments))}
	t.reader.Cache, t.reader.Keep = s.Cache, !t.need.All
	for i := range s.Segments {
		t.age[s.Segments[i].Source] = i
	}
	return t
}

// place finds out where traces lie, and orders them so that those that share blocks stand
// together. What it returns is t's until the next call.
func (t *together) place(ids []clew.TraceID) []lying {
	t.placed, t.spots = t.placed[:0], t.spots[:0]
	for _, id := range ids {
		from := len(t.spots)
		var all bool
		t.blocks, all = t.s.Traces.Blocks(t.blocks[:0], id)
		for _, b := range t.blocks {
			seg, known := t.age[b.Source]
			t.spots = append(t.spots, spot{seg: seg, block: b.Block})
			all = all && known
		}
		if !all || id.High() == 0 { // other ids may be of it
			t.spots = t.spots[:from]
		}
		slices.SortFunc(t.spots[from:], spot.compare)
		t.placed = append(t.placed, lying{id, from, len(t.spots)})
	}
	first := func(x lying) spot {
		if x.from == x.to {
			return spot{seg: -1}
		}
		return t.spots[x.from]
	}
	slices.SortStableFunc(t.placed, func(x, y lying) int { return first(x).compare(first(y)) })
	return t.placed
}

// next parts the traces that are to be read next from the rest: few at first, so that who
// may not look at much has some.
func (t *together) next(all []lying) (some, rest []lying) {
	n := min(t.many, len(all))
	if !t.cut {
		t.many = min(2*t.many, maxTogether)
	}
	return all[:n], all[n:]
}

// read returns traces, whole and resolved, as far as they have a match; nil if none has.
// Those left are to be read one by one: their blocks are damaged, other ids are among
// them, or all together are too large.
func (t *together) read(ctx context.Context, some []lying) (b *span.Batch, left []clew.TraceID, err error) {
	var spots []spot
	lone := make([]bool, len(some))
	for i, x := range some {
		lone[i] = x.from == x.to || len(some) == 1
		for _, at := range t.spots[x.from:x.to] {
			spots = append(spots, spot{at.seg, at.block, i})
		}
	}
	slices.SortFunc(spots, spot.compare)
	g := resolved.NewBuilder()
	g.Parts, g.Many = !t.need.All, true
	for last := -1; len(spots) > 0; {
		n := 1
		for n < len(spots) && spots[n].seg == spots[0].seg && spots[n].block == spots[0].block {
			n++
		}
		if more, err := t.s.goesOn(ctx); err != nil || !more {
			return nil, nil, err
		}
		if spots[0].seg != last {
			last = spots[0].seg
			g.Next()
		}
		if err := t.add(g, some, lone, spots[:n]); err != nil { // who reads them one by one tells of it
			for _, at := range spots[:n] {
				lone[at.of] = true
			}
		}
		if spots = spots[n:]; !t.room(g) {
			t.many, t.cut = max(t.many/4, 1), true
			for i := range lone {
				lone[i] = true
			}
			break
		}
	}
	for i, x := range some {
		if lone[i] {
			left = append(left, x.id)
		}
	}
	if len(left) == len(some) || g.Rows() == 0 {
		return nil, left, nil
	}
	return t.matching(g.Resolve().Batch, left), left, stopped(ctx)
}

// room reports whether there is room for what was read, and what is made of it.
func (t *together) room(g *resolved.Builder) bool {
	size := g.SizeBytes()
	return g.Rows() <= togetherRows && size <= togetherBytes && t.loan.Grow(2*int64(size))
}

// add adds the rows of a block that are of traces that may be there and are not lone.
// Those of which other ids turn up are lone.
func (t *together) add(g *resolved.Builder, some []lying, lone []bool, at []spot) (err error) {
	seg := &t.s.Segments[at[0].seg]
	r, err := seg.Take()
	if err != nil {
		return err
	}
	defer seg.Give()
	if at[0].block >= len(r.Meta().BlockRows) {
		return fmt.Errorf("there is no block %d", at[0].block)
	}
	blk, err := t.s.Cache.Block(r, at[0].block)
	if err == nil {
		t.ids, err = r.TraceIDs(t.ids[:0], blk.Number)
	}
	if err != nil || !t.find(some, lone, at) {
		return err
	}
	x, err := blk.Ints(blk.Tables.Trace)
	if err == nil {
		t.codes, err = column.DecodeRange(t.codes[:0], x, 0, blk.Rows)
	}
	if err != nil {
		return err
	}
	t.rows = t.rows[:0]
	for row, ord := range t.codes {
		if int(ord) < len(t.ids) && t.wanted.Get(int(ord)) {
			t.rows = append(t.rows, uint32(row))
		}
	}
	if len(t.rows) == 0 {
		return fmt.Errorf("traces are listed, but no row is of them")
	}
	t.reader.Known = blk.Runs
	b, err := t.reader.ReadRows(r, blk.Number, t.need, t.rows, true)
	t.s.stats.Bytes += blk.Bytes + t.reader.Bytes
	t.reader.Bytes = 0
	if err != nil {
		return err
	}
	t.rows = t.rows[:b.Rows]
	for i := range t.rows {
		t.rows[i] = uint32(i)
	}
	g.Add(b, t.rows, t.reader.Received)
	return nil
}

// find notes which of a block's traces are wanted, and reports whether any is.
func (t *together) find(some []lying, lone []bool, at []spot) (any bool) {
	t.wanted = t.wanted.Reset(len(t.ids))
	for _, x := range at {
		id := some[x.of].id
		lo := sort.Search(len(t.ids), func(i int) bool { return t.ids[i].Low() >= id.Low() }) // they ascend by their low halves
		for ; lo < len(t.ids) && t.ids[lo].Low() == id.Low(); lo++ {
			switch {
			case t.ids[lo].High() == 0:
				lone[x.of] = true
			case t.ids[lo] == id && !lone[x.of]:
				t.wanted.Set(lo)
				any = true
			}
		}
	}
	return any
}

// matching returns a batch of whole traces as a scan yields it, without some; nil if no
// other has a match.
func (t *together) matching(b *span.Batch, without []clew.TraceID) *span.Batch {
	b.Matched = t.s.matcher.Match(b)
	t.s.clip(b)
	found := column.NewBitmap(len(b.TraceIDs))
	for row := range b.Matched.Ones() {
		found.Set(int(b.Trace[row]))
	}
	for ord, id := range b.TraceIDs {
		if slices.Contains(without, id) {
			found.Clear(ord)
		}
	}
	if !found.Any() {
		return nil
	}
	if found.Count() < len(b.TraceIDs) {
		t.s.tree.trace(b, found)
	}
	return b
}
