package view

import (
	"cmp"
	"slices"

	"github.com/clew-tracing/clew"
)

// twins are the entities of one id: the halves of a span that client and server share.
type twins struct{ segment, sub int }

// build makes the trace of some rows.
func (b *Builder) build(rows []int) *Trace {
	t := &b.trace
	batch := b.rows.Batch()
	*t = Trace{ID: batch.TraceIDs[batch.Trace[rows[0]]], Entities: t.Entities[:0], Segments: t.Segments[:0], Entry: None, rows: b.rows}
	for _, row := range rows {
		if id := batch.TraceIDs[batch.Trace[row]]; id.High() != 0 { // one that came as 64 bits may be among them
			t.ID = id
			break
		}
	}
	b.order = append(b.order[:0], rows...)
	slices.SortFunc(b.order, func(x, y int) int {
		return cmp.Or(cmp.Compare(batch.Start[x], batch.Start[y]), cmp.Compare(batch.SpanID[x], batch.SpanID[y]), cmp.Compare(x, y))
	})
	for _, row := range b.order {
		t.Entities = append(t.Entities, b.entity(row))
	}
	b.parents(t)
	b.cut(t)
	for i := range t.Entities {
		if t.Entities[i].IsSegment {
			t.Segments = append(t.Segments, i)
		}
	}
	b.standIns(t)
	b.segments(t)
	b.infer(t)
	b.children(t)
	t.extent()
	t.enter()
	return t
}

// parents finds for each entity what it hangs below.
func (b *Builder) parents(t *Trace) {
	clear(b.ids)
	for i := range t.Entities {
		e := &t.Entities[i]
		w, ok := b.ids[e.ID]
		if !ok {
			w = twins{None, None}
		}
		if e.IsSegment && w.segment == None {
			w.segment = i
		} else if !e.IsSegment && w.sub == None {
			w.sub = i
		}
		b.ids[e.ID] = w
	}
	for i := range t.Entities {
		e := &t.Entities[i]
		if own := b.ids[e.ID]; e.IsSegment && own.sub != None && !e.Born {
			e.Parent = own.sub // the other half
			continue
		}
		if e.ParentID == 0 {
			continue
		}
		w, ok := b.ids[e.ParentID]
		if !ok {
			continue
		}
		if w.segment != None && w.segment != i {
			e.Parent = w.segment
		} else if w.sub != i {
			e.Parent = w.sub
		}
	}
}

// cut takes the parent from the first entity of each circle.
func (b *Builder) cut(t *Trace) {
	const unseen, open, done = 0, 1, 2
	b.state = append(b.state[:0], make([]uint8, len(t.Entities))...)
	for from := range t.Entities {
		at := from
		b.path = b.path[:0]
		for at != None && b.state[at] == unseen {
			b.state[at] = open
			b.path = append(b.path, at)
			at = t.Entities[at].Parent
		}
		if at != None && b.state[at] == open {
			first := at // entities are in order
			for next := t.Entities[at].Parent; next != at; next = t.Entities[next].Parent {
				first = min(first, next)
			}
			t.Entities[first].Parent = None
		}
		for _, i := range b.path {
			b.state[i] = done
		}
	}
}

// segments finds for each entity the segment that it is part of.
func (b *Builder) segments(t *Trace) {
	b.state = append(b.state[:0], make([]uint8, len(t.Entities))...)
	for from := range t.Entities {
		at, of := from, None
		b.path = b.path[:0]
		for {
			if at == None || b.state[at] != 0 {
				if at != None {
					of = t.Entities[at].Segment
				}
				break
			}
			b.state[at] = 1
			b.path = append(b.path, at)
			if t.Entities[at].IsSegment {
				of = at
				break
			}
			at = t.Entities[at].Parent
		}
		for k := len(b.path) - 1; k >= 0; k-- {
			t.Entities[b.path[k]].Segment = of
		}
	}
}

// lost is a parent that is not there, of a service.
type lost struct {
	id      clew.SpanID
	service string
}

// standIns makes a segment for subsegments that hang below nothing but say of which
// service they are: the segment that they are part of goes on, or was not sent.
func (b *Builder) standIns(t *Trace) {
	clear(b.lost)
	b.fresh = 0
	for i := range len(t.Entities) {
		e := &t.Entities[i]
		if e.IsSegment || e.Parent != None || e.Born {
			continue
		}
		r := b.resource(b.rows.Batch().Resource[e.Row])
		if r.name == "" {
			continue
		}
		key := lost{e.ParentID, r.name}
		at, ok := b.lost[key]
		if ok {
			s := &t.Entities[at]
			s.Start, s.End, e.Parent = min(s.Start, e.Start), max(s.End, e.End), at
			continue
		}
		at = len(t.Entities)
		b.lost[key], e.Parent = at, at
		t.Segments = append(t.Segments, at)
		t.Entities = append(t.Entities, Entity{
			Row: None, ID: b.freshID(e.ParentID, at), Parent: None, Segment: None, First: None, Next: None, Answer: None,
			IsSegment: true, Inferred: true, StandIn: true, Name: r.name, Node: Node{r.name, r.origin, r.account},
			Start: e.Start, End: max(e.Start, e.End), Zone: r.zone, Instance: r.instance, ResourceARN: r.arn,
		})
	}
}

// freshID is an id for what was inferred from what has another: the same each time, and
// nobody else's in the trace. Many may be inferred from one: where its id is taken, the next of
// those that all share is, so that none is tried twice.
func (b *Builder) freshID(from clew.SpanID, at int) clew.SpanID {
	id := mixed(uint64(from))
	for b.taken(id) {
		b.fresh++
		id = mixed(b.fresh)
	}
	b.ids[id] = twins{at, None}
	return id
}

func (b *Builder) taken(id clew.SpanID) bool {
	_, taken := b.ids[id]
	return taken || id == 0
}

// mixed is an id for each x, as splitmix64 has it.
func mixed(x uint64) clew.SpanID {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return clew.SpanID(x ^ x>>31)
}

// infer makes a segment for each call that nobody answers.
//
// Of what came as X-Ray it is as X-Ray has it: a call that no segment names as its parent is
// not answered. Tracers of other worlds put calls within calls, HTTP below RPC: these are one
// call, which is answered if the inner one is.
func (b *Builder) infer(t *Trace) {
	n := len(t.Entities)
	b.state = append(b.state[:0], make([]uint8, n)...)
	const answered = 1 // by who answers a call within
	for _, s := range t.Segments {
		at := t.Entities[s].Parent
		if at == None || t.Entities[at].IsSegment {
			continue
		}
		if p := &t.Entities[at]; p.Answer == None {
			p.Answer = s
		}
		for at != None && !t.Entities[at].IsSegment && b.state[at] == 0 {
			b.state[at] = answered
			at = t.Entities[at].Parent
		}
	}
	b.within(t)
	for i := range n {
		e := &t.Entities[i]
		if !e.IsCall() || e.Answer != None || !e.Born && (b.state[i] == answered || b.inside[i] == 1) {
			continue
		}
		at := len(t.Entities)
		e.Answer = at
		t.Segments = append(t.Segments, at)
		t.Entities = append(t.Entities, Entity{
			Row: None, ID: b.freshID(e.ID, at), ParentID: e.ID, Parent: i, Segment: at, First: None, Next: None, Answer: None,
			IsSegment: true, Inferred: true, Name: e.Name, SQL: e.SQL, Node: e.Node, Alias: e.Alias,
			Start: e.Start, End: e.End, InProgress: e.InProgress, Error: e.Error, Throttle: e.Throttle, Fault: e.Fault,
			HTTP: e.HTTP, Operation: e.Operation,
		})
	}
}

// within finds the entities that have a call above them in their segment: 1, else 2.
func (b *Builder) within(t *Trace) {
	b.inside = append(b.inside[:0], make([]uint8, len(t.Entities))...)
	for from := range t.Entities {
		at, is := from, uint8(2)
		b.path = b.path[:0]
		for at != None {
			if b.inside[at] != 0 {
				is = b.inside[at]
				if t.Entities[at].IsCall() {
					is = 1
				}
				break
			}
			b.path = append(b.path, at)
			if t.Entities[at].IsSegment {
				break
			}
			at = t.Entities[at].Parent
		}
		for k := len(b.path) - 1; k >= 0; k-- {
			b.inside[b.path[k]] = is
			switch e := &t.Entities[b.path[k]]; {
			case e.IsSegment:
				is = 2
			case e.IsCall():
				is = 1
			}
		}
	}
}

// children links what hangs below each entity.
func (b *Builder) children(t *Trace) {
	for i := len(t.Entities) - 1; i >= 0; i-- {
		e := &t.Entities[i]
		if e.Parent != None {
			p := &t.Entities[e.Parent]
			e.Next, p.First = p.First, i
		}
	}
}

// extent finds the first start, the last end, and whether something goes on.
func (t *Trace) extent() {
	t.Start, t.End = t.Entities[0].Start, 0
	for i := range t.Entities {
		e := &t.Entities[i]
		t.Start, t.End = min(t.Start, e.Start), max(t.End, e.Start, e.End)
		t.Partial = t.Partial || e.InProgress
	}
}

// enter finds the entry.
func (t *Trace) enter() {
	rank := func(e *Entity) int {
		switch {
		case e.StandIn:
			return 3
		case e.ParentID != 0:
			return 2
		}
		return 1
	}
	for _, s := range t.Segments {
		if e := &t.Entities[s]; e.Parent == None && (t.Entry == None || rank(e) < rank(&t.Entities[t.Entry])) {
			t.Entry = s
		}
	}
}
