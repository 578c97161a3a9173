// Package build makes batches of spans.
//
//	Builder  grows row by row, or by a whole draft; one writer
//	Draft    is what was read of one message, before a Builder has it
//	Copier   appends rows of other batches to a Builder
package build

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// A Builder grows a batch row by row. It is what a request is decoded into,
// without a span object and, once its memory is warm, without allocation.
//
// One goroutine writes. View may be called by the writer, or by anyone while
// the writer is kept out; the Batch it returns stays valid while the writer
// goes on, since the writer only ever appends behind what a view covers.
// Truncate takes back rows that no view covers.
type Builder struct {
	table

	traces traceTable
	trace  []uint32
	prev   []uint32 // previous row of the same trace, NoCode: none
	id     uint64   // another after each Reset: see Draft
}

// A table is what Builder and Draft have in common: all of a span but the number of
// its trace.
type table struct {
	rows int

	spanID   []uint64
	parentID []uint64
	start    []uint64
	duration []uint64
	name     []uint32
	kind     []uint8
	status   []uint8
	flags    []uint32
	resource []uint32
	scope    []uint32

	names     column.Dict
	resources messages[span.ResourceEntry]
	scopes    messages[span.ScopeEntry]

	StatusMessage ColumnBuilder
	TraceState    ColumnBuilder
	DroppedAttrs  ColumnBuilder
	DroppedEvents ColumnBuilder
	DroppedLinks  ColumnBuilder
	Weight        ColumnBuilder // see Batch.Weight
	moved         ColumnBuilder

	Attrs  AttrsBuilder
	Events EventsBuilder
	Links  LinksBuilder
}

// Fixed are the fields that every span has.
type Fixed struct {
	TraceHigh, TraceLow uint64
	SpanID, ParentID    uint64
	Start, End          uint64 // unix nanoseconds
	Name                uint32 // code, from InternName
	Shape               uint32 // node of Attrs
	Flags               uint32
	Kind, Status        uint8
}

// NewBuilder returns an empty Builder with room for the given rows.
func NewBuilder(rows int) *Builder {
	b := &Builder{trace: make([]uint32, 0, rows), prev: make([]uint32, 0, rows), id: builderIDs.Add(1)}
	b.init(rows)
	b.traces.init()
	return b
}

func (b *table) init(rows int) {
	*b = table{
		spanID: make([]uint64, 0, rows), parentID: make([]uint64, 0, rows),
		start: make([]uint64, 0, rows), duration: make([]uint64, 0, rows),
		name: make([]uint32, 0, rows), kind: make([]uint8, 0, rows),
		status: make([]uint8, 0, rows), flags: make([]uint32, 0, rows),
		resource: make([]uint32, 0, rows), scope: make([]uint32, 0, rows),
	}
	b.StatusMessage.typ = clew.TypeString
	b.TraceState.typ = clew.TypeString
	b.DroppedAttrs.typ = clew.TypeInt
	b.DroppedEvents.typ = clew.TypeInt
	b.DroppedLinks.typ = clew.TypeInt
	b.Weight.typ = clew.TypeInt
	b.moved.typ = clew.TypeInt
	b.Attrs.shape = make([]uint32, 0, rows)
	b.Attrs.init()
	b.Events.dropped.typ = clew.TypeInt
	b.Events.Attrs.init()
	b.Links.traceState.typ = clew.TypeString
	b.Links.dropped.typ = clew.TypeInt
	b.Links.Attrs.init()
}

// Rows returns how many rows are complete; it is the number of the row being
// decoded.
func (b *table) Rows() int { return b.rows }

// InternName returns the code of a span name.
func (b *table) InternName(name []byte) uint32 { return b.names.Intern(name) }

// InternResource returns the code of a resource message (see span.ResourceEntry.Raw).
// fresh reports a message not seen before: the caller must parse it and call
// SetResource before the next row is added.
func (b *table) InternResource(raw []byte) (code uint32, fresh bool) {
	return b.resources.intern(raw)
}

// SetResource gives a fresh resource its parsed form.
func (b *table) SetResource(code uint32, r clew.Resource) {
	raw := append([]byte(nil), b.resources.raw.At(code)...)
	b.resources.parsed[code] = span.NewResourceEntry(raw, r)
}

// Resource returns the entry of a resource that SetResource has completed.
func (b *table) Resource(code uint32) *span.ResourceEntry { return b.resources.parsed[code] }

// InternScope and SetScope do the same for instrumentation scopes.
func (b *table) InternScope(raw []byte) (code uint32, fresh bool) {
	return b.scopes.intern(raw)
}

// SetScope gives a fresh scope its parsed form.
func (b *table) SetScope(code uint32, s clew.Scope) {
	raw := append([]byte(nil), b.scopes.raw.At(code)...)
	b.scopes.parsed[code] = span.NewScopeEntry(raw, s)
}

// Scope returns the entry of a scope that SetScope has completed.
func (b *table) Scope(code uint32) *span.ScopeEntry { return b.scopes.parsed[code] }

// EndSpan completes the row Rows(): its attributes, events and links have been
// added before. Resource and scope codes come later, by SetResourceRange and
// SetScopeRange, since OTLP may name the schema URL behind the spans.
func (b *Builder) EndSpan(f *Fixed) {
	ord, prev := b.traces.add(f.TraceHigh, f.TraceLow, uint32(b.rows))
	b.trace = append(b.trace, ord)
	b.prev = append(b.prev, prev)
	b.end(f)
}

func (b *table) end(f *Fixed) {
	b.spanID = append(b.spanID, f.SpanID)
	b.parentID = append(b.parentID, f.ParentID)
	b.start = append(b.start, f.Start)
	b.duration = append(b.duration, f.End-f.Start)
	b.name = append(b.name, f.Name)
	b.kind = append(b.kind, f.Kind)
	b.status = append(b.status, f.Status)
	b.flags = append(b.flags, f.Flags)
	b.Attrs.shape = append(b.Attrs.shape, f.Shape)
	b.resource = append(b.resource, 0)
	b.scope = append(b.scope, 0)
	b.Attrs.loose, b.Events.Attrs.loose, b.Links.Attrs.loose = b.Attrs.loose[:0], b.Events.Attrs.loose[:0], b.Links.Attrs.loose[:0]
	b.rows++
}

// SetResourceRange gives rows [from, Rows()) their resource.
func (b *table) SetResourceRange(from int, code uint32) {
	for i := range b.resource[from:b.rows] {
		b.resource[from+i] = code
	}
}

// SetScopeRange gives rows [from, Rows()) their scope.
func (b *table) SetScopeRange(from int, code uint32) {
	for i := range b.scope[from:b.rows] {
		b.scope[from+i] = code
	}
}

// Move sees to it that rows [from, Rows()) are counted between earliest and latest:
// those that start before or after are noted with that time (see Batch.Moved). It is
// called once for rows, before a view covers them.
func (b *Builder) Move(from int, earliest, latest uint64) {
	for i, start := range b.start[from:b.rows] {
		if start < earliest || start > latest {
			b.moved.PutBits(uint32(from+i), min(max(start, earliest), latest))
		}
	}
}

// DropRow takes back what was added for the row not yet ended, whose attributes
// have come to node shape, with all its events and links, which have ended. It
// costs no more than adding it did; Truncate looks at every column.
func (b *table) DropRow(shape uint32) {
	row := uint32(b.rows)
	for _, c := range []*ColumnBuilder{&b.StatusMessage, &b.TraceState, &b.DroppedAttrs, &b.DroppedEvents, &b.DroppedLinks, &b.Weight, &b.moved} {
		c.truncate(row)
	}
	b.Attrs.drop(row, shape)
	b.Events.drop(row)
	b.Links.drop(row)
}

// Truncate takes back everything from row on, including what was added for the
// row not yet ended. Dictionary entries stay; no row points at them.
func (b *Builder) Truncate(row int) {
	for i := b.rows - 1; i >= row; i-- {
		b.traces.last[b.trace[i]] = b.prev[i]
	}
	b.trace, b.prev = b.trace[:row], b.prev[:row]
	b.truncate(row)
}

func (b *table) truncate(row int) {
	r := uint32(row)
	b.rows = row
	b.spanID, b.parentID = b.spanID[:row], b.parentID[:row]
	b.start, b.duration = b.start[:row], b.duration[:row]
	b.name, b.kind, b.status, b.flags = b.name[:row], b.kind[:row], b.status[:row], b.flags[:row]
	b.resource, b.scope = b.resource[:row], b.scope[:row]
	for _, c := range []*ColumnBuilder{&b.StatusMessage, &b.TraceState, &b.DroppedAttrs, &b.DroppedEvents, &b.DroppedLinks, &b.Weight, &b.moved} {
		c.truncate(r)
	}
	b.Attrs.shape = b.Attrs.shape[:row]
	b.Attrs.truncate(r)
	b.Events.truncate(r)
	b.Links.truncate(r)
}

// Reset empties b and keeps its memory. No view of it may be in use.
func (b *Builder) Reset() {
	b.Truncate(0)
	b.traces.reset()
	b.reset()
	b.id = builderIDs.Add(1)
}

// reset empties a table without rows of what its dictionaries know.
func (b *table) reset() {
	b.names.Reset()
	b.resources.reset()
	b.scopes.reset()
	for _, c := range []*ColumnBuilder{&b.StatusMessage, &b.TraceState} {
		c.reset()
	}
	b.Attrs.reset()
	b.Events.names.Reset()
	b.Events.Attrs.reset()
	b.Links.traceState.reset()
	b.Links.Attrs.reset()
}

// SizeBytes estimates the memory that b's values take, without spare capacity.
func (b *Builder) SizeBytes() int {
	n := b.rows*(4*8+8*4+2) + len(b.traces.ids)*20 + len(b.traces.slots)*4
	n += b.names.SizeBytes() + 2*b.resources.raw.SizeBytes() + 2*b.scopes.raw.SizeBytes() + b.Events.names.SizeBytes()
	n += b.StatusMessage.size() + b.TraceState.size()
	n += b.Attrs.size() + b.Events.Attrs.size() + b.Links.Attrs.size()
	n += len(b.Events.row)*16 + len(b.Links.row)*32
	return n
}

// HeldBytes returns the memory of b's sparse columns, spare capacity and what Reset keeps
// for others included.
func (b *Builder) HeldBytes() int {
	return b.StatusMessage.heldBytes() + b.TraceState.heldBytes() + b.Attrs.heldBytes() + b.Events.Attrs.heldBytes() + b.Links.Attrs.heldBytes()
}

// View returns rows [0, rows) as a Batch. Columns are shared, not copied.
func (b *Builder) View(rows int) *span.Batch {
	r := uint32(rows)
	return &span.Batch{
		Rows: rows, TraceIDs: b.traces.ids, Trace: b.trace[:rows],
		SpanID: b.spanID[:rows], ParentID: b.parentID[:rows],
		Start: b.start[:rows], Duration: b.duration[:rows],
		Name: b.name[:rows], Kind: b.kind[:rows], Status: b.status[:rows],
		Flags: b.flags[:rows], Resource: b.resource[:rows], Scope: b.scope[:rows],
		Names: b.names.View(), Resources: b.resources.parsed, Scopes: b.scopes.parsed,
		StatusMessage: b.StatusMessage.view().Until(r),
		TraceState:    b.TraceState.view().Until(r),
		DroppedAttrs:  b.DroppedAttrs.view().Until(r),
		DroppedEvents: b.DroppedEvents.view().Until(r),
		DroppedLinks:  b.DroppedLinks.view().Until(r),
		Weight:        b.Weight.view().Until(r),
		Moved:         b.moved.view().Until(r),
		Attrs:         b.Attrs.view(r, rows),
		Events:        b.Events.view(r),
		Links:         b.Links.view(r),
	}
}

// Traces returns, for rows [from, Rows()), the ordinal of each one's trace. It is
// valid until the next row.
func (b *Builder) Traces(from int) []uint32 { return b.trace[from:] }

// HasTrace reports whether a row of exactly this trace was added.
func (b *Builder) HasTrace(id clew.TraceID) bool {
	ord, ok := b.traces.lookup(id.High(), id.Low())
	return ok && b.traces.last[ord] != span.NoCode
}

// RowsOf appends the rows of the trace with ordinal ord, newest first.
func (b *Builder) RowsOf(dst []uint32, ord uint32) []uint32 {
	for row := b.traces.last[ord]; row != span.NoCode; row = b.prev[row] {
		dst = append(dst, row)
	}
	return dst
}

// HasTraceWithin reports whether one of the first limit rows is of a trace.
func (b *Builder) HasTraceWithin(id clew.TraceID, limit int) bool {
	for ord := range b.traces.find(id) {
		for row := b.traces.last[ord]; row != span.NoCode; row = b.prev[row] {
			if int(row) < limit {
				return true
			}
		}
	}
	return false
}

// TraceRows appends the rows of a trace below limit, those of each id newest
// first. Ids meet when their low halves are equal and their high halves are equal
// or one is zero.
func (b *Builder) TraceRows(dst []uint32, id clew.TraceID, limit int) []uint32 {
	for ord := range b.traces.find(id) {
		for row := b.traces.last[ord]; row != span.NoCode; row = b.prev[row] {
			if int(row) < limit {
				dst = append(dst, row)
			}
		}
	}
	return dst
}
