package column

import (
	"encoding/binary"
	"math/bits"
	"sync"
)

// The CLP codec cuts each string into a template and numbers. Every digit run
// becomes a mark in the template:
//
//	0x01        a number without leading zeros, or a lone 0
//	0x02 width  a number of width digits, the first of them 0
//
// so "GET /order/17 took 007 ms" is "GET /order/\x01 took \x02\x03 ms", 17, 7.
// Runs of more than clpMaxDigits digits, and those after the clpMaxNumbers-th
// number, stay text. Strings that contain a byte up to 0x02 rule the codec out.
const (
	clpNumber = 0x01
	clpPadded = 0x02
)

// clpCoder is the working memory of one chunk's encoding.
type clpCoder struct {
	templates Dict
	counts    []uint8 // numbers, by template code
	codes     []uint64
	numbers   [clpMaxNumbers][]uint64 // by position in their string
	text      []byte                  // the template in hand
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
//	uvarint size, templates as one raw block
//	blocks, each: template codes, then the numbers of each position
func appendCLP(dst []byte, p *picker, o StringOptions) ([]byte, bool) {
	c := clpPool.Get().(*clpCoder)
	defer c.put()
	c.reset()
	n := p.len()
	for i := range n {
		if i == clpTrial && c.templates.Len() > clpTrialTemplates {
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
	var done [clpMaxNumbers]int // numbers written, by position
	dst = appendBlocks(dst, n, o.Block, func(dst []byte, from, to int) []byte {
		var counts [clpMaxNumbers + 1]int
		for _, code := range c.codes[from:to] {
			counts[c.counts[code]]++
		}
		dst = AppendInts(dst, c.codes[from:to], IntOptions{Zstd: !o.Plain})
		have := to - from
		for pos := range clpMaxNumbers {
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
	text, literal, numbers := c.text[:0], 0, 0
	for i := 0; i < len(v); {
		if i+8 <= len(v) {
			n := plainBytes(binary.LittleEndian.Uint64(v[i:]))
			if i += n; n == 8 {
				continue
			}
		}
		b := v[i]
		if b-'0' > 9 {
			if b <= clpPadded {
				return false
			}
			i++
			continue
		}
		start, value := i, uint64(0)
		for i < len(v) && v[i]-'0' <= 9 {
			value = value*10 + uint64(v[i]-'0') // may wrap, and is then not used
			i++
		}
		digits := i - start
		if digits > clpMaxDigits || numbers == clpMaxNumbers {
			continue
		}
		text = append(text, v[literal:start]...)
		literal = i
		if b == '0' && digits > 1 {
			text = append(text, clpPadded, byte(digits))
		} else {
			text = append(text, clpNumber)
		}
		c.numbers[numbers] = append(c.numbers[numbers], value)
		numbers++
	}
	text = append(text, v[literal:]...)
	c.text = text
	code := c.templates.Intern(text)
	if int(code) == len(c.counts) {
		c.counts = append(c.counts, uint8(numbers))
	}
	c.codes = append(c.codes, uint64(code))
	return true
}

// plainBytes returns how many of eight bytes, from the lowest, stand before the first
// digit or byte up to clpPadded.
func plainBytes(x uint64) int {
	const each, high = 0x0101010101010101, 0x8080808080808080
	// In each byte the highest bit says that it is none: adding carries into it, never
	// beyond.
	digit := x ^ '0'*each
	noDigit := digit&^high + (0x80-10)*each | digit
	noMark := x&^high + (0x80-clpPadded-1)*each | x
	return bits.TrailingZeros64(^(noDigit&noMark)&high) / 8
}

func (c *clpCoder) appendTemplates(dst []byte, o StringOptions) []byte {
	all := picker{s: c.templates.View()}
	o.Block = all.len()
	return appendRawBlocks(appendCount(dst, all.len()), &all, o)
}
