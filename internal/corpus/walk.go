package corpus

import (
	"encoding/binary"
	"math"
	"strconv"
)

// Times of the walk, as nanoseconds.
const (
	networkNanos  = 0.4e6 // one way between two services, median
	queueNanos    = 8e6   // from send to process, median
	internalRatio = 0.18  // share of steps that are internal work
	callRatio     = 0.5   // share of steps that ask another service, where there is one
	messageRatio  = 1. / 12
	brokenRatio   = 0.047 // servers that raise an exception of their own
	passedRatio   = 0.75  // failures below that fail the caller too
)

// journey is what the spans of one trace share.
type journey struct {
	id      [16]byte
	user    uint64
	session uint64
	address [4]byte
	request [2]uint64
	// left is how many spans the trace may still have.
	left  int
	spans int
	seen  [probeCount]bool
}

// outcome is what a finished subtree tells its caller.
type outcome struct {
	span   uint64
	end    uint64
	status int // HTTP status
}

// skewed draws a log-normal duration around a median.
func (c *Corpus) skewed(medianNanos, sigma float64) uint64 {
	return uint64(medianNanos*math.Exp(sigma*c.random.NormFloat64())) + 1
}

// chance is true with probability p.
func (c *Corpus) chance(p float64) bool { return c.random.Float64() < p }

// walkTrace generates one whole trace of at most limit spans that starts at
// start, into the slab and the queue of pending spans.
func (c *Corpus) walkTrace(start uint64, limit int) {
	spans := 3 + int(math.Exp(2.7+0.9*c.random.NormFloat64()))
	if c.name == Huge {
		spans = hugeTraceSpans
	}
	c.newJourney(min(spans, limit))
	if c.name == Huge {
		c.batchJob(start)
	} else {
		c.entry(start, 0, c.trip.left)
	}
	c.truth.endTrace(&c.trip)
}

func (c *Corpus) newJourney(spans int) {
	r := c.random
	j := &c.trip
	*j = journey{left: spans, request: [2]uint64{r.Uint64(), r.Uint64()}}
	binary.BigEndian.PutUint64(j.id[:8], r.Uint64())
	binary.BigEndian.PutUint64(j.id[8:], r.Uint64()|1)
	u := r.Float64()
	j.user = uint64(100_000 * u * u * u)
	j.session = (j.user*31 + r.Uint64N(20)) % 20_000
	j.address = [4]byte{byte(20 + r.Uint64N(180)), byte(r.Uint64()), byte(r.Uint64()), byte(1 + r.Uint64N(254))}
	c.truth.beginTrace(j)
}

// entry lets an outer client ask one of the entry services.
func (c *Corpus) entry(start, parent uint64, budget int) outcome {
	s := c.random.IntN(len(entries))
	return c.server(c.entries[s], c.random.IntN(4), start, parent, budget, 0)
}

// batchJob is the root of a huge trace: one job that replays requests one
// after the other until the trace has all its spans.
func (c *Corpus) batchJob(start uint64) {
	id, pod := c.newSpan(), c.random.IntN(podsPerService)
	service := c.entries[0]
	t := start + c.skewed(5e6, 0.6)
	last := t
	pace := float64(hugeTraceSpans) / c.SpansPerSecond * 1e9 / (hugeTraceSpans / 24.)
	for c.trip.left > 0 {
		budget := min(3+int(math.Exp(2.7+0.9*c.random.NormFloat64())), c.trip.left)
		last = max(last, c.entry(t, id, budget).end)
		t += c.skewed(pace*0.8, 0.6)
	}
	work := &c.services[service].work[0]
	b := c.openSpan(service, pod, scopeApp, id, 0, start, last+c.skewed(5e6, 0.6))
	b = append(append(b, work.name...), tagKind, 1)
	b = append(b, work.attrs...)
	c.closeSpan(b)
}

// newSpan takes one span from the trace's budget and gives it an id.
func (c *Corpus) newSpan() uint64 {
	c.trip.left--
	c.trip.spans++
	return c.random.Uint64() | 1
}

// server is one HTTP request seen by the service that answers it, with all
// that it causes: exactly budget spans, itself included.
func (c *Corpus) server(service, op int, start, parent uint64, budget, depth int) outcome {
	s := &c.services[service]
	o := &s.ops[op]
	id, pod := c.newSpan(), c.random.IntN(podsPerService)
	t := start + c.skewed(o.server.medianNanos/2, 0.6)
	status := 200
	for rest := budget - 1; rest > 0; {
		took, result := c.step(service, pod, t, id, rest, depth)
		rest -= took
		t = result.end + c.skewed(o.server.medianNanos/8, 0.6)
		if result.status >= 500 && c.chance(passedRatio) {
			status = result.status
		}
	}
	end := t + c.skewed(o.server.medianNanos/2, 0.6)
	raised := status >= 500 && c.chance(0.6)
	if status < 500 && c.chance(brokenRatio) {
		status, raised = 500+3*c.random.IntN(2), true
	}
	if status < 500 && c.chance(0.02) {
		status = 404
	}
	c.writeServer(s, o, serverSpan{service, pod, depth, id, parent, start, end, status, raised})
	return outcome{id, end, status}
}

// step is one thing a server does: work of its own, a query, a call or a
// message. It returns how many spans that took.
func (c *Corpus) step(service, pod int, t, parent uint64, rest, depth int) (int, outcome) {
	s := &c.services[service]
	p := c.random.Float64()
	switch {
	case p < internalRatio:
		took := 1 + c.random.IntN(min(rest, 3))
		return took, c.internal(service, pod, t, parent, took)
	case p < internalRatio+callRatio && len(s.calls) > 0 && depth < maxDepth && rest >= 2:
		took := 2 + c.random.IntN(rest-1)
		if s.consumer >= 0 && c.chance(messageRatio) {
			return took, c.message(service, pod, t, parent, took, depth)
		}
		return took, c.call(service, pod, t, parent, took, depth)
	}
	return 1, c.query(service, pod, t, parent)
}

func (c *Corpus) internal(service, pod int, start, parent uint64, budget int) outcome {
	id := c.newSpan()
	work := &c.services[service].work[c.random.IntN(3)]
	t := start + c.skewed(work.medianNanos/2, 0.6)
	for range budget - 1 {
		t = c.query(service, pod, t, id).end
	}
	end := t + c.skewed(work.medianNanos/2, 0.6)
	b := c.openSpan(service, pod, scopeApp, id, parent, start, end)
	b = append(append(b, work.name...), tagKind, 1)
	b = append(b, work.attrs...)
	b = attrInt(b, tagAttr, "thread.id", int64(1+c.random.IntN(200)))
	p := c.random.Float64()
	b = c.userID(b)
	if p < 0.8 {
		b = attrDouble(b, tagAttr, "app.score", float64(c.random.IntN(1_000_000))/1_000_000)
	}
	if p > 0.3 {
		b = attrHead(b, tagAttr, "app.order.id", sizeField(12))
		b = append(b, 0x0a, 12, 'o', 'r', 'd', '-')
		b = appendPadded(b, 40_000_000+c.random.Uint64N(1<<20), 8)
	}
	if p > 0.7 {
		b = attrDouble(b, tagAttr, "app.cart.total", float64(100+c.random.IntN(50_000))/100)
	}
	c.closeSpan(b)
	return outcome{id, end, 200}
}

func (c *Corpus) query(service, pod int, start, parent uint64) outcome {
	id := c.newSpan()
	s := &c.services[service]
	q := &s.queries[c.random.IntN(len(s.queries))]
	end := start + c.skewed(q.medianNanos, 0.6)
	b := c.openSpan(service, pod, scopeClient, id, parent, start, end)
	b = append(append(b, q.name...), tagKind, 3)
	b = append(b, q.attrs...)
	u := c.random.Float64()
	b = attrInt(b, tagAttr, "db.response.returned_rows", int64(4000*u*u*u*u))
	b = attrInt(b, tagAttr, "thread.id", int64(1+c.random.IntN(200)))
	if c.chance(0.001) {
		b = c.raise(b, s, end)
		b = c.failed(b, "")
		c.closeSpan(b)
		return outcome{id, end, 500}
	}
	c.closeSpan(b)
	return outcome{id, end, 200}
}

// call is an HTTP request: the caller's client span and the callee's server
// span with all below it.
func (c *Corpus) call(service, pod int, start, parent uint64, budget, depth int) outcome {
	id := c.newSpan()
	s := &c.services[service]
	callee := s.calls[c.random.IntN(len(s.calls))]
	op := c.random.IntN(4)
	result := c.server(callee, op, start+c.skewed(networkNanos, 0.6), id, budget-1, depth+1)
	end := result.end + c.skewed(networkNanos, 0.6)
	o := &c.services[callee].ops[op]
	b := c.openSpan(service, pod, scopeClient, id, parent, start, end)
	b = append(append(b, o.client.name...), tagKind, 3)
	b = append(b, o.client.attrs...)
	c.scratch = c.appendPath(append(c.scratch[:0], o.url...), o)
	if c.chance(0.5) {
		c.scratch = append(c.scratch, "?limit=20&currency=EUR&offset="...)
		c.scratch = strconv.AppendUint(c.scratch, c.random.Uint64N(64)*20, 10)
	}
	b = attrBytes(b, tagAttr, "url.full", c.scratch)
	b = attrInt(b, tagAttr, "http.response.status_code", int64(result.status))
	c.note(probeUnavailable, result.status == 503)
	b = attrInt(b, tagAttr, "network.peer.port", int64(32_768+c.random.IntN(28_000)))
	if o.hasBody {
		b = attrInt(b, tagAttr, "http.request.body.size", int64(c.skewed(900, 0.9)))
	}
	if result.status >= 500 {
		b = c.failed(b, "")
	}
	c.closeSpan(b)
	return outcome{id, end, result.status}
}

// message is a producer span here, and later, in the consuming service, a
// consumer span linked to it with all below that. The sender does not wait.
func (c *Corpus) message(service, pod int, start, parent uint64, budget, depth int) outcome {
	s := &c.services[service]
	sender := c.newSpan()
	id := [2]uint64{c.random.Uint64(), c.random.Uint64()}
	size := int64(c.skewed(600, 0.5))
	sent := start + c.skewed(0.3e6, 0.6)
	b := c.openSpan(service, pod, scopeClient, sender, parent, start, sent)
	b = append(b, s.sendHead...)
	b = c.messageAttrs(b, id, size)
	c.closeSpan(b)

	reader, readerPod := c.newSpan(), c.random.IntN(podsPerService)
	begun := sent + c.skewed(queueNanos, 0.8)
	t := begun + c.skewed(0.5e6, 0.6)
	for rest := budget - 2; rest > 0; {
		took, result := c.step(s.consumer, readerPod, t, reader, rest, depth+1)
		rest -= took
		t = result.end
	}
	b = c.openSpan(s.consumer, readerPod, scopeApp, reader, sender, begun, t+c.skewed(0.2e6, 0.6))
	b = append(b, s.readHead...)
	b = c.messageAttrs(b, id, size)
	c.offset += 1 + c.random.Uint64N(3)
	b = attrInt(b, tagAttr, "messaging.kafka.offset", int64(c.offset))
	b = append(b, tagLink, 2+16+2+8, 0x0a, 16)
	b = append(b, c.trip.id[:]...)
	b = append(b, 0x12, 8)
	b = binary.BigEndian.AppendUint64(b, sender)
	c.closeSpan(b)
	return outcome{sender, sent, 200}
}
