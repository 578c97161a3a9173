// Package skew measures, from one trace, by how much the clocks of its hosts differ.
//
// A span that was caused by another on another host cannot have started before it; a server
// that a client waits for cannot have ended after it. So each such pair of spans bounds how far
// one clock is ahead of the other, on one side or on both. All bounds between two hosts are
// intersected, and added up along the way from the host of the trace's root. What comes out is
// an interval that holds the truth, as long as what is taken for granted holds: clocks that
// do not run at different speeds within the trace, and hosts that are named apart (see clocks.go).
//
// Nothing is moved: times stay as they were received, and a Report is told beside them.
package skew

import (
	"cmp"
	"math"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// Unbounded is the end of an interval that has none on this side: as Hi, and negative as Lo.
const Unbounded = math.MaxInt64

// An Interval is where a difference of two clocks lies, in nanoseconds, both ends included.
type Interval struct{ Lo, Hi int64 }

// everything is what an interval is before there is a bound.
var everything = Interval{-Unbounded, Unbounded}

// Bounded reports whether both ends are there.
func (i Interval) Bounded() bool { return i.Lo != -Unbounded && i.Hi != Unbounded }

// Apart returns how far the interval is from 0, 0 where that lies within; with the sign of
// the side on which the interval lies.
func (i Interval) Apart() int64 {
	switch {
	case i.Lo > 0:
		return i.Lo
	case i.Hi < 0:
		return i.Hi
	}
	return 0
}

// Proven reports whether the clocks differ for certain, by more than Tolerance.
func (i Interval) Proven() bool { return i.Lo > Tolerance || i.Hi < -Tolerance }

// plus is where the sum of two differences lies.
func (i Interval) plus(o Interval) Interval { return Interval{sumDown(i.Lo, o.Lo), sumUp(i.Hi, o.Hi)} }

func (i Interval) minus(o Interval) Interval { return i.plus(Interval{-o.Hi, -o.Lo}) }

func (i Interval) and(o Interval) Interval { return Interval{max(i.Lo, o.Lo), min(i.Hi, o.Hi)} }

// settled is the interval whose ends have changed places by no more than Tolerance; false if
// it is more, and there is none.
func (i Interval) settled() (Interval, bool) {
	switch {
	case i.Lo <= i.Hi:
		return i, true
	case i.Lo-Tolerance <= i.Hi:
		return Interval{i.Hi, i.Lo}, true
	}
	return everything, false
}

// middle is the value in the midst of an interval, or the end that it has; not of everything.
func (i Interval) middle() int64 {
	switch {
	case i.Lo == -Unbounded:
		return i.Hi
	case i.Hi == Unbounded:
		return i.Lo
	}
	return i.Lo + int64(uint64(i.Hi-i.Lo)/2)
}

// sumUp and sumDown add upper and lower ends; where the sum goes further than furthest, the
// interval becomes wider.
func sumUp(a, b int64) int64 {
	if a == Unbounded || b == Unbounded || a+b > furthest {
		return Unbounded
	}
	return max(a+b, -furthest)
}

func sumDown(a, b int64) int64 { return -sumUp(-a, -b) }

// A Report is what a trace tells about the clocks of its hosts.
type Report struct {
	// Clocks are those of the trace: first that of its root, to which the others are
	// compared, then the others by how much they are proven to differ, the most first, then
	// by name. None if the trace has fewer than two.
	Clocks []Clock
	// Calls are how many spans have a parent by another clock, and bound the difference.
	// Outlived are those of them that a client asked for and that took longer than the client
	// waited: of these only the start counts.
	Calls, Outlived int
	// Unmeasured is how many clocks there are if they are more than MaxClocks: then nothing is
	// measured, and Clocks is empty. Else 0.
	Unmeasured int
	// Contradictions are the pairs of clocks which no one difference suits: a clock was set
	// or runs too fast, or the name is that of several machines. By their order in Clocks.
	Contradictions []Contradiction

	of []int32 // by resource, indexes of Clocks; -1: it has no name
	b  *span.Batch
}

// Contradiction is a pair of clocks, indexes of Clocks, and by how many nanoseconds the bounds
// of their difference miss each other.
type Contradiction struct {
	A, B int
	By   int64
}

// A Clock is one that spans of a trace were timed by.
type Clock struct {
	// Name tells the clock from the others of the trace: the service, with the host where
	// that is needed, or the host where it has several services.
	Name string
	// Services are those whose spans it timed, sorted; Host is what names the host, or the
	// instance, "" where only the service is known.
	Services []string
	Host     string
	// Spans are how many it timed.
	Spans int
	// Ahead is how far it is ahead of the first clock; everything, where no calls
	// lead from there to here, or all that do contradict each other.
	Ahead Interval
	// Correction is what is to be taken from its times so that calls fit: 0 unless it is
	// proven to differ, or one that it is called by is. It is the middle of what is
	// possible, or the end of that if there is but one.
	Correction int64
}

// Skewed reports whether the clock differs for certain from the first.
func (c *Clock) Skewed() bool { return c.Ahead.Proven() }

// Of returns the index of a row's clock in Clocks, -1 if it is not known.
func (r *Report) Of(row int) int {
	if len(r.of) == 0 {
		return -1
	}
	return int(r.of[r.b.Resource[row]])
}

// Skewed returns how many clocks differ for certain from the first.
func (r *Report) Skewed() (n int) {
	for i := range r.Clocks {
		if r.Clocks[i].Skewed() {
			n++
		}
	}
	return n
}

// Corrects reports whether some clock has a correction.
func (r *Report) Corrects() bool {
	return slices.ContainsFunc(r.Clocks, func(c Clock) bool { return c.Correction != 0 })
}

// Measure finds out about the clocks of b, which must be one whole trace with resources,
// times, kinds and status. It takes time and memory in proportion to the rows; what it
// returns does not depend on their order, and holds on to b.
func Measure(b *span.Batch) *Report {
	r := &Report{b: b}
	keys, of := clocksOf(b)
	switch {
	case len(keys) < 2:
		return r
	case len(keys) > MaxClocks:
		r.Unmeasured = len(keys)
		return r
	}
	tree := span.OneTrace(b).Tree()
	m := &meter{b: b, of: of, at: map[uint64]int32{}}
	m.clocks = make([]measured, len(keys))
	m.root = m.rootClock(tree)
	if m.root < 0 {
		return r
	}
	m.units = unitsOf(b)
	for row, parent := range tree.Parent {
		if parent >= 0 {
			m.edge(row, int(parent))
		}
	}
	m.settle()
	r.Calls, r.Outlived = m.calls, m.outlived
	r.tell(m, keys)
	return r
}

// rootClock returns the clock of the row that the trace begins with: of those without a
// parent, received or not, whose clock is known the first, and rather one that names none.
func (m *meter) rootClock(tree *span.Tree) int32 {
	best := -1
	before := func(x, y int) bool {
		b := m.b
		return cmp.Or(-cmp.Compare(tree.Parent[x], tree.Parent[y]), cmp.Compare(b.Start[x], b.Start[y]), cmp.Compare(b.SpanID[x], b.SpanID[y]),
			cmp.Compare(m.of[b.Resource[x]], m.of[b.Resource[y]])) < 0
	}
	for row, parent := range tree.Parent {
		if parent < 0 && m.of[m.b.Resource[row]] >= 0 && (best < 0 || before(row, best)) {
			best = row
		}
	}
	if best < 0 {
		return -1
	}
	return m.of[m.b.Resource[best]]
}

// tell makes the report of what was measured.
func (r *Report) tell(m *meter, keys []clockKey) {
	for row := range r.b.Rows {
		if c := m.of[r.b.Resource[row]]; c >= 0 {
			m.clocks[c].spans++
		}
	}
	services := servicesOf(r.b, m.of, len(keys))
	names := nameAll(keys, services)
	order := make([]int32, len(keys))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(x, y int32) int {
		if x == m.root || y == m.root {
			return cmp.Compare(rank(y == m.root), rank(x == m.root))
		}
		a, b := m.clocks[x].ahead, m.clocks[y].ahead
		return cmp.Or(cmp.Compare(size(b), size(a)), cmp.Compare(names[x], names[y]), cmp.Compare(x, y))
	})
	place := make([]int32, len(keys))
	r.Clocks = make([]Clock, len(keys))
	for i, c := range order {
		place[c] = int32(i)
		x := &m.clocks[c]
		r.Clocks[i] = Clock{Name: names[c], Services: services[c], Host: keys[c].name, Spans: x.spans, Ahead: x.ahead, Correction: x.correction}
	}
	r.of = make([]int32, len(m.of))
	for i, c := range m.of {
		r.of[i] = -1
		if c >= 0 {
			r.of[i] = place[c]
		}
	}
	for _, c := range m.contradictions {
		a, b := int(place[c.A]), int(place[c.B])
		r.Contradictions = append(r.Contradictions, Contradiction{min(a, b), max(a, b), c.By})
	}
	slices.SortFunc(r.Contradictions, func(x, y Contradiction) int { return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B)) })
}

// size is how far an interval is proven to be from 0.
func size(i Interval) int64 {
	if !i.Proven() {
		return 0
	}
	return max(i.Apart(), -i.Apart())
}

func rank(is bool) int {
	if is {
		return 1
	}
	return 0
}

// asked reports whether a span waits for the other to end: a client that its server answered.
// One that failed may have gone before the answer came.
func asked(b *span.Batch, client, server int) bool {
	return clew.Kind(b.Kind[client]) == clew.KindClient && clew.Kind(b.Kind[server]) == clew.KindServer &&
		clew.Status(b.Status[client]) != clew.StatusError && ended(b, client) && ended(b, server)
}

// ended reports whether a span has an end, after its start.
func ended(b *span.Batch, row int) bool {
	return !b.Unfinished(row) && uint64(b.End(row)) >= b.Start[row]
}
