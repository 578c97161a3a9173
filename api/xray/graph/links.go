package graph

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray/view"
)

// link is that a segment continues what a span of another trace began: a message it has
// received.
type link struct {
	trace clew.TraceID
	span  clew.SpanID
	to    view.Node
	by    view.Entity // the segment
}

// typeLink is the type of edges that are made of links.
const typeLink = "link"

// linked notes the links of a segment.
func (y *tally) linked(t *view.Trace, place int) {
	t.Links(place, func(trace clew.TraceID, span clew.SpanID) {
		if trace == t.ID {
			return // it is in the tree of its trace
		}
		if len(y.links) >= maxPending {
			y.unfollowed = true
			return
		}
		e := &t.Entities[place]
		y.links = append(y.links, link{trace, span, e.Node, *e})
	})
}

// follow makes edges of links: it reads the traces that they lead to, of which some may be long
// gone.
func (y *tally) follow(c *api.Call) error {
	slices.SortFunc(y.links, func(a, b link) int {
		return cmp.Or(a.trace.Compare(b.trace), cmp.Compare(a.span, b.span), cmp.Compare(a.by.Start, b.by.Start), cmp.Compare(a.by.ID, b.by.ID))
	})
	var sources []clew.TraceID
	of := map[clew.TraceID][]link{}
	for _, l := range y.links {
		if of[l.trace] == nil {
			if len(sources) == maxSources {
				y.unfollowed = true
				break
			}
			sources = append(sources, l.trace)
		}
		of[l.trace] = append(of[l.trace], l)
	}
	err := eachNamed(c, sources, func(id clew.TraceID, t *view.Trace) { y.source(t, of[id]) })
	switch {
	case err != nil && clew.KindOf(err) == clew.TooLarge:
		c.SayPartial("edges of links between traces are not all in the graph: " + err.Error())
	case err != nil:
		return err
	}
	if y.unfollowed {
		c.SayPartial(fmt.Sprintf("there are more than %d links between traces, or they lead to more than %d traces: the edges of the others are not in the graph", maxPending, maxSources))
	}
	return nil
}

// source adds the edges of links to one trace.
func (y *tally) source(t *view.Trace, links []link) {
	places := make(map[clew.SpanID]int, len(t.Entities))
	for i := range t.Entities {
		if e := &t.Entities[i]; e.Row != view.None {
			if _, ok := places[e.ID]; !ok || !e.IsSegment { // of two halves that of who asks
				places[e.ID] = i
			}
		}
	}
	for i := range links {
		l := &links[i]
		at, ok := places[l.span]
		if !ok {
			continue
		}
		sent := &t.Entities[at]
		from := t.SegmentOf(at)
		if sent.Answer != view.None && t.Entities[sent.Answer].Inferred {
			from = &t.Entities[sent.Answer] // the queue
		}
		if from == nil {
			continue
		}
		x := y.node(from.Node)
		x.first, x.last = min(x.first, l.by.Start), max(x.last, l.by.Start)
		x.reports = x.reports || reports(from)
		e := y.edge(pair{from.Node, l.to, true})
		e.add(&l.by)
		if e.ages == nil {
			e.ages = histogram{}
		}
		age := uint64(0)
		if l.by.Start > sent.End {
			age = uint64(l.by.Start - sent.End)
		}
		e.ages.add(age)
	}
}
