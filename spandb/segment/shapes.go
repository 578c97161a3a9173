package segment

import (
	"encoding/binary"

	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// shapeLists are the lists of attribute columns that templates have: exact ones, in
// the order of the attributes, of which every row of the template has every column;
// and loose ones, of which each row has some.
type shapeLists struct {
	lists   [][]uint32
	loose   []bool
	of      []uint32 // by template: its list
	partial []bool   // by column: it is in a loose list
	byList  map[string]uint32
	key     []byte
}

// build makes the lists of all templates.
func (l *shapeLists) build(s *Sealer) {
	numbers, n := columnNumbers(&s.b.Attrs)
	l.lists, l.loose, l.of = l.lists[:0], l.loose[:0], resize(l.of, len(s.order.Templates))
	l.partial = resize(l.partial, n)
	clear(l.partial)
	l.byList = make(map[string]uint32)
	nodes := make(map[uint32]uint32)
	unions, listed := l.unions(s, numbers)
	for i := range s.order.Templates {
		node := s.order.Templates[i].Shape
		if node == span.NoCode {
			l.of[i] = l.add(unions[i], true)
			continue
		}
		list, ok := nodes[node]
		if !ok {
			list = l.add(shapeColumns(&s.b.Attrs, node, numbers), false)
			nodes[node] = list
		}
		l.of[i] = list
	}
	if listed > maxListed {
		l.universal(s, n)
	}
}

// unions returns, by template, the columns that rows of a loose one have, ascending,
// and how many they are of all templates.
func (l *shapeLists) unions(s *Sealer, numbers []uint32) (unions [][]uint32, listed int) {
	o := &s.order
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
	for i := range s.b.Attrs.Columns {
		c, n := &s.b.Attrs.Columns[i], numbers[i]
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
func (l *shapeLists) add(list []uint32, loose bool) uint32 {
	l.key = append(l.key[:0], 0)
	if loose {
		l.key[0] = 1
		for _, c := range list {
			l.partial[c] = true
		}
	}
	for _, c := range list {
		l.key = binary.LittleEndian.AppendUint32(l.key, c)
	}
	n, ok := l.byList[string(l.key)]
	if !ok {
		n = uint32(len(l.lists))
		l.byList[string(l.key)] = n
		l.lists, l.loose = append(l.lists, list), append(l.loose, loose)
	}
	return n
}

// universal gives all templates one loose list of all columns.
func (l *shapeLists) universal(s *Sealer, columns int) {
	all := make([]uint32, columns)
	for c := range all {
		all[c], l.partial[c] = uint32(c), true
	}
	l.lists, l.loose = append(l.lists[:0], all), append(l.loose[:0], true)
	clear(l.of)
	for i := range s.order.Templates {
		s.order.Templates[i].Shape = span.NoCode
	}
}

// append writes the lists: see docs/format/segment.md.
func (l *shapeLists) append(dst []byte) []byte {
	loose := make([]uint32, len(l.loose))
	for i, is := range l.loose {
		if is {
			loose[i] = 1
		}
	}
	return column.AppendInts(appendLists(dst, l.lists), loose, small)
}

// appendLists writes lists of numbers: their lengths, then all their elements.
func appendLists(dst []byte, lists [][]uint32) []byte {
	lens, all := make([]uint32, len(lists)), []uint32(nil)
	for i, l := range lists {
		lens[i] = uint32(len(l))
		all = append(all, l...)
	}
	dst = column.AppendInts(dst, lens, small)
	return column.AppendInts(dst, all, small)
}

// columnNumbers numbers the columns that have values, as they will stand in the
// segment, and returns how many there are.
func columnNumbers(a *span.Attrs) (numbers []uint32, n int) {
	numbers = make([]uint32, len(a.Columns))
	for i := range a.Columns {
		numbers[i] = span.NoCode
		if len(a.Columns[i].Rows) > 0 {
			numbers[i] = uint32(n)
			n++
		}
	}
	return numbers, n
}

func shapeColumns(a *span.Attrs, node uint32, numbers []uint32) []uint32 {
	list := a.Shapes.AppendList(nil, node)
	for i, c := range list {
		list[i] = numbers[c]
	}
	return list
}
