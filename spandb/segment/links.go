package segment

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/spandb/segment/places"
)

// Places lists the rows of a block by trace.
type Places = places.Lists

// The trace of a link: that of its own span, one that the block has not, and otherwise
// linkFirst + the trace's ordinal in the block. Its span: 0 one that its trace has not
// in this block, else 1 + its place among the trace's rows.
const (
	linkOwn       = 0
	linkElsewhere = 1
	linkFirst     = 2
)

// links writes the link table.
func (s *Sealer) links() {
	l := &s.b.Links
	if len(l.Row) == 0 {
		return
	}
	c := &s.children
	c.Build(&s.order, l.Row)
	s.owners(colLinkRow, c, l.Row)
	col := s.w.Column(colLinkTarget)
	c.Each(func(blk int, children []uint32) { s.chunk(col, blk, s.linkTargets(blk, children)) })
	s.field(colLinkFlags, c, small, func(k uint32, _ int) uint64 { return uint64(l.Flags[k]) })
	s.aset.sparse(colLinkState, &l.TraceState, c.Place, c.Limits)
	s.aset.sparse(colLinkDropped, &l.Dropped, c.Place, c.Limits)
	s.childAttrs(familyLink, &l.Attrs, c, colLinkShape, colLinkShapes, colLinkExtra, colLinkPooled)
}

// linkTargets appends what the links of a block point to: the codes of traces and of
// spans, then the ids of those that the block has not.
func (s *Sealer) linkTargets(blk int, children []uint32) []byte {
	o, b, l := &s.order, s.b, &s.b.Links
	r := &o.Blocks[blk]
	ids := o.Traces[r.TraceStart:r.TraceEnd]
	traces, spans := make([]uint32, len(children)), make([]uint32, len(children))
	type target struct{ trace, link uint32 } // of links into the block
	var targets []target
	for i, k := range children {
		own := o.Local[l.Row[k]]
		id := clew.MakeTraceID(l.TraceHigh[k], l.TraceLow[k])
		if b.TraceIDs[ids[own]] == id {
			traces[i] = linkOwn
			targets = append(targets, target{own, uint32(i)})
			continue
		}
		at, found := slices.BinarySearchFunc(ids, id, func(t uint32, id clew.TraceID) int {
			x := b.TraceIDs[t]
			return cmp.Or(cmp.Compare(x.Low(), id.Low()), cmp.Compare(x.High(), id.High()))
		})
		if traces[i] = linkElsewhere; found {
			traces[i] = linkFirst + uint32(at)
			targets = append(targets, target{uint32(at), uint32(i)})
		}
	}
	slices.SortFunc(targets, func(x, y target) int { return cmp.Or(cmp.Compare(x.trace, y.trace), cmp.Compare(x.link, y.link)) })
	lists := &s.lists[blk]
	finder := places.NewFinder()
	for i, t := range targets {
		if i == 0 || t.trace != targets[i-1].trace {
			finder.Load(lists.Rows(int(t.trace)), s.ids[r.Start:r.End])
		}
		if code := finder.Code(l.SpanID[children[t.link]]); code >= places.First {
			spans[t.link] = code - places.First + 1
		}
	}
	buf := column.AppendInts(column.AppendInts(s.w.Buf(), traces, small), spans, small)
	for i, k := range children {
		if traces[i] == linkElsewhere {
			buf = binary.BigEndian.AppendUint64(buf, l.TraceHigh[k])
			buf = binary.BigEndian.AppendUint64(buf, l.TraceLow[k])
		}
	}
	for i, k := range children {
		if spans[i] == 0 {
			buf = binary.LittleEndian.AppendUint64(buf, l.SpanID[k])
		}
	}
	return buf
}

// linkReader finds what the links of a block point to.
type linkReader struct {
	r      *BlockReader
	traces []uint32  // codes
	spans  []uint32  // codes
	ids    []byte    // of the block's traces; nil until they are needed
	raw    [2][]byte // ids of traces and spans elsewhere
	trace  []uint32  // of the block's rows
	spanID []byte    // likewise
	lists  *places.Lists
	rows   []uint32 // of a trace
	of     uint32   // that trace
}

// linkTargets reads the ids of the wanted links.
func (r *BlockReader) linkTargets(l *span.Links, c *children) error {
	x := linkReader{r: r}
	b, col, err := r.chunk(colLinkTarget)
	if err == nil {
		x.traces, b, err = column.DecodeInts[uint32](nil, b, c.n)
		if err == nil {
			x.spans, b, err = column.DecodeInts[uint32](nil, b, c.n)
		}
		if err != nil {
			err = r.seg.corrupt(col, r.blk, err)
		}
	}
	if err != nil {
		return err
	}
	elsewhere, unknown := 0, 0
	for _, t := range x.traces {
		if t == linkElsewhere {
			elsewhere++
		}
	}
	for _, s := range x.spans {
		if s == 0 {
			unknown++
		}
	}
	if len(x.traces) != c.n || len(x.spans) != c.n || len(b) != 16*elsewhere+8*unknown {
		return r.bad(col, "%d traces, %d spans and %d bytes of ids are not %d links", len(x.traces), len(x.spans), len(b), c.n)
	}
	x.raw = [2][]byte{slices.Clone(b[:16*elsewhere]), slices.Clone(b[16*elsewhere:])}
	return x.read(l, c, col)
}

// read goes over all links of the block, for their ids stand in order.
func (x *linkReader) read(l *span.Links, c *children, col int) error {
	next := 0 // wanted link
	for i := range x.traces {
		raw := x.raw
		if x.traces[i] == linkElsewhere {
			x.raw[0] = x.raw[0][16:]
		}
		if x.spans[i] == 0 {
			x.raw[1] = x.raw[1][8:]
		}
		if next == len(c.rows) || c.pick != nil && c.pick[next] != uint32(i) {
			continue
		}
		id, spanID, err := x.target(i, c.rows[next], raw, col)
		if err != nil {
			return err
		}
		l.TraceHigh, l.TraceLow, l.SpanID = append(l.TraceHigh, id.High()), append(l.TraceLow, id.Low()), append(l.SpanID, spanID)
		next++
	}
	return nil
}

// target returns what link i points to, which is of a row of the batch.
func (x *linkReader) target(i int, row uint32, raw [2][]byte, col int) (id clew.TraceID, spanID uint64, err error) {
	r := x.r
	if x.traces[i] == linkElsewhere {
		if x.spans[i] != 0 {
			return id, 0, r.bad(col, "link %d points to a row of a trace elsewhere", i)
		}
		return clew.TraceID(raw[0][:16]), binary.LittleEndian.Uint64(raw[1]), nil
	}
	if x.ids == nil {
		if err := x.load(); err != nil {
			return id, 0, err
		}
	}
	var trace uint32
	if x.traces[i] == linkOwn {
		trace = x.trace[r.row(int(row))]
	} else {
		trace = x.traces[i] - linkFirst
	}
	if int(trace) >= len(x.ids)/16 {
		return id, 0, r.bad(col, "link %d points to trace %d of %d", i, trace, len(x.ids)/16)
	}
	id = clew.TraceID(x.ids[16*trace : 16*trace+16])
	if x.spans[i] == 0 {
		return id, binary.LittleEndian.Uint64(raw[1]), nil
	}
	rows := x.rowsOf(trace)
	if int(x.spans[i]) > len(rows) {
		return id, 0, r.bad(col, "link %d points to row %d of a trace of %d", i, x.spans[i], len(rows))
	}
	return id, binary.LittleEndian.Uint64(x.spanID[8*rows[x.spans[i]-1]:]), nil
}

// load reads the traces and spans of the block.
func (x *linkReader) load() (err error) {
	r := x.r
	b, _, err := r.records(colTraceIDs, 0, 16)
	if err != nil {
		return err
	}
	ids := slices.Clone(b)
	if x.trace = r.batch.Trace; r.pick != nil {
		if x.trace, _, err = denseOf[uint32](r, nil, colTrace, r.rows, nil); err != nil {
			return err
		}
	} else if x.lists = &r.lists; r.batch.ParentID == nil { // else they are built
		x.lists.BuildAll(x.trace, len(ids)/16)
	}
	if x.spanID, _, err = r.records(colSpanID, r.rows, 8); err != nil {
		return err
	}
	x.ids, x.of = ids, span.NoCode
	return nil
}

// rowsOf returns the rows of a trace of the block.
func (x *linkReader) rowsOf(trace uint32) []uint32 {
	if x.r.pick == nil {
		return x.lists.Rows(int(trace))
	}
	if x.of != trace {
		x.rows, x.of = x.rows[:0], trace
		for row, t := range x.trace {
			if t == trace {
				x.rows = append(x.rows, uint32(row))
			}
		}
	}
	return x.rows
}
