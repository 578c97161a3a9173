package column

import (
	"bytes"
	"encoding/binary"

	"github.com/clew-tracing/clew/column/digits"
)

// Index returns the first string that equals v, or -1, at the cost of SelectEqual.
func (c *StringsChunk) Index(v []byte) (int, error) {
	s := getScratch()
	defer s.put()
	s.found = s.found.Reset(c.n)
	if err := c.SelectEqual(s.found, 0, v); err != nil {
		return -1, err
	}
	return s.found.Next(0), nil
}

// SelectEqual sets bit at+i of dst for each string i that equals v, and leaves the other
// bits as they are. No string is put together for it: v is brought into the form that the
// chunk has its strings in, and compared there. Its errors are about damaged bytes, as far
// as it meets them. In a chunk that no encoder of this package wrote it may miss strings
// that are stored in another form than the encoder gives them.
func (c *StringsChunk) SelectEqual(dst Bitmap, at int, v []byte) error {
	switch c.kind {
	case StringEqual:
		if bytes.Equal(c.data, v) {
			dst.SetRange(at, at+c.n)
		}
	case StringUUID:
		var id [16]byte
		if len(v) == digits.UUIDLen && digits.PutUUID(&id, v) {
			selectFixed(dst, at, c.data, id[:], c.n)
		}
	case StringHex:
		if len(v) == c.size {
			s := getScratch()
			defer s.put()
			s.planes = resize(s.planes, c.size/2)
			if digits.PutHex(s.planes, v) {
				selectFixed(dst, at, c.data, s.planes, c.n)
			}
		}
	case StringIPv4:
		if addr, ok := digits.ParseIPv4(v); ok {
			return c.ints.Select(dst, at, 0, c.n, Range{Low: uint64(addr)})
		}
	case StringMixed:
		return c.selectMixed(dst, at, v)
	case StringCLP:
		return c.selectCLP(dst, at, v)
	case StringRaw:
		return c.selectRaw(dst, at, v)
	}
	return nil
}

// selectFixed compares n values of len(v) bytes each.
func selectFixed(dst Bitmap, at int, data, v []byte, n int) {
	if len(v) < 8 {
		for i := range n {
			if string(data[i*len(v):(i+1)*len(v)]) == string(v) {
				dst.Set(at + i)
			}
		}
		return
	}
	// Ids differ in their first eight bytes already.
	first, rest := binary.LittleEndian.Uint64(v), v[8:]
	for i, off := 0, 0; i < n; i, off = i+1, off+len(v) {
		if binary.LittleEndian.Uint64(data[off:]) == first && string(data[off+8:off+len(v)]) == string(rest) {
			dst.Set(at + i)
		}
	}
}

// selectMixed is SelectEqual for both parts.
func (c *StringsChunk) selectMixed(dst Bitmap, at int, v []byte) error {
	s := getScratch()
	defer s.put()
	main, rest := &c.parts.main, &c.parts.rest
	s.bits = s.bits.Reset(main.n)
	if err := main.SelectEqual(s.bits, 0, v); err != nil {
		return err
	}
	others := 0 // before the string in hand
	for i := s.bits.Next(0); i >= 0; i = s.bits.Next(i + 1) {
		for others < rest.n && c.ints.At(others) <= uint64(i+others) {
			others++
		}
		dst.Set(at + i + others)
	}
	s.bits = s.bits.Reset(rest.n)
	if err := rest.SelectEqual(s.bits, 0, v); err != nil {
		return err
	}
	for i := s.bits.Next(0); i >= 0; i = s.bits.Next(i + 1) {
		dst.Set(at + int(c.ints.At(i)))
	}
	return nil
}

// selectRaw compares lengths first, and unpacks the text of a block only if one fits.
func (c *StringsChunk) selectRaw(dst Bitmap, at int, v []byte) error {
	s := getScratch()
	defer s.put()
	for k := 0; k*c.block < c.n; k++ {
		data, n, err := c.blockAt(k)
		if err != nil {
			return err
		}
		lengths, _, err := ParseInts(data, n)
		if err != nil {
			return err
		}
		if lengths.n != n {
			return damaged("%d lengths for %d strings", lengths.n, n)
		}
		s.bits = s.bits.Reset(n)
		if err := lengths.Select(s.bits, 0, 0, n, Range{Low: uint64(len(v))}); err != nil {
			return err
		}
		if !s.bits.Any() {
			continue
		}
		sum, rest, err := s.rawLengths(data, n, c.total)
		if err != nil {
			return err
		}
		if s.planes, err = s.readBytes(s.planes[:0], rest, sum); err != nil {
			return err
		}
		start, next := 0, 0
		for i := s.bits.Next(0); i >= 0; i = s.bits.Next(i + 1) {
			for ; next < i; next++ {
				start += int(s.vals[next])
			}
			if string(s.planes[start:start+len(v)]) == string(v) {
				dst.Set(at + k*c.block + i)
			}
		}
	}
	return nil
}
