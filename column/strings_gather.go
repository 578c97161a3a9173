package column

import (
	"fmt"

	"github.com/clew-tracing/clew/column/clp"
	"github.com/clew-tracing/clew/column/digits"
)

// Gather appends the strings at some places, ascending and none twice, to dst. A block
// of StringRaw and StringCLP chunks is decoded once, however many of its strings are
// wanted, and of a StringCLP block only those are put together. Its errors are those of
// Decode; dst is then as it was.
func (c *StringsChunk) Gather(dst *Strings, at []uint32) error {
	if !dst.Room(c.total) {
		return fmt.Errorf("%d bytes of strings do not fit a list of %d bytes", c.total, len(dst.Buf))
	}
	s := getScratch()
	defer s.put()
	buf, n := len(dst.Buf), dst.Len()
	var err error
	for len(at) > 0 && err == nil {
		wanted := 1
		if c.kind == StringRaw || c.kind == StringCLP {
			k := int(at[0]) / c.block
			for wanted < len(at) && int(at[wanted])/c.block == k {
				wanted++
			}
			err = c.gatherBlock(dst, s, k, at[:wanted], buf+c.total)
		} else if dst.Buf, err = c.At(dst.Buf, int(at[0])); err == nil {
			dst.Ends = append(dst.Ends, uint32(len(dst.Buf)))
		}
		at = at[wanted:]
	}
	if err == nil && len(dst.Buf) > buf+c.total {
		err = damaged("strings exceed the %d bytes of their chunk", c.total)
	}
	if err != nil {
		dst.Buf, dst.Ends = dst.Buf[:buf], dst.Ends[:n]
	}
	return err
}

// gatherBlock appends strings of block k; see clpTemplates.gather for limit.
func (c *StringsChunk) gatherBlock(dst *Strings, s *scratch, k int, at []uint32, limit int) error {
	data, n, err := c.blockAt(k)
	if err != nil {
		return err
	}
	if c.kind == StringCLP {
		t, err := c.templates.cut()
		if err != nil {
			return err
		}
		return t.gather(dst, s, data, n, k*c.block, at, limit)
	}
	sum, rest, err := s.rawLengths(data, n, c.total)
	if err != nil {
		return err
	}
	if s.planes, err = s.readBytes(s.planes[:0], rest, sum); err != nil {
		return err
	}
	i, start := 0, 0
	for _, place := range at {
		for ; i < int(place)-k*c.block; i++ {
			start += int(s.vals[i])
		}
		dst.Buf = append(dst.Buf, s.planes[start:start+int(s.vals[i])]...)
		dst.Ends = append(dst.Ends, uint32(len(dst.Buf)))
	}
	return nil
}

// gather appends strings of a block of n whose first is string number first, growing
// dst to limit bytes or one string more.
func (t *clpTemplates) gather(dst *Strings, s *scratch, data []byte, n, first int, at []uint32, limit int) error {
	b, err := t.parseBlock(s, data, n)
	if err != nil {
		return err
	}
	s.more = s.more[:0]
	var next [clp.MaxNumbers]int // the next number of each position, in s.more
	for pos := range b.numbers {
		next[pos] = len(s.more)
		if s.more, err = b.numbers[pos].Decode(s.more); err != nil {
			return err
		}
	}
	i := 0
	for _, place := range at {
		for ; i < int(place)-first; i++ {
			for pos := range t.numbers(b.codes[i]) {
				next[pos]++
			}
		}
		for pos, piece := range t.of(b.codes[i]) {
			dst.Buf = append(dst.Buf, t.text[piece.start:piece.end]...)
			if piece.width != clpNoNumber {
				dst.Buf = digits.AppendNumber(dst.Buf, s.more[next[pos]], int(piece.width))
			}
		}
		dst.Ends = append(dst.Ends, uint32(len(dst.Buf)))
		if len(dst.Buf) > limit {
			return damaged("strings exceed the bytes of their chunk")
		}
	}
	return nil
}
