package segment

import (
	"math"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/span"
)

// Pruner tells segments and blocks that surely have no matching row, from their
// tables and bounds alone. Where it does not know it says that they may have.
type Pruner struct {
	cache *Cache
	cond  span.Condition
	t     *tables // of the segment asked about last
	seg   *Reader
}

// NewPruner returns a pruner for a condition on single rows. One goroutine uses it.
func NewPruner(c *Cache, cond span.Condition) *Pruner { return &Pruner{cache: c, cond: cond} }

// Segment reports whether a segment may have a matching row.
func (p *Pruner) Segment(s *Reader) (bool, error) {
	if p.cond.Op == span.True {
		return true, nil
	}
	t, err := p.cache.tables(s)
	if err != nil {
		return false, err
	}
	p.t, p.seg = t, s
	return p.may(&p.cond, block.WholeSegment), nil
}

// Block reports whether a block of the segment asked about last may.
func (p *Pruner) Block(s *Reader, blk int) bool {
	if p.cond.Op == span.True || p.seg != s {
		return true
	}
	return p.may(&p.cond, blk)
}

// may evaluates a condition to "perhaps" or "no".
func (p *Pruner) may(c *span.Condition, blk int) bool {
	switch c.Op {
	case span.True, span.Not:
		return true
	case span.And:
		for i := range c.Args {
			if !p.may(&c.Args[i], blk) {
				return false
			}
		}
		return true
	case span.Or:
		for i := range c.Args {
			if p.may(&c.Args[i], blk) {
				return true
			}
		}
		return len(c.Args) == 0
	case span.Relate:
		needs := c.Relation.Needs()
		return p.may(&needs, blk)
	}
	if c.Field.Intrinsic != span.None {
		return p.intrinsic(c, blk)
	}
	switch c.Field.Scope {
	case span.ScopeResource:
		return blk != block.WholeSegment || p.resource(c)
	case span.ScopeSpan:
		return p.attr(c, p.t.attrs, blk)
	case span.ScopeEvent:
		return p.attr(c, p.t.eventAttrs, blk)
	case span.ScopeLink:
		return p.attr(c, p.t.linkAttrs, blk)
	case span.ScopeAny:
		return p.resource(c) || p.attr(c, p.t.attrs, blk)
	}
	return true
}

func (p *Pruner) resource(c *span.Condition) bool {
	for _, r := range p.t.resources {
		for _, a := range r.Attrs {
			if a.Key == c.Field.Key && c.Test(a.Value) {
				return true
			}
		}
	}
	return false
}

func (p *Pruner) intrinsic(c *span.Condition, blk int) bool {
	switch c.Field.Intrinsic {
	case span.Duration:
		return blk == block.WholeSegment || p.bounds(c, colDuration, blk, true)
	case span.Name, span.SpanKind, span.StatusCode:
		if blk != block.WholeSegment {
			return true
		}
		for i := range p.t.templates {
			if c.Test(p.templateValue(c.Field.Intrinsic, &p.t.templates[i])) {
				return true
			}
		}
		return false
	}
	return true
}

func (p *Pruner) templateValue(i span.Intrinsic, t *segmentTemplate) clew.Value {
	switch i {
	case span.SpanKind:
		return clew.IntValue(int64(t.kind))
	case span.StatusCode:
		return clew.IntValue(int64(t.status))
	}
	return clew.Value{Type: clew.TypeString, Bytes: p.t.names.At(int(t.name))}
}

// bounds compares an int condition with a chunk's least and greatest value.
func (p *Pruner) bounds(c *span.Condition, name string, blk int, signed bool) bool {
	col, ok := p.seg.blocks.Column(name)
	if !ok {
		return false
	}
	lo, hi, ok := p.seg.blocks.Bounds(col, blk)
	return ok && intBounds(c, lo, hi, signed)
}

func intBounds(c *span.Condition, lo, hi uint64, signed bool) bool {
	if signed {
		lo, hi = lo^1<<63, hi^1<<63
	}
	l, h := int64(lo), int64(hi)
	if l > h || c.Value.Type != clew.TypeInt {
		return true
	}
	switch v := c.Value.Int(); c.Op {
	case span.Eq:
		return l <= v && v <= h
	case span.Lt:
		return l < v
	case span.Le:
		return l <= v
	case span.Gt:
		return h > v
	case span.Ge:
		return h >= v
	case span.Ne:
		return l != h || l != v
	}
	return true
}

// attr looks for a column that may have a matching value.
func (p *Pruner) attr(c *span.Condition, columns []attrColumnInfo, blk int) bool {
	for i := range columns {
		info := &columns[i]
		if info.key == c.Field.Key && p.attrColumn(c, info, blk) {
			return true
		}
	}
	return false
}

func (p *Pruner) attrColumn(c *span.Condition, info *attrColumnInfo, blk int) bool {
	if c.Op == span.Exists {
		_, _, ok := p.seg.blocks.Bounds(info.col, blk)
		return ok || blk == block.WholeSegment
	}
	if !typesMeet(c, info.typ) {
		return false
	}
	if blk != block.WholeSegment {
		lo, hi, ok := p.seg.blocks.Bounds(info.col, blk)
		if !ok {
			return false
		}
		return info.typ != clew.TypeInt || hi-lo == math.MaxUint64 || intBounds(c, lo, hi, true)
	}
	if info.typ != clew.TypeString {
		return true
	}
	d, ok, err := p.cache.dict(p.seg, p.t, info.col)
	if err != nil || !ok {
		return true
	}
	for i := range d.values.Len() {
		if c.Test(clew.Value{Type: clew.TypeString, Bytes: d.values.At(i)}) {
			return true
		}
	}
	return false
}

// typesMeet reports whether values of type t compare with the condition's.
func typesMeet(c *span.Condition, t clew.Type) bool {
	if c.Op == span.Match || c.Op == span.NotMatch {
		return t == clew.TypeString
	}
	number := func(t clew.Type) bool { return t == clew.TypeInt || t == clew.TypeDouble }
	return t == c.Value.Type || number(t) && number(c.Value.Type)
}
