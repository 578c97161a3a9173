package span

// elements goes over what an expression is calculated for: rows; events or links; or, for
// one that reads both, each event of a row with each of its links.
type elements struct {
	b             *Batch
	events, links bool
	at            int // the next row, event or link
	end           int // of rows; 0: all of them
	memory        [3][]uint32

	// Of pairs: whether the event at was come to, its row's first link, and the next.
	begun       bool
	first, link int
}

// next moves e to the next elements, relationChunk at most; false if there are none. Pairs
// of rows for which leave says so are left out.
func (x *elements) next(e *evaluation, leave func(row uint32) bool) bool {
	if x.events && x.links {
		return x.pairs(e, leave)
	}
	n := x.b.Rows
	if x.end > 0 {
		n = x.end
	}
	switch {
	case x.events:
		n = len(x.b.Events.Row)
	case x.links:
		n = len(x.b.Links.Row)
	}
	if x.at >= n {
		return false
	}
	from, to := x.at, min(x.at+relationChunk, n)
	x.at = to
	if e.m.chunk == nil {
		e.m.chunk = make([]uint32, relationChunk)
	}
	e.n, e.self = to-from, e.m.chunk[:to-from]
	for i := range e.self {
		e.self[i] = uint32(from + i)
	}
	e.rows, e.events, e.links = e.self, e.self, e.self
	switch {
	case x.events:
		e.rows = x.b.Events.Row[from:to]
	case x.links:
		e.rows = x.b.Links.Row[from:to]
	}
	return true
}

// pairs is next for events with links: by event, then link.
func (x *elements) pairs(e *evaluation, leave func(row uint32) bool) bool {
	rows, events, links := x.memory[0][:0], x.memory[1][:0], x.memory[2][:0]
	of := x.b.Links.Row
	for len(rows) < relationChunk && x.at < len(x.b.Events.Row) {
		row := x.b.Events.Row[x.at]
		if !x.begun {
			for x.first < len(of) && of[x.first] < row {
				x.first++
			}
			x.link, x.begun = x.first, true
		}
		if x.link == len(of) || of[x.link] != row || leave(row) {
			x.at, x.begun = x.at+1, false
			continue
		}
		rows, events, links = append(rows, row), append(events, uint32(x.at)), append(links, uint32(x.link))
		x.link++
	}
	x.memory = [3][]uint32{rows, events, links}
	e.n, e.self, e.rows, e.events, e.links = len(rows), nil, rows, events, links
	return e.n > 0
}
