// Package grouping tells in which series of a metric a span is: by what it has for the
// fields of by(…).
package grouping

import (
	"encoding/binary"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// Series are what is grouped into.
type Series interface {
	// Remember notes that so many bytes more are remembered.
	Remember(bytes int64)
	// Err is not nil once nothing more can be grouped.
	Err() error
	// Of makes the series of what has these values, None where it has none, and returns its
	// number, from 0 on; -1 if there are too many.
	Of(values []clew.Value) int
}

// None is the value of what a span does not have.
var None = clew.Value{Type: clew.TypeOther}

// Grouping says of each span in which series it is, by what it has for some fields. One
// goroutine at a time.
type Grouping struct {
	by     []groupField
	series Series
	known  map[string]int // series by the numbers of their values
	key    []byte
	last   int  // the series of key
	closed bool // no more series are made
}

// groupField numbers the values of one field.
type groupField struct {
	expr   span.Expr
	series Series
	calc   *span.Calculator
	texts  map[string]uint32
	others map[typedBits]uint32
	values []clew.Value // by number; 0 is of spans without a value

	rows  []uint32 // the numbers of a batch's rows
	table []uint32 // those of entries of a table; unnumbered: not yet known
}

// typedBits is a value that is no text.
type typedBits struct {
	typ  clew.Type
	bits uint64
}

const unnumbered = ^uint32(0)

// New returns a grouping by the values of some fields; stop is as that of
// span.NewCalculator.
func New(by []span.Expr, s Series, stop func() bool) *Grouping {
	g := &Grouping{series: s, known: make(map[string]int), last: -1}
	for _, x := range by {
		g.by = append(g.by, groupField{expr: x, series: s, calc: span.NewCalculator(x, stop), texts: make(map[string]uint32),
			others: make(map[typedBits]uint32), values: []clew.Value{None}})
	}
	return g
}

// Number numbers the values of rows of a batch.
func (g *Grouping) Number(w *span.Whole, rows column.Bitmap) {
	for i := range g.by {
		g.by[i].number(w, rows)
	}
}

func (f *groupField) number(w *span.Whole, rows column.Bitmap) {
	if cap(f.rows) < w.Rows {
		f.rows = make([]uint32, w.Rows)
	}
	f.rows = f.rows[:w.Rows]
	field := f.expr.Field
	switch {
	case f.expr.Op == span.Reading && !field.Parent && field.Intrinsic == span.Name:
		f.byTable(w.Name, w.Names.Len(), rows, func(code uint32) uint32 {
			return f.of(clew.Value{Type: clew.TypeString, Bytes: w.Names.At(int(code))})
		})
	case f.expr.Op == span.Reading && !field.Parent && field.Scope == span.ScopeResource && field.Intrinsic == span.None:
		f.byTable(w.Resource, len(w.Resources), rows, func(code uint32) uint32 {
			if r := w.Resources[code]; r != nil {
				return f.of(firstOf(r.Attrs, field.Key))
			}
			return 0
		})
	default:
		clear(f.rows)
		f.calc.Each(w, rows, func(row int, v clew.Value) { f.rows[row] = f.of(v) })
	}
}

// byTable numbers rows by the entry of a table that they have; each entry is looked at
// once.
func (f *groupField) byTable(codes []uint32, n int, rows column.Bitmap, number func(code uint32) uint32) {
	if cap(f.table) < n {
		f.table = make([]uint32, n)
	}
	f.table = f.table[:n]
	for i := range f.table {
		f.table[i] = unnumbered
	}
	for row := range rows.Ones() {
		at := &f.table[codes[row]]
		if *at == unnumbered {
			*at = number(codes[row])
		}
		f.rows[row] = *at
	}
}

// firstOf returns what counts of the values that attributes have under a key: a number
// before a text before a truth value.
func firstOf(attrs []clew.Attr, key string) clew.Value {
	best, rank := None, 0
	ranks := [...]int{clew.TypeInt: 4, clew.TypeDouble: 3, clew.TypeString: 2, clew.TypeBool: 1, clew.TypeOther: 0}
	for i := range attrs {
		if a := &attrs[i]; a.Key == key && ranks[a.Value.Type] > rank {
			best, rank = a.Value, ranks[a.Value.Type]
		}
	}
	return best
}

// of returns the number of a value; equal numbers of different types have one.
func (f *groupField) of(v clew.Value) uint32 {
	if v.Type == clew.TypeOther {
		return 0
	}
	if v.Type == clew.TypeString {
		if n, ok := f.texts[string(v.Bytes)]; ok {
			return n
		}
		if f.series.Remember(2 * int64(len(v.Bytes))); f.series.Err() != nil {
			return 0
		}
		text := string(v.Bytes)
		f.texts[text] = uint32(len(f.values))
		f.values = append(f.values, clew.StringValue(text))
		return f.texts[text]
	}
	return f.ofNumber(v)
}

func (f *groupField) ofNumber(v clew.Value) uint32 {
	v = v.Whole()
	k := typedBits{v.Type, v.Bits}
	n, ok := f.others[k]
	if !ok {
		n = uint32(len(f.values))
		f.others[k] = n
		f.values = append(f.values, v)
	}
	return n
}

// Of returns the series of a row that was numbered; -1 if there are too many.
func (g *Grouping) Of(row int) int {
	same := g.last >= 0
	for i := range g.by {
		n := g.by[i].rows[row]
		same = same && binary.LittleEndian.Uint32(g.key[4*i:]) == n
	}
	if same {
		return g.last
	}
	g.key = g.key[:0]
	for i := range g.by {
		g.key = binary.LittleEndian.AppendUint32(g.key, g.by[i].rows[row])
	}
	return g.ofKey()
}

// OfValues returns the series of what has these values; -1 if there are too many.
func (g *Grouping) OfValues(values []clew.Value) int {
	g.key = g.key[:0]
	for i := range g.by {
		g.key = binary.LittleEndian.AppendUint32(g.key, g.by[i].of(values[i]))
	}
	return g.ofKey()
}

func (g *Grouping) ofKey() int {
	at, ok := g.known[string(g.key)]
	if !ok && g.closed {
		g.last = -1 // a span that came since
		return -1
	}
	if !ok {
		values := make([]clew.Value, len(g.by))
		for i := range g.by {
			values[i] = g.by[i].values[binary.LittleEndian.Uint32(g.key[4*i:])]
		}
		at = g.series.Of(values)
		g.known[string(g.key)] = at
	}
	g.last = at
	return at
}

// Alone makes the one series that there is without fields, if nothing has.
func (g *Grouping) Alone() {
	if len(g.known) == 0 {
		g.series.Of(nil)
	}
}

// Join finds for each series of another grouping by the same fields the one of this, -1 if
// there are too many.
func (g *Grouping) Join(o *Grouping) []int {
	numbers := make([][]uint32, len(g.by)) // by the other's
	for i := range g.by {
		numbers[i] = g.by[i].join(&o.by[i])
	}
	keys := make([]string, len(o.known))
	for k, at := range o.known {
		if at < 0 {
			return nil // the other has failed
		}
		keys[at] = k
	}
	to := make([]int, len(keys))
	for at, k := range keys {
		g.key = g.key[:0]
		for i := range g.by {
			g.key = binary.LittleEndian.AppendUint32(g.key, numbers[i][binary.LittleEndian.Uint32([]byte(k[4*i:4*i+4]))])
		}
		to[at] = g.ofKey()
	}
	return to
}

// join numbers the values that another field has numbered, in its order.
func (f *groupField) join(o *groupField) []uint32 {
	numbers := make([]uint32, len(o.values))
	for i, v := range o.values {
		numbers[i] = f.of(v)
	}
	return numbers
}

// Close has no more series made: what is in none of those that are there is in none.
func (g *Grouping) Close() { g.closed = true }
