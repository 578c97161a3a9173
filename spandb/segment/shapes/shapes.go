// Package shapes writes and reads the lists of attribute columns that rows, events or
// links have: how many columns each list has, then the columns of all, and behind them,
// where there are such, which lists are loose, so that rows have some of the columns.
package shapes

import (
	"fmt"
	"slices"

	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
)

// small are lists of numbers, read as a whole.
var small = column.IntOptions{Delta: true, Zstd: true}

// Append writes lists of numbers: their lengths, then all their elements.
func Append(dst []byte, lists [][]uint32) []byte {
	lens, all := make([]uint32, len(lists)), []uint32(nil)
	for i, l := range lists {
		lens[i] = uint32(len(l))
		all = append(all, l...)
	}
	dst = column.AppendInts(dst, lens, small)
	return column.AppendInts(dst, all, small)
}

// AppendLoose writes lists some of which may be loose.
func AppendLoose(dst []byte, lists [][]uint32, loose []bool) []byte {
	are := make([]uint32, len(loose))
	for i, is := range loose {
		if is {
			are[i] = 1
		}
	}
	return column.AppendInts(Append(dst, lists), are, small)
}

// Shapes is the attribute orders of a family: which columns each has, and the same as a
// forest for batches.
type Shapes struct {
	// Lists are the columns of each shape, exact or loose.
	Lists [][]uint32
	// Forest has the exact ones, and Node says by list which of its nodes is the last of
	// it; NoCode of loose ones.
	Forest span.Shapes
	Node   []uint32
	// Partial says by column that a loose list has it.
	Partial []bool
}

// Limits bound what Parse takes: so many lists, of so many elements together.
type Limits struct{ Lists, Elements int }

// Parse reads the lists of so many columns, and makes the forest.
func Parse(b []byte, columns int, most Limits) (t Shapes, err error) {
	lens, b, err := column.DecodeInts[uint32](nil, b, most.Lists)
	if err != nil {
		return t, err
	}
	all, b, err := column.DecodeInts[uint32](nil, b, most.Elements)
	if err != nil {
		return t, err
	}
	var loose []uint32
	if len(b) > 0 {
		if loose, _, err = column.DecodeInts[uint32](nil, b, len(lens)); err != nil {
			return t, err
		}
		if len(loose) != len(lens) {
			return t, fmt.Errorf("%d shapes, %d of them known to be loose or not", len(lens), len(loose))
		}
	}
	t.Forest = span.Shapes{Parent: []uint32{span.NoCode}, Column: []uint32{span.NoCode}}
	t.Partial = make([]bool, columns)
	last := make([]int, columns) // list that had it last, from 1
	for i, n := range lens {
		if int(n) > len(all) {
			return t, fmt.Errorf("shape lists are cut off")
		}
		list := all[:n:n]
		for _, c := range list {
			if int(c) >= columns {
				return t, fmt.Errorf("shape names column %d of %d", c, columns)
			}
			if last[c] == i+1 {
				return t, fmt.Errorf("shape names column %d twice", c)
			}
			last[c] = i + 1
		}
		t.add(list, loose != nil && loose[i] != 0)
		all = all[n:]
	}
	return t, nil
}

func (t *Shapes) add(list []uint32, loose bool) {
	node := uint32(0)
	if loose {
		node = span.NoCode
		for _, c := range list {
			t.Partial[c] = true
		}
	} else {
		for _, c := range list {
			t.Forest.Parent = append(t.Forest.Parent, node)
			t.Forest.Column = append(t.Forest.Column, c)
			node = uint32(len(t.Forest.Parent) - 1)
		}
	}
	t.Lists, t.Node = append(t.Lists, list), append(t.Node, node)
}

// Having returns by shape all bits if it has a column, else none: a mask spares a
// branch that nobody can foretell.
func (t *Shapes) Having(col uint32) []uint32 {
	masks := make([]uint32, len(t.Lists))
	for i, list := range t.Lists {
		if slices.Contains(list, col) {
			masks[i] = ^uint32(0)
		}
	}
	return masks
}

// SizeBytes is about the memory that they take.
func (t *Shapes) SizeBytes() int64 { return 32*int64(len(t.Lists)) + 12*int64(len(t.Forest.Parent)) }
