package column

import (
	"sync"

	"github.com/clew-tracing/clew/column/clp"
	"github.com/clew-tracing/clew/column/digits"
)

// clpTemplates are the templates of a chunk. They are cut at their marks when that is
// first needed; then the pieces are there, for good.
type clpTemplates struct {
	list  StringsChunk // raw
	heads Ints         // numbers of each<<8 | fingerprint

	once   sync.Once
	err    error
	text   []byte
	pieces []clpPiece
	ends   []uint32 // of each template's pieces
}

// clpPiece is literal text, and the number behind it if width is not 255.
type clpPiece struct {
	start, end uint32 // in text
	width      uint8
}

// clpNoNumber is the width of the last piece of a template.
const clpNoNumber = 255

// numbers returns how many numbers template code has.
func (t *clpTemplates) numbers(code uint64) int { return len(t.of(code)) - 1 }

func (t *clpTemplates) of(code uint64) []clpPiece {
	start := uint32(0)
	if code > 0 {
		start = t.ends[code-1]
	}
	return t.pieces[start:t.ends[code]]
}

// cut finds the marks, once. Its memory is at most 13 bytes for each byte of text and 24
// for each template.
func (t *clpTemplates) cut() (*clpTemplates, error) {
	t.once.Do(func() { t.err = t.cutAll() })
	return t, t.err
}

func (t *clpTemplates) cutAll() error {
	var list Strings
	if err := t.list.decode(&list, t.list.total); err != nil {
		return err
	}
	s := getScratch()
	defer s.put()
	var err error
	if s.vals, err = t.heads.Decode(s.vals[:0]); err != nil {
		return err
	}
	t.text, t.ends = list.Buf, make([]uint32, 0, list.Len())
	start := uint32(0)
	for i, end := range list.Ends {
		numbers, err := t.cutOne(i, start, end)
		if err != nil {
			return err
		}
		if head := uint64(numbers)<<8 | uint64(clp.Fingerprint(t.text[start:end])); s.vals[i] != head {
			return damaged("template %d has head %#x, not %#x", i, s.vals[i], head)
		}
		start = end
	}
	return nil
}

// cutOne cuts template i, which is text from start to end.
func (t *clpTemplates) cutOne(i int, start, end uint32) (numbers int, err error) {
	literal := start
	for at := start; at < end; at++ {
		b := t.text[at]
		if b > clp.Padded {
			continue
		}
		piece := clpPiece{start: literal, end: at}
		if b == clp.Padded {
			at++
			if at == end || t.text[at] > clp.MaxDigits {
				return 0, damaged("template %d has a bad width", i)
			}
			piece.width = t.text[at]
		} else if b != clp.Number {
			return 0, damaged("template %d has byte %d", i, b)
		}
		t.pieces = append(t.pieces, piece)
		literal = at + 1
		numbers++
	}
	if numbers > clp.MaxNumbers {
		return 0, damaged("template %d has %d numbers", i, numbers)
	}
	t.pieces = append(t.pieces, clpPiece{start: literal, end: end, width: clpNoNumber})
	t.ends = append(t.ends, uint32(len(t.pieces)))
	return numbers, nil
}

// clpBlock is a block's parsed vectors.
type clpBlock struct {
	codes   []uint64 // decoded, in the scratch's vals
	numbers [clp.MaxNumbers]Ints
}

// parseBlock reads the n strings of a block; codes are decoded into s.
func (t *clpTemplates) parseBlock(s *scratch, data []byte, n int) (b clpBlock, err error) {
	var rest []byte
	if s.vals, rest, err = DecodeInts(s.vals[:0], data, n); err != nil {
		return b, err
	}
	if len(s.vals) != n {
		return b, damaged("%d template codes for %d strings", len(s.vals), n)
	}
	b.codes = s.vals
	var counts [clp.MaxNumbers + 1]int
	for _, code := range b.codes {
		if code >= uint64(len(t.ends)) {
			return b, damaged("template code %d of %d", code, len(t.ends))
		}
		counts[t.numbers(code)]++
	}
	have := n
	for pos := range b.numbers {
		if have -= counts[pos]; have == 0 {
			break
		}
		if b.numbers[pos], rest, err = ParseInts(rest, have); err != nil {
			return b, err
		}
		if b.numbers[pos].n != have {
			return b, damaged("%d numbers at position %d, want %d", b.numbers[pos].n, pos, have)
		}
	}
	if len(rest) > 0 {
		return b, damaged("%d bytes behind the numbers", len(rest))
	}
	return b, nil
}

// decodeBlock appends the n strings of a block to dst, growing its buffer to at
// most limit bytes.
func (t *clpTemplates) decodeBlock(dst *Strings, data []byte, n, limit int) error {
	s := getScratch()
	defer s.put()
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
	buf := dst.Buf
	for _, code := range b.codes {
		pieces := t.of(code)
		last := len(pieces) - 1
		for pos := range pieces[:last] {
			piece := &pieces[pos]
			buf = append(buf, t.text[piece.start:piece.end]...)
			buf = digits.AppendNumber(buf, s.more[next[pos]], int(piece.width))
			next[pos]++
		}
		buf = append(buf, t.text[pieces[last].start:pieces[last].end]...)
		if len(buf) > limit {
			return damaged("strings exceed the %d bytes of their chunk", limit)
		}
		dst.Ends = append(dst.Ends, uint32(len(buf)))
	}
	dst.Buf = buf
	return nil
}

// at appends string i of a block of n strings to dst.
func (t *clpTemplates) at(dst, data []byte, n, i int) ([]byte, error) {
	s := getScratch()
	defer s.put()
	b, err := t.parseBlock(s, data, n)
	if err != nil {
		return dst, err
	}
	// A number's index is the count of strings before it that reach its position.
	var counts [clp.MaxNumbers + 1]int
	for _, code := range b.codes[:i] {
		counts[t.numbers(code)]++
	}
	pieces := t.of(b.codes[i])
	before := i
	old := len(dst)
	for pos := range pieces {
		piece := &pieces[pos]
		dst = append(dst, t.text[piece.start:piece.end]...)
		if piece.width == clpNoNumber {
			break
		}
		before -= counts[pos]
		if s.more, err = b.numbers[pos].DecodeRange(s.more[:0], before, before+1); err != nil {
			return dst[:old], err
		}
		dst = digits.AppendNumber(dst, s.more[0], int(piece.width))
	}
	return dst, nil
}
