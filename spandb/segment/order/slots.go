package order

// Slots are the candidates of the attributes of spans: the rows that may have a value,
// which are those of the runs whose lists have the column. Runs are numbered through
// all blocks.
type Slots struct {
	Run  []uint32 // by row of the head: its run
	Base []uint32 // by run: its first candidate less its first position, as Column set it

	start, end []uint32 // by run: its positions
	block      []int    // by run
	first      []uint32 // by column: its first entry in runs; one more at the end
	runs       []uint32 // the runs whose list has the column
}

// Build finds the runs and those of each column.
func (l *Slots) Build(o *Order, shapes *Shapes) {
	l.Run = resize(l.Run, len(o.Perm))
	l.start, l.end, l.block = l.start[:0], l.end[:0], l.block[:0]
	l.first = resize(l.first, len(shapes.Partial)+1)
	clear(l.first)
	total := uint32(0)
	lists := func(f func(run uint32, columns []uint32)) {
		run := uint32(0)
		for i := range o.Blocks {
			for _, r := range o.Blocks[i].Runs {
				f(run, shapes.Lists[shapes.Of[r.Template]])
				run++
			}
		}
	}
	for i := range o.Blocks {
		blk := &o.Blocks[i]
		for _, r := range blk.Runs {
			run := uint32(len(l.start))
			l.start, l.end, l.block = append(l.start, uint32(blk.Start)+r.Start), append(l.end, uint32(blk.Start)+r.End), append(l.block, i)
			for _, row := range o.Perm[uint32(blk.Start)+r.Start : uint32(blk.Start)+r.End] {
				l.Run[row] = run
			}
		}
	}
	lists(func(_ uint32, columns []uint32) {
		for _, c := range columns {
			l.first[c+1]++
		}
		total += uint32(len(columns))
	})
	for c := 1; c < len(l.first); c++ {
		l.first[c] += l.first[c-1]
	}
	l.runs, l.Base = resize(l.runs, int(total)), resize(l.Base, len(l.start))
	lists(func(run uint32, columns []uint32) {
		for _, c := range columns {
			l.runs[l.first[c]] = run
			l.first[c]++
		}
	})
	copy(l.first[1:], l.first) // each was moved to the beginning of the next
	l.first[0] = 0
}

// Column sets Base for a column, appends the end of each block's candidates to limits, and
// returns how many there are.
func (l *Slots) Column(c uint32, limits []int, blocks int) ([]int, int) {
	at := uint32(0)
	for _, run := range l.runs[l.first[c]:l.first[c+1]] {
		for len(limits) < l.block[run] {
			limits = append(limits, int(at))
		}
		l.Base[run] = at - l.start[run]
		at += l.end[run] - l.start[run]
	}
	for len(limits) < blocks {
		limits = append(limits, int(at))
	}
	return limits, int(at)
}
