package exec

import (
	"encoding/binary"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/exec/judge"
	"github.com/clew-tracing/clew/exec/series"
	"github.com/clew-tracing/clew/span"
)

// grouping says of each span in which series it is, by what it has for some fields.
type grouping struct {
	by      []groupField
	builder *series.Builder
	known   map[string]int // series by the numbers of their values
	key     []byte
	last    int  // the series of key
	closed  bool // no more series are made
}

// groupField numbers the values of one field.
type groupField struct {
	judge.Measure
	builder *series.Builder
	calc    *span.Calculator
	texts   map[string]uint32
	others  map[typedBits]uint32
	labels  []series.Label // by number; 0 is of spans without a value

	rows  []uint32 // the numbers of a batch's rows
	table []uint32 // those of entries of a table; unnumbered: not yet known
}

// typedBits is a value that is no text.
type typedBits struct {
	typ  clew.Type
	bits uint64
}

const unnumbered = ^uint32(0)

func newGrouping(by []judge.Measure, b *series.Builder, stop func() bool) *grouping {
	g := &grouping{builder: b, known: make(map[string]int), last: -1}
	for _, m := range by {
		g.by = append(g.by, groupField{Measure: m, builder: b, calc: span.NewCalculator(m.Expr, stop), texts: make(map[string]uint32),
			others: make(map[typedBits]uint32), labels: []series.Label{series.Label(judge.LabelOf(m.Text, m.Type, judge.None))}})
	}
	return g
}

// number numbers the values of rows of a batch.
func (g *grouping) number(w *span.Whole, rows column.Bitmap) {
	for i := range g.by {
		g.by[i].number(w, rows)
	}
}

func (f *groupField) number(w *span.Whole, rows column.Bitmap) {
	if cap(f.rows) < w.Rows {
		f.rows = make([]uint32, w.Rows)
	}
	f.rows = f.rows[:w.Rows]
	field := f.Expr.Field
	switch {
	case f.Expr.Op == span.Reading && !field.Parent && field.Intrinsic == span.Name:
		f.byTable(w.Name, w.Names.Len(), rows, func(code uint32) uint32 {
			return f.of(clew.Value{Type: clew.TypeString, Bytes: w.Names.At(int(code))})
		})
	case f.Expr.Op == span.Reading && !field.Parent && field.Scope == span.ScopeResource && field.Intrinsic == span.None:
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
	best, rank := judge.None, 0
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
		if f.builder.Remember(2 * int64(len(v.Bytes))); f.builder.Err() != nil {
			return 0
		}
		text := string(v.Bytes)
		f.texts[text] = uint32(len(f.labels))
		f.labels = append(f.labels, series.Label(judge.LabelOf(f.Text, f.Type, clew.StringValue(text))))
		return f.texts[text]
	}
	return f.ofNumber(v)
}

func (f *groupField) ofNumber(v clew.Value) uint32 {
	v = v.Whole()
	k := typedBits{v.Type, v.Bits}
	n, ok := f.others[k]
	if !ok {
		n = uint32(len(f.labels))
		f.others[k] = n
		f.labels = append(f.labels, series.Label(judge.LabelOf(f.Text, f.Type, v)))
	}
	return n
}

// of returns the series of a row that was numbered; -1 if there are too many.
func (g *grouping) of(row int) int {
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

// ofValues returns the series of what has these values; -1 if there are too many.
func (g *grouping) ofValues(values []clew.Value) int {
	g.key = g.key[:0]
	for i := range g.by {
		g.key = binary.LittleEndian.AppendUint32(g.key, g.by[i].of(values[i]))
	}
	return g.ofKey()
}

func (g *grouping) ofKey() int {
	at, ok := g.known[string(g.key)]
	if !ok && g.closed {
		g.last = -1 // a span that came since
		return -1
	}
	if !ok {
		labels := make([]series.Label, len(g.by))
		for i := range g.by {
			labels[i] = g.by[i].labels[binary.LittleEndian.Uint32(g.key[4*i:])]
		}
		at = g.builder.Series(labels)
		g.known[string(g.key)] = at
	}
	g.last = at
	return at
}

// alone makes the one series that there is without fields, if nothing has.
func (g *grouping) alone() {
	if len(g.known) == 0 {
		g.builder.Series(nil)
	}
}
