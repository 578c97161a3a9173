package graph

import (
	"cmp"
	"maps"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api/xray/view"
)

// counted is what is known of a node or an edge.
type counted struct {
	statistics
	times       histogram
	first, last clew.UnixNanos // start and end
	names       map[view.Node]bool
	ages        histogram // of links: from the end of what was sent to the start of who has it
}

func newCounted() counted { return counted{times: histogram{}, first: ^clew.UnixNanos(0)} }

// add counts an entity. One that goes on is there, and not counted: what comes of it is not
// known.
func (c *counted) add(e *view.Entity) {
	c.first, c.last = min(c.first, e.Start), max(c.last, e.Start, e.End)
	if e.InProgress || e.StandIn {
		return
	}
	switch {
	case e.Fault:
		c.faults++
	case e.Throttle:
		c.throttled++
	case e.Error:
		c.errors++
	default:
		c.ok++
	}
	c.time += e.Duration()
	c.times.add(e.Duration())
}

// alias notes another name. Of more than there is room for those stay that come first in
// order.
func (c *counted) alias(n view.Node) {
	if c.names[n] {
		return
	}
	if c.names == nil {
		c.names = map[view.Node]bool{}
	}
	c.names[n] = true
	if len(c.names) > maxNames {
		delete(c.names, slices.MaxFunc(slices.Collect(maps.Keys(c.names)), compareNodes))
	}
}

func (c *counted) join(o *counted) {
	c.statistics.join(&o.statistics)
	c.times.join(o.times)
	if c.ages == nil {
		c.ages = o.ages
	} else {
		c.ages.join(o.ages)
	}
	c.first, c.last = min(c.first, o.first), max(c.last, o.last)
	for n := range o.names {
		c.alias(n)
	}
}

// aliases are the other names, in order.
func (c *counted) aliases() []view.Node {
	return slices.SortedFunc(maps.Keys(c.names), compareNodes)
}

func compareNodes(a, b view.Node) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Account, b.Account))
}

// node is who answers.
type node struct {
	counted
	root, reports bool // it reports itself; the others are inferred
}

// pair is who asks whom, or by a link who goes on with what the other has begun.
type pair struct {
	from, to view.Node
	link     bool
}

// tally is a graph while traces are counted. It is for one goroutine at a time.
type tally struct {
	window clew.Window
	nodes  map[view.Node]*node
	edges  map[pair]*counted
	full   bool // there was no room for a node or an edge
	// links are those to other traces; unfollowed says that there was no room for some.
	links      []link
	unfollowed bool
}

func newTally(w clew.Window) *tally {
	return &tally{window: w, nodes: map[view.Node]*node{}, edges: map[pair]*counted{}}
}

func (y *tally) node(n view.Node) *node {
	x := y.nodes[n]
	if x == nil {
		if len(y.nodes) >= maxNodes {
			y.full = true
			return &node{counted: newCounted()}
		}
		x = &node{counted: newCounted()}
		y.nodes[n] = x
	}
	return x
}

func (y *tally) edge(p pair) *counted {
	x := y.edges[p]
	if x == nil {
		c := newCounted()
		x = &c
		if len(y.edges) >= maxEdges {
			y.full = true
			return x
		}
		y.edges[p] = x
	}
	return x
}

// add counts a trace: each of its requests that starts in the window.
func (y *tally) add(t *view.Trace) {
	each(t, func(r *request) {
		if !y.window.Contains(r.asked.Start) && !y.window.Contains(r.answered.Start) {
			return
		}
		to := y.node(r.to)
		to.root = to.root || r.root
		to.reports = to.reports || reports(r.answered)
		if y.window.Contains(r.answered.Start) {
			to.add(r.answered)
			y.linked(t, r.place)
			if r.answered.Alias != "" {
				to.alias(view.Node{Name: r.answered.Alias})
			}
		} else {
			to.first, to.last = min(to.first, r.asked.Start), max(to.last, r.asked.Start)
		}
		if r.from == (view.Node{}) || !y.window.Contains(r.asked.Start) {
			return
		}
		from := y.node(r.from)
		from.first, from.last = min(from.first, r.asked.Start), max(from.last, r.asked.Start, r.asked.End)
		from.reports = from.reports || r.fromReports
		e := y.edge(pair{r.from, r.to, false})
		e.add(r.asked)
		if r.alias != (view.Node{}) {
			e.alias(r.alias)
		}
	})
}

// request is that somebody was asked.
type request struct {
	from        view.Node // who asks; the zero Node is not known
	fromReports bool
	to          view.Node
	place       int // of the segment that answers
	root        bool
	// asked is how who asks sees it, answered how who answers does.
	asked, answered *view.Entity
	alias           view.Node // what who asks calls it, if it is not called so
}

// each calls f for the requests of a trace: each of its segments is one.
func each(t *view.Trace, f func(*request)) {
	for _, s := range t.Segments {
		e := &t.Entities[s]
		r := request{to: e.Node, place: s, asked: e, answered: e}
		if e.Parent == view.None {
			if r.root = t.IsRoot(s); r.root {
				r.from = view.Node{Name: e.Node.Name, Type: view.TypeClient}
			}
			f(&r)
			continue
		}
		call := &t.Entities[e.Parent]
		if !call.IsSegment {
			r.asked = call
			if call.Name != e.Node.Name && !e.Inferred {
				r.alias = view.Node{Name: call.Name, Type: call.Node.Type}
			}
		}
		if caller := t.SegmentOf(e.Parent); caller != nil {
			r.from, r.fromReports = caller.Node, reports(caller)
		}
		f(&r)
	}
}

// reports says whether who a segment is has sent something itself.
func reports(e *view.Entity) bool { return !e.Inferred || e.StandIn }

// join adds what was counted of other traces.
func (y *tally) join(o *tally) {
	y.full, y.unfollowed = y.full || o.full, y.unfollowed || o.unfollowed
	if room := maxPending - len(y.links); len(o.links) > room {
		y.links, y.unfollowed = append(y.links, o.links[:room]...), true
	} else {
		y.links = append(y.links, o.links...)
	}
	for n, x := range o.nodes {
		mine := y.node(n)
		mine.counted.join(&x.counted)
		mine.root, mine.reports = mine.root || x.root, mine.reports || x.reports
	}
	for p, x := range o.edges {
		y.edge(p).join(x)
	}
}
