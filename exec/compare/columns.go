package compare

import (
	"cmp"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/span"
)

// None is the place of a row that does not count.
const None = ^uint32(0)

// Numbers that values do not have: unnumbered is of entries of a table that were not come
// to, absent of those without a value, unknown of values that are not told apart.
const (
	unnumbered = ^uint32(0)
	absent     = unnumbered - 1
	unknown    = unnumbered - 2
)

// scratch is what a counter needs for a batch.
type scratch struct {
	b       *span.Batch
	places  []uint32
	weights []clew.Weight // nil: all rows count as one

	touched []*attribute
	table   []uint32
	lists   [][]entry
	first   []uint32       // of each row, which event or link has the value, plus 1
	of      []*span.Column // of each row, the column in which it is
	// recent are numbers of values that are no texts, by a hash of their bits.
	recent struct {
		bits    [256]uint64
		numbers [256]uint32
	}
}

// entry is an attribute with its value.
type entry struct {
	a    *attribute
	n    uint32
	rank int
}

// Count counts the rows of a batch that have a place; weights, where not nil, are what
// rows count as. The batch has all columns.
func (c *Counter) Count(b *span.Batch, places []uint32, weights []clew.Weight) {
	if c.err != nil || b.Rows == 0 {
		return
	}
	c.b, c.places, c.weights = b, places, weights
	c.names()
	if c.Roots != nil && !c.Roots.full {
		c.roots()
	}
	runs(c, b.Kind, enumerated(c, c.attribute(span.Field{Intrinsic: span.SpanKind})))
	runs(c, b.Status, enumerated(c, c.attribute(span.Field{Intrinsic: span.StatusCode})))
	c.resources()
	c.instrumentation()
	if len(b.StatusMessage.Rows) > 0 {
		c.column(c.attribute(span.Field{Intrinsic: span.StatusMessage}), &b.StatusMessage, nil)
	}
	c.attributes(&b.Attrs, span.ScopeSpan, nil)
	c.events()
	c.attributes(&b.Events.Attrs, span.ScopeEvent, b.Events.Row)
	c.attributes(&b.Links.Attrs, span.ScopeLink, b.Links.Row)
	c.b, c.places, c.weights = nil, nil, nil
}

// tally counts rows that have the value n of a.
func (c *Counter) tally(a *attribute, n, place uint32, rows *Sums) {
	a.spans[place].add(rows)
	if n < unknown {
		a.cells[int(n)*c.steps*groups+int(place)].add(rows)
	}
}

// tallyRow is tally of one row.
func (c *Counter) tallyRow(a *attribute, n, row uint32) {
	place := c.places[row]
	if c.weights != nil && c.weights[row] != clew.WeightOne {
		s := c.sums(row)
		c.tally(a, n, place, &s)
		return
	}
	a.spans[place].Ones++
	if n < unknown {
		a.cells[int(n)*c.steps*groups+int(place)].Ones++
	}
}

func (c *Counter) sums(row uint32) Sums {
	if c.weights == nil || c.weights[row] == clew.WeightOne {
		return Sums{Ones: 1}
	}
	w := c.weights[row]
	return Sums{Weight: w, Squares: sketch.Product(uint64(w), uint64(w))}
}

// runs calls each for the rows that follow each other with the same code and place.
func runs[T uint8 | uint32](c *Counter, codes []T, each func(code T, place uint32, rows *Sums)) {
	var run Sums
	last, at := T(0), None
	for row, place := range c.places {
		if place == None {
			continue
		}
		if place != at || codes[row] != last {
			if at != None {
				each(last, at, &run)
			}
			run, last, at = Sums{}, codes[row], place
		}
		if c.weights == nil {
			run.Ones++
			continue
		}
		s := c.sums(uint32(row))
		run.add(&s)
	}
	if at != None {
		each(last, at, &run)
	}
}

func enumerated(c *Counter, a *attribute) func(code uint8, place uint32, rows *Sums) {
	return func(code uint8, place uint32, rows *Sums) {
		c.tally(a, c.number(a, clew.IntValue(int64(code))), place, rows)
	}
}

// blank returns a table of n entries that were not come to.
func blank(table []uint32, n int) []uint32 {
	if cap(table) < n {
		table = make([]uint32, n)
	}
	table = table[:n]
	for i := range table {
		table[i] = unnumbered
	}
	return table
}

func (c *Counter) names() {
	a := c.attribute(span.Field{Intrinsic: span.Name})
	c.table = blank(c.table, c.b.Names.Len())
	runs(c, c.b.Name, func(code, place uint32, rows *Sums) {
		c.tally(a, c.text(a, &c.b.Names, code), place, rows)
	})
}

// text returns the number of an entry of a dictionary, for which c.table is.
func (c *Counter) text(a *attribute, dict *column.Strings, code uint32) uint32 {
	n := &c.table[code]
	if *n == unnumbered {
		*n = c.number(a, clew.Value{Type: clew.TypeString, Bytes: dict.At(int(code))})
	}
	if a.gone() {
		return unknown
	}
	return *n
}

// rank says which of several values under one name counts: an integer before another
// number, before a text, before a truth value.
func rank(t clew.Type) int {
	return [...]int{clew.TypeInt: 4, clew.TypeDouble: 3, clew.TypeString: 2, clew.TypeBool: 1, clew.TypeOther: 0}[t]
}

// entries appends the attributes of a table entry to list.
func (c *Counter) entries(list []entry, scope span.Scope, attrs []clew.Attr) []entry {
next:
	for i := range attrs {
		r := rank(attrs[i].Value.Type)
		if r == 0 {
			continue
		}
		a := c.attribute(span.Field{Scope: scope, Key: attrs[i].Key})
		for k := range list {
			if list[k].a != a {
				continue
			}
			if r > list[k].rank {
				list[k].n, list[k].rank = uint32(i), r
			}
			continue next
		}
		list = append(list, entry{a, uint32(i), r})
	}
	for k := range list {
		list[k].n = c.number(list[k].a, attrs[list[k].n].Value)
	}
	return list
}

// byTable counts attributes that rows have from a table, each entry of which is looked at
// once.
func (c *Counter) byTable(codes []uint32, n int, list func(code uint32) []entry) {
	c.lists = append(c.lists[:0], make([][]entry, n)...)
	runs(c, codes, func(code, place uint32, rows *Sums) {
		if c.lists[code] == nil {
			c.lists[code] = append(list(code), entry{}) // the last is none
		}
		for _, e := range c.lists[code] {
			if e.a == nil {
				return
			}
			if e.a.gone() {
				e.n = unknown
			}
			c.tally(e.a, e.n, place, rows)
		}
	})
}

func (c *Counter) resources() {
	c.byTable(c.b.Resource, len(c.b.Resources), func(code uint32) []entry {
		if r := c.b.Resources[code]; r != nil {
			return c.entries(nil, span.ScopeResource, r.Attrs)
		}
		return nil
	})
}

func (c *Counter) instrumentation() {
	c.byTable(c.b.Scope, len(c.b.Scopes), func(code uint32) (list []entry) {
		s := c.b.Scopes[code]
		if s == nil {
			return nil
		}
		list = c.entries(nil, span.ScopeInstrumentation, s.Attrs)
		for i, text := range [...]string{s.Name, s.Version} {
			if text != "" {
				a := c.attribute(span.Field{Intrinsic: span.ScopeName + span.Intrinsic(i)})
				list = append(list, entry{a: a, n: c.number(a, clew.StringValue(text))})
			}
		}
		return list
	})
}

// events counts the names of first events.
func (c *Counter) events() {
	events := &c.b.Events
	if len(events.Row) == 0 {
		return
	}
	a := c.attribute(span.Field{Intrinsic: span.EventName})
	c.table = blank(c.table, events.Names.Len())
	last := None
	for i, row := range events.Row {
		if row != last && c.places[row] != None {
			c.tallyRow(a, c.text(a, &events.Names, events.Name[i]), row)
		}
		last = row
	}
}

// attributes counts attributes of spans, or of what has a row of owners each: of a span's the
// first that has the attribute.
func (c *Counter) attributes(attrs *span.Attrs, scope span.Scope, owners []uint32) {
	c.touched = c.touched[:0]
	for i := range attrs.Columns {
		col := &attrs.Columns[i]
		if rank(col.Type) == 0 || !c.counts(col, owners) {
			continue
		}
		a := c.attribute(span.Field{Scope: scope, Key: col.Key})
		if len(a.columns) == 0 {
			c.touched = append(c.touched, a)
		}
		a.columns = append(a.columns, col)
	}
	for _, a := range c.touched {
		if len(a.columns) == 1 {
			c.column(a, a.columns[0], owners)
		} else {
			c.merged(a, owners)
		}
		clear(a.columns)
		a.columns = a.columns[:0]
	}
}

// counts reports whether a column has a value of a row that counts.
func (c *Counter) counts(col *span.Column, owners []uint32) bool {
	for _, row := range col.Rows {
		if owners != nil {
			row = owners[row]
		}
		if c.places[row] != None {
			return true
		}
	}
	return false
}

// column counts the only column of an attribute.
func (c *Counter) column(a *attribute, col *span.Column, owners []uint32) {
	number := c.numbering(a, col)
	last := None
	for i, row := range col.Rows {
		if owners != nil {
			if row = owners[row]; row == last {
				continue
			}
			last = row
		}
		if c.places[row] != None {
			c.tallyRow(a, number(i), row)
		}
	}
}

// numbering returns what numbers the values of a column.
func (c *Counter) numbering(a *attribute, col *span.Column) func(i int) uint32 {
	if a.gone() {
		return func(int) uint32 { return unknown }
	}
	if col.Type != clew.TypeString {
		r := &c.recent
		for i := range r.numbers {
			r.numbers[i] = unnumbered
		}
		return func(i int) uint32 {
			if a.gone() {
				return unknown
			}
			bits := col.Vals[i]
			at := bits * 0x9E3779B97F4A7C15 >> 56
			if r.numbers[at] == unnumbered || r.bits[at] != bits {
				r.bits[at], r.numbers[at] = bits, c.number(a, col.ValueAt(i))
			}
			return r.numbers[at]
		}
	}
	if col.DictID == 0 || col.DictID != a.dict {
		a.table, a.dict = blank(a.table, col.Strings.Len()), col.DictID
	}
	return func(i int) uint32 {
		if a.gone() {
			return unknown
		}
		n := &a.table[col.Vals[i]]
		if *n == unnumbered {
			*n = c.number(a, col.ValueAt(i))
		}
		return *n
	}
}

// merged counts an attribute that has values of several types.
func (c *Counter) merged(a *attribute, owners []uint32) {
	slices.SortFunc(a.columns, func(x, y *span.Column) int { return cmp.Compare(rank(y.Type), rank(x.Type)) })
	if cap(c.first) < c.b.Rows {
		c.first, c.of = make([]uint32, c.b.Rows), make([]*span.Column, c.b.Rows)
	}
	c.first, c.of = c.first[:c.b.Rows], c.of[:c.b.Rows]
	clear(c.first)
	owner := func(at uint32) uint32 {
		if owners != nil {
			return owners[at]
		}
		return at
	}
	for _, col := range a.columns {
		for _, at := range col.Rows {
			if f := c.first[owner(at)]; f == 0 || at+1 < f {
				c.first[owner(at)], c.of[owner(at)] = at+1, col
			}
		}
	}
	for _, col := range a.columns {
		a.table, a.dict = nil, 0
		number := c.numbering(a, col)
		for i, at := range col.Rows {
			if row := owner(at); c.first[row] == at+1 && c.of[row] == col && c.places[row] != None {
				c.tallyRow(a, number(i), row)
			}
		}
	}
	clear(c.of)
}
