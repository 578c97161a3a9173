package otlp

import (
	"encoding/binary"

	"github.com/clew-tracing/clew"
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
		dst, resource = openMessage(dst, 1)
		dst = append(dst, x.b.Resources[group.resource].Raw...)
		for _, s := range group.scopes {
			dst, scope = openMessage(dst, 2)
			dst = append(dst, x.b.Scopes[s.scope].Raw...)
			for _, row := range s.rows {
				dst = x.appendSpan(dst, int(row))
			}
			dst = closeMessage(dst, scope)
		}
		dst = closeMessage(dst, resource)
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
	dst, mark := openMessage(dst, 2)
	id := b.TraceIDs[b.Trace[row]]
	dst = appendBytesField(dst, 1, id[:])
	dst = appendSpanID(dst, 2, b.SpanID[row])
	dst = appendText(dst, 3, sparseText(&b.TraceState, row))
	if b.ParentID[row] != 0 {
		dst = appendSpanID(dst, 4, b.ParentID[row])
	}
	dst = appendText(dst, 5, b.Names.At(int(b.Name[row])))
	dst = appendCount(dst, 6, uint64(b.Kind[row]))
	dst = appendNanos(dst, 7, b.Start[row])
	dst = appendNanos(dst, 8, uint64(b.End(row)))
	x.r.Attrs(row, func(key string, v clew.Value) { dst = appendAttr(dst, 9, key, v) })
	dst = append(dst, x.r.Extra(row)...)
	dst = appendCount(dst, 10, sparseCount(&b.DroppedAttrs, row))
	for i, end := x.r.Events(row); i < end; i++ {
		dst = x.appendEvent(dst, i)
	}
	dst = appendCount(dst, 12, sparseCount(&b.DroppedEvents, row))
	for i, end := x.r.Links(row); i < end; i++ {
		dst = x.appendLink(dst, i)
	}
	dst = appendCount(dst, 14, sparseCount(&b.DroppedLinks, row))
	if message := sparseText(&b.StatusMessage, row); b.Status[row] != 0 || len(message) != 0 {
		var status int
		dst, status = openMessage(dst, 15)
		dst = appendText(dst, 2, message)
		dst = appendCount(dst, 3, uint64(b.Status[row]))
		dst = closeMessage(dst, status)
	}
	if b.Flags[row] != 0 {
		dst = appendFixed32(dst, 16, b.Flags[row])
	}
	return closeMessage(dst, mark)
}

func (x *exporter) appendEvent(dst []byte, i int) []byte {
	e := &x.b.Events
	dst, mark := openMessage(dst, 11)
	dst = appendNanos(dst, 1, e.Time[i])
	dst = appendText(dst, 2, e.Names.At(int(e.Name[i])))
	x.r.EventAttrs(i, func(key string, v clew.Value) { dst = appendAttr(dst, 3, key, v) })
	dst = append(dst, x.r.EventExtra(i)...)
	dst = appendCount(dst, 4, sparseCount(&e.Dropped, i))
	return closeMessage(dst, mark)
}

func (x *exporter) appendLink(dst []byte, i int) []byte {
	l := &x.b.Links
	dst, mark := openMessage(dst, 13)
	if l.TraceHigh[i]|l.TraceLow[i] != 0 {
		id := clew.MakeTraceID(l.TraceHigh[i], l.TraceLow[i])
		dst = appendBytesField(dst, 1, id[:])
	}
	if l.SpanID[i] != 0 {
		dst = appendSpanID(dst, 2, l.SpanID[i])
	}
	dst = appendText(dst, 3, sparseText(&l.TraceState, i))
	x.r.LinkAttrs(i, func(key string, v clew.Value) { dst = appendAttr(dst, 4, key, v) })
	dst = append(dst, x.r.LinkExtra(i)...)
	dst = appendCount(dst, 5, sparseCount(&l.Dropped, i))
	if l.Flags[i] != 0 {
		dst = appendFixed32(dst, 6, l.Flags[i])
	}
	return closeMessage(dst, mark)
}

// appendAttr appends one KeyValue as field num.
func appendAttr(dst []byte, num int, key string, v clew.Value) []byte {
	dst, pair := openMessage(dst, num)
	dst = append(dst, tagKey)
	dst = binary.AppendUvarint(dst, uint64(len(key)))
	dst = append(dst, key...)
	dst, value := openMessage(dst, 2)
	dst = appendValue(dst, v)
	return closeMessage(closeMessage(dst, value), pair)
}

// appendValue appends the contents of an AnyValue message. Other than in most
// fields, a zero is written: it says which type the value has.
func appendValue(dst []byte, v clew.Value) []byte {
	switch v.Type {
	case clew.TypeString:
		return appendBytesField(dst, anyString, v.Bytes)
	case clew.TypeBool:
		return appendVarintField(dst, anyBool, v.Bits)
	case clew.TypeInt:
		return appendVarintField(dst, anyInt, v.Bits)
	case clew.TypeDouble:
		return appendFixed64(dst, anyDouble, v.Bits)
	}
	return append(dst, v.Bytes...)
}

// appendText, appendCount and appendNanos leave a zero out, as proto3 does.
func appendText(dst []byte, num int, v []byte) []byte {
	if len(v) == 0 {
		return dst
	}
	return appendBytesField(dst, num, v)
}

func appendCount(dst []byte, num int, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return appendVarintField(dst, num, v)
}

func appendNanos(dst []byte, num int, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return appendFixed64(dst, num, v)
}

func appendSpanID(dst []byte, num int, id uint64) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], id)
	return appendBytesField(dst, num, b[:])
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
