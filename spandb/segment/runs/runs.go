// Package runs knows how the rows of a block lie: in runs of one template each, by
// ascending templates, and so of one list of columns, its shape. A column has values for
// the rows of the shapes that list it, one after the other, and it takes a walk over the
// runs to know which rows they are of.
package runs

import (
	"fmt"
	"slices"

	"github.com/clew-tracing/clew/column"
)

// Runs is the directory of a block: run i is of Template[i], which ascend, and
// has the rows [Start[i], Start[i+1]); Shape[i] is that of the template.
type Runs struct {
	Template []uint32
	Start    []uint32
	Shape    []uint32
}

// Parse reads the directory of a block of so many rows, and at most so many templates.
func Parse(src []byte, rows, templates int, shape func(template uint32) uint32) (*Runs, error) {
	b := new(Runs)
	var lens []uint32
	var err error
	if b.Template, src, err = column.DecodeInts[uint32](nil, src, rows); err == nil {
		lens, _, err = column.DecodeInts[uint32](nil, src, rows)
	}
	if err == nil && len(b.Template) != len(lens) {
		err = fmt.Errorf("%d templates, %d lengths", len(b.Template), len(lens))
	}
	if err != nil {
		return nil, err
	}
	b.Start = make([]uint32, 1, len(lens)+1)
	at := uint32(0)
	for i, k := range b.Template {
		if int(k) >= templates || lens[i] > uint32(rows)-at || i > 0 && k <= b.Template[i-1] {
			return nil, fmt.Errorf("run %d is out of place", i)
		}
		at += lens[i]
		b.Start, b.Shape = append(b.Start, at), append(b.Shape, shape(k))
	}
	if at != uint32(rows) {
		return nil, fmt.Errorf("runs cover %d rows of %d", at, rows)
	}
	return b, nil
}

// SizeBytes is about the memory that b takes.
func (b *Runs) SizeBytes() int64 { return 4*int64(len(b.Template)+len(b.Start)+len(b.Shape)) + 96 }

// Seek returns the first run whose template is t, of so many, or a later one. Each run is of
// another: of those before t at most as many are left out as of all.
func (b *Runs) Seek(t uint32, templates int) int {
	from := max(int(t)-(templates-len(b.Template)), 0)
	return from + search(b.Template[from:min(int(t), len(b.Template))], t)
}

// SeekNear returns the first run from run i on whose template is t or a later one: one that
// is not far from run i.
func (b *Runs) SeekNear(i int, t uint32) int { return i + near(b.Template[i:], t) }

// From returns the run of a row, which is run i or a later one, and not far from it.
func (b *Runs) From(i int, row uint32) int { return i + near(b.Start[i+1:], row+1) }

// search returns the place of the first of an ascending list that is v or more.
func search(list []uint32, v uint32) int {
	at, _ := slices.BinarySearch(list, v)
	return at
}

// near is search in steps that double, from the front.
func near(list []uint32, v uint32) int {
	step := 1
	for step <= len(list) && list[step-1] < v {
		step *= 2
	}
	from := step / 2
	return from + search(list[from:min(step, len(list))], v)
}

// Places makes dst, of the length of b.Start, say for each run and for the end how many
// values a column has before it, of which one is for each row of the shapes marked in
// having: all bits of those, and none of the others.
func (b *Runs) Places(dst, having []uint32) {
	n := uint32(0)
	for i, shape := range b.Shape {
		dst[i] = n
		n += (b.Start[i+1] - b.Start[i]) & having[shape]
	}
	dst[len(b.Shape)] = n
}
