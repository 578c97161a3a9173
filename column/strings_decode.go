package column

import (
	"fmt"

	"github.com/clew-tracing/clew/column/digits"
)

// StringsChunk is a parsed chunk of strings: a view into the bytes it was
// parsed from, which must stay as they are while it is used. Reading is safe
// from many goroutines.
type StringsChunk struct {
	kind      StringKind
	n         int
	total     int // bytes of all strings
	size      int // Equal: bytes of the string; Hex: digits of each
	block     int // strings per block
	ends      Ints
	data      []byte // values, or blocks
	ints      Ints   // IPv4: addresses; Mixed: positions of the others
	templates *clpTemplates
	parts     *mixedParts
}

// ParseStrings reads the header of the chunk at the start of src, of at most
// maxStrings strings and maxBytes bytes in all of them together, and returns
// the bytes behind the chunk. It allocates a little for StringCLP and StringMixed. The
// templates of a StringCLP chunk are read when a string is: up to 16 bytes for each
// byte of them, of which there are at most maxBytes, and 24 for each template, of which
// there are at most maxStrings.
func ParseStrings(src []byte, maxStrings, maxBytes int) (c StringsChunk, rest []byte, err error) {
	return parseStrings(src, maxStrings, maxBytes, true)
}

func parseStrings(src []byte, maxStrings, maxBytes int, allowMixed bool) (c StringsChunk, rest []byte, err error) {
	p := parser{src: src}
	c.kind = StringKind(p.byte("kind"))
	if c.kind >= stringKinds || c.kind == StringMixed && !allowMixed {
		p.fail("kind of strings %d", c.kind)
	}
	c.n = p.count("number of strings", min(maxStrings, MaxValues))
	c.total = p.count("size of the strings", min(maxBytes, MaxBuf))
	if p.err == nil {
		c.parseBody(&p)
	}
	if p.err != nil {
		return StringsChunk{}, src, p.err
	}
	return c, p.src, nil
}

func (c *StringsChunk) parseBody(p *parser) {
	if c.n == 0 && c.kind != StringRaw {
		p.fail("no strings of kind %v", c.kind)
		return
	}
	switch c.kind {
	case StringEqual:
		c.size = c.total / c.n
		c.data = p.take("string", c.size)
		c.checkTotal(p, c.size)
	case StringUUID:
		c.data = p.take("uuids", 16*c.n)
		c.checkTotal(p, digits.UUIDLen)
	case StringHex:
		c.size = p.count("number of digits", c.total)
		if p.err == nil && c.size%2 != 0 {
			p.fail("%d digits", c.size)
		}
		c.data = p.take("digits", c.size/2*c.n)
		c.checkTotal(p, c.size)
	case StringIPv4:
		p.ints(&c.ints, "addresses", c.n)
	case StringCLP:
		c.parseTemplates(p)
		c.parseBlocks(p)
	case StringRaw:
		c.parseBlocks(p)
	case StringMixed:
		c.parseMixed(p)
	}
}

// checkTotal checks the claimed total of strings of equal size.
func (c *StringsChunk) checkTotal(p *parser, size int) {
	if uint64(size)*uint64(c.n) != uint64(c.total) {
		p.fail("%d strings of %d bytes are not %d", c.n, size, c.total)
	}
}

// ints reads a chunk of exactly n integers.
func (p *parser) ints(x *Ints, what string, n int) {
	if p.err != nil {
		return
	}
	if *x, p.src, p.err = ParseInts(p.src, n); p.err == nil && x.n != n {
		p.fail("%d %s, want %d", x.n, what, n)
	}
}

// parseBlocks reads what appendBlocks wrote.
func (c *StringsChunk) parseBlocks(p *parser) {
	if c.n == 0 {
		return
	}
	c.block = p.count("strings per block", c.n)
	if p.err == nil && c.block == 0 {
		p.fail("no strings per block")
	}
	if p.err != nil {
		return
	}
	if c.block == c.n {
		c.data = p.take("block", p.count("size of the block", MaxBuf))
		return
	}
	blocks := (c.n + c.block - 1) / c.block
	p.ints(&c.ends, "ends of blocks", blocks)
	if p.err == nil && !c.ends.RandomAccess() {
		p.fail("ends of blocks of kind %v", c.ends.kind)
	}
	if p.err != nil {
		return
	}
	end := c.ends.At(blocks - 1)
	if end > uint64(len(p.src)) {
		p.fail("blocks of %d bytes, %d are left", end, len(p.src))
		return
	}
	c.data = p.take("blocks", int(end))
}

// blockAt returns the bytes of block k and how many strings it has.
func (c *StringsChunk) blockAt(k int) (data []byte, n int, err error) {
	n = min(c.block, c.n-k*c.block)
	if c.block == c.n {
		return c.data, n, nil
	}
	start, end := uint64(0), c.ends.At(k)
	if k > 0 {
		start = c.ends.At(k - 1)
	}
	if start > end || end > uint64(len(c.data)) {
		return nil, 0, damaged("block %d is [%d, %d) of %d bytes", k, start, end, len(c.data))
	}
	return c.data[start:end], n, nil
}

// Len returns the number of strings.
func (c *StringsChunk) Len() int { return c.n }

// SizeBytes returns the length of all strings together, once decoded.
func (c *StringsChunk) SizeBytes() int { return c.total }

// Kind returns how the chunk is encoded.
func (c *StringsChunk) Kind() StringKind { return c.kind }

// Decode appends all strings to dst, whose buffer grows by exactly SizeBytes.
// Its errors are about damaged bytes, or a dst without Room; dst is then as it
// was. A StringMixed chunk takes as much again in passing.
func (c *StringsChunk) Decode(dst *Strings) error {
	if !dst.Room(c.total) {
		return fmt.Errorf("%d bytes of strings do not fit a list of %d bytes", c.total, len(dst.Buf))
	}
	bufLen, n := len(dst.Buf), dst.Len()
	dst.Buf = grow(dst.Buf, c.total)[:bufLen]
	dst.Ends = grow(dst.Ends, c.n)[:n]
	err := c.decode(dst, bufLen+c.total)
	if err == nil && len(dst.Buf) != bufLen+c.total {
		err = damaged("strings of %d bytes, want %d", len(dst.Buf)-bufLen, c.total)
	}
	if err != nil {
		dst.Buf, dst.Ends = dst.Buf[:bufLen], dst.Ends[:n]
	}
	return err
}

func (c *StringsChunk) decode(dst *Strings, limit int) error {
	switch c.kind {
	case StringRaw, StringCLP:
		var t *clpTemplates
		if c.kind == StringCLP {
			var err error
			if t, err = c.templates.cut(); err != nil {
				return err
			}
		}
		for k := 0; k*c.block < c.n; k++ {
			data, n, err := c.blockAt(k)
			if err == nil && t != nil {
				err = t.decodeBlock(dst, data, n, limit)
			} else if err == nil {
				err = decodeRawBlock(dst, data, n, limit)
			}
			if err != nil {
				return err
			}
		}
		return nil
	case StringIPv4:
		s := getScratch()
		defer s.put()
		var err error
		if s.vals, err = c.ints.Decode(s.vals[:0]); err != nil {
			return err
		}
		for _, addr := range s.vals {
			if addr >= 1<<32 || len(dst.Buf) > limit {
				return damaged("address %d, or too many bytes", addr)
			}
			dst.Buf = digits.AppendIPv4(dst.Buf, uint32(addr))
			dst.Ends = append(dst.Ends, uint32(len(dst.Buf)))
		}
		return nil
	case StringMixed:
		return c.decodeMixed(dst)
	}
	for i := range c.n {
		dst.Buf = c.appendFixed(dst.Buf, i)
		dst.Ends = append(dst.Ends, uint32(len(dst.Buf)))
	}
	return nil
}

// appendFixed appends string i of the kinds whose strings are equally long.
func (c *StringsChunk) appendFixed(dst []byte, i int) []byte {
	switch c.kind {
	case StringUUID:
		return digits.AppendUUID(dst, c.data[16*i:16*i+16])
	case StringHex:
		half := c.size / 2
		return digits.AppendHex(dst, c.data[half*i:half*i+half])
	}
	return append(dst, c.data...)
}

// At appends string i, in [0, Len), to dst. It decodes at most one block of
// StringRaw and StringCLP chunks, and nothing else of the other kinds.
func (c *StringsChunk) At(dst []byte, i int) ([]byte, error) {
	if uint(i) >= uint(c.n) {
		// The caller broke the contract: Len tells beforehand.
		panic("column: StringsChunk.At beyond the end")
	}
	switch c.kind {
	case StringRaw, StringCLP:
		data, n, err := c.blockAt(i / c.block)
		if err != nil {
			return dst, err
		}
		if c.kind == StringCLP {
			t, err := c.templates.cut()
			if err != nil {
				return dst, err
			}
			return t.at(dst, data, n, i%c.block)
		}
		return rawAt(dst, data, n, i%c.block, c.total)
	case StringIPv4:
		var one [1]uint32
		addr, err := DecodeRange(one[:0], &c.ints, i, i+1)
		if err != nil {
			return dst, err
		}
		return digits.AppendIPv4(dst, addr[0]), nil
	case StringMixed:
		return c.mixedAt(dst, i)
	}
	return c.appendFixed(dst, i), nil
}

// rawLengths decodes the lengths at the start of a raw block of n strings into
// s.vals, and returns their sum, at most limit, and the bytes behind them.
func (s *scratch) rawLengths(data []byte, n, limit int) (sum int, rest []byte, err error) {
	if s.vals, rest, err = DecodeInts(s.vals[:0], data, n); err != nil {
		return 0, nil, err
	}
	if len(s.vals) != n {
		return 0, nil, damaged("%d lengths for %d strings", len(s.vals), n)
	}
	for _, size := range s.vals {
		if size > uint64(limit-sum) {
			return 0, nil, damaged("strings exceed the %d bytes of their chunk", limit)
		}
		sum += int(size)
	}
	return sum, rest, nil
}

// readBytes appends what appendBytes wrote, of the given size, to dst.
func (s *scratch) readBytes(dst, data []byte, size int) ([]byte, error) {
	if len(data) == 0 {
		return dst, damaged("no method byte")
	}
	switch method, data := data[0], data[1:]; method {
	case methodPlain:
		if len(data) != size {
			return dst, damaged("%d plain bytes, want %d", len(data), size)
		}
		return append(dst, data...), nil
	case methodZstd:
		dst = grow(dst, size)[:len(dst)]
		return s.decompress(dst, data, size)
	default:
		return dst, damaged("method %d", method)
	}
}

func decodeRawBlock(dst *Strings, data []byte, n, limit int) error {
	s := getScratch()
	defer s.put()
	sum, rest, err := s.rawLengths(data, n, limit-len(dst.Buf))
	if err != nil {
		return err
	}
	end := uint32(len(dst.Buf))
	if dst.Buf, err = s.readBytes(dst.Buf, rest, sum); err != nil {
		return err
	}
	for _, size := range s.vals {
		end += uint32(size)
		dst.Ends = append(dst.Ends, end)
	}
	return nil
}

func rawAt(dst, data []byte, n, i, limit int) ([]byte, error) {
	s := getScratch()
	defer s.put()
	sum, rest, err := s.rawLengths(data, n, limit)
	if err != nil {
		return dst, err
	}
	start := 0
	for _, size := range s.vals[:i] {
		start += int(size)
	}
	end := start + int(s.vals[i])
	if len(rest) > 0 && rest[0] == methodPlain && len(rest)-1 == sum {
		return append(dst, rest[1+start:1+end]...), nil
	}
	if s.planes, err = s.readBytes(s.planes[:0], rest, sum); err != nil {
		return dst, err
	}
	return append(dst, s.planes[start:end]...), nil
}

// parseTemplates reads what appendTemplates wrote, but for the text. There are at most as
// many templates as strings, and none is longer than the strings made from it.
func (c *StringsChunk) parseTemplates(p *parser) {
	n := p.count("number of templates", c.n)
	if p.err == nil && n == 0 {
		p.fail("no templates")
	}
	t := &clpTemplates{list: StringsChunk{kind: StringRaw, n: n, total: c.total}}
	p.ints(&t.heads, "heads of templates", n)
	t.list.parseBlocks(p)
	c.templates = t
}
