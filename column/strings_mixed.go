package column

import (
	"slices"

	"github.com/clew-tracing/clew/column/clp"
	"github.com/clew-tracing/clew/column/digits"
)

// A mixed chunk is for columns where nearly all strings are ids or addresses of
// one form: "unknown" among UUIDs, IPv6 among IPv4. Without it a single such
// string would cost the others their encoding.

// shape is a form that strings of mixed chunks may have.
type shape func(v []byte) bool

func isUUID(v []byte) bool {
	var id [16]byte
	return len(v) == digits.UUIDLen && digits.PutUUID(&id, v)
}

func isIPv4(v []byte) bool {
	_, ok := digits.ParseIPv4(v)
	return ok
}

// isHexOf returns the form of hex ids with size digits. Ids that could be
// decimal numbers do not count.
func isHexOf(size int) shape {
	return func(v []byte) bool {
		if len(v) != size || !digits.Hex(v) {
			return false
		}
		return size > clp.MaxDigits || slices.ContainsFunc(v, func(c byte) bool { return c >= 'a' })
	}
}

// appendMixed appends three parts, or fails if no form has nearly all strings:
//
//	integers: positions of the others, ascending, with random access
//	chunk of the strings of the form
//	chunk of the others
func appendMixed(dst []byte, p *picker, o StringOptions) ([]byte, bool) {
	n := p.len()
	if n < mixedMinStrings || p.part {
		return dst, false
	}
	form := mainShape(p)
	if form == nil {
		return dst, false
	}
	s := getScratch()
	defer s.put()
	var main, rest []uint32
	s.vals = s.vals[:0]
	for i := range n {
		code := uint32(i)
		if p.codes != nil {
			code = p.codes[i]
		}
		if form(p.at(i)) {
			main = append(main, code)
			continue
		}
		if len(rest) == n/mixedMaxOthers {
			return dst, false
		}
		rest = append(rest, code)
		s.vals = append(s.vals, uint64(i))
	}
	dst = appendNoRuns(dst, s.vals, IntOptions{})
	dst = appendStrings(dst, &picker{s: p.s, codes: main, part: true}, o)
	return appendStrings(dst, &picker{s: p.s, codes: rest, part: true}, o), true
}

// mainShape returns the form that most of a sample has, or nil.
func mainShape(p *picker) shape {
	n := p.len()
	step := n / mixedMinStrings
	shapes := []shape{isUUID, isIPv4}
	if size := len(p.at(n / 2)); size%2 == 0 && size > 0 {
		shapes = append(shapes, isHexOf(size))
	}
	for _, form := range shapes {
		have := 0
		for i := range mixedMinStrings {
			if form(p.at(i * step)) {
				have++
			}
		}
		if have >= mixedMinStrings*3/4 {
			return form
		}
	}
	return nil
}

// mixedParts are the chunks of a mixed chunk.
type mixedParts struct {
	main, rest StringsChunk
}

func (c *StringsChunk) parseMixed(p *parser) {
	if c.ints, p.src, p.err = ParseInts(p.src, c.n); p.err != nil {
		return
	}
	others := c.ints.n
	if !c.ints.RandomAccess() || others == 0 || others == c.n {
		p.fail("%d of %d strings are others, kind %v", others, c.n, c.ints.kind)
		return
	}
	parts := new(mixedParts)
	if parts.main, p.src, p.err = parseStrings(p.src, c.n-others, c.total, false); p.err != nil {
		return
	}
	if parts.rest, p.src, p.err = parseStrings(p.src, others, c.total, false); p.err != nil {
		return
	}
	main, rest := &parts.main, &parts.rest
	if main.n != c.n-others || rest.n != others || main.total+rest.total != c.total {
		p.fail("parts of %d and %d strings, %d and %d bytes, want %d strings, %d bytes", main.n, rest.n, main.total, rest.total, c.n, c.total)
		return
	}
	for i := range others {
		if at := c.ints.At(i); at >= uint64(c.n) || i > 0 && at <= c.ints.At(i-1) {
			p.fail("other %d is string %d of %d", i, at, c.n)
			return
		}
	}
	c.parts = parts
}

// decodeMixed decodes both parts and copies them together.
func (c *StringsChunk) decodeMixed(dst *Strings) error {
	var main, rest Strings
	if err := c.parts.main.Decode(&main); err != nil {
		return err
	}
	if err := c.parts.rest.Decode(&rest); err != nil {
		return err
	}
	next := 0 // of the others
	for i := range c.n {
		if next < c.ints.n && c.ints.At(next) == uint64(i) {
			dst.Append(rest.At(next))
			next++
		} else {
			dst.Append(main.At(i - next))
		}
	}
	return nil
}

func (c *StringsChunk) mixedAt(dst []byte, i int) ([]byte, error) {
	k := c.ints.search(uint64(i))
	if k < c.ints.n && c.ints.At(k) == uint64(i) {
		return c.parts.rest.At(dst, k)
	}
	return c.parts.main.At(dst, i-k)
}
