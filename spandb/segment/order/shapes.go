package order

import (
	"encoding/binary"

	"github.com/clew-tracing/clew/span"
)

// Shapes are the lists of attribute columns that templates have: exact ones, in
// the order of the attributes, of which every row of the template has every column;
// and loose ones, of which each row has some.
type Shapes struct {
	Lists   [][]uint32
	Loose   []bool   // by list
	Of      []uint32 // by template: its list
	Partial []bool   // by column: it is in a loose list
	byList  map[string]uint32
	key     []byte
}

// Build makes the lists of all templates of an order of b's rows. rare are the columns
// that stand in no list, by number in the head.
func (l *Shapes) Build(o *Order, b *span.Batch, rare []bool) {
	numbers, n := ColumnNumbers(&b.Attrs, rare)
	l.Lists, l.Loose, l.Of = l.Lists[:0], l.Loose[:0], resize(l.Of, len(o.Templates))
	l.Partial = resize(l.Partial, n)
	clear(l.Partial)
	l.byList = make(map[string]uint32)
	nodes := make(map[uint32]uint32)
	unions, listed := unionsOf(o, b, numbers)
	for i := range o.Templates {
		node := o.Templates[i].Shape
		if node == span.NoCode {
			l.Of[i] = l.add(unions[i], true)
			continue
		}
		list, ok := nodes[node]
		if !ok {
			list = l.add(ShapeColumns(&b.Attrs, node, numbers), false)
			nodes[node] = list
		}
		l.Of[i] = list
	}
	if listed > MaxListed {
		l.universal(o, n)
	}
}

// unionsOf returns, by template, the columns that rows of a loose one have, ascending,
// and how many they are of all templates.
func unionsOf(o *Order, b *span.Batch, numbers []uint32) (unions [][]uint32, listed int) {
	unions = make([][]uint32, len(o.Templates))
	loose := make([]bool, len(o.Templates))
	some := false
	for i := range o.Templates {
		loose[i] = o.Templates[i].Shape == span.NoCode
		some = some || loose[i]
	}
	if !some {
		return unions, 0
	}
	last := make([]uint32, len(o.Templates)) // the column seen last, + 1
	for i := range b.Attrs.Columns {
		c, n := &b.Attrs.Columns[i], numbers[i]
		if n == span.NoCode {
			continue
		}
		for _, r := range c.Rows {
			if t := o.Template[r]; loose[t] && last[t] != n+1 {
				last[t] = n + 1
				unions[t] = append(unions[t], n)
				listed++
			}
		}
	}
	return unions, listed
}

// add returns the number of a list. Equal lists have one number.
func (l *Shapes) add(list []uint32, loose bool) uint32 {
	l.key = append(l.key[:0], 0)
	if loose {
		l.key[0] = 1
		for _, c := range list {
			l.Partial[c] = true
		}
	}
	for _, c := range list {
		l.key = binary.LittleEndian.AppendUint32(l.key, c)
	}
	n, ok := l.byList[string(l.key)]
	if !ok {
		n = uint32(len(l.Lists))
		l.byList[string(l.key)] = n
		l.Lists, l.Loose = append(l.Lists, list), append(l.Loose, loose)
	}
	return n
}

// universal gives all templates one loose list of all columns.
func (l *Shapes) universal(o *Order, columns int) {
	all := make([]uint32, columns)
	for c := range all {
		all[c], l.Partial[c] = uint32(c), true
	}
	l.Lists, l.Loose = append(l.Lists[:0], all), append(l.Loose[:0], true)
	clear(l.Of)
	for i := range o.Templates {
		o.Templates[i].Shape = span.NoCode
	}
}

// ColumnNumbers numbers the columns that have values and are not rare, as they will
// stand in the segment, and returns how many there are. Others have NoCode.
func ColumnNumbers(a *span.Attrs, rare []bool) (numbers []uint32, n int) {
	numbers = make([]uint32, len(a.Columns))
	for i := range a.Columns {
		numbers[i] = span.NoCode
		if len(a.Columns[i].Rows) > 0 && !rare[i] {
			numbers[i] = uint32(n)
			n++
		}
	}
	return numbers, n
}

// ShapeColumns returns the numbers of the columns of a shape, in the order of the
// attributes.
func ShapeColumns(a *span.Attrs, node uint32, numbers []uint32) []uint32 {
	list := a.Shapes.AppendList(nil, node)
	for i, c := range list {
		list[i] = numbers[c]
	}
	return list
}
