package corpus

import "encoding/binary"

// groupCount is how many (pod, scope) pairs the shop has.
const groupCount = 20 * podsPerService * scopesPerService

// group is the spans of one pod and scope in the request being made.
type group struct {
	first, last int // indexes into batch + 1; 0: none
	bytes       int // of its encoded span fields
	spans       int
}

// assemble appends the batch to b as one ExportTraceServiceRequest.
func (c *Corpus) assemble(b []byte) []byte {
	c.groupBatch()
	for _, pod := range c.pods {
		s := &c.services[pod/podsPerService]
		resource := s.pods[pod%podsPerService]
		groups := c.groups[pod*scopesPerService : (pod+1)*scopesPerService]
		size := len(resource) + len(schemaField)
		for k := range groups {
			if groups[k].spans > 0 {
				size += sizeField(len(s.scopes[k]) + groups[k].bytes)
			}
		}
		b = append(b, tagResourceSpans)
		b = binary.AppendUvarint(b, uint64(size))
		b = append(b, resource...)
		for k := range groups {
			if groups[k].spans == 0 {
				continue
			}
			b = append(b, tagScopeSpans)
			b = binary.AppendUvarint(b, uint64(len(s.scopes[k])+groups[k].bytes))
			b = append(b, s.scopes[k]...)
			b = c.appendSpans(b, groups[k].first)
			groups[k] = group{}
		}
		b = append(b, schemaField...)
	}
	return b
}

// groupBatch sorts the batch into its groups, keeping their order, as linked
// lists: next holds, like first and last, an index + 1.
func (c *Corpus) groupBatch() {
	c.pods = c.pods[:0]
	var seen [groupCount / scopesPerService]bool
	for i := range c.batch {
		p := &c.batch[i]
		p.next = 0
		g := &c.groups[p.group]
		if pod := int(p.group) / scopesPerService; !seen[pod] {
			seen[pod] = true
			c.pods = append(c.pods, pod)
		}
		if g.spans == 0 {
			g.first = i + 1
		} else {
			c.batch[g.last-1].next = i + 1
		}
		g.last = i + 1
		g.spans++
		g.bytes += sizeField(p.size)
	}
}

func (c *Corpus) appendSpans(b []byte, first int) []byte {
	for i := first; i != 0; i = c.batch[i-1].next {
		p := &c.batch[i-1]
		b = append(b, tagSpan)
		b = binary.AppendUvarint(b, uint64(p.size))
		b = append(b, c.slab[p.offset:p.offset+p.size]...)
	}
	return b
}

// schemaField is ResourceSpans.schema_url, as the SDKs write it.
const schemaField = "\x1a\x27https://opentelemetry.io/schemas/1.37.0"
