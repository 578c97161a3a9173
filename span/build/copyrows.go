package build

import (
	"slices"

	"github.com/clew-tracing/clew/span"
)

// Expect tells how many rows the Builder is going to have, about: it makes room for
// them, and for what of sparse columns goes by them.
func (c *Copier) Expect(rows int) {
	c.expect = rows
	b := c.b
	b.trace, b.prev = room(b.trace, rows), room(b.prev, rows)
	b.spanID, b.parentID, b.start, b.duration = room(b.spanID, rows), room(b.parentID, rows), room(b.start, rows), room(b.duration, rows)
	b.name, b.kind, b.status, b.flags = room(b.name, rows), room(b.kind, rows), room(b.status, rows), room(b.flags, rows)
	b.resource, b.scope, b.Attrs.shape = room(b.resource, rows), room(b.scope, rows), room(b.Attrs.shape, rows)
}

// room returns s with room for n elements in all.
func room[T any](s []T, n int) []T { return slices.Grow(s, max(n-len(s), 0)) }

// maxForesight bounds by how much a column grows at once: of what comes first there may
// be no more.
const maxForesight = 8

// grow returns s with room for n elements more, and for those to be expected.
func grow[T any](c *Copier, s []T, n int) []T {
	need := len(s) + n
	if need <= cap(s) {
		return s
	}
	if c.expect > c.have {
		all := min(float64(c.expect)/float64(c.have), maxForesight) * float64(need)
		n = max(n, int(all)+int(all)/16-len(s))
	}
	return slices.Grow(s, n)
}

// shift sets each of dst to base + that of src.
func shift(dst, src []uint32, base uint32) {
	for ; len(src) >= 4 && len(dst) >= 4; src, dst = src[4:], dst[4:] {
		to, from := (*[4]uint32)(dst), (*[4]uint32)(src)
		to[0], to[1], to[2], to[3] = base+from[0], base+from[1], base+from[2], base+from[3]
	}
	for i, r := range src {
		dst[i] = base + r
	}
}

// take appends the values of the chosen rows, zeros where src is nil.
func take[T any](dst, src []T, m *rowMap) []T {
	n := len(m.rows)
	switch {
	case src == nil:
		dst = slices.Grow(dst, n)[:len(dst)+n]
		clear(dst[len(dst)-n:])
	case m.all:
		dst = append(dst, src[:n]...)
	default:
		for _, r := range m.rows {
			dst = append(dst, src[r])
		}
	}
	return dst
}

// fixed appends the fields that every span has, of the chosen rows, which it counts.
func (c *Copier) fixed(t *tableMap, src *span.Batch) {
	b, m := c.b, &c.m
	c.traces(src)
	b.spanID = take(b.spanID, src.SpanID, m)
	b.parentID = take(b.parentID, src.ParentID, m)
	b.start = take(b.start, src.Start, m)
	b.duration = take(b.duration, src.Duration, m)
	b.kind = take(b.kind, src.Kind, m)
	b.status = take(b.status, src.Status, m)
	b.flags = take(b.flags, src.Flags, m)

	name := len(b.name)
	if b.name = take(b.name, src.Name, m); src.Names.Len() > 0 && src.Name != nil {
		replace(b.name[name:], func(code uint32) uint32 { return t.name(b, src, code) })
	}
	resource := len(b.resource)
	if b.resource = take(b.resource, src.Resource, m); len(src.Resources) > 0 && src.Resource != nil {
		replace(b.resource[resource:], func(code uint32) uint32 {
			return b.resources.carry(t.resources, code, src.Resources[code].Raw, src.Resources[code])
		})
	}
	scope := len(b.scope)
	if b.scope = take(b.scope, src.Scope, m); len(src.Scopes) > 0 && src.Scope != nil {
		replace(b.scope[scope:], func(code uint32) uint32 {
			return b.scopes.carry(t.scopes, code, src.Scopes[code].Raw, src.Scopes[code])
		})
	}
	shape := len(b.Attrs.shape)
	if b.Attrs.shape = take(b.Attrs.shape, src.Attrs.Shape, m); src.Attrs.Shape == nil {
		fill(b.Attrs.shape[shape:], span.NoCode)
	}
	replace(b.Attrs.shape[shape:], func(from uint32) uint32 { return t.attrs.of(&b.Attrs, &src.Attrs, from) })
	b.rows += len(m.rows)
}

// replace puts codes in the place of others. Neighbours mostly have the same.
func replace(codes []uint32, by func(uint32) uint32) {
	for i := 0; i < len(codes); {
		from, to := codes[i], by(codes[i])
		for ; i < len(codes) && codes[i] == from; i++ {
			codes[i] = to
		}
	}
}

func fill(dst []uint32, v uint32) {
	for i := range dst {
		dst[i] = v
	}
}

// traces numbers the traces of the chosen rows and chains their rows.
func (c *Copier) traces(src *span.Batch) {
	b, row := c.b, uint32(c.b.rows)
	known := !c.m.few // few rows may be of a batch of many traces
	if known {
		c.ordinals.reset(len(src.TraceIDs))
	}
	for _, r := range c.m.rows {
		t := src.Trace[r]
		ord, prev := uint32(span.NoCode), uint32(0)
		if known {
			ord = c.ordinals[t]
		}
		if ord == span.NoCode {
			ord, prev = b.traces.add(src.TraceIDs[t].High(), src.TraceIDs[t].Low(), row)
			if known {
				c.ordinals[t] = ord
			}
		} else {
			prev, b.traces.last[ord] = b.traces.last[ord], row
		}
		b.trace, b.prev = append(b.trace, ord), append(b.prev, prev)
		row++
	}
}

// name returns the code of a name of src.
func (t *tableMap) name(b *Builder, src *span.Batch, code uint32) uint32 {
	if t.names[code] == span.NoCode {
		t.names[code] = b.InternName(src.Names.At(int(code)))
	}
	return t.names[code]
}
