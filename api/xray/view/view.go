// Package view shows the rows of a trace as AWS X-Ray sees a trace, whatever door they came
// through: segments, which serve, with the subsegments in them; segments that are inferred
// for calls that nobody answers; who called whom; and what went wrong.
//
//	Builder   the rows of a trace -> a Trace, again and again in the same memory
//	Trace     the entities of a trace, and how they hang together
//	Causes    the paths to where faults, errors and time come from
//	Documents what BatchGetTraces answers with
//
// What is a segment, and what it is called, is as format/xray's Documents has it. The package
// is pure: it reads no store.
package view

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// None is the place of an entity that is not there.
const None = -1

// A Node is who answers, as X-Ray tells services apart: by name, type and account.
type Node struct {
	Name string
	// Type is such as AWS::EC2::Instance; remote for who was called and is not known
	// better; client for who calls from outside; "" for a service that does not say.
	Type    string
	Account string
}

// The types of nodes that are no origins of AWS.
const (
	TypeClient   = "client"
	TypeRemote   = "remote"
	TypeDatabase = "Database::SQL"
)

// origin is the type where it is one of AWS or of a database, else "".
func (n Node) origin() string {
	if n.Type == TypeRemote || n.Type == TypeClient {
		return ""
	}
	return n.Type
}

// HTTP is what was asked and answered; zero values are not known.
type HTTP struct {
	Method, URL, UserAgent, ClientIP string
	Status                           int64
}

// An Entity is a segment or subsegment. Its places are those of others in Trace.Entities.
type Entity struct {
	// Row is the row of the batch, None of what was inferred.
	Row      int
	ID       clew.SpanID
	ParentID clew.SpanID // as it was sent; 0: none
	// Parent is what the entity hangs below, None if it names nothing or that is not there:
	// of a subsegment the segment or subsegment it is part of, of a segment what called it.
	Parent int
	// Segment is the segment that the entity is part of, its own place if it is one.
	// It is None of a subsegment whose segment is not there.
	Segment int
	// First is the first of what hangs below, Next the next of those with the same parent,
	// by start and id.
	First, Next int
	// Answer is the segment that answers a call, inferred ones included, None of what is
	// no call. With several it is the first.
	Answer int

	IsSegment bool
	// Inferred is of a segment for what did not report itself.
	Inferred bool
	// StandIn is, besides, of a segment for a service of which only subsegments are there.
	StandIn bool
	// Born reports that the row came as X-Ray.
	Born bool

	Name string
	// Namespace is aws or remote for a call, "" or anything else for other subsegments.
	Namespace string
	// SQL reports that a database was asked in SQL.
	SQL bool
	// Node is, of a segment, who it is; of a call, whom it asks as far as the call says.
	Node Node
	// Alias is another name of the node: the address of a queue or topic. "" is none.
	Alias string

	Start clew.UnixNanos
	// End is Start where InProgress.
	End        clew.UnixNanos
	InProgress bool

	// Error is a mistake of who asked, 4xx; Throttle that there were too many, 429; Fault a
	// failure of who answers, 5xx. Of what came as X-Ray they are its flags. Of others the
	// status of HTTP decides where it is 400 or more, else a failed span is a Fault.
	Error, Throttle, Fault bool

	HTTP        HTTP
	User        string
	ResourceARN string
	// Zone and Instance are where a segment ran: availability zone and id of the machine.
	Zone, Instance string
	Operation      string // of AWS
}

// IsCall reports whether a subsegment asks somebody.
func (e *Entity) IsCall() bool {
	return !e.IsSegment && (e.Namespace == "aws" || e.Namespace == "remote" || e.SQL)
}

// Duration is in nanoseconds, 0 of what goes on or ends before it starts.
func (e *Entity) Duration() uint64 {
	if e.End < e.Start {
		return 0
	}
	return uint64(e.End - e.Start)
}

// OK reports that nothing went wrong.
func (e *Entity) OK() bool { return !e.Error && !e.Fault && !e.Throttle }

// A Trace is one trace. It belongs to its Builder, and to the batch it was made of.
type Trace struct {
	ID clew.TraceID
	// Entities are first the rows by start and id, then what was inferred.
	Entities []Entity
	// Segments are the places of segments: those that came, by start and id, then those
	// inferred.
	Segments []int
	// Entry is the segment that the trace begins with, None if there is no segment: the
	// first that names no parent, or else whose parent is not there.
	Entry int
	// Start and End are the first start and the last end or start.
	Start, End clew.UnixNanos
	// Partial reports that something is in progress.
	Partial bool

	rows *span.Rows
}

// Duration is from the first start to the last end, in nanoseconds.
func (t *Trace) Duration() uint64 { return uint64(t.End - t.Start) }

// ResponseTime is what the entry took, in nanoseconds, 0 where there is none or it goes on.
func (t *Trace) ResponseTime() uint64 {
	if t.Entry == None {
		return 0
	}
	return t.Entities[t.Entry].Duration()
}

// EntrySegment is the entry, nil if there is none.
func (t *Trace) EntrySegment() *Entity {
	if t.Entry == None {
		return nil
	}
	return &t.Entities[t.Entry]
}

// SegmentOf is the segment that an entity is part of, nil if it is not there.
func (t *Trace) SegmentOf(place int) *Entity {
	if s := t.Entities[place].Segment; s != None {
		return &t.Entities[s]
	}
	return nil
}

// IsRoot reports whether a segment is asked from outside: nobody calls it that the trace knows.
// Of those that say who calls them, and that is not there, only the entry is; who a segment
// stands in for was asked, and nobody knows by whom; what links to another trace goes on with
// what that has begun.
func (t *Trace) IsRoot(place int) bool {
	e := &t.Entities[place]
	if !e.IsSegment || e.Parent != None || e.StandIn || e.ParentID != 0 && place != t.Entry {
		return false
	}
	apart := false
	t.Links(place, func(trace clew.TraceID, _ clew.SpanID) { apart = apart || trace != t.ID })
	return !apart
}

// Caller is the segment that calls a segment, None if it is not there.
func (t *Trace) Caller(place int) int {
	if p := t.Entities[place].Parent; p != None {
		return t.Entities[p].Segment
	}
	return None
}

// HasFault, HasError and HasThrottle report whether any entity has.
func (t *Trace) HasFault() bool {
	return t.any(func(e *Entity) bool { return e.Fault })
}

// HasError is HasFault for errors.
func (t *Trace) HasError() bool {
	return t.any(func(e *Entity) bool { return e.Error })
}

// HasThrottle is HasFault for throttles.
func (t *Trace) HasThrottle() bool {
	return t.any(func(e *Entity) bool { return e.Throttle })
}

func (t *Trace) any(f func(*Entity) bool) bool {
	for i := range t.Entities {
		if f(&t.Entities[i]) {
			return true
		}
	}
	return false
}

// Columns are the columns that a view needs of a batch for how traces hang together, who
// answers, what went wrong and links. HTTP but for its status, users, annotations and exceptions
// need storage.Columns{All: true}.
func Columns() storage.Columns {
	c := storage.Columns{
		Tree: true, Resources: true,
		Intrinsics: []span.Intrinsic{span.SpanID, span.ParentID, span.SpanKind, span.StatusCode, span.Name, span.Duration},
	}
	c.Fields = append(c.Fields, span.Field{Intrinsic: span.LinkTraceID}, span.Field{Intrinsic: span.LinkSpanID})
	for _, key := range leanKeys {
		c.Fields = append(c.Fields, span.Field{Scope: span.ScopeSpan, Key: key})
	}
	return c
}

// A Builder makes traces, one after the other. It is for one goroutine at a time. The zero
// value is ready.
type Builder struct {
	trace Trace
	rows  *span.Rows

	facts     facts
	resources map[uint32]*resource
	names     map[string]string
	ids       map[clew.SpanID]twins
	order     []int
	path      []int
	state     []uint8
	inside    []uint8
	lost      map[lost]int
	fresh     uint64 // as many ids were tried that are of nothing
	buckets   [][]int
}

// Of returns the trace that all rows of a batch are. It is valid until the next is made.
func (b *Builder) Of(r *span.Rows) *Trace {
	b.use(r)
	rows := b.bucket(0)
	for row := range r.Batch().Rows {
		rows = append(rows, row)
	}
	b.buckets[0] = rows
	return b.build(rows)
}

// Each calls f for the traces of a batch of whole traces, each of which is f's until it
// returns. rows are those of them, nil all.
func (b *Builder) Each(w *span.Whole, rows column.Bitmap, f func(*Trace)) {
	b.use(span.NewRows(w.Batch))
	for i := range b.buckets {
		b.buckets[i] = b.buckets[i][:0]
	}
	add := func(row int) {
		of := int(w.Of[row])
		b.buckets[of] = append(b.bucket(of), row)
	}
	if rows == nil {
		for row := range w.Rows {
			add(row)
		}
	} else {
		for row := range rows.Ones() {
			add(row)
		}
	}
	for _, list := range b.buckets {
		if len(list) > 0 {
			f(b.build(list))
		}
	}
}

// bucket is the rows of a trace so far.
func (b *Builder) bucket(n int) []int {
	for len(b.buckets) <= n {
		b.buckets = append(b.buckets, nil)
	}
	return b.buckets[n]
}

// use begins a batch.
func (b *Builder) use(r *span.Rows) {
	b.rows = r
	if b.resources == nil {
		b.resources, b.names, b.ids, b.lost = make(map[uint32]*resource), make(map[string]string), make(map[clew.SpanID]twins), make(map[lost]int)
	}
	clear(b.resources)
	if len(b.names) > maxNames {
		clear(b.names)
	}
	if len(b.buckets) > 0 {
		b.buckets[0] = b.buckets[0][:0]
	}
}
