package column

import (
	"encoding/binary"
	"math/bits"

	"github.com/clew-tracing/clew/column/bitpack"
)

// A Range is a set of integers that follow one another modulo 2^64: Low and the
// Span integers behind it. So the int64 from a to b in two's complement are
// Range{uint64(a), uint64(b - a)}, and the zero value is the set of 0 alone. There
// is no empty one.
type Range struct{ Low, Span uint64 }

// Has reports whether v is in the range.
func (r Range) Has(v uint64) bool { return v-r.Low <= r.Span }

// within tells of the values base+p, for all p of w bits, whether all of them or
// none are in the range.
func (r Range) within(base uint64, w uint) (all, none bool) {
	low, most := r.Low-base, bitpack.Mask(w)
	all = -low <= r.Span && r.Span+low >= most
	none = low > most && -low > r.Span
	return all, none
}

// Select sets bit at+i-start of dst for each i in [start, end) whose value is in r,
// and leaves the other bits as they are. Its errors are about damaged bytes; a range
// of indexes outside [0, Len] panics.
//
// A chunk with RandomAccess costs its range only, and next to nothing if its
// minimum and width tell the answer; the others are decoded from the front.
func (x *Ints) Select(dst Bitmap, at, start, end int, r Range) error {
	if start < 0 || start > end || end > x.n {
		// The caller broke the contract: Len tells beforehand.
		panic("column: Select outside the chunk")
	}
	if start == end {
		return nil
	}
	switch x.kind {
	case IntFor:
		switch all, none := r.within(x.base, uint(x.width)); {
		case none:
		case all:
			dst.SetRange(at, at+end-start)
		default:
			selectPacked(dst, at, x.data, start, end, uint(x.width), Range{r.Low - x.base, r.Span})
		}
		return nil
	case IntPacks:
		x.selectPacks(dst, at, start, end, r)
		return nil
	case IntRuns:
		return x.selectRuns(dst, at, start, end, r)
	}
	s := getScratch()
	defer s.put()
	var err error
	if s.vals, err = x.DecodeRange(s.vals[:0], start, end); err != nil {
		return err
	}
	for i, v := range s.vals {
		if r.Has(v) {
			dst.Set(at + i)
		}
	}
	return nil
}

// selectPacked is Select for values of w bits, 1 to 64, one word of dst at a time.
func selectPacked(dst Bitmap, at int, src []byte, start, end int, w uint, r Range) {
	for start < end {
		shift := uint(at & 63)
		n := min(64-int(shift), end-start)
		var word uint64
		first := uint64(start) * uint64(w)
		// A load reaches eight bytes beyond the first of its value.
		fits := w <= 56 && (first+uint64(n-1)*uint64(w))>>3+8 <= uint64(len(src))
		switch {
		case fits && n == 64:
			word = selectWord(src, first, w, r)
		case fits:
			for i := range n {
				v := binary.LittleEndian.Uint64(src[first>>3:]) >> (first & 7) & bitpack.Mask(w)
				word |= (1 ^ r.outside(v)) << uint(i)
				first += uint64(w)
			}
		default:
			for i := range n {
				word |= (1 ^ r.outside(bitpack.At(src, start+i, w))) << uint(i)
			}
		}
		dst[at>>6] |= word << shift
		at, start = at+n, start+n
	}
}

// outside is 1 if v is not in the range, else 0, without a branch: which values
// are is nothing a processor can guess.
func (r Range) outside(v uint64) uint64 {
	_, out := bits.Sub64(r.Span, v-r.Low, 0)
	return out
}

// push shifts outside(v) into word from the right: a subtraction, a comparison and an
// addition with its carry. The first of 64 values ends up leftmost.
func (r Range) push(word, v uint64) uint64 {
	_, out := bits.Sub64(r.Span, v-r.Low, 0)
	word, _ = bits.Add64(word, word, out)
	return word
}

// selectWord tests the 64 values of w bits, at most 56, from a bit on; the last
// ends at least eight bytes before the end of src. Of such a load at least 57 bits are
// behind the first of the value: four values of 14 bits, two of 28, or one.
func selectWord(src []byte, bit uint64, w uint, r Range) (word uint64) {
	mask, end := bitpack.Mask(w), bit+64*uint64(w)
	switch {
	case w <= 14:
		w &= 15
		for bit < end {
			x := binary.LittleEndian.Uint64(src[bit>>3:]) >> (bit & 7)
			word = r.push(word, x&mask)
			x >>= w
			word = r.push(word, x&mask)
			x >>= w
			word = r.push(word, x&mask)
			x >>= w
			word = r.push(word, x&mask)
			bit += 4 * uint64(w)
		}
	case w <= 28:
		w &= 31
		for bit < end {
			x := binary.LittleEndian.Uint64(src[bit>>3:]) >> (bit & 7)
			word = r.push(word, x&mask)
			word = r.push(word, x>>w&mask)
			bit += 2 * uint64(w)
		}
	default:
		for ; bit < end; bit += uint64(w) {
			word = r.push(word, binary.LittleEndian.Uint64(src[bit>>3:])>>(bit&7)&mask)
		}
	}
	return ^bits.Reverse64(word)
}

// selectRuns is Select for a chunk of runs: a test for each run.
func (x *Ints) selectRuns(dst Bitmap, at, start, end int, r Range) error {
	s := getScratch()
	defer s.put()
	var err error
	if s.vals, err = x.AppendRuns(s.vals[:0], r); err != nil {
		return err
	}
	for i := 0; i < len(s.vals); i += 2 {
		if from, to := max(int(s.vals[i]), start), min(int(s.vals[i+1]), end); from < to {
			dst.SetRange(at+from-start, at+to-start)
		}
	}
	return nil
}

// AppendRuns appends, of a chunk of runs, where those begin and end whose value is in
// r: index and index behind, one pair after the other. Any other kind panics.
func (x *Ints) AppendRuns(dst []uint64, r Range) ([]uint64, error) {
	if x.kind != IntRuns {
		// The caller broke the contract: Kind tells beforehand.
		panic("column: AppendRuns of another kind")
	}
	heads, _, err := parseInts(x.data[:x.split], x.n, false)
	if err != nil {
		return dst, err
	}
	s := getScratch()
	defer s.put()
	s.bits = s.bits.Reset(heads.n)
	if err := heads.Select(s.bits, 0, 0, heads.n, r); err != nil || !s.bits.Any() {
		return dst, err
	}
	lengths, _, err := parseInts(x.data[x.split:], x.n, false)
	if err != nil {
		return dst, err
	}
	if s.more, err = lengths.Decode(s.more[:0]); err != nil {
		return dst, err
	}
	old := len(dst)
	var at, all uint64 // where a run begins; all lengths, bit by bit
	next := 0
	for w, word := range s.bits {
		for ; word != 0; word &= word - 1 {
			h := w<<6 + bits.TrailingZeros64(word)
			for _, run := range s.more[next:h] {
				at, all = at+run, all|run
			}
			run := s.more[h]
			dst, all = append(dst, at, at+run), all|run
			at, next = at+run, h+1
		}
	}
	for _, run := range s.more[next:] {
		at, all = at+run, all|run
	}
	if len(s.more) != heads.n || all > MaxValues || at != uint64(x.n) {
		return dst[:old], damaged("%d runs of %d values are not %d values", len(s.more), at, x.n)
	}
	return dst, nil
}

// Repack returns the chunk of integers at the start of src, and what is behind it, in
// the form that is fastest to scan: without differences and compression, which make
// a chunk smaller on disk only. It returns src where that is so already. Signed is as
// in IntOptions.
func Repack(src []byte, maxValues int, signed bool) ([]byte, error) {
	x, rest, err := ParseInts(src, maxValues)
	if err != nil {
		return src, err
	}
	switch x.kind {
	case IntFor, IntPacks:
		return src, nil
	case IntRuns:
		heads, _, err := parseInts(x.data[:x.split], x.n, false)
		if err != nil {
			return src, err
		}
		lengths, _, err := parseInts(x.data[x.split:], x.n, false)
		if err != nil || heads.RandomAccess() && lengths.RandomAccess() {
			return src, err
		}
	}
	s := getScratch()
	defer s.put()
	if s.vals, err = x.Decode(s.vals[:0]); err != nil {
		return src, err
	}
	return append(AppendInts(nil, s.vals, IntOptions{Signed: signed}), rest...), nil
}

// SelectCodes is Select for codes: a value is tested by its bit in set. One that
// set has no room for is damage.
func (x *Ints) SelectCodes(dst Bitmap, at, start, end int, set Bitmap) error {
	if start < 0 || start > end || end > x.n {
		// The caller broke the contract: Len tells beforehand.
		panic("column: SelectCodes outside the chunk")
	}
	s := getScratch()
	defer s.put()
	var err error
	if s.vals, err = x.DecodeRange(s.vals[:0], start, end); err != nil {
		return err
	}
	for i, v := range s.vals {
		if v>>6 >= uint64(len(set)) {
			return damaged("code %d of %d at most", v, 64*len(set))
		}
		if set.Get(int(v)) {
			dst.Set(at + i)
		}
	}
	return nil
}

// Gather appends the values at the given indexes, ascending and below x.Len, to
// dst, as T. Its errors are those of DecodeRange; dst is then as it was.
//
// A chunk with RandomAccess costs what is asked for; others are decoded up to the
// last index.
func Gather[T Uint](dst []T, x *Ints, indexes []uint32) ([]T, error) {
	if len(indexes) == 0 {
		return dst, nil
	}
	last := int(indexes[len(indexes)-1])
	if last >= x.n {
		// The caller broke the contract: Len tells beforehand.
		panic("column: Gather outside the chunk")
	}
	old := len(dst)
	dst = grow(dst, len(indexes))
	out := dst[old:]
	var all uint64 // their bits
	var err error
	switch x.kind {
	case IntFor:
		for k, i := range indexes {
			v := x.At(int(i))
			out[k], all = T(v), all|v
		}
	case IntPacks:
		all = gatherPacks(out, x, indexes)
	default:
		s := getScratch()
		defer s.put()
		if x.kind == IntRuns {
			all, err = gatherRuns(out, x, s, indexes)
			break
		}
		if s.vals, err = x.DecodeRange(s.vals[:0], 0, last+1); err != nil {
			break
		}
		for k, i := range indexes {
			out[k], all = T(s.vals[i]), all|s.vals[i]
		}
	}
	if err == nil && all > limitOf[T]() {
		err = damaged("a value does not fit %d", limitOf[T]())
	}
	if err != nil {
		return dst[:old], err
	}
	return dst, nil
}

// gatherPacks looks at the head of a pack once for all of its values.
func gatherPacks[T Uint](out []T, x *Ints, indexes []uint32) (all uint64) {
	var low uint64
	var w uint
	var data []byte
	for k, at := 0, -1; k < len(indexes); k++ {
		i := int(indexes[k])
		if i/packValues != at {
			at = i / packValues
			low, w, data = x.pack(at)
		}
		v := low + bitpack.At(data, i%packValues, w)
		out[k], all = T(v), all|v
	}
	return all
}

func gatherRuns[T Uint](out []T, x *Ints, s *scratch, indexes []uint32) (all uint64, err error) {
	if err := x.decodeParts(s); err != nil {
		return 0, err
	}
	run, end := -1, uint64(0)
	for k, i := range indexes {
		for uint64(i) >= end {
			if run++; run == len(s.more) || s.more[run] > uint64(x.n)-end {
				return 0, damaged("runs do not add up to %d values", x.n)
			}
			end += s.more[run]
		}
		out[k], all = T(s.vals[run]), all|s.vals[run]
	}
	return all, nil
}
