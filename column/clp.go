package column

import (
	"encoding/binary"
	"sync"

	"github.com/clew-tracing/clew/column/clp"
)

// clpCoder is the working memory of one chunk's encoding.
type clpCoder struct {
	templates Dict
	counts    []uint8  // numbers, by template code
	heads     []uint16 // scratch
	codes     []uint64
	numbers   [clp.MaxNumbers][]uint64 // by position in their string
	text      []byte                   // the template in hand
}

var clpPool = sync.Pool{New: func() any { return new(clpCoder) }}

func (c *clpCoder) reset() {
	c.templates.Reset()
	c.counts, c.codes = c.counts[:0], c.codes[:0]
	for i := range c.numbers {
		c.numbers[i] = c.numbers[i][:0]
	}
}

func (c *clpCoder) put() {
	size := c.templates.MemoryBytes() + 8*cap(c.codes) + cap(c.text)
	for i := range c.numbers {
		size += 8 * cap(c.numbers[i])
	}
	if size <= maxPooledBytes {
		clpPool.Put(c)
	}
}

// appendCLP appends the strings as templates and numbers, or fails if a string
// rules the codec out or templates are too many to pay:
//
//	uvarint count, integers: heads of templates, templates as one raw block
//	blocks, each: template codes, then the numbers of each position
func appendCLP(dst []byte, p *picker, o StringOptions) ([]byte, bool) {
	c := clpPool.Get().(*clpCoder)
	defer c.put()
	c.reset()
	n := p.len()
	for i := range n {
		if i >= clpTrial && i&(i-1) == 0 && c.templates.Len() > max(clpTrialTemplates, i/4) {
			return dst, false
		}
		if !c.split(p.at(i)) {
			return dst, false
		}
	}
	if c.templates.Len() > n/4+1 {
		return dst, false
	}
	dst = c.appendTemplates(dst, o)
	var done [clp.MaxNumbers]int // numbers written, by position
	dst = appendBlocks(dst, n, o.Block, func(dst []byte, from, to int) []byte {
		var counts [clp.MaxNumbers + 1]int
		for _, code := range c.codes[from:to] {
			counts[c.counts[code]]++
		}
		dst = AppendInts(dst, c.codes[from:to], IntOptions{Zstd: !o.Plain})
		have := to - from
		for pos := range clp.MaxNumbers {
			have -= counts[pos] // strings with more than pos numbers
			if have == 0 {
				break
			}
			part := c.numbers[pos][done[pos]:][:have]
			dst = AppendInts(dst, part, IntOptions{Delta: true, Zstd: !o.Plain})
			done[pos] += have
		}
		return dst
	})
	return dst, true
}

// split adds one string.
func (c *clpCoder) split(v []byte) bool {
	var numbers [clp.MaxNumbers]uint64
	text, n, ok := clp.Split(c.text[:0], &numbers, v)
	c.text = text
	if !ok {
		return false
	}
	for i, number := range numbers[:n] {
		c.numbers[i] = append(c.numbers[i], number)
	}
	code := c.templates.Intern(text)
	if int(code) == len(c.counts) {
		c.counts = append(c.counts, uint8(n))
	}
	c.codes = append(c.codes, uint64(code))
	return true
}

// appendTemplates appends the templates, behind a head of each: its fingerprint and, from
// bit 8 on, how many numbers it has. By the heads strings are searched without a look at
// the text of templates.
func (c *clpCoder) appendTemplates(dst []byte, o StringOptions) []byte {
	all := picker{s: c.templates.View()}
	heads := c.heads[:0]
	for i, n := range c.counts {
		heads = append(heads, uint16(n)<<8|uint16(clp.Fingerprint(all.at(i))))
	}
	c.heads = heads
	dst = binary.AppendUvarint(dst, uint64(len(heads)))
	dst = appendNoRuns(dst, heads, IntOptions{})
	o.Block = all.len()
	return appendRawBlocks(dst, &all, o)
}
