package otlp

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/wire"
	"github.com/clew-tracing/clew/span"
)

// AppendTraces appends rows of r as OTLP protobuf: a TracesData message, which is
// an ExportTraceServiceRequest too. Spans are grouped by resource and scope, in
// the order in which these first appear in rows, and within a group in the order
// of rows. Resource and scope entries come out byte for byte as they went in;
// of a span every field does, in the order of field numbers, its attributes in
// the order in which they came (see the package comment for what is not kept).
// A nil rows stands for every row, in order.
func AppendTraces(dst []byte, r *span.Rows, rows []uint32) []byte {
	x := exporter{r: r, b: r.Batch()}
	for _, group := range groupRows(x.b, rows) {
		var resource, scope int
		dst, resource = wire.Open(dst, 1)
		dst = append(dst, x.b.Resources[group.resource].Raw...)
		for _, s := range group.scopes {
			dst, scope = wire.Open(dst, 2)
			dst = append(dst, x.b.Scopes[s.scope].Raw...)
			for _, row := range s.rows {
				dst = x.appendSpan(dst, int(row))
			}
			dst = wire.Close(dst, scope)
		}
		dst = wire.Close(dst, resource)
	}
	return dst
}

// resourceGroup and scopeGroup are the rows of one resource and scope.
type resourceGroup struct {
	resource uint32
	scopes   []scopeGroup
}

type scopeGroup struct {
	scope uint32
	rows  []uint32
}

func groupRows(b *span.Batch, rows []uint32) []resourceGroup {
	if rows == nil {
		rows = make([]uint32, b.Rows)
		for i := range rows {
			rows[i] = uint32(i)
		}
	}
	var groups []resourceGroup
	byResource := make(map[uint32]int)
	byScope := make(map[[2]uint32]int)
	for _, row := range rows {
		resource, scope := b.Resource[row], b.Scope[row]
		g, ok := byResource[resource]
		if !ok {
			g = len(groups)
			byResource[resource] = g
			groups = append(groups, resourceGroup{resource: resource})
		}
		key := [2]uint32{resource, scope}
		s, ok := byScope[key]
		if !ok {
			s = len(groups[g].scopes)
			byScope[key] = s
			groups[g].scopes = append(groups[g].scopes, scopeGroup{scope: scope})
		}
		list := &groups[g].scopes[s]
		list.rows = append(list.rows, row)
	}
	return groups
}

// exporter writes the rows of one batch.
type exporter struct {
	r *span.Rows
	b *span.Batch
}

// appendSpan appends row as field spans of ScopeSpans.
func (x *exporter) appendSpan(dst []byte, row int) []byte {
	b := x.b
	dst, mark := wire.Open(dst, 2)
	id := b.TraceIDs[b.Trace[row]]
	dst = wire.AppendBytes(dst, 1, id[:])
	dst = wire.AppendSpanID(dst, 2, b.SpanID[row])
	dst = wire.AppendText(dst, 3, sparseText(&b.TraceState, row))
	if b.ParentID[row] != 0 {
		dst = wire.AppendSpanID(dst, 4, b.ParentID[row])
	}
	dst = wire.AppendText(dst, 5, b.Names.At(int(b.Name[row])))
	dst = wire.AppendCount(dst, 6, uint64(b.Kind[row]))
	dst = wire.AppendNanos(dst, 7, b.Start[row])
	dst = wire.AppendNanos(dst, 8, uint64(b.End(row)))
	x.r.Attrs(row, func(key string, v clew.Value) { dst = wire.AppendAttr(dst, 9, key, v) })
	dst = append(dst, x.r.Extra(row)...)
	dst = wire.AppendCount(dst, 10, sparseCount(&b.DroppedAttrs, row))
	for i, end := x.r.Events(row); i < end; i++ {
		dst = x.appendEvent(dst, i)
	}
	dst = wire.AppendCount(dst, 12, sparseCount(&b.DroppedEvents, row))
	for i, end := x.r.Links(row); i < end; i++ {
		dst = x.appendLink(dst, i)
	}
	dst = wire.AppendCount(dst, 14, sparseCount(&b.DroppedLinks, row))
	if message := sparseText(&b.StatusMessage, row); b.Status[row] != 0 || len(message) != 0 {
		var status int
		dst, status = wire.Open(dst, 15)
		dst = wire.AppendText(dst, 2, message)
		dst = wire.AppendCount(dst, 3, uint64(b.Status[row]))
		dst = wire.Close(dst, status)
	}
	if b.Flags[row] != 0 {
		dst = wire.AppendFixed32(dst, 16, b.Flags[row])
	}
	return wire.Close(dst, mark)
}

func (x *exporter) appendEvent(dst []byte, i int) []byte {
	e := &x.b.Events
	dst, mark := wire.Open(dst, 11)
	dst = wire.AppendNanos(dst, 1, e.Time[i])
	dst = wire.AppendText(dst, 2, e.Names.At(int(e.Name[i])))
	x.r.EventAttrs(i, func(key string, v clew.Value) { dst = wire.AppendAttr(dst, 3, key, v) })
	dst = append(dst, x.r.EventExtra(i)...)
	dst = wire.AppendCount(dst, 4, sparseCount(&e.Dropped, i))
	return wire.Close(dst, mark)
}

func (x *exporter) appendLink(dst []byte, i int) []byte {
	l := &x.b.Links
	dst, mark := wire.Open(dst, 13)
	if l.TraceHigh[i]|l.TraceLow[i] != 0 {
		id := clew.MakeTraceID(l.TraceHigh[i], l.TraceLow[i])
		dst = wire.AppendBytes(dst, 1, id[:])
	}
	if l.SpanID[i] != 0 {
		dst = wire.AppendSpanID(dst, 2, l.SpanID[i])
	}
	dst = wire.AppendText(dst, 3, sparseText(&l.TraceState, i))
	x.r.LinkAttrs(i, func(key string, v clew.Value) { dst = wire.AppendAttr(dst, 4, key, v) })
	dst = append(dst, x.r.LinkExtra(i)...)
	dst = wire.AppendCount(dst, 5, sparseCount(&l.Dropped, i))
	if l.Flags[i] != 0 {
		dst = wire.AppendFixed32(dst, 6, l.Flags[i])
	}
	return wire.Close(dst, mark)
}

func sparseText(c *span.Column, row int) []byte {
	if i, ok := c.Find(uint32(row)); ok {
		return c.Strings.At(int(c.Vals[i]))
	}
	return nil
}

func sparseCount(c *span.Column, row int) uint64 {
	if i, ok := c.Find(uint32(row)); ok {
		return c.Vals[i]
	}
	return 0
}
