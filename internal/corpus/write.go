package corpus

import (
	"encoding/binary"
	"strconv"
)

// openSpan begins a span at the end of the slab: ids, flags and times. The
// caller appends name, kind, attributes and the rest, then calls closeSpan.
// Only one span is open at a time: a parent is written after its children,
// when its end is known.
func (c *Corpus) openSpan(service, pod, scope int, id, parent, start, end uint64) []byte {
	c.open = pending{
		end: end, sequence: c.sequence, offset: len(c.slab),
		group: uint16((service*podsPerService+pod)*scopesPerService + scope),
	}
	c.sequence++
	c.openService = service
	c.truth.span(service, &c.trip, start, end)
	b := append(c.slab, tagTraceID, 16)
	b = append(b, c.trip.id[:]...)
	b = append(b, tagSpanID, 8)
	b = binary.BigEndian.AppendUint64(b, id)
	if parent != 0 {
		b = append(b, tagParentID, 8)
		b = binary.BigEndian.AppendUint64(b, parent)
	}
	b = append(b, tagStart)
	b = binary.LittleEndian.AppendUint64(b, start)
	b = append(b, tagEnd)
	b = binary.LittleEndian.AppendUint64(b, end)
	// Bits 8 and 9 say whether the parent is remote, bit 0 that it was sampled.
	return append(b, tagFlagsByte, 1, 1, 1, 0, 0)
}

// closeSpan ends the open span and queues it for the request that its end
// time puts it in.
func (c *Corpus) closeSpan(b []byte) {
	if own := c.services[c.openService].own; own != nil {
		b = c.ownAttrs(b, own)
	}
	c.slab = b
	c.open.size = len(b) - c.open.offset
	c.queue.push(c.open)
}

// serverSpan is what writeServer needs to know.
type serverSpan struct {
	service, pod, depth    int
	id, parent, start, end uint64
	status                 int
	raised                 bool
}

func (c *Corpus) writeServer(s *service, o *operation, v serverSpan) {
	b := c.openSpan(v.service, v.pod, scopeServer, v.id, v.parent, v.start, v.end)
	b = append(append(b, o.server.name...), tagKind, 2)
	b = append(b, o.server.attrs...)
	c.scratch = c.appendPath(c.scratch[:0], o)
	b = attrBytes(b, tagAttr, "url.path", c.scratch)
	b = attrInt(b, tagAttr, "http.response.status_code", int64(v.status))
	c.note(probeUnavailable, v.status == 503)
	b = attrBytes(b, tagAttr, "client.address", c.addressText())
	b = attrInt(b, tagAttr, "http.response.body.size", int64(c.skewed(4000, 1)))
	b = attrInt(b, tagAttr, "thread.id", int64(1+c.random.IntN(200)))
	if v.depth <= 2 {
		c.scratch = appendUUID(c.scratch[:0], c.trip.request[0], c.trip.request[1])
		b = attrBytes(b, tagAttr, "request.id", c.scratch)
	}
	if v.depth == 0 {
		b = c.entryAttrs(b)
	}
	if v.raised {
		b = c.raise(b, s, v.end)
	}
	if v.status >= 500 {
		b = c.failed(b, "upstream request failed")
	}
	c.closeSpan(b)
}

// entryAttrs writes what only the first service knows of its client.
func (c *Corpus) entryAttrs(b []byte) []byte {
	b = attrString(b, tagAttr, "user_agent.original", userAgents[c.trip.user%uint64(len(userAgents))])
	b = c.userID(b)
	b = attrHead(b, tagAttr, "session.id", sizeField(20))
	b = append(b, 0x0a, 20, 's', 'e', 's', 's')
	return appendPadded(b, c.trip.session*0x9e3779b9%1e16, 16)
}

var userAgents = [...]string{
	"Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
	"ShopApp/7.2.1 (Android 15; Pixel 9)",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
}

func (c *Corpus) userID(b []byte) []byte {
	c.note(probeUser, c.truth.isRareUser(c.trip.user))
	b = attrHead(b, tagAttr, "user.id", sizeField(8))
	b = append(b, 0x0a, 8, 'u')
	return appendPadded(b, c.trip.user, 7)
}

func (c *Corpus) addressText() []byte {
	c.scratch = c.scratch[:0]
	for i, part := range c.trip.address {
		if i > 0 {
			c.scratch = append(c.scratch, '.')
		}
		c.scratch = strconv.AppendUint(c.scratch, uint64(part), 10)
	}
	return c.scratch
}

func (c *Corpus) appendPath(b []byte, o *operation) []byte {
	b = append(b, o.path...)
	if o.hasID {
		b = strconv.AppendUint(b, 1000+c.random.Uint64N(900_000), 10)
		b = append(b, o.suffix...)
	}
	return b
}

func (c *Corpus) messageAttrs(b []byte, id [2]uint64, size int64) []byte {
	c.scratch = appendUUID(c.scratch[:0], id[0], id[1])
	b = attrBytes(b, tagAttr, "messaging.message.id", c.scratch)
	b = attrInt(b, tagAttr, "messaging.message.body.size", size)
	return attrString(b, tagAttr, "messaging.destination.partition.id", partitions[id[0]%uint64(len(partitions))])
}

var partitions = [...]string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}

// raise appends an exception event shortly before end.
func (c *Corpus) raise(b []byte, s *service, end uint64) []byte {
	f := &s.errors[c.random.IntN(len(s.errors))]
	c.scratch = append(c.scratch[:0], f.before...)
	c.scratch = strconv.AppendUint(c.scratch, 1+c.random.Uint64N(30_000), 10)
	c.scratch = append(c.scratch, f.after...)
	e := append(c.event[:0], 0x09)
	e = binary.LittleEndian.AppendUint64(e, end-c.random.Uint64N(50_000))
	e = appendField(e, 0x12, "exception")
	e = attrString(e, 0x1a, "exception.type", f.kind)
	e = attrBytes(e, 0x1a, "exception.message", c.scratch)
	c.event = attrString(e, 0x1a, "exception.stacktrace", f.stack)
	c.truth.Exceptions++
	b = append(b, tagEvent)
	b = binary.AppendUvarint(b, uint64(len(c.event)))
	return append(b, c.event...)
}

// failed appends an error status.
func (c *Corpus) failed(b []byte, message string) []byte {
	c.truth.Errors++
	c.note(probeError, true)
	c.note(probeServiceError, c.openService == c.truth.service)
	b = append(b, tagStatus)
	if message == "" {
		return append(b, 2, 0x18, 2)
	}
	b = binary.AppendUvarint(b, uint64(sizeField(len(message))+2))
	b = appendField(b, 0x12, message)
	return append(b, 0x18, 2)
}

// ownAttrs writes 1 to 5 of the service's own attributes, a new subset for
// each span: the worst case for a store that learns shapes.
func (c *Corpus) ownAttrs(b []byte, own []string) []byte {
	r := c.random
	set := 0
	for range 1 + r.IntN(5) {
		set |= 1 << r.IntN(ownKeys)
	}
	for k, key := range own {
		if set&(1<<k) == 0 {
			continue
		}
		switch k % 5 {
		case 0:
			b = attrString(b, tagAttr, key, tiers[r.IntN(len(tiers))])
		case 1:
			b = attrInt(b, tagAttr, key, int64(r.IntN(500)))
		case 2:
			b = attrString(b, tagAttr, key, partitions[r.IntN(len(partitions))])
		case 3:
			b = attrDouble(b, tagAttr, key, float64(r.IntN(1000))/1000)
		case 4:
			b = attrBool(b, tagAttr, key, r.IntN(8) == 0)
		}
	}
	return b
}

var tiers = [...]string{"memory-hot", "memory-cold", "local-disk", "regional-bucket", "origin", "bypass"}
