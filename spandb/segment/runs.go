package segment

import (
	"fmt"
	"sort"

	"github.com/clew-tracing/clew/column"
)

// Runs is the directory of a block: run i is of template[i], which ascend, and
// has the rows [start[i], start[i+1]); shape[i] is that of the template.
type Runs struct {
	Template []uint32
	Start    []uint32
	Shape    []uint32
}

func (b *Runs) sizeBytes() int64 { return 4*int64(len(b.Template)+len(b.Start)+len(b.Shape)) + 96 }

// Seek returns the first run from run i on whose template is t or a later one. It is
// called so many times for a block, with ascending t.
func (b *Runs) Seek(i int, t uint32, times int) int {
	if times*seekCost < len(b.Template) {
		return i + sort.Search(len(b.Template)-i, func(k int) bool { return b.Template[i+k] >= t })
	}
	for i < len(b.Template) && b.Template[i] < t {
		i++
	}
	return i
}

// seekCost is how many runs one can go past in the time of two searches.
const seekCost = 16

// of returns the run of a row.
func (b *Runs) of(row uint32) int {
	return sort.Search(len(b.Template), func(i int) bool { return b.Start[i+1] > row })
}

// readRuns reads which template each row of a block has.
func (r *Reader) readRuns(t *Tables, blk int) (*Runs, error) {
	col, ok := r.blocks.Column(colRuns)
	if !ok {
		return nil, r.lacks(colRuns)
	}
	b, err := r.blocks.Chunk(nil, col, blk)
	if err != nil {
		return nil, err
	}
	rows := r.meta.BlockRows[blk]
	runs := new(Runs)
	var lens []uint32
	if runs.Template, b, err = column.DecodeInts[uint32](nil, b, rows); err == nil {
		lens, _, err = column.DecodeInts[uint32](nil, b, rows)
	}
	if err == nil && len(runs.Template) != len(lens) {
		err = fmt.Errorf("%d templates, %d lengths", len(runs.Template), len(lens))
	}
	if err != nil {
		return nil, r.corrupt(col, blk, err)
	}
	runs.Start = make([]uint32, 1, len(lens)+1)
	at := uint32(0)
	for i, k := range runs.Template {
		if int(k) >= len(t.Templates) || lens[i] > uint32(rows)-at || i > 0 && k <= runs.Template[i-1] {
			return nil, r.corrupt(col, blk, fmt.Errorf("run %d is out of place", i))
		}
		at += lens[i]
		runs.Start = append(runs.Start, at)
		runs.Shape = append(runs.Shape, t.Templates[k].Shape)
	}
	if at != uint32(rows) {
		return nil, r.corrupt(col, blk, fmt.Errorf("runs cover %d rows of %d", at, rows))
	}
	return runs, nil
}
