package segment

import (
	"fmt"
	"sort"

	"github.com/clew-tracing/clew/column"
)

// blockRuns is the directory of a block: run i is of template[i], which ascend, and
// has the rows [start[i], start[i+1]).
type blockRuns struct {
	template []uint32
	start    []uint32
}

func (b *blockRuns) sizeBytes() int64 { return 4*int64(len(b.template)+len(b.start)) + 64 }

// of returns the run of a row.
func (b *blockRuns) of(row uint32) int {
	return sort.Search(len(b.template), func(i int) bool { return b.start[i+1] > row })
}

// readRuns reads which template each row of a block has.
func (r *Reader) readRuns(t *tables, blk int) (*blockRuns, error) {
	col, ok := r.blocks.Column(colRuns)
	if !ok {
		return nil, r.lacks(colRuns)
	}
	b, err := r.blocks.Chunk(nil, col, blk)
	if err != nil {
		return nil, err
	}
	rows := r.meta.BlockRows[blk]
	runs := new(blockRuns)
	var lens []uint32
	if runs.template, b, err = column.DecodeInts[uint32](nil, b, rows); err == nil {
		lens, _, err = column.DecodeInts[uint32](nil, b, rows)
	}
	if err == nil && len(runs.template) != len(lens) {
		err = fmt.Errorf("%d templates, %d lengths", len(runs.template), len(lens))
	}
	if err != nil {
		return nil, r.corrupt(col, blk, err)
	}
	runs.start = make([]uint32, 1, len(lens)+1)
	at := uint32(0)
	for i, k := range runs.template {
		if int(k) >= len(t.templates) || lens[i] > uint32(rows)-at || i > 0 && k <= runs.template[i-1] {
			return nil, r.corrupt(col, blk, fmt.Errorf("run %d is out of place", i))
		}
		at += lens[i]
		runs.start = append(runs.start, at)
	}
	if at != uint32(rows) {
		return nil, r.corrupt(col, blk, fmt.Errorf("runs cover %d rows of %d", at, rows))
	}
	return runs, nil
}
