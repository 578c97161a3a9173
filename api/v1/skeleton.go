package v1

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

const (
	skeletonMagic   = "CLSK"
	skeletonVersion = 1
	// Flags of the whole skeleton.
	skeletonComplete  = 1 << 0
	skeletonConflicts = 1 << 1
	skeletonDamaged   = 1 << 2
)

// skeleton answers a trace as columns: docs/format/skeleton.md.
func (a *API) skeleton(c *call) error {
	t, err := a.read(c)
	if err != nil {
		return err
	}
	defer t.Free()
	if c.unchanged(t.print.etag()) {
		return nil
	}
	body, first := a.encodeSkeleton(c.tenant, t)
	return a.sender.Send(c.w, c.r, "application/octet-stream", len(body), api.Parts(body[:first], body[first:]))
}

// encodeSkeleton returns the skeleton and where its first part ends.
func (a *API) encodeSkeleton(tenant clew.Tenant, t *read) (body []byte, first int) {
	e := &encoder{t: t, b: t.Batch, l: a.layout(tenant, t)}
	start, last := t.Extent()
	e.base, e.last = uint64(start), uint64(last)
	e.nameRows()
	e.numbers = a.cfg.Numbers(tenant, e.services.raw)
	e.collect()
	e.out = make([]byte, 0, 64+e.services.size()+e.names.size()+len(e.l.rows)*rowBytes+len(e.events)*eventBytes+256)
	e.header()
	e.strings()
	cut := len(e.l.rows)
	if cut > firstPartRows*3/2 {
		cut = firstPartRows
	}
	if cut > 0 {
		e.part(0, cut)
	}
	first = len(e.out)
	if cut < len(e.l.rows) {
		e.part(cut, len(e.l.rows))
	}
	return e.out, first
}

// rowBytes and eventBytes are the sizes of a row and an event in a part.
const (
	rowBytes   = 8 + 8 + 8 + 4 + 4 + 4 + 2 + 1
	eventBytes = 8 + 4 + 1
)

// encoder writes a skeleton. Slices per row are in the order of the skeleton.
type encoder struct {
	t *read
	b *span.Batch
	l *layout

	base, last      uint64 // the trace's extent
	services, names texts
	numbers         []int
	service, name   []uint32
	flags           []uint16
	root, lacking   bool // a row has no parent id; a row is ghost, orphan or unfinished
	events          []event
	out             []byte
}

// event is an event of the batch in its row of the skeleton.
type event struct{ row, index uint32 }

// nameRows numbers services and names in the order in which rows show them.
func (e *encoder) nameRows() {
	e.service, e.name = make([]uint32, len(e.l.rows)), make([]uint32, len(e.l.rows))
	services, names := codes(len(e.b.Resources)), codes(e.b.Names.Len())
	for i, row := range e.l.rows {
		if row == span.NoCode {
			e.service[i], e.name[i] = span.NoCode, span.NoCode
			continue
		}
		s, n := &services[e.b.Resource[row]], &names[e.b.Name[row]]
		if *s == span.NoCode {
			*s = e.services.add(e.b.Resources[e.b.Resource[row]].Service)
		}
		if *n == span.NoCode {
			*n = e.names.add(string(e.b.Names.At(int(e.b.Name[row]))))
		}
		e.service[i], e.name[i] = *s, *n
	}
}

func codes(n int) []uint32 {
	c := make([]uint32, n)
	for i := range c {
		c[i] = span.NoCode
	}
	return c
}

// collect computes the rows' flags and puts the events in order.
func (e *encoder) collect() {
	b := e.b
	e.flags = slices.Clone(e.l.flags)
	rowOf := codes(b.Rows)
	for i, row := range e.l.rows {
		if row == span.NoCode {
			e.lacking = true
			continue
		}
		rowOf[row] = uint32(i)
		e.flags[i] |= e.rowFlags(i, row)
		e.root = e.root || e.flags[i]&flagRoot != 0
		e.lacking = e.lacking || e.flags[i]&(flagOrphan|flagUnfinished) != 0
	}
	for _, row := range b.Links.Row {
		e.flags[rowOf[row]] |= flagLinks
	}
	for _, row := range e.t.Conflicting {
		e.flags[rowOf[row]] |= flagConflict
	}
	e.events = make([]event, len(b.Events.Row))
	for i, row := range b.Events.Row {
		e.events[i] = event{rowOf[row], uint32(i)}
	}
	slices.SortFunc(e.events, func(x, y event) int {
		if x.row != y.row {
			return int(x.row) - int(y.row)
		}
		return int(x.index) - int(y.index)
	})
}

func (e *encoder) rowFlags(i int, row uint32) (f uint16) {
	b := e.b
	start, end := b.Start[row], b.Start[row]+b.Duration[row]
	if clew.Status(b.Status[row]) == clew.StatusError {
		f |= flagError
	}
	if b.ParentID[row] == 0 {
		f |= flagRoot
	}
	switch {
	case b.Unfinished(int(row)):
		f |= flagUnfinished
	case end < start:
		f |= flagEndBeforeStart
	}
	p := e.l.parent[i]
	if p == none || e.l.rows[p] == span.NoCode || e.service[p] == e.service[i] {
		return f
	}
	above := e.l.rows[p]
	aboveEnd := b.Start[above] + b.Duration[above]
	if start < b.Start[above] || end != 0 && aboveEnd != 0 && end > aboveEnd {
		f |= flagBeforeParent
	}
	return f
}

func (e *encoder) header() {
	id := traceIDOf(e.b)
	e.out = append(e.out, skeletonMagic...)
	e.u32(skeletonVersion)
	e.out = append(e.out, id[:]...)
	e.out = binary.LittleEndian.AppendUint64(e.out, e.base)
	e.out = binary.LittleEndian.AppendUint64(e.out, math.Float64bits(float64(e.last-e.base)))
	e.u32(uint32(len(e.l.rows)))
	e.u32(uint32(e.b.Rows))
	e.u32(uint32(len(e.events)))
	e.u32(uint32(len(e.services.raw)))
	e.u32(uint32(len(e.names.raw)))
	var flags uint32
	if e.root && !e.lacking && e.t.Damaged == nil {
		flags |= skeletonComplete
	}
	if e.t.Conflicts > 0 {
		flags |= skeletonConflicts
	}
	if e.t.Damaged != nil {
		flags |= skeletonDamaged
	}
	e.u32(flags)
}

// traceIDOf returns the trace's id, in its longest form where it came in two.
func traceIDOf(b *span.Batch) clew.TraceID {
	var id clew.TraceID
	for _, t := range b.Trace {
		if x := b.TraceIDs[t]; id.High() == 0 && (x.High() != 0 || id.IsZero()) {
			id = x
		} else if x.High() != 0 && x.Compare(id) < 0 {
			id = x
		}
	}
	return id
}

func (e *encoder) strings() {
	for _, n := range e.numbers {
		e.u32(uint32(n))
	}
	e.pad()
	end := uint32(0)
	for _, t := range []*texts{&e.services, &e.names} {
		for _, s := range t.text {
			end += uint32(len(s))
			e.u32(end)
		}
	}
	e.pad()
	e.out = append(append(e.out, e.services.escaped...), e.names.escaped...)
	e.pad()
	for _, t := range []*texts{&e.services, &e.names} {
		for _, s := range t.text {
			e.out = append(e.out, s...)
		}
	}
	e.pad()
}

func (e *encoder) u32(v uint32) { e.out = binary.LittleEndian.AppendUint32(e.out, v) }

// pad fills up to a multiple of 8.
func (e *encoder) pad() {
	for len(e.out)%8 != 0 {
		e.out = append(e.out, 0)
	}
}

// part writes rows from lo up to hi.
func (e *encoder) part(lo, hi int) {
	from, _ := slices.BinarySearchFunc(e.events, uint32(lo), func(x event, row uint32) int { return int(x.row) - int(row) })
	to, _ := slices.BinarySearchFunc(e.events, uint32(hi), func(x event, row uint32) int { return int(x.row) - int(row) })
	e.u32(uint32(hi - lo))
	e.u32(uint32(to - from))
	e.times(lo, hi)
	for i := lo; i < hi; i++ {
		e.u32(uint32(e.l.parent[i]))
	}
	e.pad()
	for _, col := range [][]uint32{e.service[lo:hi], e.name[lo:hi]} {
		for _, v := range col {
			e.u32(v)
		}
		e.pad()
	}
	for _, f := range e.flags[lo:hi] {
		e.out = binary.LittleEndian.AppendUint16(e.out, f)
	}
	e.pad()
	for _, row := range e.l.rows[lo:hi] {
		e.out = append(e.out, e.kindStatus(row))
	}
	e.pad()
	e.eventColumns(e.events[from:to])
}

// times writes start, duration and span id.
func (e *encoder) times(lo, hi int) {
	r := hi - lo
	at := len(e.out)
	e.out = slices.Grow(e.out, 24*r)[:at+24*r]
	starts, durations, ids := e.out[at:at+8*r], e.out[at+8*r:at+16*r], e.out[at+16*r:]
	g, _ := slices.BinarySearchFunc(e.l.ghosts, lo, func(x ghost, row int) int { return int(x.row) - row })
	for i, row := range e.l.rows[lo:hi] {
		var start, end, id uint64
		if row == span.NoCode {
			x := &e.l.ghosts[g]
			g++
			start, end, id = x.start, x.end, x.id
		} else {
			start, id = e.b.Start[row], e.b.SpanID[row]
			if end = start; !e.b.Unfinished(int(row)) {
				end += e.b.Duration[row]
			}
		}
		binary.LittleEndian.PutUint64(starts[8*i:], math.Float64bits(float64(start-e.base)))
		binary.LittleEndian.PutUint64(durations[8*i:], math.Float64bits(since(start, end)))
		binary.BigEndian.PutUint64(ids[8*i:], id)
	}
}

// since returns to − from, which need not fit an int64.
func since(from, to uint64) float64 {
	if to < from {
		return -float64(from - to)
	}
	return float64(to - from)
}

func (e *encoder) kindStatus(row uint32) byte {
	if row == span.NoCode {
		return 0
	}
	return min(e.b.Kind[row], 15) | min(e.b.Status[row], 15)<<4
}

func (e *encoder) eventColumns(events []event) {
	b := &e.b.Events
	for _, x := range events {
		e.out = binary.LittleEndian.AppendUint64(e.out, math.Float64bits(since(e.base, b.Time[x.index])))
	}
	for _, x := range events {
		e.u32(x.row)
	}
	e.pad()
	exception := exceptions(b.Names)
	for _, x := range events {
		e.out = append(e.out, exception[b.Name[x.index]])
	}
	e.pad()
}

// exceptions returns 1 for each name that is that of an exception.
func exceptions(names column.Strings) []byte {
	is := make([]byte, names.Len())
	for i := range is {
		if string(names.At(i)) == "exception" {
			is[i] = 1
		}
	}
	return is
}

// texts is one half of the skeleton's dictionary: strings as they are written.
type texts struct {
	raw     []string // the first string that is written so
	text    []string
	escaped []byte
	codes   map[writtenText]uint32
	bytes   int
}

type writtenText struct {
	text    string
	escaped bool
}

// add returns the code of a string.
func (t *texts) add(raw string) uint32 {
	var w writtenText
	w.text, w.escaped = api.Escape(raw)
	if code, ok := t.codes[w]; ok {
		return code
	}
	if t.codes == nil {
		t.codes = make(map[writtenText]uint32)
	}
	code := uint32(len(t.raw))
	t.codes[w] = code
	mark := byte(0)
	if w.escaped {
		mark = 1
	}
	t.raw, t.text, t.escaped = append(t.raw, raw), append(t.text, w.text), append(t.escaped, mark)
	t.bytes += len(w.text)
	return code
}

// size is about what the strings take in the skeleton.
func (t *texts) size() int { return t.bytes + 9*len(t.raw) + 32 }
