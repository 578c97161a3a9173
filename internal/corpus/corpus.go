// Package corpus makes the traces that the store is measured with: random, but
// the same for the same name and seed, and shaped like what a gateway collector
// sends from a real shop.
//
// Three corpora exist. Shop is many traces of about 24 spans across 20
// services; Huge is few traces of 100,000 spans each; Wide is Shop with 300
// more attribute keys, of which each span has 1 to 5 of its service's 15.
//
// A request is the OTLP ExportTraceServiceRequest message, written byte by byte
// without objects in between. Its spans come in order of their end, as they
// leave the services, and are grouped by pod and scope:
//
//	resource_spans   one per pod, in order of first appearance
//	  resource       12 attributes
//	  scope_spans    up to three: server, client, app
//	    scope        name, version
//	    spans        each about 400 bytes
//
// While it generates, a corpus counts what a store must find in it (Truth), so
// that answers can be checked exactly.
//
// The bytes are the same on every machine of one architecture; durations go
// through math.Exp, whose last bit may differ between architectures.
package corpus

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/clew-tracing/clew"
)

// Name names a corpus.
type Name string

// The corpora.
const (
	Shop Name = "shop"
	Huge Name = "huge"
	Wide Name = "wide"
)

// Names lists all corpora.
func Names() []Name { return []Name{Shop, Huge, Wide} }

// DefaultStart is where event time begins unless Start says otherwise.
var DefaultStart = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// Corpus generates requests one after the other. It is not safe for concurrent
// use. Set the exported fields before the first call of Next, if at all.
type Corpus struct {
	// Start is the start of the first trace.
	Start time.Time
	// SpansPerSecond is the pace of event time, > 0.
	SpansPerSecond float64
	// PerRequest is how many spans a request holds; the last may hold fewer.
	PerRequest int

	name     Name
	random   *rand.Rand
	services []service
	entries  [len(entries)]int
	truth    *Truth

	clock    uint64 // start of the next trace, unix ns; 0 before the first
	toMake   int    // spans not generated yet
	sequence uint64
	offset   uint64 // the newest Kafka offset

	trip        journey
	open        pending
	openService int
	slab        []byte // encoded spans, of which queue points to the living
	spare       []byte // the other slab, for compact
	dead        int    // bytes of slab that have been sent
	queue       spanQueue
	batch       []pending // the request being made, in order
	scratch     []byte
	event       []byte
	groups      [groupCount]group
	pods        []int // in the request being made, by first appearance
}

// New prepares a corpus of the given number of spans. The same name and seed
// give the same requests.
func New(name Name, seed uint64, spans int) (*Corpus, error) {
	known := false
	var salt uint64
	for i, n := range Names() {
		if n == name {
			known, salt = true, uint64(i+1)
		}
	}
	if !known {
		return nil, clew.Errorf(clew.Invalid, "corpus %q: want one of %v", name, Names())
	}
	if spans < 0 {
		return nil, clew.Errorf(clew.Invalid, "corpus of %d spans: want 0 or more", spans)
	}
	r := rand.New(rand.NewPCG(seed, salt))
	c := &Corpus{
		Start: DefaultStart, SpansPerSecond: DefaultSpansPerSecond, PerRequest: DefaultPerRequest,
		name: name, random: r, services: buildWorld(r, name == Wide), toMake: spans, offset: 70_000_000,
	}
	for i, e := range entries {
		for s := range c.services {
			if c.services[s].name == e {
				c.entries[i] = s
			}
		}
	}
	c.truth = newTruth(c.services)
	return c, nil
}

// Next appends the next request to buf and returns it with the number of spans
// in it: 0, and buf as it was, after the last.
func (c *Corpus) Next(buf []byte) (body []byte, spans int) {
	if c.clock == 0 {
		c.clock = uint64(clew.FromTime(c.Start))
	}
	c.batch = c.batch[:0]
	for len(c.batch) < c.PerRequest {
		switch {
		// No trace still to come can have a span that ends before it starts.
		case len(c.queue) > 0 && (c.queue[0].end <= c.clock || c.toMake == 0):
			c.batch = append(c.batch, c.queue.pop())
		case c.toMake > 0:
			c.generate()
		default:
			return c.send(buf)
		}
	}
	return c.send(buf)
}

// send writes the batch as one request and forgets its spans.
func (c *Corpus) send(buf []byte) ([]byte, int) {
	if len(c.batch) == 0 {
		return buf, 0
	}
	buf = c.assemble(buf)
	for i := range c.batch {
		c.dead += c.batch[i].size
	}
	if c.dead > slabSlack && 2*c.dead > len(c.slab) {
		c.compact()
	}
	return buf, len(c.batch)
}

// compact moves the living spans to the front of the slab.
func (c *Corpus) compact() {
	c.spare = c.spare[:0]
	for i := range c.queue {
		p := &c.queue[i]
		at := len(c.spare)
		c.spare = append(c.spare, c.slab[p.offset:p.offset+p.size]...)
		p.offset = at
	}
	c.slab, c.spare, c.dead = c.spare, c.slab, 0
}

// Truth returns what has been counted; it is complete after the last request.
func (c *Corpus) Truth() *Truth { return c.truth.snapshot() }

// generate makes the next trace and sets the clock to the one after it.
func (c *Corpus) generate() {
	c.walkTrace(c.clock, c.toMake)
	c.toMake -= c.trip.spans
	perTrace := float64(meanTraceSpans)
	if c.name == Huge {
		perTrace = hugeTraceSpans
	}
	c.clock += uint64(c.random.ExpFloat64()*perTrace/c.SpansPerSecond*1e9) + 1
}

// note counts the open span for a probe if it matches.
func (c *Corpus) note(probe int, matches bool) { c.truth.note(&c.trip, probe, matches) }

// Requests returns a whole corpus as uncompressed OTLP bodies, for benchmarks;
// an unknown name panics. It takes about 500 bytes per span.
func Requests(name Name, seed uint64, spans, perRequest int) [][]byte {
	c, err := New(name, seed, spans)
	if err != nil {
		// The name stands in a benchmark's source: no input gets here.
		panic(fmt.Sprintf("corpus.Requests: %v", err))
	}
	c.PerRequest = perRequest
	var bodies [][]byte
	for {
		body, n := c.Next(nil)
		if n == 0 {
			return bodies
		}
		bodies = append(bodies, body)
	}
}
