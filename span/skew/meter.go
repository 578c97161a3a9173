package skew

import (
	"cmp"
	"iter"
	"slices"

	"github.com/clew-tracing/clew/span"
)

// meter collects the bounds of a trace. Clocks are numbers by their keys' order.
type meter struct {
	b     *span.Batch
	of    []int32 // clock by resource; -1: not known
	units []int64 // by resource
	root  int32

	pairs []pair
	at    map[uint64]int32 // index into pairs by clocks
	last  uint64           // the key of lastAt
	lastA int32

	ends, in []int32 // the pairs of clock c are in[ends[c]:ends[c+1]]

	clocks          []measured
	calls, outlived int
	contradictions  []Contradiction
}

// A pair of clocks, A < B, and how far B is ahead of A.
type pair struct {
	a, b  int32
	ahead Interval
}

// measured is what is known of a clock.
type measured struct {
	ahead      Interval // of the root's
	correction int64
	spans      int

	reached, corrected bool
}

// edge takes the bounds of a span and its parent.
func (m *meter) edge(row, parent int) {
	b := m.b
	from, to := b.Resource[parent], b.Resource[row]
	p, c := m.of[from], m.of[to]
	if p == c || p < 0 || c < 0 || b.Start[row] == 0 || b.Start[parent] == 0 {
		return
	}
	slack := m.units[from] + m.units[to]
	m.calls++
	// The child's clock is ahead by no more than its start is after the parent's.
	ahead := Interval{-Unbounded, sumUp(difference(b.Start[row], b.Start[parent]), slack)}
	if asked(b, parent, row) {
		lo := sumDown(difference(uint64(b.End(row)), uint64(b.End(parent))), -slack)
		if lo > ahead.Hi && lo-Tolerance > ahead.Hi { // lo may be that there is none
			m.outlived++
		} else {
			ahead.Lo = lo
		}
	}
	x := m.pair(p, c)
	if p > c {
		ahead = Interval{-ahead.Hi, -ahead.Lo}
	}
	x.ahead = x.ahead.and(ahead)
}

// pair returns what is known of two clocks; it is valid until the next call.
func (m *meter) pair(x, y int32) *pair {
	a, b := min(x, y), max(x, y)
	key := uint64(a)<<32 | uint64(b)
	if key == m.last && len(m.pairs) > 0 {
		return &m.pairs[m.lastA]
	}
	i, ok := m.at[key]
	if !ok {
		i = int32(len(m.pairs))
		m.pairs = append(m.pairs, pair{a, b, everything})
		m.at[key] = i
	}
	m.last, m.lastA = key, i
	return &m.pairs[i]
}

// settle finds out how far each clock is ahead of the root's.
func (m *meter) settle() {
	slices.SortFunc(m.pairs, func(x, y pair) int { return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b)) })
	good := m.pairs[:0]
	for _, p := range m.pairs {
		ahead, ok := p.ahead.settled()
		if !ok {
			m.contradictions = append(m.contradictions, Contradiction{int(p.a), int(p.b), p.ahead.Lo - p.ahead.Hi})
			continue
		}
		p.ahead = ahead
		good = append(good, p)
	}
	m.pairs = good
	for i := range m.clocks {
		m.clocks[i].ahead = everything
	}
	ways := m.spread()
	m.narrow()
	for _, w := range ways {
		m.correct(w)
	}
}

// A way leads from a clock that was reached to the next one.
type way struct {
	from, to int32
	ahead    Interval // of to over from
}

// spread reaches clocks from the root's, the nearest first, and returns by which ways, in
// that order.
func (m *meter) spread() (ways []way) {
	m.index()
	root := &m.clocks[m.root]
	root.reached, root.corrected, root.ahead = true, true, Interval{}
	queue := []int32{m.root}
	for len(queue) > 0 {
		from := queue[0]
		queue = queue[1:]
		for w := range m.ways(from) {
			to := &m.clocks[w.to]
			if to.reached {
				continue
			}
			to.reached, to.ahead = true, m.clocks[from].ahead.plus(w.ahead)
			ways = append(ways, w)
			queue = append(queue, w.to)
		}
	}
	return ways
}

// index notes which pairs each clock is in.
func (m *meter) index() {
	m.ends = make([]int32, len(m.clocks)+1)
	for _, p := range m.pairs {
		m.ends[p.a+1]++
		m.ends[p.b+1]++
	}
	for i := 1; i < len(m.ends); i++ {
		m.ends[i] += m.ends[i-1]
	}
	m.in = make([]int32, 2*len(m.pairs))
	fill := slices.Clone(m.ends)
	for i, p := range m.pairs {
		for _, c := range [2]int32{p.a, p.b} {
			m.in[fill[c]] = int32(i)
			fill[c]++
		}
	}
}

// ways yields those from a clock to the others that it is paired with.
func (m *meter) ways(from int32) iter.Seq[way] {
	return func(yield func(way) bool) {
		for _, i := range m.in[m.ends[from]:m.ends[from+1]] {
			p := &m.pairs[i]
			w := way{from, p.b, p.ahead}
			if p.b == from {
				w.to, w.ahead = p.a, Interval{}.minus(p.ahead)
			}
			if !yield(w) {
				return
			}
		}
	}
}

// narrow passes the bounds of all pairs on between the clocks. Where they go round and
// contradict each other by more than Tolerance, what the ways from the root say stays.
func (m *meter) narrow() {
	before := make([]Interval, len(m.clocks))
	for i := range m.clocks {
		before[i] = m.clocks[i].ahead
	}
	for range maxRounds {
		changed := false
		for _, p := range m.pairs {
			a, b := &m.clocks[p.a], &m.clocks[p.b]
			if !a.reached {
				continue
			}
			if p.a != m.root {
				changed = a.meet(b.ahead.minus(p.ahead)) || changed
			}
			if p.b != m.root {
				changed = b.meet(a.ahead.plus(p.ahead)) || changed
			}
		}
		if !changed {
			break
		}
	}
	whole := true
	for i := range m.clocks {
		ahead, ok := m.clocks[i].ahead.settled()
		m.clocks[i].ahead = ahead
		whole = whole && ok
	}
	if whole {
		return
	}
	for i := range m.clocks {
		m.clocks[i].ahead = before[i]
	}
	m.round(before)
}

// round notes the pairs that say otherwise than the ways from the root.
func (m *meter) round(ahead []Interval) {
	for _, p := range m.pairs {
		if !m.clocks[p.a].reached {
			continue
		}
		both := ahead[p.b].minus(ahead[p.a]).and(p.ahead)
		if _, ok := both.settled(); !ok {
			m.contradictions = append(m.contradictions, Contradiction{int(p.a), int(p.b), both.Lo - both.Hi})
		}
	}
}

// meet narrows what is known of a clock, and reports whether that changes it.
func (c *measured) meet(i Interval) bool {
	narrower := c.ahead.and(i)
	if narrower == c.ahead {
		return false
	}
	c.ahead = narrower
	return true
}

// correct chooses what is to be taken from the times of the clock at the end of a way, so
// that calls fit those of the clocks that have been corrected: nothing, if that is possible.
func (m *meter) correct(w way) {
	to := &m.clocks[w.to]
	possible := to.ahead
	for back := range m.ways(w.to) {
		if from := &m.clocks[back.to]; from.corrected {
			possible = possible.and(Interval{from.correction, from.correction}.minus(back.ahead))
		}
	}
	possible, ok := possible.settled()
	if !ok { // it cannot fit all: that by which it was reached, then
		correction := m.clocks[w.from].correction
		possible = w.ahead.plus(Interval{correction, correction})
	}
	if possible.Proven() {
		to.correction = possible.middle()
	}
	to.corrected = true
}

// difference returns x − y, at most furthest on either side.
func difference(x, y uint64) int64 {
	if x >= y {
		return int64(min(x-y, uint64(furthest)))
	}
	return -int64(min(y-x, uint64(furthest)))
}

// unitsOf returns, by resource, what its times count in: nanoseconds, or the thousands of them
// that all of its times are multiples of. A time may lie anywhere within one unit of what it
// says, on either side, as some round and others cut.
func unitsOf(b *span.Batch) []int64 {
	units := make([]int64, len(b.Resources))
	for row := range b.Rows {
		u := &units[b.Resource[row]]
		if *u == 1 {
			continue
		}
		for _, t := range [2]uint64{b.Start[row], uint64(b.End(row))} {
			if t != 0 {
				*u = finer(*u, t)
			}
		}
	}
	for i, u := range units {
		if u <= 1 {
			units[i] = 1
		}
	}
	return units
}

// finer is the unit of times of unit u, 0 if there were none, and t.
func finer(u int64, t uint64) int64 {
	if u == 0 {
		u = 1e9
	}
	for u > 1 && t%uint64(u) != 0 {
		u /= 1000
	}
	return u
}
