// Package tally counts the values of a field over batches of rows.
package tally

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// Top returns up to limit values, those of most rows first, then by value; limit 0
// is all. more reports that there are others.
func (c *Values) Top(limit int) (values []storage.TagValue, more bool) {
	values = make([]storage.TagValue, 0, len(c.count))
	for k, slot := range c.count {
		n := c.rows[slot]
		v := clew.Value{Type: k.typ, Bits: k.bits}
		if text(k.typ) {
			v.Bytes = []byte(k.text)
		}
		values = append(values, storage.TagValue{Value: v, Count: n})
	}
	slices.SortFunc(values, func(a, b storage.TagValue) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), Compare(a.Value, b.Value))
	})
	if limit > 0 && len(values) > limit {
		return values[:limit], true
	}
	return values, c.more
}

// Compare orders values by type, then numbers by size and text by bytes.
func Compare(a, b clew.Value) int {
	if a.Type != b.Type {
		return cmp.Compare(a.Type, b.Type)
	}
	switch a.Type {
	case clew.TypeInt:
		return cmp.Compare(a.Int(), b.Int())
	case clew.TypeDouble:
		return cmp.Compare(a.Double(), b.Double())
	case clew.TypeBool:
		return cmp.Compare(a.Bits, b.Bits)
	}
	return bytes.Compare(a.Bytes, b.Bytes)
}

// maxCountedValues bounds the distinct values counted in one answer; each takes
// about valueBytes besides its text.
const (
	maxCountedValues = 100_000
	valueBytes       = 100
)

type valueKey struct {
	typ  clew.Type
	bits uint64
	text string
}

// keyOf returns what equal values have in common.
func keyOf(v clew.Value) valueKey {
	k := valueKey{typ: v.Type}
	switch d := v.Double(); {
	case text(v.Type):
		k.text = string(v.Bytes)
	case v.Type == clew.TypeDouble && d == 0: // -0 and 0 are one value
	case v.Type == clew.TypeDouble && d != d: // and so are all NaN
		k.bits = math.Float64bits(math.NaN())
	default:
		k.bits = v.Bits
	}
	return k
}

// Values counts how many rows have each value of a field.
type Values struct {
	count map[valueKey]int32 // the place in rows
	rows  []int64
	most  int64
	bytes int64 // of the values
	more  bool  // there were more distinct values than are counted
	// own are the values of a row that were counted, while they are few; seen as well, once
	// they are many.
	own  []valueKey
	seen map[valueKey]struct{}
	// slots are the places in rows of values that are kept, by their numbers: see Kept.
	slots   []int32
	emptied uint64
}

// noSlot is the place of a value that is not counted.
const noSlot = -1

// maxOwn is how many values of a row are looked through for one more, rather than looked
// up. Most rows have one.
const maxOwn = 16

// New returns counts of nothing, which will take up to so many bytes of memory.
func New(maxBytes int64) *Values { return &Values{count: make(map[valueKey]int32), most: maxBytes} }

func (c *Values) add(v clew.Value, n int64) {
	if n > 0 {
		c.addKey(keyOf(v), n)
	}
}

func (c *Values) addKey(k valueKey, n int64) {
	if slot := c.slot(k); slot != noSlot {
		c.rows[slot] += n
	}
}

// slot returns the place of a value in rows; noSlot if there are too many.
func (c *Values) slot(k valueKey) int32 {
	slot, ok := c.count[k]
	if ok {
		return slot
	}
	size := valueBytes + int64(len(k.text))
	if len(c.rows) >= maxCountedValues || c.bytes+size > c.most {
		c.more = true
		return noSlot
	}
	c.bytes += size
	slot = int32(len(c.rows))
	c.count[k], c.rows = slot, append(c.rows, 0)
	return slot
}

func (c *Values) addText(b []byte, n int64) {
	c.add(clew.Value{Type: clew.TypeString, Bytes: b}, n)
}

// Add counts the values of matching rows: each once per row, however many of
// its events or links have it.
func (c *Values) Add(b *span.Batch, f span.Field) {
	if f.Intrinsic != span.None {
		c.intrinsic(b, f.Intrinsic)
		return
	}
	switch f.Scope {
	case span.ScopeSpan:
		c.attrs(&b.Attrs, f.Key, b.Matched)
	case span.ScopeEvent:
		c.children(&b.Events.Attrs, f.Key, b.Events.Row, b.Matched)
	case span.ScopeLink:
		c.children(&b.Links.Attrs, f.Key, b.Links.Row, b.Matched)
	case span.ScopeResource:
		c.resources(b, f.Key, b.Matched)
	case span.ScopeInstrumentation:
		for i, n := range countCodes(b.Scope, len(b.Scopes), b.Matched) {
			if n > 0 {
				c.list(b.Scopes[i].Attrs, f.Key, n)
			}
		}
	default:
		c.attrs(&b.Attrs, f.Key, b.Matched)
		rest := append(column.Bitmap(nil), b.Matched...)
		for t := range clew.Type(clew.TypeCount) {
			if col := b.Attrs.Lookup(f.Key, t); col != nil {
				for _, r := range col.Rows {
					rest.Clear(int(r))
				}
			}
		}
		c.resources(b, f.Key, rest)
	}
}

// countCodes counts how many of the given rows have each of n codes.
func countCodes[T uint8 | uint32](codes []T, n int, rows column.Bitmap) []int64 {
	counts := make([]int64, n)
	for i := range rows.Ones() {
		counts[codes[i]]++
	}
	return counts
}

func (c *Values) resources(b *span.Batch, key string, rows column.Bitmap) {
	for i, n := range countCodes(b.Resource, len(b.Resources), rows) {
		if n > 0 {
			c.list(b.Resources[i].Attrs, key, n)
		}
	}
}

// list counts the values of key, each once.
func (c *Values) list(attrs []clew.Attr, key string, n int64) {
	c.nextRow()
	for _, a := range attrs {
		if a.Key == key {
			c.once(a.Value, n)
		}
	}
}

// once counts a value unless it is among those of the row already, and of an array its
// elements. Maps and bytes are nothing to choose from.
func (c *Values) once(v clew.Value, n int64) {
	if v.Type != clew.TypeOther {
		c.onceScalar(v, n)
		return
	}
	for e := range span.Elements(v) {
		if e.Type != clew.TypeOther {
			c.onceScalar(e, n)
		}
	}
}

func (c *Values) onceScalar(v clew.Value, n int64) {
	if k := keyOf(v); c.isNews(k) {
		c.addKey(k, n)
	}
}

// nextRow forgets the values of the row before.
func (c *Values) nextRow() {
	c.own = c.own[:0]
	clear(c.seen)
}

// isNews notes a value of a row, and reports whether it is the first such.
func (c *Values) isNews(k valueKey) bool {
	switch {
	case len(c.own) < maxOwn:
		if slices.Contains(c.own, k) {
			return false
		}
		c.own = append(c.own, k)
		return true
	case len(c.seen) == 0:
		if c.seen == nil {
			c.seen = make(map[valueKey]struct{})
		}
		for _, k := range c.own {
			c.seen[k] = struct{}{}
		}
	}
	had := len(c.seen)
	c.seen[k] = struct{}{}
	return len(c.seen) > had
}

// attrs counts the values of spans' attributes, by code first.
func (c *Values) attrs(a *span.Attrs, key string, matched column.Bitmap) {
	for t := range clew.Type(clew.TypeOther) {
		if col := a.Lookup(key, t); col != nil {
			c.column(col, matched)
		}
	}
	if arrays := a.Lookup(key, clew.TypeOther); arrays != nil {
		c.arrays(arrays, a, key, matched)
	}
}

// arrays counts the elements of arrays that are not among the other values of the key in
// the same row, which are counted already.
func (c *Values) arrays(col *span.Column, a *span.Attrs, key string, matched column.Bitmap) {
	for i, r := range col.Rows {
		if !matched.Get(int(r)) {
			continue
		}
		c.nextRow()
		for t := range clew.Type(clew.TypeOther) {
			if other := a.Lookup(key, t); other != nil {
				if at, found := slices.BinarySearch(other.Rows, r); found {
					c.isNews(keyOf(other.ValueAt(at)))
				}
			}
		}
		c.once(col.ValueAt(i), 1)
	}
}

func (c *Values) column(col *span.Column, matched column.Bitmap) {
	counts := make(map[uint64]int64)
	for i, r := range col.Rows {
		if matched.Get(int(r)) {
			counts[col.Vals[i]]++
		}
	}
	for bits, n := range counts {
		v := clew.Value{Type: col.Type, Bits: bits}
		if text(col.Type) {
			v.Bytes = col.Strings.At(int(bits))
		}
		c.add(v, n)
	}
}

// children counts the values of attributes of events or links, each once for the
// row that owns them.
func (c *Values) children(a *span.Attrs, key string, owner []uint32, matched column.Bitmap) {
	if a.Lookup(key, clew.TypeOther) != nil {
		c.mixedChildren(a, key, owner, matched)
		return
	}
	for t := range clew.Type(clew.TypeOther) {
		col := a.Lookup(key, t)
		if col == nil {
			continue
		}
		c.each(len(col.Rows), func(i int) uint32 { return owner[col.Rows[i]] }, col.ValueAt, matched)
	}
}

// mixedChildren is children where some values are arrays, whose elements may be the values
// of others.
func (c *Values) mixedChildren(a *span.Attrs, key string, owner []uint32, matched column.Bitmap) {
	type place struct {
		col *span.Column
		i   int
	}
	var all []place
	for t := range clew.Type(clew.TypeCount) {
		if col := a.Lookup(key, t); col != nil {
			for i := range col.Rows {
				all = append(all, place{col, i})
			}
		}
	}
	of := func(p place) uint32 { return owner[p.col.Rows[p.i]] }
	slices.SortFunc(all, func(a, b place) int { return cmp.Compare(of(a), of(b)) })
	c.each(len(all), func(i int) uint32 { return of(all[i]) }, func(i int) clew.Value { return all[i].col.ValueAt(all[i].i) }, matched)
}

// each counts n values, the i-th of row owner(i), which ascends.
func (c *Values) each(n int, owner func(i int) uint32, value func(i int) clew.Value, matched column.Bitmap) {
	last := span.NoCode
	for i := range n {
		row := owner(i)
		if row != last {
			c.nextRow()
			last = row
		}
		if matched.Get(int(row)) {
			c.once(value(i), 1)
		}
	}
}

// intrinsic counts the values of an intrinsic field, of the types that
// span.Intrinsic names.
func (c *Values) intrinsic(b *span.Batch, i span.Intrinsic) {
	switch i {
	case span.Name:
		for code, n := range countCodes(b.Name, b.Names.Len(), b.Matched) {
			c.addText(b.Names.At(code), n)
		}
	case span.SpanKind, span.StatusCode:
		codes := b.Kind
		if i == span.StatusCode {
			codes = b.Status
		}
		for code, n := range countCodes(codes, 256, b.Matched) {
			c.add(clew.IntValue(int64(code)), n)
		}
	case span.ScopeName, span.ScopeVersion:
		for code, n := range countCodes(b.Scope, len(b.Scopes), b.Matched) {
			if n > 0 && i == span.ScopeName {
				c.add(clew.StringValue(b.Scopes[code].Name), n)
			} else if n > 0 {
				c.add(clew.StringValue(b.Scopes[code].Version), n)
			}
		}
	case span.TraceID:
		for code, n := range countCodes(b.Trace, len(b.TraceIDs), b.Matched) {
			c.add(clew.StringValue(b.TraceIDs[code].String()), n)
		}
	case span.StatusMessage:
		c.column(&b.StatusMessage, b.Matched)
	case span.TraceState:
		c.column(&b.TraceState, b.Matched)
	case span.EventName, span.EventTimeSinceStart, span.LinkTraceID, span.LinkSpanID:
		c.childIntrinsic(b, i)
	default:
		for row := range b.Matched.Ones() {
			c.rowIntrinsic(b, i, row)
		}
	}
}

// rowIntrinsic counts a field that has another value in nearly every row.
func (c *Values) rowIntrinsic(b *span.Batch, i span.Intrinsic, row int) {
	switch i {
	case span.Duration:
		if !b.Unfinished(row) {
			c.add(clew.IntValue(int64(b.Duration[row])), 1)
		}
	case span.Start:
		c.add(clew.IntValue(int64(min(b.Start[row], math.MaxInt64))), 1)
	case span.SpanID:
		c.add(clew.StringValue(clew.SpanID(b.SpanID[row]).String()), 1)
	case span.ParentID:
		if id := clew.SpanID(b.ParentID[row]); id != 0 {
			c.add(clew.StringValue(id.String()), 1)
		}
	}
}

func (c *Values) childIntrinsic(b *span.Batch, i span.Intrinsic) {
	owner := b.Events.Row
	if i == span.LinkTraceID || i == span.LinkSpanID {
		owner = b.Links.Row
	}
	c.each(len(owner), func(k int) uint32 { return owner[k] }, func(k int) clew.Value {
		switch i {
		case span.EventName:
			return clew.Value{Type: clew.TypeString, Bytes: b.Events.Names.At(int(b.Events.Name[k]))}
		case span.EventTimeSinceStart:
			return clew.IntValue(int64(b.Events.Time[k] - b.Start[owner[k]]))
		case span.LinkTraceID:
			return clew.StringValue(clew.MakeTraceID(b.Links.TraceHigh[k], b.Links.TraceLow[k]).String())
		}
		return clew.StringValue(clew.SpanID(b.Links.SpanID[k]).String())
	}, b.Matched)
}

// text reports whether a value's bytes say what it is.
func text(t clew.Type) bool { return t == clew.TypeString || t == clew.TypeOther }
