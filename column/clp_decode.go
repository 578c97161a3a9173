package column

// clpTemplates are the templates of a chunk, cut at their marks.
type clpTemplates struct {
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

// cutTemplates finds the marks. Its memory is at most 12 bytes for each byte
// of text and 16 for each template.
func cutTemplates(list Strings) (*clpTemplates, error) {
	t := &clpTemplates{text: list.Buf, ends: make([]uint32, 0, list.Len())}
	start := uint32(0)
	for i, end := range list.Ends {
		literal, numbers := start, 0
		for at := start; at < end; at++ {
			b := t.text[at]
			if b > clpPadded {
				continue
			}
			piece := clpPiece{start: literal, end: at}
			if b == clpPadded {
				at++
				if at == end || t.text[at] > clpMaxDigits {
					return nil, damaged("template %d has a bad width", i)
				}
				piece.width = t.text[at]
			} else if b != clpNumber {
				return nil, damaged("template %d has byte %d", i, b)
			}
			t.pieces = append(t.pieces, piece)
			literal = at + 1
			numbers++
		}
		if numbers > clpMaxNumbers {
			return nil, damaged("template %d has %d numbers", i, numbers)
		}
		t.pieces = append(t.pieces, clpPiece{start: literal, end: end, width: clpNoNumber})
		t.ends = append(t.ends, uint32(len(t.pieces)))
		start = end
	}
	return t, nil
}

// clpBlock is a block's parsed vectors.
type clpBlock struct {
	codes   []uint64 // decoded, in the scratch's vals
	numbers [clpMaxNumbers]Ints
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
	var counts [clpMaxNumbers + 1]int
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
	var next [clpMaxNumbers]int // the next number of each position, in s.more
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
			buf = appendNumber(buf, s.more[next[pos]], int(piece.width))
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
	var counts [clpMaxNumbers + 1]int
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
		dst = appendNumber(dst, s.more[0], int(piece.width))
	}
	return dst, nil
}
