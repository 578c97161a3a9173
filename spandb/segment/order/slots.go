package order

// Slots are the candidates of the attributes of spans: the rows that may have a value,
// which are those of the runs whose lists have the column. Runs are numbered through
// all blocks.
type Slots struct {
	at   []uint64 // by row of the head: its run, and in the low half its position
	base []uint32 // by run: its first candidate less its first position, as Column set it

	start, end []uint32 // by run: its positions
	block      []int    // by run
	first      []uint32 // by column: its first entry in runs; one more at the end
	runs       []uint32 // the runs whose list has the column
}

// Build finds the runs and those of each column.
func (l *Slots) Build(o *Order, shapes *Shapes) {
	l.at = resize(l.at, len(o.Perm))
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
			for p := l.start[run]; p < l.end[run]; p++ {
				l.at[o.Perm[p]] = uint64(run)<<32 | uint64(p)
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
	l.runs, l.base = resize(l.runs, int(total)), resize(l.base, len(l.start))
	lists(func(run uint32, columns []uint32) {
		for _, c := range columns {
			l.runs[l.first[c]] = run
			l.first[c]++
		}
	})
	copy(l.first[1:], l.first) // each was moved to the beginning of the next
	l.first[0] = 0
}

// Column begins with a column: it appends the end of each block's candidates to limits, and
// returns how many there are.
func (l *Slots) Column(c uint32, limits []int, blocks int) ([]int, int) {
	at := uint32(0)
	for _, run := range l.runs[l.first[c]:l.first[c+1]] {
		for len(limits) < l.block[run] {
			limits = append(limits, int(at))
		}
		l.base[run] = at - l.start[run]
		at += l.end[run] - l.start[run]
	}
	for len(limits) < blocks {
		limits = append(limits, int(at))
	}
	return limits, int(at)
}

// Of returns which of the candidates of the column a row is.
func (l *Slots) Of(row uint32) uint32 {
	at := l.at[row]
	return l.base[at>>32] + uint32(at)
}
