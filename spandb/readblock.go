package spandb

import (
	"encoding/binary"
	"fmt"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// need says which columns of a block a reader wants. Traces, Trace and Start
// are always read.
type need struct {
	all        bool
	intrinsics [32]bool // by span.Intrinsic
	resource   bool
	attrs      map[attrNeed]bool
}

type attrNeed struct {
	family byte
	key    string
}

// addField notes the columns that a test of f looks at.
func (n *need) addField(f span.Field) {
	if f.Intrinsic != span.None {
		n.intrinsics[f.Intrinsic] = true
		return
	}
	if n.attrs == nil {
		n.attrs = make(map[attrNeed]bool)
	}
	switch f.Scope {
	case span.ScopeResource:
		n.resource = true
	case span.ScopeInstrumentation:
		n.intrinsics[span.ScopeName] = true
	case span.ScopeEvent:
		n.attrs[attrNeed{familyEvent, f.Key}] = true
	case span.ScopeLink:
		n.attrs[attrNeed{familyLink, f.Key}] = true
	case span.ScopeAny:
		n.resource = true
		n.attrs[attrNeed{familySpan, f.Key}] = true
	default:
		n.attrs[attrNeed{familySpan, f.Key}] = true
	}
}

func (n *need) intrinsic(any ...span.Intrinsic) bool {
	for _, i := range any {
		if n.intrinsics[i] {
			return true
		}
	}
	return n.all
}

func (n *need) family(f byte) bool {
	for a := range n.attrs {
		if a.family == f {
			return true
		}
	}
	return n.all
}

// blockReader reads blocks of segments into a batch that it reuses: what read
// returns is valid until the next call. One goroutine.
type blockReader struct {
	cache *tableCache
	seg   *segment
	t     *tables
	blk   int
	rows  int
	need  *need
	bytes int64

	batch span.Batch
	buf   []byte
	runs  []run
	tmpl  []uint32
	lens  []uint32
	pres  column.Bitmap
	codes []uint32
}

// read decodes the wanted columns of block blk.
func (r *blockReader) read(s *segment, t *tables, blk int, n *need) (*span.Batch, error) {
	r.seg, r.t, r.blk, r.need = s, t, blk, n
	r.rows = int(s.meta.blockRows[blk])
	r.batch = span.Batch{
		Rows: r.rows, TraceIDs: r.batch.TraceIDs[:0], Trace: r.batch.Trace, SpanID: r.batch.SpanID, ParentID: r.batch.ParentID,
		Start: r.batch.Start, Duration: r.batch.Duration, Name: r.batch.Name, Kind: r.batch.Kind, Status: r.batch.Status,
		Flags: r.batch.Flags, Resource: r.batch.Resource, Scope: r.batch.Scope,
		Names: t.names, NamesDictID: t.namesID, Resources: t.resources, Scopes: t.scopes,
	}
	for _, step := range []func() error{r.readRuns, r.readTraces, r.readTimes, r.readIDs, r.readSparse, r.readAttrs, r.readEvents, r.readLinks} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return &r.batch, nil
}

// chunk reads the block's chunk of a column; nil if there is none. The bytes are
// valid until the next call.
func (r *blockReader) chunk(name string) (b []byte, col int, err error) {
	col, ok := r.seg.r.Column(name)
	if !ok {
		return nil, 0, nil
	}
	b, err = r.chunkAt(col)
	return b, col, err
}

func (r *blockReader) chunkAt(col int) ([]byte, error) {
	b, err := r.seg.r.Chunk(r.buf[:0], col, r.blk)
	if b != nil {
		r.buf = b
		r.bytes += int64(len(b))
	}
	return b, err
}

func (r *blockReader) bad(col int, format string, args ...any) error {
	return r.seg.corrupt(col, r.blk, fmt.Errorf(format, args...))
}

// exactly reads a dense column of n integers.
func exactly[T column.Uint](r *blockReader, dst []T, name string, n int) ([]T, []byte, error) {
	b, col, err := r.chunk(name)
	if err != nil {
		return dst, nil, err
	}
	v, rest, err := column.DecodeInts(dst[:0], b, n)
	if err != nil {
		return dst, nil, r.seg.corrupt(col, r.blk, err)
	}
	if len(v) != n {
		return dst, nil, r.bad(col, "has %d values, want %d", len(v), n)
	}
	return v, rest, nil
}

// readRuns reads which template each row has, and what follows from it.
func (r *blockReader) readRuns() error {
	b, col, err := r.chunk(colRuns)
	if err != nil {
		return err
	}
	if r.tmpl, b, err = column.DecodeInts(r.tmpl[:0], b, r.rows); err == nil {
		r.lens, _, err = column.DecodeInts(r.lens[:0], b, r.rows)
	}
	if err != nil {
		return r.seg.corrupt(col, r.blk, err)
	}
	if len(r.tmpl) != len(r.lens) {
		return r.bad(col, "%d templates, %d lengths", len(r.tmpl), len(r.lens))
	}
	r.runs = r.runs[:0]
	at := uint32(0)
	for i, k := range r.tmpl {
		if int(k) >= len(r.t.templates) || r.lens[i] > uint32(r.rows)-at {
			return r.bad(col, "run %d points outside", i)
		}
		r.runs = append(r.runs, run{template: k, start: at, end: at + r.lens[i]})
		at += r.lens[i]
	}
	if at != uint32(r.rows) {
		return r.bad(col, "runs cover %d rows of %d", at, r.rows)
	}
	r.expand()
	return r.readResource()
}

// expand fills the columns that are the same in a run.
func (r *blockReader) expand() {
	b, n := &r.batch, r.need
	if n.intrinsic(span.Name) {
		b.Name = resize(b.Name, r.rows)
	}
	if n.intrinsic(span.SpanKind) {
		b.Kind = resize(b.Kind, r.rows)
	}
	if n.intrinsic(span.StatusCode) {
		b.Status = resize(b.Status, r.rows)
	}
	if n.intrinsic(span.ScopeName, span.ScopeVersion) {
		b.Scope = resize(b.Scope, r.rows)
	}
	shapes := n.all && !r.seg.meta.explicit
	if shapes {
		b.Attrs.Shape = make([]uint32, r.rows)
		b.Attrs.Shapes = r.t.shapes.forest
	}
	for _, run := range r.runs {
		t := &r.t.templates[run.template]
		if n.intrinsic(span.Name) {
			fill(b.Name[run.start:run.end], t.name)
		}
		if n.intrinsic(span.SpanKind) {
			fill(b.Kind[run.start:run.end], t.kind)
		}
		if n.intrinsic(span.StatusCode) {
			fill(b.Status[run.start:run.end], t.status)
		}
		if n.intrinsic(span.ScopeName, span.ScopeVersion) {
			fill(b.Scope[run.start:run.end], t.scope)
		}
		if shapes {
			fill(b.Attrs.Shape[run.start:run.end], r.t.shapes.node[t.shape])
		}
	}
}

func fill[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// readResource reads each row's resource: its place among those of its service.
func (r *blockReader) readResource() (err error) {
	if !r.need.resource && !r.need.all {
		return nil
	}
	b := &r.batch
	if b.Resource, _, err = exactly(r, b.Resource, colResource, r.rows); err != nil {
		return err
	}
	for _, run := range r.runs {
		base := r.t.base[r.t.templates[run.template].service]
		for i := run.start; i < run.end; i++ {
			b.Resource[i] += base
			if int(b.Resource[i]) >= len(r.t.resources) {
				col, _ := r.seg.r.Column(colResource)
				return r.bad(col, "row %d points outside the resources", i)
			}
		}
	}
	return nil
}

func (r *blockReader) readTraces() (err error) {
	b := &r.batch
	ids, col, err := r.chunk(colTraceIDs)
	if err != nil {
		return err
	}
	if len(ids) == 0 || len(ids)%16 != 0 {
		return r.bad(col, "%d bytes are not a list of trace ids", len(ids))
	}
	for ; len(ids) > 0; ids = ids[16:] {
		b.TraceIDs = append(b.TraceIDs, clew.TraceID(ids[:16]))
	}
	if b.Trace, _, err = exactly(r, b.Trace, colTrace, r.rows); err != nil {
		return err
	}
	for i, t := range b.Trace {
		if int(t) >= len(b.TraceIDs) {
			col, _ := r.seg.r.Column(colTrace)
			return r.bad(col, "row %d points outside the traces", i)
		}
	}
	return nil
}

func (r *blockReader) readTimes() (err error) {
	b, n := &r.batch, r.need
	if b.Start, _, err = exactly(r, b.Start, colStart, r.rows); err != nil {
		return err
	}
	if n.intrinsic(span.Duration) {
		if b.Duration, _, err = exactly(r, b.Duration, colDuration, r.rows); err != nil {
			return err
		}
	}
	if n.all {
		b.Flags, _, err = exactly(r, b.Flags, colFlags, r.rows)
	}
	return err
}

func (r *blockReader) readIDs() error {
	b, n := &r.batch, r.need
	if !n.intrinsic(span.SpanID, span.ParentID) {
		return nil
	}
	ids, col, err := r.chunk(colSpanID)
	if err != nil {
		return err
	}
	if len(ids) != 8*r.rows {
		return r.bad(col, "%d bytes are not %d span ids", len(ids), r.rows)
	}
	b.SpanID = resize(b.SpanID, r.rows)
	for i := range b.SpanID {
		b.SpanID[i] = binary.LittleEndian.Uint64(ids[8*i:])
	}
	if n.intrinsic(span.ParentID) {
		return r.readParents()
	}
	return nil
}

// readParents turns places in the trace back into ids.
func (r *blockReader) readParents() error {
	b := &r.batch
	codes, rest, err := exactly(r, r.codes, colParent, r.rows)
	if err != nil {
		return err
	}
	r.codes = codes
	col, _ := r.seg.r.Column(colParent)
	lists := listByTrace(b.Trace, identity(r.rows), len(b.TraceIDs))
	b.ParentID = resize(b.ParentID, r.rows)
	for i, c := range codes {
		switch {
		case c == parentNone:
			b.ParentID[i] = 0
		case c == parentElsewhere:
			if len(rest) < 8 {
				return r.bad(col, "ids of parents elsewhere are cut off")
			}
			b.ParentID[i] = binary.LittleEndian.Uint64(rest)
			rest = rest[8:]
		default:
			rows := lists.rows(int(b.Trace[i]))
			if int(c-parentFirst) >= len(rows) {
				return r.bad(col, "row %d has parent %d of a trace of %d", i, c-parentFirst, len(rows))
			}
			b.ParentID[i] = b.SpanID[rows[c-parentFirst]]
		}
	}
	return nil
}

func identity(n int) []uint32 {
	s := make([]uint32, n)
	for i := range s {
		s[i] = uint32(i)
	}
	return s
}

func (r *blockReader) readSparse() error {
	b := &r.batch
	for _, c := range []struct {
		name   string
		typ    clew.Type
		wanted bool
		dst    *span.Column
	}{
		{colStatusMessage, clew.TypeString, r.need.intrinsic(span.StatusMessage), &b.StatusMessage},
		{colTraceState, clew.TypeString, r.need.intrinsic(span.TraceState), &b.TraceState},
		{colDroppedAttrs, clew.TypeInt, r.need.all, &b.DroppedAttrs},
		{colDroppedEvents, clew.TypeInt, r.need.all, &b.DroppedEvents},
		{colDroppedLinks, clew.TypeInt, r.need.all, &b.DroppedLinks},
		{colExtra, clew.TypeOther, r.need.all, &b.Attrs.Extra},
	} {
		c.dst.Type = c.typ
		col, ok := r.seg.r.Column(c.name)
		if !ok || !c.wanted {
			continue
		}
		if err := r.column(c.dst, col, r.rows, nil); err != nil {
			return err
		}
	}
	return nil
}

// column reads one sparse column of n possible rows. rows, where not nil, are
// the rows that have a value; otherwise the chunk says.
func (r *blockReader) column(dst *span.Column, col, n int, rows []uint32) error {
	b, err := r.chunkAt(col)
	if err != nil || b == nil {
		return err
	}
	if rows == nil {
		var bits int
		if r.pres, bits, b, err = column.DecodeBitmap(r.pres, b, n); err != nil {
			return r.seg.corrupt(col, r.blk, err)
		}
		if bits != n {
			return r.bad(col, "presence of %d rows, want %d", bits, n)
		}
		rows = r.pres.AppendOnes(nil)
	}
	dst.Rows = rows
	if err := r.values(dst, col, b, len(rows)); err != nil {
		return err
	}
	if len(dst.Vals) != len(rows) {
		return r.bad(col, "%d values for %d rows", len(dst.Vals), len(rows))
	}
	return nil
}

// values reads up to n values of a sparse column.
func (r *blockReader) values(dst *span.Column, col int, b []byte, n int) (err error) {
	if !isText(dst.Type) {
		if dst.Type == clew.TypeDouble {
			dst.Vals, _, err = column.DecodeDoubles(nil, b, n)
		} else {
			dst.Vals, _, err = column.DecodeInts[uint64](nil, b, n)
		}
		if err != nil {
			return r.seg.corrupt(col, r.blk, err)
		}
		return nil
	}
	d, ok, err := r.cache.dict(r.seg, r.t, col)
	if err != nil {
		return err
	}
	if !ok {
		if err := decodeStrings(&dst.Strings, b, n); err != nil {
			return r.seg.corrupt(col, r.blk, err)
		}
		dst.Vals = make([]uint64, dst.Strings.Len())
		for i := range dst.Vals {
			dst.Vals[i] = uint64(i)
		}
		return nil
	}
	if dst.Vals, _, err = column.DecodeInts[uint64](nil, b, n); err != nil {
		return r.seg.corrupt(col, r.blk, err)
	}
	dst.Strings, dst.DictID = d.values, d.id
	for _, v := range dst.Vals {
		if v >= uint64(d.values.Len()) {
			return r.bad(col, "code %d points outside a dictionary of %d", v, d.values.Len())
		}
	}
	return nil
}

// readAttrs reads the wanted attribute columns of spans. In all-mode every column
// gets its place, with or without values, since shapes count them.
func (r *blockReader) readAttrs() error {
	for i := range r.t.attrs {
		info := &r.t.attrs[i]
		wanted := r.need.all || r.need.attrs[attrNeed{familySpan, info.key}]
		if !wanted {
			continue
		}
		c := span.Column{Key: info.key, Type: info.typ}
		var rows []uint32
		if !r.seg.meta.explicit {
			if rows = r.shapeRows(uint32(i)); len(rows) == 0 {
				if r.need.all {
					r.batch.Attrs.Columns = append(r.batch.Attrs.Columns, c)
				}
				continue
			}
		}
		if err := r.column(&c, info.col, r.rows, rows); err != nil {
			return err
		}
		r.batch.Attrs.Columns = append(r.batch.Attrs.Columns, c)
	}
	return nil
}

// shapeRows lists the rows whose shape has column col.
func (r *blockReader) shapeRows(col uint32) []uint32 {
	var rows []uint32
	for _, run := range r.runs {
		if r.t.shapes.has(r.t.templates[run.template].shape, col) {
			for i := run.start; i < run.end; i++ {
				rows = append(rows, i)
			}
		}
	}
	return rows
}

// childAttrs reads the attribute columns of n events or links.
func (r *blockReader) childAttrs(dst *span.Attrs, family byte, infos []attrColumnInfo, n int, shapes *shapeTable, shapeCol, extraCol string) error {
	for i := range infos {
		if !r.need.all && !r.need.attrs[attrNeed{family, infos[i].key}] {
			continue
		}
		c := span.Column{Key: infos[i].key, Type: infos[i].typ}
		if err := r.column(&c, infos[i].col, n, nil); err != nil {
			return err
		}
		dst.Columns = append(dst.Columns, c)
	}
	if !r.need.all {
		return nil
	}
	dst.Extra.Type = clew.TypeOther
	if col, ok := r.seg.r.Column(extraCol); ok {
		if err := r.column(&dst.Extra, col, n, nil); err != nil {
			return err
		}
	}
	codes, _, err := exactly[uint32](r, nil, shapeCol, n)
	if err != nil {
		return err
	}
	col, _ := r.seg.r.Column(shapeCol)
	for i, c := range codes {
		switch {
		case c == 0:
			codes[i] = span.NoCode
		case int(c) > len(shapes.node):
			return r.bad(col, "shape %d of %d", c, len(shapes.node))
		default:
			codes[i] = shapes.node[c-1]
		}
	}
	dst.Shape, dst.Shapes = codes, shapes.forest
	return nil
}

func (r *blockReader) readEvents() error {
	if !r.need.family(familyEvent) && !r.need.intrinsic(span.EventName, span.EventTimeSinceStart) {
		return nil
	}
	e := &r.batch.Events
	owners, err := r.owners(colEventRow)
	if err != nil || len(owners) == 0 {
		return err
	}
	e.Row = owners
	n := len(owners)
	if e.Time, _, err = exactly[uint64](r, nil, colEventTime, n); err != nil {
		return err
	}
	for i := range e.Time {
		e.Time[i] += r.batch.Start[owners[i]]
	}
	if e.Name, _, err = exactly[uint32](r, nil, colEventName, n); err != nil {
		return err
	}
	e.Names = r.t.eventNames
	for i, c := range e.Name {
		if int(c) >= e.Names.Len() {
			col, _ := r.seg.r.Column(colEventName)
			return r.bad(col, "event %d points outside the names", i)
		}
	}
	e.Dropped.Type = clew.TypeInt
	if col, ok := r.seg.r.Column(colEventDropped); ok && r.need.all {
		if err := r.column(&e.Dropped, col, n, nil); err != nil {
			return err
		}
	}
	return r.childAttrs(&e.Attrs, familyEvent, r.t.eventAttrs, n, &r.t.eventShapes, colEventShape, colEventExtra)
}

// owners reads the rows of a block's children; none if it has no children.
func (r *blockReader) owners(name string) ([]uint32, error) {
	b, col, err := r.chunk(name)
	if err != nil || b == nil {
		return nil, err
	}
	rows, _, err := column.DecodeInts[uint32](nil, b, maxDecodedChildren)
	if err != nil {
		return nil, r.seg.corrupt(col, r.blk, err)
	}
	last := uint32(0)
	for i, v := range rows {
		if v < last || int(v) >= r.rows {
			return nil, r.bad(col, "child %d belongs to row %d", i, v)
		}
		last = v
	}
	return rows, nil
}

func (r *blockReader) readLinks() error {
	if !r.need.family(familyLink) && !r.need.intrinsic(span.LinkTraceID, span.LinkSpanID) {
		return nil
	}
	l := &r.batch.Links
	owners, err := r.owners(colLinkRow)
	if err != nil || len(owners) == 0 {
		return err
	}
	l.Row = owners
	n := len(owners)
	b, col, err := r.chunk(colLinkTrace)
	if err != nil {
		return err
	}
	if len(b) != 16*n {
		return r.bad(col, "%d bytes are not %d trace ids", len(b), n)
	}
	l.TraceHigh, l.TraceLow = make([]uint64, n), make([]uint64, n)
	for i := range n {
		l.TraceHigh[i], l.TraceLow[i] = binary.BigEndian.Uint64(b[16*i:]), binary.BigEndian.Uint64(b[16*i+8:])
	}
	if b, col, err = r.chunk(colLinkSpan); err != nil {
		return err
	}
	if len(b) != 8*n {
		return r.bad(col, "%d bytes are not %d span ids", len(b), n)
	}
	l.SpanID = make([]uint64, n)
	for i := range n {
		l.SpanID[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	if l.Flags, _, err = exactly[uint32](r, nil, colLinkFlags, n); err != nil {
		return err
	}
	l.TraceState.Type, l.Dropped.Type = clew.TypeString, clew.TypeInt
	if r.need.all {
		for _, c := range []struct {
			name string
			dst  *span.Column
		}{{colLinkState, &l.TraceState}, {colLinkDropped, &l.Dropped}} {
			if col, ok := r.seg.r.Column(c.name); ok {
				if err := r.column(c.dst, col, n, nil); err != nil {
					return err
				}
			}
		}
	}
	return r.childAttrs(&l.Attrs, familyLink, r.t.linkAttrs, n, &r.t.linkShapes, colLinkShape, colLinkExtra)
}
