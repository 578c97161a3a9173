package build

import (
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// EventsBuilder grows the event table. Attributes of the event being decoded are
// put under the row number Events.Next() before End is called.
type EventsBuilder struct {
	row     []uint32
	time    []uint64
	name    []uint32
	names   column.Dict
	dropped ColumnBuilder
	Attrs   AttrsBuilder
}

// Next returns the index of the event being decoded.
func (e *EventsBuilder) Next() uint32 { return uint32(len(e.row)) }

// InternName returns the code of an event name.
func (e *EventsBuilder) InternName(name []byte) uint32 { return e.names.Intern(name) }

// End completes an event of the span being decoded.
func (e *EventsBuilder) End(row uint32, nanos uint64, name, shape uint32, dropped uint64) {
	if dropped != 0 {
		e.dropped.PutBits(e.Next(), dropped)
	}
	e.row = append(e.row, row)
	e.time = append(e.time, nanos)
	e.name = append(e.name, name)
	e.Attrs.shape = append(e.Attrs.shape, shape)
}

// drop takes back the events of row, the newest.
func (e *EventsBuilder) drop(row uint32) {
	n := newest(e.row, row)
	e.row, e.time, e.name = e.row[:n], e.time[:n], e.name[:n]
	e.dropped.truncate(uint32(n))
	e.Attrs.drop(uint32(n), 0)
}

// newest returns how many children come before those of row, the newest span.
func newest(rows []uint32, row uint32) int {
	n := len(rows)
	for n > 0 && rows[n-1] == row {
		n--
	}
	return n
}

func (e *EventsBuilder) truncate(row uint32) {
	n := len(e.row)
	for n > 0 && e.row[n-1] >= row {
		n--
	}
	e.row, e.time, e.name = e.row[:n], e.time[:n], e.name[:n]
	e.Attrs.shape = e.Attrs.shape[:n]
	e.dropped.truncate(uint32(n))
	e.Attrs.truncate(uint32(n))
}

func (e *EventsBuilder) view(row uint32) span.Events {
	n := childLimit(e.row, row)
	return span.Events{
		Row: e.row[:n], Time: e.time[:n], Name: e.name[:n], Names: e.names.View(),
		Dropped: e.dropped.view().Until(uint32(n)),
		Attrs:   e.Attrs.view(uint32(n), n),
	}
}

// LinksBuilder grows the link table, in the same way.
type LinksBuilder struct {
	row        []uint32
	traceHigh  []uint64
	traceLow   []uint64
	spanID     []uint64
	flags      []uint32
	traceState ColumnBuilder
	dropped    ColumnBuilder
	Attrs      AttrsBuilder
}

// LinkFixed are the fields that every link has.
type LinkFixed struct {
	TraceHigh, TraceLow, SpanID uint64
	Flags                       uint32
	Shape                       uint32
	DroppedAttrs                uint64
	TraceState                  []byte
}

// Next returns the index of the link being decoded.
func (l *LinksBuilder) Next() uint32 { return uint32(len(l.row)) }

// End completes a link of the span being decoded.
func (l *LinksBuilder) End(row uint32, f *LinkFixed) {
	if f.DroppedAttrs != 0 {
		l.dropped.PutBits(l.Next(), f.DroppedAttrs)
	}
	if len(f.TraceState) != 0 {
		l.traceState.PutBytes(l.Next(), f.TraceState)
	}
	l.row = append(l.row, row)
	l.traceHigh = append(l.traceHigh, f.TraceHigh)
	l.traceLow = append(l.traceLow, f.TraceLow)
	l.spanID = append(l.spanID, f.SpanID)
	l.flags = append(l.flags, f.Flags)
	l.Attrs.shape = append(l.Attrs.shape, f.Shape)
}

// drop takes back the links of row, as EventsBuilder.drop does.
func (l *LinksBuilder) drop(row uint32) {
	n := newest(l.row, row)
	l.row, l.traceHigh, l.traceLow = l.row[:n], l.traceHigh[:n], l.traceLow[:n]
	l.spanID, l.flags = l.spanID[:n], l.flags[:n]
	l.traceState.truncate(uint32(n))
	l.dropped.truncate(uint32(n))
	l.Attrs.drop(uint32(n), 0)
}

func (l *LinksBuilder) truncate(row uint32) {
	n := len(l.row)
	for n > 0 && l.row[n-1] >= row {
		n--
	}
	l.row, l.traceHigh, l.traceLow = l.row[:n], l.traceHigh[:n], l.traceLow[:n]
	l.spanID, l.flags = l.spanID[:n], l.flags[:n]
	l.Attrs.shape = l.Attrs.shape[:n]
	l.traceState.truncate(uint32(n))
	l.dropped.truncate(uint32(n))
	l.Attrs.truncate(uint32(n))
}

func (l *LinksBuilder) view(row uint32) span.Links {
	n := childLimit(l.row, row)
	return span.Links{
		Row: l.row[:n], TraceHigh: l.traceHigh[:n], TraceLow: l.traceLow[:n],
		SpanID: l.spanID[:n], Flags: l.flags[:n],
		TraceState: l.traceState.view().Until(uint32(n)),
		Dropped:    l.dropped.view().Until(uint32(n)),
		Attrs:      l.Attrs.view(uint32(n), n),
	}
}

// childLimit returns how many children belong to rows below row.
func childLimit(rows []uint32, row uint32) int {
	c := span.Column{Rows: rows, Vals: make([]uint64, 0)}
	n, _ := c.Find(row)
	return n
}
